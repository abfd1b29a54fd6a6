"""Materials that vary along their walls: exact gradients, and a wall that is two things at once."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.unit import street
from twin.errors import BadInput
from twin.radio.antenna import Antenna
from twin.radio.calibration.bounces import apart, bounced
from twin.radio.calibration.network import backward, encode, forward, network
from twin.radio.calibration.neural import NeuralMaterials
from twin.radio.calibration.power_only import fit
from twin.radio.frozen import NOTHING, fields
from twin.radio.materials import Materials
from twin.radio.posterior import arrays, prior
from twin.radio.power import PowerModel

Floats = NDArray[np.float64]

BOUNDS = np.array([[-70.0, -9.0, 0.0], [70.0, 12.0, 20.0]])
COUNT = 160


def around(count: int, seed: int = 0) -> PowerModel:
    """A lorry before each antenna: only reflections arrive."""
    cells = street.cells(2)
    paths = street.paths(np.array([cell.position for cell in cells]), street.places(count, seed))
    some = paths.take(np.flatnonzero((paths.kinds != NOTHING).any(axis=1)))
    return PowerModel(cells, some, count, street.MATERIALS, street.FREQUENCY)


MODEL = around(COUNT)
NEURAL = NeuralMaterials(MODEL, MODEL.declared(), BOUNDS)


def true_powers() -> Floats:
    """The north house is brick in the west and nearly a mirror in the east."""
    bounces = apart(MODEL.paths)
    own = bounces.material
    mirror = (own == 0) & (bounces.places[:, 0] > 0)
    eps = np.where(mirror, 60.0, MODEL.materials.eps[own])
    each = Materials(tuple(map(str, own)), eps, MODEL.materials.sigma[own], MODEL.materials.thickness[own])
    antennas = [cell.antenna() for cell in MODEL.cells]
    a, *_ = bounced(bounces, each, antennas, [Antenna()] * COUNT, street.FREQUENCY)
    link = MODEL.paths.receiver * 2 + MODEL.paths.transmitter
    total = np.bincount(link, np.abs(a) ** 2, minlength=2 * COUNT).reshape(COUNT, 2)
    return np.asarray(10 * np.log10(total) + [cell.reference_dbm for cell in MODEL.cells])


def test_bounces_of_whole_materials_are_the_whole() -> None:
    bounces = apart(MODEL.paths)
    own, m = bounces.material, MODEL.materials
    each = Materials(tuple(map(str, own)), m.eps[own], m.sigma[own], m.thickness[own])
    antennas, receivers = [cell.antenna() for cell in MODEL.cells], [Antenna()] * COUNT
    a, by_eps, by_sigma = bounced(bounces, each, antennas, receivers, street.FREQUENCY)
    whole = fields(MODEL.paths, m, antennas, receivers, street.FREQUENCY)
    np.testing.assert_allclose(a, whole.a, rtol=1e-9)
    for found, exact in ((by_eps, whole.by_eps), (by_sigma, whole.by_sigma)):
        summed = np.zeros_like(exact)
        np.add.at(summed, (own, bounces.path), found)
        np.testing.assert_allclose(summed, exact, rtol=1e-9, atol=1e-15)


def test_a_new_network_corrects_nothing() -> None:
    np.testing.assert_allclose(NEURAL.powers(NEURAL.start()), MODEL.links(MODEL.declared()).rsrp, atol=1e-9)
    eps, sigma = NEURAL.at(NEURAL.start(), 1, street.places(5))
    np.testing.assert_allclose(eps, 6.3)
    np.testing.assert_allclose(sigma, 0.02)


def test_a_network_s_gradient_is_exact() -> None:
    rng = np.random.default_rng(1)
    net = network(1)
    net = net.like(net.flat() + 0.1 * rng.normal(size=net.flat().size))
    codes, pull = encode(street.places(9), BOUNDS), rng.normal(size=(9, 2))
    exact = backward(net, forward(net, codes), pull).flat()
    for k in rng.choice(exact.size, 40, replace=False).tolist():
        step = 1e-6 * np.eye(exact.size)[k]
        up, down = (float(np.sum(pull * forward(net.like(net.flat() + s), codes)[-1])) for s in (step, -step))
        assert exact[k] == pytest.approx((up - down) / 2e-6, rel=1e-4, abs=1e-6)


def test_the_gradient_of_the_loss_is_exact() -> None:
    rng = np.random.default_rng(2)
    net = NEURAL.start().like(NEURAL.start().flat() + 0.05 * rng.normal(size=NEURAL.start().flat().size))
    measured = true_powers()
    measured[::7, 0] = np.nan
    exact = NEURAL.loss(net, measured, 2.0)[1].flat()
    for k in rng.choice(exact.size, 25, replace=False).tolist():
        step = 1e-5 * np.eye(exact.size)[k]
        up, down = (NEURAL.loss(net.like(net.flat() + s), measured, 2.0)[0] for s in (step, -step))
        assert exact[k] == pytest.approx((up - down) / 2e-5, rel=2e-3, abs=1e-6)


def test_a_wall_that_is_two_things_is_told_better_than_by_one_value() -> None:
    true = true_powers()
    measured = true + np.random.default_rng(3).normal(0, 0.5, true.shape)
    measured[100:] = np.nan
    start = prior(MODEL.names, MODEL.declared())
    free = np.array([name[:3] in ("eps", "sig") for name in MODEL.names])
    one = arrays(fit(MODEL.links, measured, start, free).posterior)[0]
    varying = NeuralMaterials(MODEL, one, BOUNDS)
    learnt = varying.fit(measured, steps=120)
    held = slice(100, None)
    whole, neural = (np.mean(np.abs(x - true)[held]) for x in (MODEL.links(one).rsrp, varying.powers(learnt.net)))
    assert neural < 0.65 * whole
    assert learnt.losses[-1] < learnt.losses[0]
    west, east = (varying.at(learnt.net, 0, np.array([[x, 12.0, 5.0]]))[0][0] for x in (-20.0, 20.0))
    assert east > 1.2 * west


def test_metals_stay_and_nothing_to_learn_is_refused() -> None:
    metal = PowerModel(
        MODEL.cells, MODEL.paths, COUNT, street.MATERIALS._replace(sigma=np.full(3, 1e7)), street.FREQUENCY
    )
    with pytest.raises(BadInput, match="can vary"):
        NeuralMaterials(metal, metal.declared(), BOUNDS)
    with pytest.raises(BadInput, match="no sounding"):
        NEURAL.fit(np.full((COUNT, 2), np.nan))
