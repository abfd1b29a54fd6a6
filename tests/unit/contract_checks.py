"""Whether messages keep the contract, and whether an AsyncAPI document keeps the rules of AsyncAPI 3.0."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache
from typing import Any

import msgspec
from jsonschema import Draft202012Validator, FormatChecker
from msgspec import inspect

from stream.contract.asyncapi import headers_schema
from stream.contract.schemas import schema_of, strict
from stream.topics import INBOX, OUTLETS
from twin.log import LogRecord, Outlet

FORMATS = FormatChecker(formats=())


@FORMATS.checks("date-time", raises=ValueError)
def _has_zone(text: object) -> bool:
    return not isinstance(text, str) or ("T" in text and datetime.fromisoformat(text).tzinfo is not None)


@cache
def _body(type_: str) -> Draft202012Validator:
    return Draft202012Validator(strict(schema_of(type_)), format_checker=FORMATS)


@cache
def _head(type_: str, recorded: bool) -> Draft202012Validator:
    return Draft202012Validator(strict(headers_schema(type_, recorded)), format_checker=FORMATS)


def body_faults(type_: str, value: bytes) -> list[str]:
    """What is wrong with a message's value; a field that its schema doesn't declare is."""
    return [f"{type_}: {fault.json_path}: {fault.message[:200]}" for fault in _body(type_).iter_errors(_plain(value))]


def outlet_faults(out: Outlet) -> list[str]:
    """The same of what the fold tells."""
    return body_faults(OUTLETS[out.kind].event, out.value)


def record_faults(record: LogRecord) -> list[str]:
    """The same of a record of the log."""
    return body_faults(record.type, record.value)


def message_faults(topic: str, types: tuple[str, ...], message: Any) -> list[str]:
    """What is wrong with a message of aiokafka: its headers, its key, its value."""
    head = {name: value.decode() for name, value in message.headers}
    type_ = head.get("ce_type", "")
    if type_ not in types:
        return [f"{topic}: {type_!r} is none of {types}"]
    faults = [f"{topic}: {f.json_path}: {f.message}" for f in _head(type_, topic == INBOX.name).iter_errors(head)]
    body = _plain(message.value)
    if topic != INBOX.name and body["id"] != head["ce_id"]:
        faults.append(f"{topic}: ce_id {head['ce_id']} is not the body's id {body['id']}")
    if message.key.decode() != head["ce_subject"]:
        faults.append(f"{topic}: the key {message.key!r} is not the subject {head['ce_subject']!r}")
    return faults + body_faults(type_, message.value)


def _plain(value: bytes) -> Any:
    return msgspec.json.decode(value)


# Examples -------------------------------------------------------------------------------------------------------------


def example(kind: type[msgspec.Struct], full: bool) -> Any:
    """An event of this structure: with everything in it that can be, or with as little as is allowed."""
    return msgspec.convert(_example(inspect.type_info(kind), full), kind)


def _example(node: inspect.Type, full: bool) -> Any:
    if isinstance(node, inspect.StructType):
        needed = [field for field in node.fields if full or field.required]
        return {field.encode_name: _example(field.type, full) for field in needed}
    if isinstance(node, inspect.UnionType):
        nothing = any(isinstance(one, inspect.NoneType) for one in node.types)
        return None if nothing and not full else _example(next(t for t in node.types if not _is_none(t)), full)
    if isinstance(node, inspect.TupleType):
        return [_example(one, full) for one in node.item_types]
    if isinstance(node, inspect.ListType):
        return [_example(node.item_type, full)] * max(node.min_length or 0, int(full))
    if isinstance(node, inspect.DictType):
        return {_example(node.key_type, full): _example(node.value_type, full)} if full else {}
    if isinstance(node, inspect.LiteralType):
        return node.values[-1 if full else 0]
    if isinstance(node, inspect.IntType):
        return max(node.ge or 0, 7 if full else 0)
    if isinstance(node, inspect.StrType):
        return "x" * max(node.min_length or 0, 3 if full else 0)
    return _SIMPLE[type(node)][full]


_SIMPLE: dict[type, tuple[Any, Any]] = {
    inspect.FloatType: (0.0, -1.5),
    inspect.BoolType: (False, True),
    inspect.BytesType: (b"", b"\0\xff"),
    inspect.DateTimeType: ("1970-01-01T00:00:00Z", "2026-03-01T10:15:00.5+05:30"),
    inspect.AnyType: (None, {"any": ["thing", 1, None]}),
}


def _is_none(node: inspect.Type) -> bool:
    return isinstance(node, inspect.NoneType)


# AsyncAPI 3.0 --------------------------------------------------------------------------------------------------------

ROOT = {"asyncapi", "id", "info", "servers", "defaultContentType", "channels", "operations", "components"}
CHANNEL = {"address", "messages", "title", "summary", "description", "servers", "parameters", "tags", "bindings"}
OPERATION = {
    "action",
    "channel",
    "title",
    "summary",
    "description",
    "security",
    "tags",
    "bindings",
    "traits",
    "messages",
}
MESSAGE = {"headers", "payload", "contentType", "name", "title", "summary", "description", "tags", "bindings"}
NAME = re.compile(r"[A-Za-z0-9._-]+")


def rules_broken(document: dict[str, Any]) -> list[str]:
    """What of AsyncAPI 3.0 a document doesn't keep: keys, names, actions, and references that lead nowhere."""
    return list(_broken(document))


def _broken(document: dict[str, Any]) -> Iterator[str]:
    yield from _keys("the root", document, ROOT, {"asyncapi", "info"})
    if document.get("asyncapi") != "3.0.0":
        yield "asyncapi is not 3.0.0"
    yield from (f"info lacks {key}" for key in ("title", "version") if key not in document.get("info", {}))
    for name, channel in document.get("channels", {}).items():
        yield from _keys(f"channel {name}", channel, CHANNEL, {"address", "messages"})
        for message in channel.get("messages", {}).values():
            if not message.get("$ref", "").startswith("#/components/messages/"):
                yield f"channel {name}: a message is not one of the components"
    for name, operation in document.get("operations", {}).items():
        yield from _keys(f"operation {name}", operation, OPERATION, {"action", "channel"})
        if operation.get("action") not in ("send", "receive"):
            yield f"operation {name}: action {operation.get('action')!r}"
        channel = operation.get("channel", {}).get("$ref", "")
        if not channel.startswith("#/channels/"):
            yield f"operation {name}: its channel is not a channel of the document"
        for message in operation.get("messages", []):
            if not message.get("$ref", "").startswith(f"{channel}/messages/"):
                yield f"operation {name}: a message is none of its channel's"
    components = document.get("components", {})
    for kind, parts in components.items():
        yield from (f"{kind}: bad name {name!r}" for name in parts if NAME.fullmatch(name) is None)
    for name, message in components.get("messages", {}).items():
        yield from _keys(f"message {name}", message, MESSAGE, {"payload", "headers", "contentType"})
        if message.get("headers", {}).get("type") != "object":
            yield f"message {name}: headers are an object"
    for name, schema in components.get("schemas", {}).items():
        yield from _keys(f"schema {name}", schema, {"schemaFormat", "schema"}, {"schemaFormat", "schema"})
    yield from _dangling(document, document)


def _keys(where: str, found: Mapping[str, Any], allowed: set[str], needed: set[str]) -> Iterator[str]:
    yield from (f"{where} lacks {key}" for key in sorted(needed - found.keys()))
    yield from (f"{where} has {key}" for key in sorted(found.keys() - allowed))


def _dangling(node: Any, root: Any) -> Iterator[str]:
    """References that lead nowhere; below a `$id` they begin there."""
    if isinstance(node, list):
        for child in node:
            yield from _dangling(child, root)
    elif isinstance(node, dict):
        base = node if "$id" in node else root
        if isinstance(ref := node.get("$ref"), str) and not _leads(ref, base):
            yield f"{ref} leads nowhere"
        for child in node.values():
            yield from _dangling(child, base)


def _leads(ref: str, base: Any) -> bool:
    if not ref.startswith("#/"):
        return False
    for part in ref[2:].split("/"):
        key = part.replace("~1", "/").replace("~0", "~")
        if not isinstance(base, dict) or key not in base:
            return False
        base = base[key]
    return True
