"""The tracer: laws of geometry, independence of division, parity with Sionna RT's solver and gradients, bad places."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from twin.errors import BadInput, ConfigurationError
from twin.radio import chains, scene_files, solver
from twin.radio.antenna import Antenna, Pattern
from twin.radio.frozen import NOTHING, REFLECTION, TRANSMISSION, FrozenPaths, fields
from twin.radio.scene import RadioScene, open_scene
from twin.radio.shooting import shoot, sphere

FREQUENCY = 3.5e9
SAMPLES = 20_000
SLANT = np.pi / 5
TX = np.array([[-33.0, 11.0, 32.0], [20.0, -3.0, 10.0]])
RX = np.column_stack([np.linspace(-60, 60, 15), np.tile([0.0, 3.0, -2.0], 5), np.full(15, 1.5)])
TURNS = np.array([[0.4, 0.15, 0.0], [-1.5, 0.1, 0.0]])


@pytest.fixture(scope="module")
def scene() -> RadioScene:
    return open_scene("simple_street_canyon", FREQUENCY)


@pytest.fixture(scope="module", params=[False, True], ids=["walls reflect", "and let through"])
def traced(request: pytest.FixtureRequest, scene: RadioScene) -> FrozenPaths:
    return scene.trace(TX, RX, samples=SAMPLES, refraction=request.param)


# Geometry -------------------------------------------------------------------------------------------------------------


def test_paths_obey_the_laws_of_reflection_and_transmission(traced: FrozenPaths) -> None:
    legs = traced.directions()
    for d in range(traced.kinds.shape[1]):
        before, after, n = legs[:, d], legs[:, d + 1], traced.normals[:, d]
        mirrored = before - 2 * np.sum(before * n, axis=1, keepdims=True) * n
        expected = np.where(traced.kinds[:, d, None] == REFLECTION, mirrored, before)
        np.testing.assert_allclose(after, expected, atol=1e-9)
    assert (traced.kinds == REFLECTION).any()


def test_paths_are_complete_from_transmitter_to_receiver(traced: FrozenPaths) -> None:
    np.testing.assert_array_equal(traced.points[:, 0], TX[traced.transmitter])
    np.testing.assert_array_equal(traced.points[:, -1], RX[traced.receiver])
    none = traced.kinds == NOTHING
    assert (traced.materials[none] == -1).all()
    assert (traced.materials[~none] >= 0).all()
    np.testing.assert_allclose(np.linalg.norm(traced.normals[~none], axis=1), 1)
    assert (np.diff(none.astype(int), axis=1) >= 0).all()  # once it meets nothing more, it is at the receiver


def test_paths_are_in_order_and_each_is_there_once(traced: FrozenPaths) -> None:
    key = np.column_stack([traced.transmitter, traced.receiver, traced.lengths().round(6)])
    assert (np.lexsort(key.T[::-1]) == np.arange(len(key))).all()
    whole = np.column_stack([key, traced.kinds, traced.points.reshape(len(key), -1).round(3)])
    assert len(np.unique(whole, axis=0)) == len(whole)


def test_a_direct_path_is_there_where_there_is_sight(scene: RadioScene, traced: FrozenPaths) -> None:
    direct = np.zeros((len(TX), len(RX)), dtype=bool)
    alone = (traced.kinds == NOTHING).all(axis=1)
    direct[traced.transmitter[alone], traced.receiver[alone]] = True
    np.testing.assert_array_equal(direct, scene.sight(TX, RX))
    assert direct.any()
    assert not direct.all()


def test_without_depth_only_direct_paths_are_left(scene: RadioScene) -> None:
    found = scene.trace(TX, RX, max_depth=0)
    assert len(found.kinds) == np.count_nonzero(scene.sight(TX, RX))
    assert not found.kinds.any()


@pytest.mark.parametrize("angle", [0.0, 37.0])
def test_a_closed_room_has_the_images_of_room_acoustics(tmp_path: Path, angle: float) -> None:
    """A lattice of mirror images, 4 n^2 + 2 of order n, however the room is turned. Source: Allen and Berkley, 1979."""
    source = scene_files.built_in()["box"]
    turn = f'<transform name="to_world"><rotate x="0.36" y="0.48" z="0.8" angle="{angle}"/></transform></shape>'
    path = tmp_path / "askew.xml"
    text = source.read_text().replace('value="meshes/', f'value="{source.parent}/meshes/')
    path.write_text(text.replace("</shape>", turn))
    room = open_scene(str(path), FREQUENCY)
    normals = room.mesh.normals * np.sign(room.mesh.normals @ [1, 0.7, 0.3])[:, None]
    axes = normals[np.unique(normals.round(3), axis=0, return_index=True)[1]]
    within = room.mesh.corners.reshape(-1, 3) @ axes.T
    low, size = within.min(axis=0), np.ptp(within, axis=0)
    tx, rx = low + size * [0.66, 0.56, 0.4], low + size * [0.3, 0.39, 0.58]
    lattice = np.array(list(product(range(-3, 4), repeat=3)))
    lattice = lattice[np.abs(lattice).sum(axis=1) <= 3]
    images = np.where(lattice % 2 == 0, rx + lattice * size, 2 * low + (lattice + 1) * size - rx)
    found = room.trace([tx @ axes], [rx @ axes], max_depth=3, samples=20_000)
    assert len(found.kinds) == 1 + 6 + 18 + 38
    np.testing.assert_allclose(found.lengths(), sorted(np.linalg.norm(images - tx, axis=1)), rtol=1e-5)


def test_rays_meet_the_walls_that_a_straight_line_meets_in_the_unfolded_room() -> None:
    room = open_scene("box", FREQUENCY)
    (low, high), count = room.bounds, 500
    tx = low + (high - low) * [0.66, 0.56, 0.4]
    found = shoot(room, tx, 3, count)
    which = {}
    for plane, member in enumerate(room.mesh.members):
        axis = int(np.argmax(np.abs(room.mesh.normals[member])))
        which[axis, bool(room.mesh.corners[member, 0, axis] > (low + high)[axis] / 2)] = plane
    expected = {(-1, -1, -1)}
    for towards in sphere(count):
        first = np.where(towards > 0, high - tx, low - tx) / towards
        again = (high - low) / np.abs(towards)
        met = sorted(
            (first[a] + k * again[a], a, bool(towards[a] > 0) ^ bool(k % 2)) for a in range(3) for k in range(3)
        )
        chain = [which[axis, side] for _, axis, side in met[:3]]
        expected |= {(chain[0], -1, -1), (chain[0], chain[1], -1), tuple(chain)}
    assert {tuple(chain) for chain in found.planes.tolist()} == expected


# Independence ---------------------------------------------------------------------------------------------------------


def test_the_result_does_not_depend_on_division(scene: RadioScene, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = scene.trace(TX, RX, samples=SAMPLES)
    monkeypatch.setattr(chains, "AT_ONCE", 200)
    again = scene.trace(TX, RX, samples=SAMPLES)
    for one, other in zip(whole, again, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_receiver_hears_the_same_alone(scene: RadioScene) -> None:
    whole, alone = scene.trace(TX, RX, samples=SAMPLES), scene.trace(TX, RX[4:5], samples=SAMPLES)
    np.testing.assert_array_equal(whole.take(np.flatnonzero(whole.receiver == 4)).points, alone.points)


def test_nobody_there_is_no_error(scene: RadioScene) -> None:
    assert len(scene.trace(TX, []).kinds) == len(scene.trace([], RX).kinds) == 0
    assert len(fields(scene.trace(TX, []), scene.materials(), [], [], FREQUENCY).a) == 0


# Sionna RT ------------------------------------------------------------------------------------------------------------


class Parity:
    """Sionna's paths, ours matched to them, and amplitudes of both."""

    def __init__(self, scene: RadioScene, pattern: Pattern, slant: float, refraction: bool) -> None:
        import sionna.rt as rt

        found = with_arrays(scene, pattern, slant, lambda: solver.solve(scene, TX, RX, 3, SAMPLES, refraction, TURNS))
        who = np.nonzero(np.array(found.valid))
        real, imaginary = (np.array(part)[who[0], 0, who[1], 0, who[2]] for part in found.a)
        self.theirs = real + 1j * imaginary
        what = np.array(found.interactions)[(slice(None), *who)].T
        kinds = np.where(what == rt.InteractionType.REFRACTION, TRANSMISSION, (what != 0) * REFLECTION)
        points = np.moveaxis(np.array(found.vertices, dtype=np.float64)[(slice(None), *who)], 0, 1)
        ours = scene.trace(TX, RX, samples=SAMPLES, refraction=refraction)
        self.missing, at = 0, []
        for k in range(len(self.theirs)):
            same = (ours.transmitter == who[1][k]) & (ours.receiver == who[0][k]) & (ours.kinds == kinds[k]).all(axis=1)
            off = np.abs(ours.points[:, 1:-1] - points[k])[:, :, 0] * (kinds[k] != NOTHING)
            fits = np.flatnonzero(same & (off.max(axis=1) < 0.05))
            at.append(int(fits[0]) if fits.size else -1)
        self.lost = at.count(-1)
        self.ours = ours.take(np.array(at))
        at_theirs = self.ours.points.copy()
        at_theirs[:, 1:-1] = np.where((kinds != NOTHING)[:, :, None], points, at_theirs[:, 1:-1])
        self.with_their_points = self.ours._replace(points=at_theirs)
        self.through = (kinds == TRANSMISSION).any(axis=1)
        legs, n = self.with_their_points.directions(), self.ours.normals
        lawful = (
            legs[:, :-1] - 2 * np.sum(legs[:, :-1] * n, axis=2, keepdims=True) * n * (kinds == REFLECTION)[:, :, None]
        )
        self.bend = np.abs(legs[:, 1:] - lawful).max(axis=(1, 2))
        self.scene, self.antennas = scene, [Antenna(pattern, slant, tuple(turn)) for turn in TURNS]

    def error(self, paths: FrozenPaths) -> NDArray[np.float64]:
        """Relative difference of complex amplitudes."""
        a = fields(paths, self.scene.materials(), self.antennas, [Antenna()] * len(RX), FREQUENCY).a
        return np.abs(a - self.theirs) / np.abs(self.theirs)


def with_arrays(scene: RadioScene, pattern: Pattern, slant: float, do: Any) -> Any:
    """With transmitters of another pattern and polarisation."""
    import sionna.rt as rt
    from sionna.rt.antenna_pattern import register_polarization

    register_polarization("lockstep-slanted", [slant])
    before = scene.sionna.tx_array
    scene.sionna.tx_array = rt.PlanarArray(num_rows=1, num_cols=1, pattern=pattern, polarization="lockstep-slanted")
    try:
        return do()
    finally:
        scene.sionna.tx_array = before


@pytest.mark.parametrize("refraction", [False, True])
@pytest.mark.parametrize(("pattern", "slant"), [("tr38901", 0.0), ("tr38901", SLANT), ("hw_dipole", 0.0)])
def test_amplitudes_are_sionna_s(
    scene: RadioScene, monkeypatch: pytest.MonkeyPatch, pattern: Pattern, slant: float, refraction: bool
) -> None:
    """Sionna computes in single precision, which three things in it make worse; each can be taken away.

    Its points of reflection lie up to 0.3 mm off: here ours are replaced by its. Its square root of the permittivity
    subtracts nearly equal numbers: here it gets another one. Through a corner its rays, straight by law, bend by up to
    4e-4: what that may do is allowed for.
    """
    found = Parity(scene, pattern, slant, refraction)
    assert found.lost == 0
    plain = found.error(found.ours)
    assert np.median(plain) < 1e-4
    assert plain.max() < 3e-3
    import drjit as dr
    from sionna.rt.utils import electromagnetics

    monkeypatch.setattr(electromagnetics, "complex_sqrt", dr.sqrt)
    exact = Parity(scene, pattern, slant, refraction)
    error = exact.error(exact.with_their_points)
    assert error[~exact.through].max() < 1e-4
    assert (error <= 1e-4 + 10 * exact.bend).all()
    assert exact.through.any() == refraction


@pytest.mark.parametrize("refraction", [False, True])
def test_sionna_s_solver_finds_no_path_that_we_miss(scene: RadioScene, refraction: bool) -> None:
    options = {"samples": SAMPLES, "refraction": refraction}
    ours, theirs = (scene.trace(TX, RX, finder=finder, **options) for finder in ("rays", "sionna"))

    def keys(paths: FrozenPaths) -> set[tuple[float, ...]]:
        return set(zip(paths.transmitter.tolist(), paths.receiver.tolist(), paths.lengths().round(5), strict=True))

    assert keys(theirs) <= keys(ours)
    assert len(theirs.kinds) > 0.9 * len(ours.kinds)


def test_gradients_of_sionna_s_tracer_are_right() -> None:
    """Upstream has had releases whose gradients were wrong: AD against differences, and both against ours."""
    own = open_scene("simple_street_canyon", FREQUENCY, fresh=True)  # the imports below need the device it chooses
    import drjit as dr
    import mitsuba as mi
    import sionna.rt as rt

    paths = rt.PathSolver(deterministic=True)
    paths.loop_mode = "evaluated"
    concrete = own.sionna.radio_materials["concrete"]

    def amplitudes(eps: Any) -> Any:
        concrete.relative_permittivity = eps
        return paths(own.sionna, max_depth=2, samples_per_src=2000, refraction=False).a

    def power(eps: float) -> float:
        return float(sum(np.sum(np.array(part, dtype=np.float64) ** 2) for part in amplitudes(mi.Float(eps))))

    start, step = 5.24, 0.01
    with solver.Devices(own.sionna, TX[1:], RX[6:8], TURNS[1:]):
        eps = mi.Float(start)
        dr.enable_grad(eps)
        dr.backward(sum(dr.sum(dr.square(part.array)) for part in amplitudes(eps)))
        by_ad = float(dr.grad(eps)[0])
        whole, by_difference = power(start), (power(start + step) - power(start - step)) / (2 * step)
    concrete.relative_permittivity = mi.Float(start)
    frozen, materials = own.trace(TX[1:], RX[6:8], max_depth=2, samples=2000), own.materials()
    found = fields(frozen, materials, [Antenna("iso", 0.0, (-1.5, 0.1, 0.0))], [Antenna()] * 2, FREQUENCY)
    ours = 2 * np.sum(np.real(np.conj(found.a) * found.by_eps[materials.names.index("concrete")]))
    assert by_ad == pytest.approx(by_difference, rel=5e-3)
    assert by_ad == pytest.approx(ours, rel=1e-3)
    assert abs(ours) > 1e-4 * whole


# Bad places -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tx", "rx", "why"),
    [
        (TX, [[1000.0, 0.0, 1.5]], "outside of the scene"),
        (TX, [[0.0, 0.0, -5.0]], "outside of the scene"),
        ([[0.0, 0.0, 5000.0]], RX, "transmitter 0"),
        (TX, [[np.nan, 0.0, 1.5]], "outside of the scene"),
        (TX, [TX[1] + 0.01], "from transmitter 1"),
        (TX, [[1.0, 2.0]], "shape"),
    ],
)
def test_places_where_nothing_can_be_traced_are_bad_input(scene: RadioScene, tx: Any, rx: Any, why: str) -> None:
    with pytest.raises(BadInput, match=why):
        scene.trace(tx, rx)


@pytest.mark.parametrize("options", [{"diffraction": True}, {"max_depth": -1}, {"samples": 0}])
def test_what_frozen_paths_can_t_hold_is_refused(scene: RadioScene, options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        scene.trace(TX, RX, **options)
