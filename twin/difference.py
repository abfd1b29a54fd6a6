"""What a comparison of the twin with an inventory finds, and what it must know of the telemetry."""

from __future__ import annotations

from dataclasses import dataclass, field

from twin.topology_edit import Edge


@dataclass(slots=True)
class Telemetry:
    """Which objects have told of themselves, as far as this shard knows.

    Attributes:
        known: They have reported at some time.
        live: They are not silent.
        regions: Of all that has reported: of others another shard may know more.
    """

    known: set[str] = field(default_factory=set)
    live: set[str] = field(default_factory=set)
    regions: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Difference:
    """Where the twin and an inventory differ; every list is sorted.

    Attributes:
        extra: Listed, and not declared in the twin.
        missing: Declared in the twin, and not listed.
        changed: Listed with other attributes.
        new_relations, gone_relations, changed_relations: The same of relations; those that leave with an object don't
            count.
        conflicting: Listed as another kind than they are declared.
        newer: Declared after the inventory was taken, and not as it says.
        dangling: Ends of relations that neither the inventory nor the twin knows.
        circular: Objects that would contain themselves.
        crowded: Declared by too many sources already.
        undeclared: They send telemetry, and are not listed.
        silent: Listed, and never heard of.
        known: Declared objects that the scope had.
        implausible: Why the inventory can't be right; empty if it can.
    """

    extra: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    new_relations: list[Edge] = field(default_factory=list)
    gone_relations: list[Edge] = field(default_factory=list)
    changed_relations: list[Edge] = field(default_factory=list)
    conflicting: list[str] = field(default_factory=list)
    newer: list[str] = field(default_factory=list)
    dangling: list[str] = field(default_factory=list)
    circular: list[str] = field(default_factory=list)
    crowded: list[str] = field(default_factory=list)
    undeclared: list[str] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)
    known: int = 0
    implausible: str = ""

    def counts(self) -> dict[str, int]:
        """How many of each, without what there is none of."""
        lists = {name: getattr(self, name) for name in (*REPAIRED, *RAISED)}
        return {name: len(items) for name, items in lists.items() if items}


REPAIRED = ("extra", "missing", "changed", "new_relations", "gone_relations", "changed_relations")
RAISED = ("conflicting", "newer", "dangling", "circular", "crowded", "undeclared", "silent")
