"""Calibration from channel responses of many links and materials: exact gradients, who withstands a wrong wall."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.unit import street
from twin.errors import BadInput
from twin.radio.antenna import Antenna
from twin.radio.calibration.losses import Aware
from twin.radio.calibration.marginal import marginal
from twin.radio.calibration.projection import project
from twin.radio.calibration.responses import Method, ResponseModel, calibrate, links_of
from twin.radio.events import Sounding
from twin.radio.frozen import NOTHING, fields
from twin.radio.power import PowerModel

Floats = NDArray[np.float64]

COUNT, OFFSETS = 14, np.linspace(-50e6, 50e6, 64)
CELLS = street.cells(2)
TRUE = np.array([0.0, -2.5, 2.6, -3.0, 2.4, -1.2])
"""ln(eps - 1) and ln(sigma) of brick, glass and ground."""


def powers(places: Floats, most: int = 2) -> PowerModel:
    """A lorry before each antenna: no path goes straight; and none meets more than `most` walls."""
    paths = street.paths(np.array([cell.position for cell in CELLS]), places)
    met = (paths.kinds != NOTHING).sum(axis=1)
    around = paths.take(np.flatnonzero((met > 0) & (met <= most)))
    return PowerModel(CELLS, around, len(places), street.MATERIALS, street.FREQUENCY)


MODEL = powers(street.places(COUNT))


def sounding(
    monkeypatch: pytest.MonkeyPatch,
    shift: float = 0.0,
    seed: int = 0,
    snr: float = 100.0,
    most: int = 2,
    offsets: Floats = OFFSETS,
) -> Sounding:
    """Responses of the true street, whose south house stands `shift` [m] farther away than it is believed to."""
    with monkeypatch.context() as patch:
        planes = [*street.PLANES]
        planes[1] = (planes[1][0], planes[1][1] - shift)
        patch.setattr(street, "PLANES", planes)
        true = powers(street.places(COUNT), most)
    materials, _ = true.apply(np.concatenate([np.zeros(6), TRUE]))
    antennas = [cell.antenna() for cell in CELLS]
    a = fields(true.paths, materials, antennas, [Antenna()] * COUNT, street.FREQUENCY).a
    level = np.array([10 ** (cell.reference_dbm / 20) for cell in CELLS])[true.paths.transmitter]
    wave = (a * level)[:, None] * np.exp(-2j * np.pi * np.outer(true.paths.delays(), street.FREQUENCY + offsets))
    h = np.zeros((COUNT, 2, len(offsets)), dtype=np.complex128)
    np.add.at(h, (true.paths.receiver, true.paths.transmitter), wave)
    noise = float(np.mean(np.abs(h) ** 2)) / snr
    rng = np.random.default_rng(seed)
    h = h + np.sqrt(noise / 2) * (rng.standard_normal(h.shape) + 1j * rng.standard_normal(h.shape))
    return Sounding(
        id="s", time=datetime(2026, 1, 1, tzinfo=UTC), element="A",
        positions=[tuple(place) for place in street.places(COUNT).tolist()], cells=[cell.dn for cell in CELLS],
        rsrp=[[None, None]] * COUNT, offsets=offsets.tolist(),
        response=[[list(zip(x.real.tolist(), x.imag.tolist(), strict=True)) for x in row] for row in h], noise=noise,
    )  # fmt: skip


def responses(*soundings: Sounding, most: int = 2) -> ResponseModel:
    places, links = links_of(soundings, [cell.dn for cell in CELLS])
    own = powers(places, most)
    return ResponseModel(own, own.declared(), links)


def off(found: Floats) -> float:
    """Median absolute error of the expected powers [dB]."""
    expected, true = (MODEL.links(np.concatenate([np.zeros(6), x])).rsrp for x in (found, TRUE))
    return float(np.median(np.abs(expected - true)))


def test_amplitudes_are_those_of_the_response(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the true materials and geometry the predicted paths make the measured channel."""
    model = responses(sounding(monkeypatch, snr=1e9))
    for seen, one in zip(model.measured, model.predict(TRUE), strict=True):
        np.testing.assert_allclose(seen.z[0], seen.gram @ one.a, rtol=1e-2, atol=1e-3)


def test_derivatives_are_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    model = responses(sounding(monkeypatch))
    at = TRUE + 0.2
    for k in range(len(at)):
        step = 1e-5 * np.eye(len(at))[k]
        for exact, up, down in zip(model.predict(at), model.predict(at + step), model.predict(at - step), strict=True):
            np.testing.assert_allclose(exact.da[k], (up.a - down.a) / 2e-5, rtol=1e-4, atol=1e-9)


@pytest.mark.parametrize(("method", "at_most"), [("PEOC", 0.1), ("marginal", 0.25)])
def test_with_the_right_geometry_the_powers_are_found(
    method: Method, at_most: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = responses(sounding(monkeypatch))
    found = calibrate(model, method, 200)
    assert off(model.start) > 0.8
    assert off(found.parameters) < at_most
    assert found.losses[-1] < found.losses[0]


@pytest.mark.parametrize("shift", [0.01, 0.03])
def test_a_wall_that_stands_elsewhere_misleads_who_trusts_its_phases(
    shift: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = responses(sounding(monkeypatch, shift))
    trusting, out = (off(calibrate(model, method, 200).parameters) for method in ("PEOC", "marginal"))
    assert out < 0.3
    assert trusting > 0.8


def test_resolved_paths_tell_peac_how_wrong_their_phases_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """One reflection a path and 1 GHz: the delays tell the paths apart."""
    wide = np.linspace(-500e6, 500e6, 256)
    several = [sounding(monkeypatch, 0.03, seed, most=1, offsets=wide) for seed in range(4)]
    model = responses(*several, most=1)
    trusting, aware = (off(calibrate(model, method, 200).parameters) for method in ("PEOC", "PEAC"))
    assert aware < 0.5
    assert aware < 0.4 * trusting


@pytest.mark.parametrize("noise", [1e-4, 0.3])
def test_the_gradient_of_the_marginal_loss_is_exact(noise: float) -> None:
    rng = np.random.default_rng(2)
    e = np.exp(-2j * np.pi * np.outer(OFFSETS, [0.0, 4e-9, 3e-8, 3.01e-8]))
    h = (rng.normal(size=(3, 4)) + 1j * rng.normal(size=(3, 4))) @ e.T
    measured = project(h, e, noise)
    a = rng.normal(size=4) + 1j * rng.normal(size=4)
    exact = marginal(measured, a).gradient
    for k in range(4):
        for unit, part in ((1, np.real), (1j, np.imag)):
            step = 1e-6 * np.eye(4)[k] * unit
            difference = (marginal(measured, a + step).value - marginal(measured, a - step).value) / 2e-6
            assert 2 * part(exact[k]) == pytest.approx(difference, rel=1e-4, abs=1e-5)


def test_measurements_of_one_place_are_put_together(monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = sounding(monkeypatch, seed=1), sounding(monkeypatch, seed=2)
    places, links = links_of([one, other], [cell.dn for cell in CELLS])
    assert len(places) == COUNT
    assert len(links) == 2 * COUNT
    assert {link.measured.shape for link in links} == {(2, len(OFFSETS))}


def test_the_concentration_is_one_of_all_links() -> None:
    e = np.exp(-2j * np.pi * np.outer(OFFSETS, [0.0, 4e-8]))
    a = np.array([1.0, 0.6 + 0j])
    links = [project((e @ (a * np.exp(1j * np.array([0.0, turn]))))[None], e, 1e-6) for turn in (0.0, np.pi)]
    both, alone = Aware(2), Aware()
    for _ in range(3):
        for link in links:
            both(link, a)
    alone(links[0], a)
    assert both.kappa0 < 2 < alone.kappa0


@pytest.mark.parametrize(
    "wrong",
    [
        {"response": []},
        {"cells": ["x", "y"]},
        {"response": [[None, None]] * COUNT},
    ],
)
def test_without_a_response_there_is_nothing_to_fit(wrong: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadInput, match="response"):
        links_of([msgspec.structs.replace(sounding(monkeypatch), **wrong)], [cell.dn for cell in CELLS])


def test_an_empty_channel_and_a_place_without_paths_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    silent = [[[(0.0, 0.0)] * len(OFFSETS)] * 2] * COUNT
    with pytest.raises(BadInput, match="empty"):
        responses(msgspec.structs.replace(sounding(monkeypatch), response=silent))
    places, links = links_of([sounding(monkeypatch)], [cell.dn for cell in CELLS])
    none = MODEL.paths.take(np.zeros(0, dtype=np.int64))
    unreached = PowerModel(CELLS, none, len(places), street.MATERIALS, street.FREQUENCY)
    with pytest.raises(BadInput, match="no path"):
        ResponseModel(unreached, unreached.declared(), links)
