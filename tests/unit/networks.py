"""Hypothesis strategies for whole topologies."""

from __future__ import annotations

from hypothesis import strategies as st
from strategies import numbers, part, texts, wholes

from twin.contents import Contents, collect
from twin.events import Entity, Relation

KINDS = ("region", "site", "element", "cell", "link", "asset", "sensor")
RELATIONS = ("contains", "located_at", "neighbour", "connects", "powers", "measures")

values = texts | wholes | numbers | st.booleans()
attributes = st.dictionaries(texts, values, max_size=2)
_few = st.sampled_from(
    (
        *("Network=a", "Network=a,Node=1", "Network=a,Node=1,TerminationPoint=p", "Network=a,Node=2"),
        *("Network=a,Link=l", "ManagedElement=1", "ManagedElement=1,NRCellDU=1", "Link=l", "Site=1"),
        "SubNetwork=x,Network=a,Node=1",
    )
)
_names = _few | _few | st.lists(part, min_size=1, max_size=2).map(",".join)
_support = st.just({"supporting": True})


@st.composite
def _any(draw: st.DrawFn) -> Contents:
    kinds = st.sampled_from(KINDS)
    entities = [
        Entity(dn=name, kind=draw(kinds), attributes=draw(attributes), reported=draw(attributes))
        for name in draw(st.lists(_names, max_size=5, unique=True))
    ]
    ends = _names if not entities else _names | st.sampled_from([entity.dn for entity in entities])
    relations = [
        Relation(source=source, target=target, kind=kind, attributes=said)
        for source, target, kind, said in draw(
            st.lists(st.tuples(ends, ends, st.sampled_from(RELATIONS), attributes | _support), max_size=5)
        )
    ]
    unsaid = draw(st.sets(st.sampled_from([entity.dn for entity in entities]))) if entities else set()
    return collect(entities, relations, unsaid)


contents = _any()
"""Any topology: names of RFC 8345's kinds among them, ends that are no objects, values of all types."""
