"""JSON Schemas (2020-12) of the events, from the very structures that read and write them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec
from msgspec import inspect

from stream.contract.vocabulary import EVENTS
from stream.contract.wording import field_texts, summary

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

Schema = dict[str, Any]

SENML: Final = "application/senml+json"
"""Packs of RFC 8428: what this version takes of them."""


def schema_id(type_: str) -> str:
    """The `$id` of an event's schema: its name and version, no host."""
    return f"urn:lockstep:schema:{type_}"


def schema_of(type_: str) -> Schema:
    """The schema of one event.

    Unknown fields are allowed: a reader skips them, a later version may add some. Whoever wants to be strict about what
    a given version writes takes `strict`.

    Args:
        type_: Its CloudEvents type, a key of `EVENTS`.
    """
    kind = EVENTS[type_]
    _, defs = msgspec.json.schema_components([kind], ref_template="#/$defs/{name}")
    for one in structures(kind):
        _describe(defs[one.__name__], one)
    root = defs.pop(kind.__name__)
    root = {"$schema": DIALECT, "$id": schema_id(type_), **root}
    return root | {"$defs": dict(sorted(defs.items()))} if defs else root


def strict(schema: Schema) -> Schema:
    """A copy that refuses fields which are not declared: for checking what this version sends, never for reading."""

    def closed(node: Any) -> Any:
        if isinstance(node, list):
            return [closed(child) for child in node]
        if not isinstance(node, dict):
            return node
        made = {key: closed(child) for key, child in node.items()}
        if "properties" in made and "additionalProperties" not in made:
            made["additionalProperties"] = False
        return made

    made: Schema = closed(schema)
    return made


def structures(kind: type[msgspec.Struct]) -> list[type[msgspec.Struct]]:
    """A structure and all that it is made of, itself first."""
    found: dict[type[msgspec.Struct], None] = {}

    def walk(node: inspect.Type) -> None:
        if isinstance(node, inspect.StructType):
            if node.cls in found:
                return
            found[node.cls] = None
            for field in node.fields:
                walk(field.type)
        else:
            for child in _parts(node):
                walk(child)

    walk(inspect.type_info(kind))
    return list(found)


def senml_schema() -> Schema:
    """A SenML pack in JSON: the labels of RFC 8428 and their types, one object a record."""
    number, text = {"type": "number"}, {"type": "string"}
    said: list[tuple[str, Schema, str]] = [
        ("bn", text, "Base name: stands before every name from here on."),
        ("bt", number, "Base time [s]."),
        ("bu", text, "Base unit."),
        ("bv", number, "Base value."),
        ("bs", number, "Base sum."),
        ("bver", {"type": "integer"}, "Version of SenML, 10 at most."),
        ("n", text, "Name; with the base name a distinguished name and a sensor's."),
        ("u", text, "Unit of the SenML registry."),
        ("v", number, "Value."),
        ("vs", text, "Value that is text."),
        ("vb", {"type": "boolean"}, "Value that is true or false."),
        ("vd", text, "Value that is data, base64url."),
        ("s", number, "Sum of the values over time."),
        ("t", number, "Time [s since 1970]; below 2^28: from now."),
        ("ut", number, "The next record is to be expected within this time [s]."),
    ]
    properties = {label: {**schema, "description": text} for label, schema, text in said}
    return {
        "$schema": DIALECT,
        "$id": "urn:lockstep:schema:senml",
        "title": "SenML",
        "description": "A pack of sensor measurements, RFC 8428.",
        "type": "array",
        "items": {"type": "object", "properties": properties},
    }


def _describe(schema: Schema, kind: type[msgspec.Struct]) -> None:
    if text := summary(kind):
        schema["description"] = text
    for name, said in field_texts(kind).items():
        own = schema["properties"][name]
        # The text of a structure that it refers to is at that structure.
        schema["properties"][name] = {**own, "description": said}


def _parts(node: inspect.Type) -> Iterator[inspect.Type]:
    if isinstance(node, inspect.ListType):
        yield node.item_type
    elif isinstance(node, inspect.TupleType):
        yield from node.item_types
    elif isinstance(node, inspect.VarTupleType):
        yield node.item_type
    elif isinstance(node, inspect.UnionType):
        yield from node.types
    elif isinstance(node, inspect.DictType):
        yield node.key_type
        yield node.value_type
    elif isinstance(node, inspect.Metadata):
        yield node.type
