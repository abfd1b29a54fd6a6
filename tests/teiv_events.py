"""TEIV events in the making, and a model of types whose names are as long as names may be."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from stream.sources.teiv_model import Model, extended

LONG = {name: name + name[-1] * (60 - len(name)) for name in ("ManagedElement", "NRCellDU", "AntennaModule")}


def event(action: str = "create", stem: str = "topology-inventory-ingestion.", **data: Any) -> bytes:
    """An event in structured mode."""
    head = {
        "specversion": "1.0",
        "id": "1",
        "source": "tester",
        "type": f"{stem}{action}",
        "time": "2024-05-01T10:00:00Z",
    }
    return json.dumps(head | {"data": data}).encode()


def entity(type_: str, id_: str, **attributes: Any) -> dict[str, Any]:
    """One entity as an event lists it."""
    return {type_: [{"id": id_, "attributes": attributes, "sourceIds": ["urn:cmHandle:A", "s"]}]}


def relation(type_: str, id_: str, a: str, b: str) -> dict[str, Any]:
    """One relationship as an event lists it."""
    return {type_: [{"id": id_, "aSide": a, "bSide": b, "sourceIds": ["s", "t"]}]}


def model_of_tests(folder: Path, types: dict[str, tuple[str, str, str, str]], entities: dict[str, str]) -> Model:
    """The built-in model and more.

    Args:
        types: Of relationships: sides, kind, cardinality.
        entities: Kinds.
    """
    lines = ["[entities]", *(f'{json.dumps(name)} = "{kind}"' for name, kind in entities.items())]
    for name, (a, b, kind, cardinality) in types.items():
        lines.append(f"[relations.{json.dumps(name)}]")
        lines += [f'a = "{a}"', f'b = "{b}"', f'kind = "{kind}"', f'cardinality = "{cardinality}"']
    (folder / "model.toml").write_text("\n".join(lines))
    return extended(folder / "model.toml")


def said_by(file: Path) -> tuple[Counter[str], Counter[str]]:
    """Types of entities and of relationships in a sample, read without our parser."""
    data = json.loads(file.read_text())["data"]
    found: list[Counter[str]] = []
    for part in ("entities", "relationships"):
        counted: Counter[str] = Counter()
        for group in data.get(part) or []:
            for type_, items in group.items():
                counted[type_.rpartition(":")[2]] += len(items)
        found.append(counted)
    return found[0], found[1]
