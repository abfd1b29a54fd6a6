"""What the API has promised within its version: operations, parameters and fields, as lines; none is taken back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

METHODS = ("get", "post", "patch", "put", "delete")


def promises(document: Mapping[str, Any]) -> list[str]:
    """What an OpenAPI document promises, a line each, sorted.

    Args:
        document: As `create_app(...).openapi()` makes it.
    """
    return sorted({*_operations(document), *_fields(document)})


def broken(before: list[str], now: list[str]) -> list[str]:
    """What was promised and is no longer kept, and what is newly demanded of those who ask."""
    gone = [line for line in before if line not in now]
    known = {line.split(" needs ")[0] for line in before if " needs " in line} | {
        line for line in before if line.startswith(METHODS)
    }
    demanded = [line for line in now if " needs " in line and line not in before and line.split(" needs ")[0] in known]
    return [*(f"gone: {line}" for line in gone), *(f"new demand: {line}" for line in demanded)]


def _operations(document: Mapping[str, Any]) -> Iterator[str]:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if method not in METHODS:
                continue
            name = f"{method} {path}"
            yield name
            for parameter in operation.get("parameters", ()):
                verb = "needs" if parameter["required"] else "takes"
                yield f"{name} {verb} {parameter['in']} {parameter['name']}: {_type(parameter['schema'])}"
            for status, response in operation["responses"].items():
                for media, content in response.get("content", {}).items():
                    yield f"{name} answers {status} {media}: {_type(content.get('schema', {}))}"


def _fields(document: Mapping[str, Any]) -> Iterator[str]:
    for shape, schema in document["components"]["schemas"].items():
        for field, part in schema.get("properties", {}).items():
            yield f"{shape}.{field}: {_type(part)}"


def _type(schema: Mapping[str, Any]) -> str:
    """A schema in a word or two; bounds and descriptions may change."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " or ".join(sorted({_type(each) for each in schema["anyOf"]}))
    if "enum" in schema or "const" in schema:
        return "text"
    kind = str(schema.get("type", "anything"))
    if kind == "array":
        return f"list of {_type(schema.get('items', {}))}"
    if kind == "object" and isinstance(schema.get("additionalProperties"), Mapping):
        return f"map of {_type(schema['additionalProperties'])}"
    return {"string": "text"}.get(kind, kind) + (f" {schema['format']}" if "format" in schema else "")
