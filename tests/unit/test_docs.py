"""What README and docs name exists: commands with options, files, links, settings; no figure is without a command."""

from __future__ import annotations

import fnmatch
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer.main

from infra.settings import Settings
from stream.cli import app
from stream.topics import TOPICS
from tests.unit.doc_text import (
    CHAPTERS,
    FOLDERS,
    ROOT,
    Command,
    code,
    commands,
    has_figures,
    links,
    paths,
    read,
    relative,
    sections,
)

NUMBERS, INDEX = ROOT / "docs" / "numbers.md", ROOT / "docs" / "README.md"
MEASURING = {"backlog", "bench", "chaos", "debias", "fuzz", "load", "loop", "radio", "scaling", "science", "soak"}
each_chapter = pytest.mark.parametrize("file", CHAPTERS, ids=relative)


@cache
def kept() -> frozenset[str]:
    """Every file and folder of ours."""
    found = [*ROOT.glob("*.md"), *(inner for folder in FOLDERS for inner in (ROOT / folder).rglob("*"))]
    return frozenset(relative(one) for one in found if "__pycache__" not in one.parts) | frozenset(FOLDERS)


@cache
def ends() -> frozenset[str]:
    """What their paths may end with."""
    return frozenset(name.split("/", cut)[-1] for name in kept() for cut in range(name.count("/") + 1))


@cache
def recipes() -> dict[str, str]:
    """What each target of the Makefile runs."""
    return dict(re.findall(r"^([a-z]+):[^\n]*\n((?:\t[^\n]*\n)*)", read(ROOT / "Makefile"), re.MULTILINE))


def runs(target: str) -> list[str]:
    """The modules that a target runs."""
    return re.findall(r"-m (tests[\w.]*)", recipes()[target])


@cache
def lockstep() -> Any:
    """The command with all below it."""
    return typer.main.get_command(app)


def fault_of_lockstep(words: list[str]) -> str:
    """What is wrong with the words behind `lockstep`, or nothing."""
    command = lockstep()
    for word in words:
        if word.startswith("-") and word not in ("--help", "-"):
            name = word.split("=")[0]
            if not any(name in (*option.opts, *option.secondary_opts) for option in command.params):
                return f"`lockstep {command.name}` has no option {name}"
        elif hasattr(command, "commands"):
            if word not in command.commands:
                return f"`lockstep {command.name}` has no command {word}"
            command = command.commands[word]
    return ""


def fault_of_module(module: str, words: list[str]) -> str:
    """The same of what stands behind `python -m`, by the text of the module."""
    place = ROOT / module.replace(".", "/")
    file = place / "__main__.py" if place.is_dir() else place.with_suffix(".py")
    if not module.startswith("tests.") or not file.is_file():
        return f"there is no module {module}"
    wanted = [word.split("=")[0] for word in words if word.startswith("--")]
    return ", ".join(f"{module} has no option {name}" for name in wanted if f'"{name}"' not in read(file))


def fault_of_make(words: list[str]) -> str:
    """The same of what stands behind `make`; what ARGS holds goes to what the target runs."""
    target, *rest = [word for word in words if not re.match(r"(?!ARGS)\w+=", word)] or ["help"]
    if target not in recipes():
        return f"the Makefile has no target {target}"
    args = next((word.removeprefix("ARGS=") for word in rest if word.startswith("ARGS=")), "").split()
    if target == "demo":
        return fault_of_lockstep(["demo", *args])
    return fault_of_module(runs(target)[0], args) if args and runs(target) else ""


def fault(command: Command) -> str:
    if command.program == "lockstep":
        return fault_of_lockstep(command.words)
    if command.program == "make":
        return fault_of_make(command.words)
    if command.program == "python" and command.words[:1] == ["-m"]:
        return fault_of_module(command.words[1], command.words[2:])
    return ""  # pytest: its files are paths like all others


@each_chapter
def test_every_command_exists_with_its_options(file: Path) -> None:
    faults = {found.text: wrong for found in commands(read(file)) if (wrong := fault(found))}
    assert not faults


def test_what_does_not_exist_is_noticed() -> None:
    wrong = (
        "`lockstep replayed x`, `lockstep replay --fast x`, `lockstep models shew`, `make haste`, `python -m tests.no`"
    )
    more = ' `make bench ARGS="--slow"`, `python -m tests.bench.api --only live --what`, `make demo ARGS="--scenes x"`'
    assert all(fault(found) for found in commands(wrong + more))
    assert len(commands(wrong + more)) == 8
    right = (
        '```sh\nX=1 lockstep replay a.gz --json   # --no\n```\n`make`, `make bench ARGS="--quick"`, `lockstep bursts`'
    )
    assert [fault(found) for found in commands(right)] == ["", "", "", ""]
    assert paths("`stream/cli.py`, (docs/a.md), tests/unit, `GET /models/{x}`, https://a.example/docs/b.md") == {
        "stream/cli.py", "docs/a.md", "tests/unit"
    }  # fmt: skip
    assert [s.anchor for s in sections("## A `b` (C, d)\n```\n# no\n```\n# E-f\n")] == ["a-b-c-d", "e-f"]


@each_chapter
def test_every_file_exists(file: Path) -> None:
    """By its whole path; where a page has said which folder it speaks of, by the path's end."""
    missing = {
        path
        for path in paths(read(file))
        if path not in kept()
        and not (path.startswith(tuple(f"{folder}/" for folder in FOLDERS)) and any(ROOT.glob(path)))
        and not (path.endswith((".py", ".md")) and (path in ends() or fnmatch.filter(ends(), path)))
    }
    assert not missing


@each_chapter
def test_every_link_leads_somewhere(file: Path) -> None:
    broken = []
    for path, anchor in links(read(file)):
        target = (file.parent / path).resolve() if path else file
        if not target.exists() or (anchor and anchor not in {section.anchor for section in sections(read(target))}):
            broken.append(f"{path}#{anchor}")
    assert not broken


@each_chapter
def test_every_module_exists(file: Path) -> None:
    """Dotted names, such as twin.radio.grid.trace_grid: the module, and the name in it."""
    dotted = r"(?<![\w./-])((?:stream|twin|models|infra|tests)(?:\.\w+)+)"
    named = {name for line in code(read(file)) for name in re.findall(dotted, line) if not name.endswith(".py")}
    topics = {topic.name for topic in TOPICS}
    named -= {name for name in named if any(f"{topic}.".startswith(f"{name}.") for topic in topics)}
    assert not {name for name in named if not _has(name)}


def _has(name: str) -> bool:
    parts = name.split(".")
    for cut in range(len(parts), 0, -1):
        place = ROOT.joinpath(*parts[:cut])
        if cut == len(parts) and place.is_dir():
            return True
        file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
        if file.is_file():
            return cut == len(parts) or bool(re.search(rf"\b{parts[cut]}\b", read(file)))
    return False


@each_chapter
def test_every_setting_exists(file: Path) -> None:
    named = {name.lower() for name in re.findall(r"LOCKSTEP_([A-Z0-9]+(?:_[A-Z0-9]+)*)", read(file))}
    secrets = {f"{name}_file" for name, field in Settings.model_fields.items() if "SecretStr" in str(field.annotation)}
    assert named <= set(Settings.model_fields) | secrets


def test_the_index_has_every_chapter_once() -> None:
    named = [path for path, _ in links(read(INDEX)) if path.endswith(".md") and "/" not in path]
    assert sorted(named) == sorted(file.name for file in CHAPTERS if file.parent.name == "docs" and file != INDEX)


@pytest.mark.parametrize("file", [one for one in CHAPTERS if one not in (NUMBERS, INDEX)], ids=relative)
def test_every_figure_has_its_line_in_numbers(file: Path) -> None:
    """Each table of figures is linked from docs/numbers.md, and each command that measures stands there."""
    linked = {((NUMBERS.parent / path).resolve(), anchor) for path, anchor in links(read(NUMBERS))}
    unlinked = [part.anchor for part in sections(read(file)) if has_figures(part) and (file, part.anchor) not in linked]
    assert not unlinked, "docs/numbers.md says of each table which command makes it"
    listed = {tuple([found.program, *found.words][:length]) for found in commands(read(NUMBERS)) for length in (2, 3)}
    listed |= {
        ("python", "-m", module) for target in recipes() if ("make", target) in listed for module in runs(target)
    }
    for found in commands(read(file)):
        if found.program == "python" and found.words[:1] == ["-m"]:
            assert (found.program, *found.words[:2]) in listed, found.text
        elif found.program == "make" and set(found.words) & MEASURING:
            assert (found.program, found.words[0]) in listed, found.text
