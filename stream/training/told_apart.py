"""Whether the objective `context` can tell the objects of each model apart: looked at before the first is trained."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import datetime

from infra.store.queries import ask
from infra.store.training import object_names, snapshots
from models.batch.static import kinds_of
from models.debias_objectives import objective_named
from models.failure.names import is_failure, read_kind
from models.targets import parse_target
from stream.failing.objects import owner
from stream.training.data import topology_of
from twin.companions import NAMES, VOLUME
from twin.errors import ConfigurationError
from twin.topology import Topology

REPORTING = """
SELECT dn FROM object WHERE EXISTS (
    SELECT FROM observation AS o JOIN counter_set AS s ON s.id = o.counter_set
    WHERE o.object_id = object.id AND s.names && %(counters)s::text[] AND o.time > %(since)s AND o.time <= %(until)s
)
"""


def told_apart(
    dsn: str,
    groups: Mapping[str, list[str]],
    objective: str,
    context: str,
    since: datetime,
    until: datetime,
    *,
    named: bool,
) -> dict[str, list[str]]:
    """The groups of targets that can be trained with an objective.

    Args:
        named: The targets were asked for: none of them may be left out. Else a line on stderr says which is, and why.

    Raises:
        ConfigurationError: One that was asked for has nothing to tell contexts apart by, or all others haven't.
        Unavailable: The database doesn't answer.
    """
    if objective_named(objective).lam != "context":
        return dict(groups)
    topology = topology_of(snapshots(dsn, until))
    found = {}
    for about, names in groups.items():
        lacking = _lacking(dsn, topology, names, context, since, until)
        if not lacking:
            found[about] = names
        elif named:
            raise ConfigurationError(f"{about}: {lacking}")
        else:
            sys.stderr.write(f"{about}: left out: {lacking}\n")
    if not found:
        raise ConfigurationError("no model has contexts that could be told apart: train with another objective")
    return found


def _lacking(dsn: str, topology: Topology, names: Sequence[str], context: str, since: datetime, until: datetime) -> str:
    """What contexts of a group can't be told apart for want of; empty: nothing is wanting."""
    if is_failure(names):
        if context != "class":
            return "failures are told apart by class only: leave --context out"
        kind = read_kind(names[0])[1]
        owners = {owner(topology, name) for name in object_names(dsn).values()}
        objects = sorted(name for of, name in owners if of == kind)
    elif context == "radio":
        reports = ask(dsn, REPORTING, {"counters": list(NAMES[VOLUME]), "since": since, "until": until})
        return "" if reports else "no cell reports its volume, so nothing tells radio conditions apart"
    else:
        given = {"counters": [parse_target(names[0]).counter], "since": since, "until": until}
        objects = [name for (name,) in ask(dsn, REPORTING, given)]
    # Where nothing has reported, it is that which has to be said, and training says it.
    if not objects or kinds_of(topology, objects):
        return ""
    return "the inventory declares no class of these objects: train with another --context or objective"
