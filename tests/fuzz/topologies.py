"""Targets that read descriptions of networks: what comes out is what the log takes, and exports give it back."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime

import msgspec

from stream import decode as events
from stream.exports import geojson
from stream.exports import graphml as graphml_out
from stream.exports import rfc8345 as rfc8345_out
from stream.sources import graphml, node_link, rfc8345, teiv, teiv_kafka
from stream.sources.inventory import changes
from tests.fuzz.codecs import JSON
from tests.fuzz.target import Target
from tests.teiv_events import entity, event, relation
from twin.contents import Contents
from twin.errors import BadInput
from twin.events import TopologyChange
from twin.topology import Topology
from twin.topology_diff import apply, diff

_AT = datetime(2024, 5, 1, 8, tzinfo=UTC)


def _taken(change: TopologyChange) -> None:
    assert events.decode(events.TOPOLOGY, msgspec.json.encode(change)) == change
    topology = Topology()
    try:
        topology.apply(change, 1)
    except BadInput:
        assert not len(topology)
        return
    assert Topology.from_dict(topology.to_dict()).to_dict() == topology.to_dict()


def _whole(of: Contents) -> None:
    for change in changes(of.entities.values(), of.relations.values(), _AT, "fuzz"):
        _taken(change)
    assert not diff(of, rfc8345.read(rfc8345_out.write(of)))
    graphml.read(io.BytesIO(graphml_out.write(of)))
    geojson.write(of)
    nothing = Contents({}, {})
    assert not diff(apply(diff(nothing, of), nothing), of)


def _teiv(data: bytes) -> None:
    notes: Counter[str] = Counter()
    _taken(teiv_kafka.of_text(data, notes) if data.startswith(teiv_kafka.TEXT_MARK) else teiv.structured(data, notes))


_RAN = "o-ran-smo-teiv-ran:"


def _teiv_seeds() -> Iterable[bytes]:
    du, cell = "urn:3gpp:dn:ManagedElement=1,ODUFunction=1", "urn:3gpp:dn:ManagedElement=1,ODUFunction=1,NRCellDU=1"
    place = {"latitude": 1.5, "longitude": 2, "height": None}
    made = event(
        entities=[
            entity(_RAN + "NRCellDU", cell, nCI="12", plmnId={"mcc": "001", "mnc": "01"}),
            entity(_RAN + "Sector", "s", **{"sectorId": 2**64, "azimuth": "30.5", "geo-location": place}),
            entity("o-ran-smo-teiv-equipment:Site", "x", **{"geo-location": {"location": place}}),
        ],
        relationships=[
            relation(_RAN + "ODUFUNCTION_PROVIDES_NRCELLDU", "r", du, cell),
            relation(_RAN + "SECTOR_GROUPS_NRCELLDU", "q", "s", cell),
        ],
    )
    yield made
    yield event("delete", "ran-logical-topology.", entities=[entity(_RAN + "Sector", "s")])
    yield event("source-entity-delete", type="cmHandle", value="A")
    data = json.dumps(json.loads(made)["data"]).encode()
    yield b"ce_specversion:::1.0,ce_type:::ran-logical-topology.merge,ce_time:::2024-05-01T08:00:00Z,,," + data


def _rfc8345_seeds() -> Iterable[bytes]:
    points = [{"tp-id": "p", "supporting-termination-point": [{"network-ref": "m", "node-ref": "b", "tp-ref": "q"}]}]
    node = {"node-id": "a", "ietf-network-topology:termination-point": points, "x:attributes": {"y": [1, {"z": None}]}}
    node["supporting-node"] = [{"network-ref": "m", "node-ref": "b"}]
    ends = {"source": {"source-node": "a", "source-tp": "p"}, "destination": {"dest-node": "a"}}
    link = {"link-id": "l", "supporting-link": [{"network-ref": "m", "link-ref": "k"}], **ends}
    upper = {"network-id": "n", "network-types": {"t:u": {}}, "node": [node], "ietf-network-topology:link": [link]}
    upper["supporting-network"] = [{"network-ref": "m"}]
    lower = {"network-id": "m", "node": [{"node-id": "b"}]}
    document = json.dumps({rfc8345.NETWORKS: {"network": [upper, lower]}}).encode()
    yield document
    yield rfc8345_out.write(rfc8345.read(document))


_GRAPHML = (
    '<graphml xmlns="http://graphml.graphdrawing.org/xmlns"><key id="a" for="node" attr.name="Latitude" '
    'attr.type="double"><default>1</default></key><key id="b" for="edge" attr.name="speed" attr.type="long"/><graph>'
    '<node id="0"><data key="a">2.5</data></node><node id="1"/>'
    '<edge source="0" target="1"><data key="b">7</data></edge>'
    '<edge source="1" target="1" directed="true"/><hyperedge><endpoint node="0"/><endpoint node="1"/></hyperedge>'
    "</graph></graphml>"
)


def _graphml_seeds() -> Iterable[bytes]:
    yield _GRAPHML.encode()
    yield graphml_out.write(graphml.read(io.BytesIO(_GRAPHML.encode()), "SubNetwork=1"))


_NODE_LINK = {
    "directed": False,
    "multigraph": True,
    "graph": {"name": "x", "demands": {}},
    "nodes": [{"id": 0, "pos": [11.5, 48], "name": "a"}, {"id": "1", "deep": {"er": [1]}}],
    "edges": [{"source": 0, "target": "1", "dist": 1.5}, {"source": "1", "target": 0}],
}


def _node_link_seeds() -> Iterable[bytes]:
    yield json.dumps(_NODE_LINK).encode()


TARGETS = (
    Target("teiv", _teiv, _teiv_seeds, JSON),
    Target("rfc8345", lambda data: _whole(rfc8345.read(data, "SubNetwork=1")), _rfc8345_seeds, JSON),
    Target("graphml", lambda data: _whole(graphml.read(io.BytesIO(data), "SubNetwork=1")), _graphml_seeds),
    Target("node-link", lambda data: _whole(node_link.read(data, "A=1")), _node_link_seeds, JSON),
)
