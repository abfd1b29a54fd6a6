"""A topology as GraphML: objects are nodes, relations are directed edges, values are typed data.

What XML can't hold, control characters and halves of surrogate pairs, is replaced by U+FFFD.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape

import msgspec

from stream.sources.graphml import DECLARED, OWN, OWN_EDGE, REPORTED
from stream.sources.own_object import OwnObject
from twin.contents import Contents
from twin.topology_edit import UNKNOWN, Attributes, Value

_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<graphml xmlns="http://graphml.graphdrawing.org/xmlns">
"""
_NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TYPES: Mapping[type, str] = {bool: "boolean", int: "long", float: "double", str: "string"}
_BLANKS = str.maketrans({"\r": "&#13;", "\n": "&#10;", "\t": "&#9;"})
"""XML takes those for others unless they are written so."""


def write(of: Contents) -> bytes:
    """The file."""
    return _Writer(of).text().encode()


class _Writer:
    """One file on its way; a key is what data are called, of whom, and of which type."""

    def __init__(self, of: Contents) -> None:
        self.of = of
        self.keys: dict[tuple[str, str, str], str] = {}

    def text(self) -> str:
        """Everything, sorted by name."""
        mentioned = {end for edge in self.of.relations for end in edge[:2]}
        nodes = "".join(self._node(name) for name in sorted(self.of.entities.keys() | mentioned))
        edges = "".join(
            f"<edge source={_quoted(source)} target={_quoted(target)}>\n"
            + self._data("edge", _prefixed(DECLARED, relation.attributes) | {OWN_EDGE: kind})
            + "</edge>\n"
            for (source, target, kind), relation in sorted(self.of.relations.items())
        )
        keys = "".join(
            f'<key id="{id_}" for="{for_}" attr.name={_quoted(name)} attr.type="{type_}"/>\n'
            for (for_, name, type_), id_ in self.keys.items()
        )
        return f'{_HEAD}{keys}<graph id="lockstep" edgedefault="directed">\n{nodes}{edges}</graph>\n</graphml>\n'

    def _node(self, name: str) -> str:
        entity = self.of.entities.get(name)
        own = OwnObject(dn=name, kind=entity.kind if entity else UNKNOWN, declared=name not in self.of.discovered)
        data: Attributes = {OWN: msgspec.json.encode(own).decode()}
        if entity:
            data |= _prefixed(DECLARED, entity.attributes) | _prefixed(REPORTED, entity.reported)
        return f"<node id={_quoted(name)}>\n{self._data('node', data)}</node>\n"

    def _data(self, for_: str, data: Attributes) -> str:
        return "".join(
            f'<data key="{self._key(for_, name, value)}">{_written(value)}</data>\n' for name, value in data.items()
        )

    def _key(self, for_: str, name: str, value: Value) -> str:
        return self.keys.setdefault((for_, name, _TYPES[type(value)]), f"d{len(self.keys)}")


def _prefixed(prefix: str, values: Mapping[str, Value]) -> Attributes:
    return {prefix + name: value for name, value in sorted(values.items()) if value is not None}


def _written(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return _escaped(str(value))


def _quoted(text: str) -> str:
    return f'"{_escaped(text)}"'


def _escaped(text: str) -> str:
    return escape(_NO_XML.sub("\ufffd", text)).translate(_BLANKS)
