"""What the documentation names: commands, paths, links, headings, tables of figures; by regular expressions."""

from __future__ import annotations

import re
import shlex
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
CHAPTERS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FOLDERS = ("stream", "twin", "models", "infra", "tests", "docs", ".ci")

_FENCE = re.compile(r"^ *```[^\n]*\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"^ {4}(?=\S)(.+)$", re.MULTILINE)
_SPAN = re.compile(r"`([^`]+)`")
_HEADING = re.compile(r"^(#+) (.+)$", re.MULTILINE)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_PATH = re.compile(rf"(?<![\w/.:@-])((?:{'|'.join(map(re.escape, FOLDERS))})/[\w.*/-]*[\w*]|[\w*/-]+\.(?:py|md))\b")
_STARTS = re.compile(r"^(?:\.venv/bin/)?(lockstep|make|python|pytest)(?= |$)")


class Command(NamedTuple):
    """A command line of ours: the program, and what follows it."""

    program: str
    words: list[str]
    text: str


class Section(NamedTuple):
    """What stands below a heading, up to the next one."""

    anchor: str
    text: str


@cache
def read(file: Path) -> str:
    return file.read_text()


def relative(file: Path) -> str:
    return str(file.relative_to(ROOT))


def prose(text: str) -> str:
    """The text without what stands in fences: there a `#` is a comment."""
    return _FENCE.sub("", text)


def code(text: str) -> list[str]:
    """Lines of fences and of indented code, and what stands between backticks; a line that goes on is one."""
    fenced = [line for block in _FENCE.findall(text) for line in block.replace("\\\n", " ").splitlines()]
    rest = prose(text)
    return [*fenced, *_INDENTED.findall(rest), *(" ".join(span.split()) for span in _SPAN.findall(rest))]


def commands(text: str) -> list[Command]:
    """Every `lockstep`, `make`, `python` and `pytest` with its words, without comments and variables set before it."""
    found = []
    for line in code(text):
        for part in re.split(r" && |; | \| ", line):
            bare = re.sub(r"^(?:\w+=(?:'[^']*'|\S)* +)+", "", part.strip())
            if begin := _STARTS.match(bare):
                found.append(Command(begin[1], _words(bare[begin.end() :]), bare))
    return found


def _words(rest: str) -> list[str]:
    try:
        words = shlex.split(rest, comments=True)
    except ValueError:  # an apostrophe: it isn't meant for a shell
        words = rest.split("#")[0].split()
    return [bare for word in words if (bare := word.strip("[]"))]


def paths(text: str) -> set[str]:
    """Files and folders of this repository that are named, anywhere in the text."""
    return {found for found in _PATH.findall(re.sub(r"https?://\S+|\]\([^)]*\)", "", text)) if "//" not in found}


def links(text: str) -> list[tuple[str, str]]:
    """Relative links, as a path (empty: this file) and an anchor (empty: none)."""
    found = (target for target in _LINK.findall(prose(text)) if not re.match(r"\w+:", target))
    return [(path, anchor) for path, _, anchor in (target.partition("#") for target in found)]


def sections(text: str) -> list[Section]:
    """The text heading by heading, with the anchors that a forge gives them."""
    bare = prose(text)
    heads = list(_HEADING.finditer(bare))
    ends = [head.start() for head in heads[1:]] + [len(bare)]
    return [Section(anchor_of(head[2]), bare[head.end() : end]) for head, end in zip(heads, ends, strict=True)]


def anchor_of(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def has_figures(section: Section) -> bool:
    """Whether it has a table with a column that is set to the right, or a third of whose cells begin with a number."""
    for table in re.findall(r"(?:^ *\|.*\n)+", section.text, re.MULTILINE):
        rows = [[cell.strip(" *") for cell in row.strip().strip("|").split("|")] for row in table.splitlines()]
        if len(rows) < 3 or any("LOCKSTEP_" in row[0] for row in rows):
            continue
        cells = [cell for row in rows[2:] for cell in row[1:]]
        numbers = sum(bool(re.match(r"[<-]?[.\d]", cell)) for cell in cells)
        if any(cell.endswith("-:") and not cell.startswith(":") for cell in rows[1]) or numbers > len(cells) / 3:
            return True
    return False
