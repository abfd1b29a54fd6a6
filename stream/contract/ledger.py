"""What has been promised of topics and events, field by field, and whether the code still keeps it.

The ledger lies in `docs/contract/ledger.json`. What may change: a new event, topic, or field with a default; one more
value of an enumeration. What may not: whatever an old reader needs of new data, or a new reader of old data.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from stream.contract.schemas import Schema, schema_of
from stream.contract.vocabulary import EVENTS, carried, topics

Field = list[Any]
"""Type, and the default if there is one: a field without is required."""

Structure = dict[str, Field]
Event = dict[str, Structure]

ONE_OF: Final = "one of "
_LIMITS: Final = ("minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems")


class TopicLine(msgspec.Struct):
    """What is promised of a topic; partitions and retention are the operator's."""

    key: str
    types: list[str]


class Ledger(msgspec.Struct):
    """All that is promised."""

    topics: dict[str, TopicLine]
    events: dict[str, Event]


def current() -> Ledger:
    """What the code does now."""
    return Ledger(
        topics={topic.name: TopicLine(topic.key, list(carried(topic))) for topic in topics()},
        events={type_: _event(schema_of(type_)) for type_ in sorted(EVENTS)},
    )


def broken(promised: Ledger, now: Ledger) -> list[str]:
    """What was promised and isn't kept, with what to do; empty: all is kept."""
    return [
        *(
            f"topic {name}: {what}"
            for name, old in promised.topics.items()
            for what in _topic(old, now.topics.get(name))
        ),
        *(f"{type_}{what}" for type_, old in promised.events.items() for what in _changed(old, now.events.get(type_))),
    ]


def write(ledger: Ledger) -> str:
    """As text: a topic or a field a line."""
    lines = ["{", ' "topics": {']
    lines.append(",\n".join(f"  {_json(name)}: {_json(msgspec.to_builtins(t))}" for name, t in ledger.topics.items()))
    lines += [" },", ' "events": {']
    lines.append(
        ",\n".join(f"  {_json(type_)}: {{\n{_structures(event)}\n  }}" for type_, event in ledger.events.items())
    )
    return "\n".join([*lines, " }", "}", ""])


def read(text: bytes | str) -> Ledger:
    """The reverse of `write`. Raises msgspec.DecodeError."""
    return msgspec.json.decode(text, type=Ledger)


def type_text(schema: Schema) -> str:
    """The type that a schema describes, in short: `[number or null]`, `string date-time`, `one of down, up`."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "enum" in schema:
        return ONE_OF + ", ".join(map(str, schema["enum"]))
    if "anyOf" in schema:
        return " or ".join(sorted(type_text(one) for one in schema["anyOf"]))
    kind = schema.get("type", "any")
    if "prefixItems" in schema:
        return "(" + ", ".join(type_text(one) for one in schema["prefixItems"]) + ")"
    if kind == "array":
        text = f"[{type_text(schema.get('items', {}))}]"
    elif kind == "object":
        text = f"{{{type_text(schema.get('additionalProperties', {}))}}}"
    else:
        text = " ".join([str(kind), *(str(schema[key]) for key in ("format", "contentEncoding") if key in schema)])
    limits = [f"{key} {schema[key]}" for key in _LIMITS if key in schema]
    return f"{text} ({', '.join(limits)})" if limits else text


def _event(schema: Schema) -> Event:
    own = {key: value for key, value in schema.items() if key != "$defs"}
    parts = {own["title"]: own, **schema.get("$defs", {})}
    return {name: _structure(part) for name, part in parts.items()}


def _structure(schema: Schema) -> Structure:
    required = set(schema.get("required", ()))
    return {
        name: [type_text(field)] if name in required else [type_text(field), field.get("default")]
        for name, field in schema.get("properties", {}).items()
    }


def _topic(old: TopicLine, new: TopicLine | None) -> Iterator[str]:
    if new is None:
        yield "is gone: whoever reads or writes it still does; keep it"
        return
    if old.key != new.key:
        yield f"was keyed by {old.key}, is keyed by {new.key}: order and partitions depend on it; keep it"
    for type_ in sorted(set(old.types) - set(new.types)):
        yield f"no longer carries {type_}: keep it, or send it beside its successor"


def _changed(old: Event, new: Event | None) -> Iterator[str]:
    if new is None:
        yield ": the event is gone; keep it, or send its next version (.v2) beside it"
        return
    for structure, fields in old.items():
        if structure not in new:
            yield f": structure {structure} is gone or has another name; keep it"
            continue
        for name, told in fields.items():
            for what in _field(told, new[structure].get(name)):
                yield f": {structure}.{name} {what}"
        for name in new[structure].keys() - fields.keys():
            if len(new[structure][name]) == 1:
                yield f": {structure}.{name} is new and has no default: old data lack it; give it a default"


def _field(old: Field, new: Field | None) -> Iterator[str]:
    if new is None:
        yield "was removed or renamed: keep it, and add what is new beside it, with a default"
        return
    if not _same_type(old[0], new[0]):
        yield f"was {old[0]!r}, is {new[0]!r}: types never change; keep it, and add a field of another name"
    if len(old) == 2 and len(new) == 1:
        yield "had a default and has none: old data may lack it; give it its default again"
    elif len(old) == 2 and old[1] != new[1]:
        yield f"had the default {_json(old[1])}, has {_json(new[1])}: old data would change their meaning; keep it"


def _same_type(old: str, new: str) -> bool:
    if old.startswith(ONE_OF) and new.startswith(ONE_OF):
        return set(old.removeprefix(ONE_OF).split(", ")) <= set(new.removeprefix(ONE_OF).split(", "))
    return old == new


def _structures(event: Mapping[str, Structure]) -> str:
    return ",\n".join(
        f"   {_json(name)}: {{\n" + ",\n".join(f"    {_json(f)}: {_json(v)}" for f, v in fields.items()) + "\n   }"
        for name, fields in event.items()
    )


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
