"""Networks in RFC 8345, GraphML and node-link JSON: read as they stand, written, and read back as they were."""

from __future__ import annotations

import io
import json
import re
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import contents as any_contents

from stream.exports import geojson
from stream.exports import graphml as graphml_out
from stream.exports import rfc8345 as rfc8345_out
from stream.sources import graphml, node_link, rfc8345
from twin.contents import Contents, collect
from twin.errors import BadInput
from twin.events import Entity, Relation
from twin.topology_diff import diff

DATA = Path(__file__).parents[2].parent / "shared/data/topologies"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="shared/data/topologies is not here")
ZOO = sorted((DATA / "internet_topology_zoo").glob("*.graphml"))
SNDLIB = sorted((DATA / "sndlib").glob("*.json"))
SCOPE = "SubNetwork=backbone"


def of_graphml(data: bytes, scope: str = SCOPE) -> Contents:
    return graphml.read(io.BytesIO(data), scope)


def refused(read: Any, data: bytes) -> BadInput:
    with pytest.raises(BadInput) as caught:
        read(data)
    return caught.value


def kinds(of: Contents) -> Counter[str]:
    return Counter(entity.kind for entity in of.entities.values())


# Recorded topologies -------------------------------------------------------------------------------------------------


@needs_data
@pytest.mark.parametrize("file", ZOO, ids=lambda file: file.stem)
def test_every_topology_of_the_zoo_is_read_whole_and_comes_back(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    found = of_graphml(file.read_bytes())
    nodes, edges = len(re.findall("<node ", text)), len(re.findall("<edge ", text))
    # Parallel edges stay apart, doubled labels and coordinates don't matter, components needn't hang together.
    assert kinds(found) == {"element": nodes, "link": edges}
    latitude = re.search(r'attr.name="Latitude" attr.type="double" for="node" id="(\w+)"', text)
    assert latitude is not None
    placed = len(re.findall(rf'<data key="{latitude[1]}">', text))
    assert sum("latitude" in entity.attributes for entity in found.entities.values()) == placed
    assert not diff(found, of_graphml(graphml_out.write(found), ""))
    assert not diff(found, rfc8345.read(rfc8345_out.write(found)))


@needs_data
def test_the_zoo_is_read_as_it_stands() -> None:
    found = of_graphml((DATA / "internet_topology_zoo/Arpanet196912.graphml").read_bytes())
    text = (DATA / "internet_topology_zoo/Arpanet196912.graphml").read_text(encoding="utf-8")
    labels = {match[1] for match in re.finditer(r'<data key="d3[0-9]">([A-Z]+)</data>', text)}
    assert {str(found.entities[f"{SCOPE},Node={n}"].attributes["label"]) for n in range(4)} <= labels
    ends = sorted((target, name) for name, target, _ in found.relations)
    assert len(ends) == 2 * len(re.findall("<edge ", text))


@needs_data
@pytest.mark.parametrize("file", SNDLIB, ids=lambda file: file.stem)
def test_networks_of_sndlib_are_read_and_their_demands_noted(file: Path) -> None:
    document = json.loads(file.read_text(encoding="utf-8"))
    notes: Counter[str] = Counter()
    found = node_link.read(file.read_bytes(), SCOPE, notes)
    assert kinds(found) == {"element": len(document["nodes"]), "link": len(document["edges"])}
    first = document["nodes"][0]
    attributes = found.entities[f"{SCOPE},Node={first['id']}"].attributes
    assert (attributes["longitude"], attributes["latitude"], attributes["name"]) == (*first["pos"], first["name"])
    assert any("demands" in note for note in notes)
    assert not diff(found, of_graphml(graphml_out.write(found), ""))


@needs_data
@pytest.mark.parametrize("name", ["mp_attr", "nlink_check", "target3"])
def test_networks_of_rfc_8345_are_read_whole_and_come_back(name: str) -> None:
    data = (DATA / f"rfc8345/{name}.json").read_bytes()
    text = data.decode()
    found = rfc8345.read(data)
    told = {"region": "network-id", "element": "node-id", "asset": "tp-id", "link": "link-id"}
    assert kinds(found) == {kind: len(re.findall(f'"{id_}"', text)) for kind, id_ in told.items()}
    ends = 2 * len(re.findall('"link-id"', text))
    supporting = len(re.findall('"network-ref"', text))
    assert Counter(kind for *_, kind in found.relations) == Counter(connects=ends) + Counter(located_at=supporting)
    assert not diff(found, rfc8345.read(rfc8345_out.write(found)))
    assert not diff(found, of_graphml(graphml_out.write(found), ""))


@needs_data
def test_layers_stand_on_each_other() -> None:
    found = rfc8345.read((DATA / "rfc8345/target3.json").read_bytes())
    document = json.loads((DATA / "rfc8345/target3.json").read_text())["ietf-network:networks"]["network"]
    upper = next(network for network in document if network["network-id"] == "target-L2")
    node = next(node for node in upper["node"] if node["node-id"] == "R1-GRT")
    below = node["supporting-node"][0]
    edge = (
        f"Network=target-L2,Node={node['node-id']}",
        f"Network={below['network-ref']},Node={below['node-ref']}",
        "located_at",
    )
    assert found.relations[edge].attributes == {"supporting": True}
    assert ("Network=target-L2", "Network=target-L1", "located_at") in found.relations


@needs_data
def test_what_is_no_topology_is_refused_for_what_it_is() -> None:
    empty = refused(rfc8345.read, (DATA / "rfc8345/bf_l2s1.json").read_bytes())
    assert empty.reason == "empty"
    difference = refused(rfc8345.read, (DATA / "rfc8345/target3.diff.json").read_bytes())
    assert difference.reason == "wrong-type"
    assert "difference" in difference.detail


# What is wrong -------------------------------------------------------------------------------------------------------


def network(**more: Any) -> bytes:
    node = {"node-id": "a", "ietf-network-topology:termination-point": [{"tp-id": "1"}]}
    body = {"network-id": "n", "node": [node, {"node-id": "b"}]} | more
    return json.dumps({"ietf-network:networks": {"network": [body]}}).encode()


def link(source: dict[str, str], target: dict[str, str]) -> dict[str, Any]:
    return {"ietf-network-topology:link": [{"link-id": "l", "source": source, "destination": target}]}


@pytest.mark.parametrize(
    ("data", "reason", "told"),
    [
        (b" ", "empty", "nothing"),
        (b"{", "malformed", "JSON"),
        (b"[]", "wrong-type", "ietf-network:networks"),
        (b'{"ietf-network:networks":{}}', "empty", "no network"),
        (b'{"ietf-network:networks":{"network":{}}}', "wrong-type", "list"),
        (network(**{"network-id": 7}), "wrong-type", "network-id"),
        (network(node=[{"node-id": "a"}, {"node-id": "a"}]), "contradiction", "two"),
        (network(**link({"source-node": "a"}, {"dest-node": "c"})), "wrong-type", "'c', which is no node"),
        (network(**link({"source-node": "a", "source-tp": "2"}, {"dest-node": "b"})), "wrong-type", "no point of 'a'"),
        (network(**link({"source-node": "a"}, {})), "wrong-type", "dest-node"),
        (network(**{"x:a": [1] * 40_000}), "too-large", "characters"),
        (network(**{"x:a": {str(n): n for n in range(600)}}), "too-large", "attributes"),
        (b'{"ietf-network:networks":' + b"[" * 100_000, "malformed", ""),
    ],
)
def test_networks_that_cannot_be_used_say_why(data: bytes, reason: str, told: str) -> None:
    error = refused(rfc8345.read, data)
    assert (error.reason, told in error.detail) == (reason, True)


def xml(body: str, keys: str = "") -> bytes:
    return f'<graphml xmlns="http://graphml.graphdrawing.org/xmlns">{keys}<graph>{body}</graph></graphml>'.encode()


AGE = '<key id="k" for="node" attr.name="age" attr.type="int"/>'


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"<graphml", "malformed"),
        (xml(""), "empty"),
        (xml("<node/>"), "wrong-type"),
        (xml('<node id="a"/><node id="a"/>'), "contradiction"),
        (xml('<node id="a"/><edge source="a" target="b"/>'), "wrong-type"),
        (xml('<node id="a"><data key="k">old</data></node>', AGE), "wrong-type"),
        (xml('<node id="a"><data key="z">1</data></node>', AGE), "wrong-type"),
        (xml('<node id="a"><graph/></node>'), "wrong-type"),
        (xml(f'<node id="{"a" * 200}"/>'), "bad-name"),
        (b'<!DOCTYPE graphml [<!ENTITY a "b">]>' + xml('<node id="a"/>'), "malformed"),
    ],
)
def test_graphs_that_cannot_be_used_say_why(data: bytes, reason: str) -> None:
    assert refused(of_graphml, data).reason == reason


def test_edges_before_nodes_hyperedges_defaults_and_loops() -> None:
    keys = AGE.replace("/>", "><default>7</default></key>")
    edges = '<edge source="a" target="b"/><edge source="b" target="a"/><edge source="a" target="a" directed="true"/>'
    hyper = '<hyperedge><endpoint node="a"/><endpoint node="b"/><endpoint node="c"/></hyperedge>'
    found = of_graphml(
        xml(edges + hyper + '<node id="a"><data key="k">8</data></node><node id="b"/><node id="c"/>', keys)
    )
    assert [found.entities[f"{SCOPE},Node={id_}"].attributes["age"] for id_ in "abc"] == [8, 7, 7]
    links = {name for name, entity in found.entities.items() if entity.kind == "link"}
    assert links == {f"{SCOPE},Link={name}" for name in ("a-b", "a-b-2", "a-a", "a-b-c")}
    ends = sorted(target for source, target, _ in found.relations if source == f"{SCOPE},Link=a-b-c")
    assert ends == [f"{SCOPE},Node={id_}" for id_ in "abc"]
    assert found.relations[f"{SCOPE},Link=a-a", f"{SCOPE},Node=a", "connects"].attributes == {"end": "both"}


def test_two_networks_of_the_same_ids_are_kept_apart_by_their_scope() -> None:
    data = json.dumps({"directed": False, "multigraph": False, "nodes": [{"id": 0}], "edges": []}).encode()
    one, other = node_link.read(data, "SubNetwork=a"), node_link.read(data, "SubNetwork=b")
    assert not one.entities.keys() & other.entities.keys()


# Round trips ---------------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(any_contents)
def test_rfc_8345_gives_back_what_was_written(of: Contents) -> None:
    assert not diff(of, rfc8345.read(rfc8345_out.write(of)))


@settings(max_examples=60, deadline=None)
@given(any_contents)
def test_graphml_gives_back_what_was_written_but_for_what_xml_cannot_hold(of: Contents) -> None:
    if not of.entities and not of.relations:
        return
    assert not diff(shown(of), of_graphml(graphml_out.write(of), ""))


def shown(of: Contents) -> Contents:
    """With control characters replaced as GraphML does; names have none of those that XML can't hold but U+FFFE."""

    def plain(values: dict[str, Any]) -> dict[str, Any]:
        return {clean(k): clean(v) if isinstance(v, str) else v for k, v in values.items()}

    def clean(text: str) -> str:
        return re.sub("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", text)

    return collect(
        (
            Entity(dn=clean(e.dn), kind=e.kind, attributes=plain(e.attributes), reported=plain(e.reported))
            for e in of.entities.values()
        ),
        (
            Relation(source=clean(r.source), target=clean(r.target), kind=r.kind, attributes=plain(r.attributes))
            for r in of.relations.values()
        ),
        (clean(name) for name in of.discovered),
    )


@given(st.data())
@settings(max_examples=50, deadline=None)
def test_links_of_any_ends_become_links_where_the_model_allows_it(data: st.DataObject) -> None:
    """Also those that connect one object with itself, three objects, or a link with a link."""
    names = [f"Node={n}" for n in range(3)] + ["Link=a", "Link=b", "Network=n,Link=c", "Network=n,Node=1"]
    entities = [Entity(dn=name, kind="link" if "Link" in name else "element") for name in names] + [
        Entity(dn="Network=n", kind="region")
    ]
    pairs = data.draw(st.lists(st.tuples(st.sampled_from(names), st.sampled_from(names)), max_size=8))
    roles = st.sampled_from([{}, {"end": "source"}, {"end": "destination"}, {"end": "both"}, {"end": 1}, {"x": True}])
    relations = [
        Relation(source=source, target=target, kind="connects", attributes=dict(data.draw(roles)))
        for source, target in pairs
    ]
    of = collect(entities, relations)
    assert not diff(of, rfc8345.read(rfc8345_out.write(of)))


# GeoJSON -------------------------------------------------------------------------------------------------------------


def test_a_map_has_sectors_as_wedges_and_links_as_lines() -> None:
    site = Entity(dn="Site=a", kind="site", attributes={"latitude": 48.0, "longitude": 11.0})
    cell = Entity(dn="ManagedElement=1,NRCellDU=1", kind="cell", attributes={"azimuth": 90, "range_m": 1113.2})
    around = Entity(dn="ManagedElement=1,NRCellDU=2", kind="cell")
    lost = Entity(dn="ManagedElement=2", kind="element")
    other = Entity(dn="Site=b", kind="site", attributes={"latitude": 48.5, "longitude": 11.5})
    line = Entity(dn="Link=1", kind="link")
    relations = [Relation(source="ManagedElement=1", target="Site=a", kind="located_at")]
    relations += [Relation(source="Link=1", target=end, kind="connects") for end in ("Site=a", "Site=b")]
    document = json.loads(geojson.write(collect([site, cell, around, lost, other, line], relations)))
    features = {feature["id"]: feature["geometry"] for feature in document["features"]}
    assert features["Site=a"] == {"type": "Point", "coordinates": [11.0, 48.0]}
    assert features["Link=1"] == {"type": "LineString", "coordinates": [[11.0, 48.0], [11.5, 48.5]]}
    assert document["objects_without_a_place"] == 1
    ring = features["ManagedElement=1,NRCellDU=1"]["coordinates"][0]
    assert ring[0] == ring[-1] == [11.0, 48.0]
    # 0.01 degrees of latitude wide, to the east: where it is farthest, it is as high as its centre.
    farthest = max(ring)
    assert farthest[1] == pytest.approx(48.0, abs=1e-6)
    assert farthest[0] - 11.0 == pytest.approx(0.01 / 0.6691306, rel=1e-3)
    for name in ("ManagedElement=1,NRCellDU=1", "ManagedElement=1,NRCellDU=2"):
        ring = features[name]["coordinates"][0]
        area = sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in pairwise(ring))
        assert area > 0, "RFC 7946: exterior rings run counterclockwise"
