"""Layouts of a network in a scene: of the program, of one's own, and bad ones."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from stream.sources.emulator.scene_layout import read_layout
from stream.sources.emulator.scene_network import SceneNetwork
from tests.unit.scenes import declared, heard, network
from twin.errors import ConfigurationError
from twin.radio import scene_files

OWN = """
scene = "{scene}"
frequency_Hz = 3.5e9
power_dBm = 30.0
tilt_deg = 5.0
gain_dB = 6.0
area = [{area}]
spacing_m = 2.0
[[sites]]
position = [{site}]
azimuths = [0.0, 120.0, 240.0]
"""


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., str]:
    """A layout of one's own beside a scene of one's own."""
    source = scene_files.built_in()["simple_street_canyon"].parent
    shutil.copytree(source, tmp_path / "town")

    def file(scene: str = "town/simple_street_canyon.xml", area: str = "-30,-30,30,30", site: str = "0,0,8") -> str:
        path = tmp_path / "own.toml"
        path.write_text(OWN.format(scene=scene, area=area, site=site))
        return str(path)

    return file


def test_a_layout_and_a_scene_of_one_s_own(write: Callable[..., str]) -> None:
    of = SceneNetwork(1, write())
    read = declared(of)
    assert Path(read.scene).is_file()
    assert len(read.cells) == 3
    assert {cell.gain_db for cell in read.cells} == {6.0}
    assert heard(of.step())


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"scene": "nowhere"}, "nowhere"),
        ({"area": "-30,-30,-40,30"}, "room"),
        ({"area": "900,900,910,910"}, "fit"),
        ({"site": "0,0,9000"}, "fit"),
        ({"site": "0,0,nan"}, "finite"),
        ({"area": "-60,18,-58,20"}, "nothing is heard"),
    ],
)
def test_layouts_that_make_no_network_are_refused(
    write: Callable[..., str], arguments: dict[str, str], says: str
) -> None:
    with pytest.raises(ConfigurationError, match=says):
        SceneNetwork(1, write(**arguments))


@pytest.mark.parametrize("name", ["simple_street_canyon", "munich"])
def test_layouts_that_come_with_the_program(name: str) -> None:
    layout = read_layout(name)
    assert layout.scene == name
    assert len(layout.cells()) >= 6
    assert len({cell.dn for cell in layout.cells()}) == len(layout.cells())


def test_a_layout_that_isn_t_there_is_named_with_those_that_are() -> None:
    with pytest.raises(ConfigurationError, match="built in: munich, simple_street_canyon"):
        SceneNetwork(1, "atlantis")


def test_users_are_served_by_their_cell_with_the_power_that_they_hear(write: Callable[..., str]) -> None:
    for of in (network(), SceneNetwork(1, write())):
        lagging = 0
        for number in range(8):
            of.step()
            rsrp = of.truth.rsrp(timedelta(seconds=(number + 0.5) * of.granularity_s))
            at, server = of._dealt()
            np.testing.assert_array_equal(of._scheduler.server, server)
            own = np.take_along_axis(rsrp[at], server[..., None], axis=2)[..., 0]
            # A block has twelve subcarriers.
            np.testing.assert_allclose(10 * np.log10(of._scheduler._signal / 12), own)
            lagging += np.count_nonzero(own < rsrp[at].max(axis=2))
        assert lagging > 0
