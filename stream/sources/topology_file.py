"""Files that describe a network -> changes of the topology; what the user may say of them is the same for all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from stream.moments import moment
from stream.sources import graphml, node_link, rfc8345, teiv, teiv_kafka
from stream.sources.account import Account
from stream.sources.inventory import changes
from stream.sources.network_names import below, scope_of
from stream.sources.safe_xml import Readable
from stream.sources.teiv_model import model_of
from twin.contents import Contents, collect
from twin.errors import BadInput
from twin.events import Entity, Relation, TopologyChange

OPTIONS: Final = {
    "scope": "Distinguished name that the file's objects are put below, so that two networks' names don't clash.",
    "time": "When it was true, such as 2026-03-01T12:00:00Z; without it 1970, older than whatever else is known.",
    "source": "Who declares it; by default the format and the file's name.",
}
KINDS: Final = (
    ("rfc8345", "networks of RFC 8345 (ietf-network) in JSON", (b'"ietf-network:networks"',)),
    ("graphml", "GraphML, such as of the Internet Topology Zoo, or exported from here", ()),
    ("node-link", "node-link JSON of networkx, such as SNDlib's networks", (b'"directed"', b'"multigraph"')),
    ("listing", "JSON with the entities and relations of this project's events", (b'"entities"', b'"dn"')),
)
"""Name, for people what it is, and marks in the first bytes of JSON; GraphML is known by its root."""

TEIV_OPTIONS: Final = {"model": "TOML with types of entities and relationships besides those of O-RAN."}
LONGEST_SOURCE = 256

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Listed(msgspec.Struct):
    """A listing of this project: entities and relations as in its events."""

    entities: list[Entity]
    relations: list[Relation] = []


def contents_of(source: Readable, account: Account, whole: Callable[[Readable], bytes]) -> Contents:
    """What a file of one of `KINDS` says; `account.format` is which.

    Args:
        whole: Reads what is read at once.

    Raises:
        BadInput: It can't be read.
        ConfigurationError: An option is wrong.
    """
    # The ids of RFC 8345's networks tell them apart; nodes of other files are often just numbered.
    scope = _scope(account, by_name=account.format not in ("rfc8345", "listing"))
    if account.format == "graphml":
        return graphml.read(source, scope, account.notes)
    data = whole(source)
    if account.format == "rfc8345":
        return rfc8345.read(data, scope, account.notes)
    return node_link.read(data, scope, account.notes) if account.format == "node-link" else listing(data)


def listing(data: bytes) -> Contents:
    """Entities and relations as in the events, see `Listed`. Raises BadInput: malformed, wrong-type."""
    try:
        listed = msgspec.json.decode(data, type=Listed)
    except msgspec.ValidationError as error:
        raise BadInput("wrong-type", str(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput("malformed", f"it is not JSON: {error}") from error
    return collect(listed.entities, listed.relations)


def declared(of: Contents, account: Account) -> Iterator[TopologyChange]:
    """The changes that declare all of it; what nobody has declared is left out, but for what it reports."""
    time = moment(account.options.get("time")) or _EPOCH
    source = account.options.get("source", "") or f"{account.format}:{account.name}"[:LONGEST_SOURCE]
    entities = []
    for name, entity in of.entities.items():
        if name not in of.discovered:
            entities.append(entity)
        elif entity.reported:
            entities.append(Entity(dn=name, kind=entity.kind, reported=entity.reported))
        else:
            account.notes["an object that nobody declares, left out"] += 1
    yield from changes(entities, of.relations.values(), time, source)


def is_teiv(first: bytes, _name: str) -> bool:
    """A CloudEvent of TEIV in JSON, or one in binary mode that was written down as text."""
    if first.startswith(teiv_kafka.TEXT_MARK):
        return True
    named = b"topology-inventory-ingestion" in first or b"ran-logical-topology" in first
    return first.lstrip()[:1] == b"{" and b'"specversion"' in first and named


def teiv_changes(data: bytes, account: Account) -> Iterator[TopologyChange]:
    """The change that a file with one TEIV event says.

    Raises:
        BadInput: See `teiv.change`.
        ConfigurationError: The model of more types can't be read.
    """
    path = account.options.get("model", "")
    model = model_of(Path(path) if path else None)
    if data.startswith(teiv_kafka.TEXT_MARK):
        yield teiv_kafka.of_text(data, account.notes, model)
    else:
        yield teiv.structured(data, account.notes, model)


def _scope(account: Account, *, by_name: bool) -> str:
    given = scope_of(account.options.get("scope", ""))
    if given or not by_name or not account.name:
        return given
    return below("", "SubNetwork", account.name.partition(".")[0][:100] or "unnamed")
