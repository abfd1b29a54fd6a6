"""Results for people, in the terminal."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.tree import Tree

from twin.errors import Unavailable
from twin.topology import Topology

SHOWN = 40
CONGESTION_COLUMNS = (
    "n", "positives", "ap", "ap_persistence", "ap_onset", "ap_onset_persistence", "f1", "f1_persistence", "brier",
)  # fmt: skip
FAILURE_COLUMNS = ("n", "positives", "base_rate", "ap", "skill", "failures", "foretold", "lead_h", "precision")
MODEL_COLUMNS = ("state", "n", "positives", "ap", "ap_online", "brier", "brier_online", "log_loss", "log_loss_online")


def show_replay(result: dict[str, Any]) -> None:
    """Print a replay's result."""
    console = Console()
    head = Table.grid(padding=(0, 3))
    for name in ("reports", "cells", "predictions", "drifts", "seconds"):
        value = result[name]
        head.add_row(name, f"{value:,}" if isinstance(value, int) else str(value))
    head.add_row("rejected", ", ".join(f"{k} {n}" for k, n in result["rejected"].items()) or "none")
    head.add_row("digest", result["digest"])
    console.print(head)
    found = result["scores"]
    console.print(scores_table(found["congestion"]))
    if found["failures"]:
        console.print(_table("failures, predicted before they were learnt", FAILURE_COLUMNS, found["failures"]))
    models = {f"{target}  {name}": one for target, own in found["models"].items() for name, one in own.items()}
    if models:
        console.print(_table("batch models, blended, and online alone on the same labels", MODEL_COLUMNS, models))


def scores_table(congestion: dict[str, dict[str, Any]]) -> Table:
    """Scores of each target beside its baselines."""
    return _table("congestion, predicted before it was learnt", CONGESTION_COLUMNS, congestion)


def _table(title: str, columns: Sequence[str], scores: dict[str, dict[str, Any]]) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("target")
    for column in columns:
        table.add_column(column.replace("_", " "), justify="right")
    for target, metrics in scores.items():
        table.add_row(escape(target), *(_cell(metrics.get(column)) for column in columns))
    return table


def _cell(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:.3f}"


def show_topology(path: Path | None, profile: str | None, at: str | None = None, *, as_json: bool) -> None:
    """Print the network of a path, or of the running twin, now or as it was at a time."""
    from stream.moments import moment

    time, source = moment(at), ""
    if path is not None:
        topology = of_path(path, profile, time)
    elif time is not None:
        from stream.state_at import topology_at

        topology, source = topology_at(time)
    else:
        topology = of_twin()
    console = Console()
    if as_json:
        console.file.write(json.dumps(topology.to_dict()) + "\n")
        return
    console.print(topology_tree(topology))
    if source:
        console.print(f"as of {at}, from {source}", style="dim")


def topology_tree(topology: Topology) -> Tree:
    """Sites, their elements and cells; long lists are cut."""
    cells = topology.cells()
    tree = Tree(f"[bold]{len(topology):,} objects, {len(cells):,} cells, revision {topology.revision}")
    sites: dict[str, list[str]] = {}
    for cell in cells:
        sites.setdefault(topology.site_of(cell) or "no site", []).append(cell)
    for site, members in sorted(sites.items())[:SHOWN]:
        branch = tree.add(f"[cyan]{escape(site)}")
        for cell in members:
            neighbours = len(topology.neighbours(cell))
            mark = "" if topology.declared(cell) else " [yellow](not in the inventory)"
            branch.add(f"{escape(cell)}  {neighbours} neighbours{mark}")
    if len(sites) > SHOWN:
        tree.add(f"... and {len(sites) - SHOWN:,} more sites; --json prints all")
    return tree


def of_path(path: Path, profile: str | None, at: datetime | None) -> Topology:
    """The network of a recording, or of a profile's data, up to a time."""
    from infra.settings import load
    from stream.apart import until
    from stream.config import shard_config
    from stream.decode import INVENTORY, TOPOLOGY, TOPOLOGY_CHANGES, to_ms
    from stream.replaying import Source
    from stream.shard import Shard
    from stream.when import when

    source = Source(path, profile, partitions=1)
    shard: Shard | None = None
    for record in source.records:
        if at is not None and record.type == TOPOLOGY_CHANGES:
            record = until(record, to_ms(at)) or record
        told = when(record) if record.type in (TOPOLOGY, TOPOLOGY_CHANGES, INVENTORY) else None
        if told is not None and (at is None or told.time <= to_ms(at)):
            # Every partition has all of the inventory, so one is enough.
            shard = shard or Shard(record.partition, shard_config(load()), source.catalogue)
            if record.partition == shard.partition:
                shard.apply([record])
    return shard.topology if shard else Topology()


def of_twin() -> Topology:
    """The network as the running twin's partition that knows most of it has it. Raises Unavailable."""
    from infra.settings import load
    from infra.store.queries import snapshot_of
    from stream.services import running

    services = running(load())
    # Each partition holds the whole network, as far as it has read it.
    stored = [found for p in range(services.partitions) if (found := snapshot_of(services.dsn, p))]
    if not stored:
        raise Unavailable("the twin has taken no snapshot yet; try again when it has been sent something")
    return max((_topology(found.body) for found in stored), key=len)


def _topology(body: bytes) -> Topology:
    from twin import snapshot

    data, _ = snapshot.unpack(body)
    return Topology.from_dict(data["topology"])
