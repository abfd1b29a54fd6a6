"""Why a cell is, or isn't, foretold to be congested."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from models.explain import NAMES
from models.logit import sigmoid
from models.online import CongestionModel
from models.predictions import Explained
from stream.batch.speaking import BLENDED
from stream.batch.versions_at_work import BATCH
from stream.channel import Channel
from stream.decode import from_ms
from stream.explaining.predictions import Plain, Voice, contributions, probability_of, rounded, voice
from stream.shard import Shard
from twin.state import Table

OF_COUNTER = {
    "now", "previous", "fast", "slow", "day", "usual_next", "usual_now", "yesterday_next", "yesterday_now",
    "lastweek_next", "lastweek_now", "yesterday_around", "network_change_now", "network_level_now",
    "network_level_usual", "spread",
}  # fmt: skip
"""Features in the counter's unit; the others are shares, ratios and angles."""


def congestion(shard: Shard, name: str) -> list[Plain]:
    """Every target of a counter, of one object that reports it; empty where it doesn't."""
    found: list[Plain] = []
    for (granularity, _), channel in sorted(shard.channels.items()):
        table = shard.tables[granularity]
        row = channel.row_named(table, name)
        if row is None or not channel.models:
            continue
        period = _newest(channel, table, row)
        if period is None:
            continue
        for number, model in enumerate(channel.models):
            found += _of_model(shard, channel, table, number, model, row, period, name)
    return found


def _newest(channel: Channel, table: Table, row: int) -> int | None:
    """The newest period that an object has a value of, as far as values are kept."""
    series = channel.series
    for period in range(table.now, table.now - series.depth, -1):
        if series.has(period) and not np.isnan(series.recent(period)[row]):
            return period
    return None


def _of_model(
    shard: Shard, channel: Channel, table: Table, number: int, model: CongestionModel, row: int, period: int, name: str
) -> list[Plain]:
    rows = np.array([row])
    made = model.explain(channel.series, rows, period, table.closed)
    K = len(model.targets)
    said = [_voices(shard, channel, table, (number, k), model, rows, period, made) for k in range(K)]
    champions = [next((one for one in voices if one.state == "champion"), None) for voices in said]
    log_odds = np.array([
        made.log_odds[k, 0] if one is None else one.combined.log_odds[0] for k, one in enumerate(champions)
    ])  # fmt: skip
    probability = sigmoid(log_odds.astype(np.float64))
    np.minimum.accumulate(probability, out=probability)  # a higher threshold can't be likelier
    time = from_ms(period * table.granularity_ms)
    found = []
    for k, target in enumerate(model.targets):
        champion = champions[k]
        parts, values = made.contributions[k, :, 0], made.values[k, :, 0]
        in_unit = np.where([each in OF_COUNTER for each in NAMES], np.float32(model.scale), np.float32(1))
        names, version = list(NAMES), model.version
        values = values * in_unit
        if champion is not None:
            spoken = champion.spoken()
            parts = np.append(parts * champion.combined.online, spoken.added())
            names, values = [*names, BATCH], np.append(values, champion.log_odds)
            version = f"{version}+{champion.name}+{champion.blend.version}"
        found.append({
            "target": target.name,
            "kind": "congestion",
            "object": name,
            "time": time.isoformat(),
            "speaks_of": (time + timedelta(seconds=target.horizon_s)).isoformat(),
            "horizon_s": target.horizon_s,
            "probability": rounded(probability[k], 6),
            "online_probability": probability_of(made.log_odds[k]),
            "batch": None if champion is None else champion.plain(),
            "shadows": [one.plain() for one in said[k] if one.state == "shadow"],
            "model": model.name if champion is None else BLENDED,
            "model_version": version,
            "value": rounded(channel.series.recent(period)[row]),
            "expected_now": rounded(channel.series.expected(rows, period)[0]),
            "expected_then": rounded(made.expected[0]),
            "threshold": target.threshold,
            "base": rounded(log_odds[k] - float(np.nansum(parts))),
            "contributions": contributions(names, values, parts),
        })  # fmt: skip
    return found


def _voices(
    shard: Shard,
    channel: Channel,
    table: Table,
    which: tuple[int, int],
    model: CongestionModel,
    rows: np.ndarray[tuple[int], np.dtype[np.int64]],
    period: int,
    made: Explained,
) -> list[Voice]:
    """What the batch models say of one target; those that haven't seen the network yet say nothing."""
    target, found, batch = model.targets[which[1]], [], channel.batch
    for name in batch.versions:
        X = batch.inputs(name, rows, period, table.closed)
        if X is None:
            continue
        said = voice(shard, batch.versions, name, which, target.name, X, made.log_odds[which[1]], made.quiet[which[1]])
        if said is not None:
            found.append(said)
    return found
