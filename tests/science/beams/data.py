"""Users of a street canyon and how the base station's strongest path to each leaves, traced by the twin's own tracer.

Traced once and kept as a file in a folder of the run's own; nothing of it is in the repository. The true network has
reflections and paths over one edge; a wrong twin is the same with walls that stand elsewhere and are of other
materials.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from tempfile import gettempdir
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tests.science.beams.diffraction import diffracted
from twin.radio.antenna import Antenna
from twin.radio.fresnel import SPEED_OF_LIGHT
from twin.radio.frozen import fields
from twin.radio.materials import Materials
from twin.radio.scene import RadioScene, open_scene
from twin.radio.sight import inside

Floats = NDArray[np.float64]

SCENE, FREQUENCY = "simple_street_canyon", 28e9
STATION = (-33.0, 11.0, 32.0)
HEIGHT, STEP, DEPTH = 1.5, 1.3, 3
COLUMNS, ROWS = 16, 8
"""Of the array: along y, along z; half a wavelength apart."""
MOVED = {"building_1": (0.0, -3.0, 0.0), "building_6": (3.0, 2.0, 0.0), "building_4": (-2.0, 3.0, 0.0),
         "building_2": (4.0, 0.0, 0.0)}  # fmt: skip
"""Where the wrong twin's walls stand [m]."""
TURNED = np.radians(20.0)
"""By how much another wrong twin takes north for where it isn't."""
TWINS = ("line", "walls", "north")
CACHE = Path(gettempdir()) / "lockstep-beams"


class Beams(NamedTuple):
    """One world.

    Attributes:
        position: Of the users, `[n, 3]` [m].
        sight: Whether nothing stands between, `[n]`.
        angles: Elevation and azimuth in which the strongest path leaves, `[n, 2]` [rad]; NaN: no path.
        gain: Of every beam of the array's codebook, `[n, COLUMNS * ROWS]` [1].
    """

    position: Floats
    sight: NDArray[np.bool_]
    angles: Floats
    gain: Floats


def true_world(folder: Path = CACHE) -> Beams:
    """The users that anything reaches."""
    all_ = _kept(folder, wrong=False)
    reached = np.isfinite(all_.angles).all(axis=1)
    return Beams(*(x[reached] for x in all_))


def wrong_world(folder: Path = CACHE) -> Beams:
    """What the wrong twin says of the same users; where nothing reaches one, the way straight to him."""
    reached = np.isfinite(_kept(folder, wrong=False).angles).all(axis=1)
    position, sight, angles, gain = (x[reached] for x in _kept(folder, wrong=True))
    lost = ~np.isfinite(angles).all(axis=1)
    angles[lost] = geometric(position[lost])
    gain[lost] = straight_gain(position[lost])
    return Beams(position, sight, angles, gain)


def twin_angles(twin: str, folder: Path = CACHE) -> Floats:
    """What a twin says of the users of the true world, `[n, 2]` [rad].

    Args:
        twin: `line`, the straight line; `walls`, rays among walls that stand elsewhere; `north`, the straight line of
            somebody who has north wrong by `TURNED`, and so is wrong in line of sight, too.
    """
    if twin == "walls":
        return wrong_world(folder).angles
    straight = geometric(true_world(folder).position)
    return straight + np.array([0.0, TURNED]) if twin == "north" else straight


def geometric(position: Floats) -> Floats:
    """Elevation and azimuth of the straight line from the base station, `[n, 2]` [rad]: the published twin."""
    return angles_of(position - np.array(STATION))


def angles_of(direction: Floats) -> Floats:
    """Elevation and azimuth, `[n, 2]` [rad]."""
    flat = np.hypot(direction[:, 0], direction[:, 1])
    return np.column_stack([np.arctan2(direction[:, 2], flat), np.arctan2(direction[:, 1], direction[:, 0])])


def straight_gain(position: Floats) -> Floats:
    """Gain of every beam if the straight line were the only path, `[n, COLUMNS * ROWS]` [1]."""
    away = position - np.array(STATION)
    length = np.linalg.norm(away, axis=1)
    amplitude = SPEED_OF_LIGHT / FREQUENCY / (4 * np.pi * length)
    return np.asarray(np.abs(amplitude[:, None] * response(away / length[:, None])) ** 2)


def response(direction: Floats) -> NDArray[np.complex128]:
    """What each beam of the DFT codebook makes of a path of unit power, `[n, COLUMNS * ROWS]`.

    Beams have unit power and lie at spatial frequencies 2 k / COLUMNS along y and 2 k / ROWS along z.
    """
    out = []
    for count, along in ((COLUMNS, direction[:, 1]), (ROWS, direction[:, 2])):
        element = np.arange(count)
        steer = np.exp(1j * np.pi * along[:, None] * element)
        code = np.exp(2j * np.pi * np.outer(element, np.arange(count)) / count) / np.sqrt(count)
        out.append(steer @ code.conj())
    return np.asarray((out[0][:, :, None] * out[1][:, None, :]).reshape(len(direction), -1))


def _kept(folder: Path, *, wrong: bool) -> Beams:
    what = repr((SCENE, FREQUENCY, STATION, HEIGHT, STEP, DEPTH, COLUMNS, ROWS, MOVED if wrong else "", 1))
    file = folder / f"beams-{sha256(what.encode()).hexdigest()[:12]}.npz"
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        made = _trace(wrong=wrong)
        with file.with_suffix(".part").open("wb") as out:
            np.savez(out, **made._asdict())
        file.with_suffix(".part").rename(file)
    with np.load(file) as held:
        return Beams(*(held[name] for name in Beams._fields))


def users(scene: RadioScene) -> Floats:
    """A grid outdoors, `[n, 3]` [m]."""
    low, high = scene.bounds
    x, y = np.meshgrid(np.arange(low[0] + STEP / 2, high[0], STEP), np.arange(low[1] + STEP / 2, high[1], STEP))
    places = np.column_stack([x.ravel(), y.ravel(), np.full(x.size, HEIGHT)])
    return places[~inside(scene, places)]


def _trace(*, wrong: bool) -> Beams:
    true = open_scene(SCENE, FREQUENCY)
    places = users(true)
    scene, materials = true, true.materials()
    if wrong:
        scene = open_scene(SCENE, FREQUENCY, fresh=True)
        for name, offset in MOVED.items():
            scene.move(name, offset)
        materials = _other(scene.materials())
    station = np.array(STATION)
    sight = scene.sight(station[None], places)[0]
    paths = scene.trace(station[None], places, max_depth=DEPTH)
    ends = [Antenna()], [Antenna()] * len(places)
    amplitude = fields(paths, materials, *ends, FREQUENCY).a
    hidden = np.flatnonzero(~sight)
    bent = diffracted(scene, station, places[hidden])
    receiver = np.concatenate([paths.receiver, hidden[bent.receiver]])
    direction = np.concatenate([paths.directions()[:, 0], bent.direction])
    length = np.concatenate([paths.lengths(), bent.length])
    a = np.concatenate([amplitude, bent.amplitude]) * np.exp(-2j * np.pi * length * FREQUENCY / SPEED_OF_LIGHT)
    angles = np.full((len(places), 2), np.nan)
    order = np.argsort(np.abs(a), kind="stable")  # the strongest is written last
    angles[receiver[order]] = angles_of(direction)[order]
    total = np.zeros((len(places), COLUMNS * ROWS), dtype=np.complex128)
    np.add.at(total, receiver, a[:, None] * response(direction))
    return Beams(places, sight, angles, np.abs(total) ** 2)


def _other(materials: Materials) -> Materials:
    """The same walls of each other's materials."""
    eps, sigma = materials.eps, materials.sigma
    return materials._replace(eps=np.roll(eps, 1), sigma=np.roll(sigma, 1))
