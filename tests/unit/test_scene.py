"""Scenes: found by name or path, cached, versioned, edited; devices chosen and refused."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from twin.errors import ConfigurationError, Unavailable
from twin.radio import scene_files, variant
from twin.radio.scene import RadioScene, open_scene
from twin.radio.sight import inside

FREQUENCY = 3.5e9
CANYON = "simple_street_canyon"


@pytest.fixture
def own() -> RadioScene:
    return open_scene(CANYON, FREQUENCY, fresh=True)


def copy_of(tmp_path: Path, change: tuple[str, str] = ("", "")) -> Path:
    """The box scene as a user's file."""
    source = scene_files.built_in()["box"]
    (tmp_path / "meshes").mkdir(exist_ok=True)
    for mesh in (source.parent / "meshes").iterdir():
        (tmp_path / "meshes" / mesh.name).write_bytes(mesh.read_bytes())
    text = source.read_text()
    assert change[0] in text
    path = tmp_path / "mine.xml"
    path.write_text(text.replace(*change) if change[0] else text)
    return path


# Opening --------------------------------------------------------------------------------------------------------------


def test_a_scene_is_loaded_once() -> None:
    scene = open_scene(CANYON, FREQUENCY)
    assert open_scene(CANYON, FREQUENCY) is scene
    assert open_scene(CANYON, FREQUENCY, fresh=True) is not scene
    assert (scene.name, scene.frequency, scene.device) == (CANYON, FREQUENCY, variant.current())
    assert len(scene.objects) == 7
    assert (scene.bounds[0] < scene.bounds[1]).all()


def test_materials_are_the_file_s_at_the_frequency() -> None:
    low, high = open_scene(CANYON, FREQUENCY).materials(), open_scene(CANYON, 28e9).materials()
    assert low.names == high.names == ("glass", "wood", "marble", "brick", "concrete")
    assert low.eps[4] == pytest.approx(5.24)
    assert high.sigma[4] == pytest.approx(0.0462 * 28**0.7822, rel=1e-5)
    assert low.sigma[4] == pytest.approx(0.0462 * 3.5**0.7822, rel=1e-5)


def test_an_unknown_scene_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match="simple_street_canyon"):
        open_scene("atlantis", FREQUENCY)


def test_a_user_s_file_opens_and_its_version_is_its_content_s(tmp_path: Path) -> None:
    path = copy_of(tmp_path)
    first = open_scene(str(path), FREQUENCY)
    assert first.name == "mine"
    path.write_text(path.read_text() + "\n")
    assert open_scene(str(path), FREQUENCY).version != first.version


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("<scene", "not an XML file"),
        ("\x00\xff", "not an XML file"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><scene version="2.1.0"/>', "not an XML file"),
        ('<scene version="2.1.0"><shape type="ply"><string name="filename" value="no.ply"/></shape></scene>', "read"),
    ],
)
def test_a_file_that_is_no_scene_is_refused(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "bad.xml"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=why):
        open_scene(str(path), FREQUENCY)


def test_a_material_without_parameters_is_refused(tmp_path: Path) -> None:
    path = copy_of(tmp_path)
    text = path.read_text()
    begin, end = text.index("<bsdf"), text.index("</bsdf>")
    name = text[begin:end].split('id="')[1].split('"')[0]
    path.write_text(text[:begin] + f'<bsdf type="diffuse" id="{name}">' + text[end:])
    with pytest.raises(ConfigurationError, match=r"mine\.xml"):
        open_scene(str(path), FREQUENCY)


def test_a_material_that_is_not_known_at_the_frequency_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"0\.5 GHz"):
        open_scene(CANYON, 0.5e9)


# Changing -------------------------------------------------------------------------------------------------------------


def test_what_is_shared_can_t_be_changed() -> None:
    with pytest.raises(ConfigurationError, match="fresh=True"):
        open_scene(CANYON, FREQUENCY).move("building_1", [1.0, 0.0, 0.0])


def test_a_moved_object_is_elsewhere_and_the_version_another(own: RadioScene) -> None:
    before, version = own.objects["building_1"].bounds, own.version
    own.move("building_1", [0.5, 0.0, 0.0])
    np.testing.assert_allclose(own.objects["building_1"].bounds, before + np.array([0.5, 0, 0]), atol=1e-4)
    moved, other = own.version, open_scene(CANYON, FREQUENCY, fresh=True)
    other.move("building_1", [0.6, 0.0, 0.0])
    assert len({version, moved, other.version}) == 3
    assert version == open_scene(CANYON, FREQUENCY).version


def test_a_box_hides_until_it_is_removed(own: RadioScene) -> None:
    tx, rx = [[-40.0, 0.0, 5.0]], [[40.0, 0.0, 1.5]]
    assert own.sight(tx, rx).tolist() == [[True]]
    own.add_box("tower", [-2, -5, 0], [2, 5, 20], "metal")
    assert own.sight(tx, rx).tolist() == [[False]]
    assert own.materials().names[-1] == "metal"
    assert inside(own, np.array([[0.0, 0.0, 10.0], [10.0, 0.0, 10.0]])).tolist() == [True, False]
    own.remove("tower")
    assert own.sight(tx, rx).tolist() == [[True]]


@pytest.mark.parametrize(
    ("name", "low", "high", "material"),
    [
        ("building_1", [0, 0, 0], [1, 1, 1], "metal"),
        ("new", [0, 0, 0], [1, 0, 1], "metal"),
        ("new", [0, 0, 0], [1, 1, 1], "cheese"),
    ],
)
def test_a_box_that_makes_no_sense_is_refused(
    own: RadioScene, name: str, low: list[float], high: list[float], material: str
) -> None:
    with pytest.raises(ConfigurationError):
        own.add_box(name, low, high, material)


def test_an_unknown_object_is_refused_with_the_known_ones(own: RadioScene) -> None:
    with pytest.raises(ConfigurationError, match="building_6"):
        own.remove("church")


def test_a_point_sees_itself_and_nothing_through_a_building() -> None:
    scene = open_scene(CANYON, FREQUENCY)
    low, high = scene.objects["building_1"].bounds
    front, behind = [(low[0] + high[0]) / 2, low[1] - 2, 1.5], [(low[0] + high[0]) / 2, high[1] + 2, 1.5]
    assert scene.sight([front, behind], [front, behind]).tolist() == [[True, False], [False, True]]


def test_points_in_buildings_are_inside() -> None:
    scene = open_scene(CANYON, FREQUENCY)
    low, high = scene.objects["building_1"].bounds
    middle = (low + high) / 2
    assert inside(scene, np.array([middle, [0.0, 0.0, 1.5], [*middle[:2], high[2] + 1]])).tolist() == [
        True,
        False,
        False,
    ]


# Devices --------------------------------------------------------------------------------------------------------------


def test_a_device_that_is_not_one_or_not_this_process_s_is_refused() -> None:
    open_scene(CANYON, FREQUENCY)
    with pytest.raises(ConfigurationError, match="llvm"):
        variant.start("abacus")
    other = "cuda" if variant.current() == "llvm" else "llvm"
    with pytest.raises(ConfigurationError, match="another process"):
        variant.start(other)


def test_the_installed_llvm_is_new_enough() -> None:
    path = variant.installed_llvm()
    assert path is not None
    version = variant.llvm_version(path)
    assert version is not None
    assert version >= variant.OLDEST_LLVM


def test_what_is_not_llvm_is_refused_before_it_aborts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A library without `LLVMGetVersion` is LLVM 15 or older, or not LLVM."""
    monkeypatch.setenv(variant.LLVM_VARIABLE, str(ctypes.util.find_library("c") or tmp_path))
    assert "not libLLVM 16" in variant.prepare_llvm()
    monkeypatch.setenv(variant.LLVM_VARIABLE, str(tmp_path / "none.so"))
    assert "not libLLVM 16" in variant.prepare_llvm()


@pytest.mark.parametrize("found", [15, 14])
def test_an_llvm_that_aborts_is_refused(monkeypatch: pytest.MonkeyPatch, found: int) -> None:
    monkeypatch.setattr(variant, "llvm_version", lambda path: found)
    assert f"LLVM {found}" in variant.prepare_llvm()


def test_without_any_device_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(variant, "current", lambda: None)
    monkeypatch.setattr(variant, "_try", lambda device: "nothing")
    with pytest.raises(Unavailable, match=r"cuda: nothing; llvm: nothing.*install the extra `radio`"):
        variant.start()


def test_nothing_heavy_is_imported_before_a_scene_is_opened() -> None:
    code = (
        "import sys; import twin.radio.scene, twin.radio.tracer, twin.radio.grid, twin.radio.solver;"
        "from twin.radio.scene_files import built_in; assert 'munich' in built_in();"
        "print(sorted({'mitsuba', 'drjit', 'sionna', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": "."}
    )
    assert done.stdout.strip() == "[]"


def test_with_tensorflow_in_the_process_nothing_is_traced(monkeypatch: pytest.MonkeyPatch) -> None:
    """The two bring an LLVM each; tried together they end the process."""
    monkeypatch.setattr(variant, "current", lambda: None)
    monkeypatch.setitem(sys.modules, "tensorflow", object())  # type: ignore[arg-type]
    with pytest.raises(Unavailable, match="another process"):
        variant.start()
