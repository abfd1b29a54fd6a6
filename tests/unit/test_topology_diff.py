"""The difference between two topologies: its laws, and what people read."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import contents
from rich.console import Console
from typer.testing import CliRunner

from stream.cli import app
from stream.showing.topology_diff import show_diff
from stream.sources.inventory import changes
from stream.topology_of import topology_of
from twin.contents import Contents, collect
from twin.contents import contents as contents_of
from twin.errors import ConfigurationError
from twin.events import Entity, Relation, TopologyChange
from twin.topology import Topology
from twin.topology_diff import apply, diff

AT = datetime(2026, 3, 1, tzinfo=UTC)
CELL = "ManagedElement=1,NRCellDU=1"


@given(contents)
@settings(max_examples=50, deadline=None)
def test_nothing_differs_from_itself(one: Contents) -> None:
    found = diff(one, one)
    assert not found
    assert apply(found, one) == one


@given(contents, contents)
@settings(max_examples=50, deadline=None)
def test_what_differs_leads_from_one_to_the_other(one: Contents, other: Contents) -> None:
    found = diff(one, other)
    assert not diff(apply(found, one), other)
    assert apply(found, one).discovered == other.discovered
    there, back = found.to_dict(), diff(other, one).to_dict()
    for what in ("objects", "relations"):
        assert there[what]["added"] == back[what]["removed"]
        assert len(there[what]["changed"]) == len(back[what]["changed"])
    json.dumps(there)


@given(contents, st.randoms(use_true_random=False))
@settings(max_examples=50, deadline=None)
def test_merging_a_file_twice_or_its_pieces_in_any_order_makes_no_difference(of: Contents, chance: Random) -> None:
    """Cut into the smallest pieces, which a file may come in."""
    entities = [entity for name, entity in of.entities.items() if name not in of.discovered]
    pieces = [changes([entity], [], AT, "file")[0] for entity in entities]
    pieces += [changes([], [relation], AT, "file")[0] for relation in of.relations.values()]
    whole = made(changes(entities, of.relations.values(), AT, "file"))
    again = pieces * 2
    chance.shuffle(again)
    shuffled = made(again)
    assert not diff(whole, shuffled)
    declared = collect(entities, of.relations.values())
    assert not diff(whole, declared._replace(entities=whole.entities, discovered=whole.discovered))
    assert {name: whole.entities[name] for name in declared.entities} == declared.entities


def made(of: Iterable[TopologyChange]) -> Contents:
    topology = Topology()
    for revision, change in enumerate(of, 1):
        topology.apply(change, revision)
    return contents_of(topology.graph)


def test_old_and_new_are_told_and_one_is_not_true() -> None:
    before = collect([Entity(dn=CELL, kind="cell", attributes={"tilt": 1, "gone": "x"})], [])
    after = collect([Entity(dn=CELL, kind="cell", attributes={"tilt": True}, reported={"power": 40.5})], [], [CELL])
    changed = diff(before, after).objects.changed[CELL]
    assert changed == {
        "attributes.gone": ("x", None),
        "attributes.tilt": (1, True),
        "declared": (True, False),
        "reported.power": (None, 40.5),
    }


def test_people_read_a_line_a_fact() -> None:
    before = collect([Entity(dn=CELL, kind="cell", attributes={"tilt": 4})], [])
    relation = Relation(source=CELL, target="Site=[a]", kind="located_at")
    after = collect(
        [Entity(dn=CELL, kind="cell", attributes={"tilt": 6}), Entity(dn="Site=[a]", kind="site")], [relation]
    )
    console = Console(width=120, record=True, file=io.StringIO())
    show_diff(diff(before, after), console)
    text = console.export_text()
    assert "attributes.tilt" in text
    assert f"{CELL} -located_at-> Site=[a]" in text
    assert "objects: 1 added, 0 removed, 1 changed" in text


def test_the_command_compares_files_exports_them_and_tells_by_its_end(tmp_path: Path) -> None:
    def run(*words: str, code: int = 0) -> str:
        result = CliRunner().invoke(app, ["topology", *words])
        assert result.exit_code == code, result.output
        return result.output

    one, other = tmp_path / "one.json", tmp_path / "other.json"
    entity = {"dn": CELL, "kind": "cell", "attributes": {"azimuth": 90}}
    one.write_text(json.dumps({"entities": [entity], "relations": []}))
    other.write_text(json.dumps({"entities": [entity | {"attributes": {"azimuth": 120}}], "relations": []}))
    told = json.loads(run("diff", str(one), str(other), "--json", code=1))
    assert told["objects"]["changed"] == [{"dn": CELL, "facts": {"attributes.azimuth": {"old": 90, "new": 120}}}]
    for format, name in (("graphml", "a.graphml"), ("rfc8345", "a.json")):
        run("export", str(one), "--format", format, "--out", str(tmp_path / name))
        assert "no difference" in run("diff", str(one), str(tmp_path / name))
    assert json.loads(run("export", str(one), "--format", "geojson"))["type"] == "FeatureCollection"
    with pytest.raises(ConfigurationError, match="is no file"):
        topology_of("nowhere")
