"""How far forecasts of a counter have been off, from the models of a replica: what a band around one is drawn from."""

from __future__ import annotations

from stream.shard import Shard


def spread(shard: Shard, counter: str, target: str, name: str) -> float | None:
    """Standard deviation of the errors of an object's forecasts, in the counter's unit; None before any is known.

    As the model itself holds it: of the object, leaning on what all have in common while little is known of it.
    """
    for (granularity, of), channel in sorted(shard.channels.items()):
        if of != counter:
            continue
        row = channel.row_named(shard.tables[granularity], name) if granularity in shard.tables else None
        for model in channel.models:
            if row is not None and model.weights.learnt and any(each.name == target for each in model.targets):
                return float(model.columns["sigma"][row]) * model.scale
    return None
