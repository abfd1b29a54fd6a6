"""Which predictions of fades are told: who becomes likelier to fade or less so, who stays likely once an hour."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from models.failure.fault_classes import ORAN_FAULTS
from models.failure.usual import DAY_MS
from models.links.fade import Fades as Predicted
from models.links.own import UNIT_DB
from stream.decode import from_ms
from stream.failing.telling import BACK, DRIVERS, HOUR_MS, LEVELS
from stream.outlets import outlet
from twin.events import Score
from twin.failure_events import FailurePrediction

if TYPE_CHECKING:
    from stream.arrival import Admitted
    from stream.failing.links import FadingLinks
    from stream.shard import Shard

Floats = NDArray[Any]

MOST_LATELY = "most 15min"
DETERIORATED = 9
"""O-RAN's fault id of a link that fades."""


def tell(shard: Shard, links: FadingLinks, group: list[Admitted], rows: NDArray[np.int64], made: Predicted) -> None:
    """Tell what is worth telling of the links of some reports.

    Args:
        rows: Of the links, in the order of the reports, `[n]`.
    """
    item = group[0].item
    counts = [len(admitted.layout.names) for admitted in group]
    report_of = np.repeat(np.arange(len(group)), counts)
    lately = made.X[links.model.features.names.index(MOST_LATELY)] * UNIT_DB
    for k, target in enumerate(links.targets):
        head = links.model.heads[k]
        worth = _worth(links, k, rows, made.probability[k], item.end)
        if not len(worth):
            continue
        parts = head.contributions(made.X[:, worth])
        health = 100 * np.clip(1 - lately[worth] / target.drop_db, 0, 1)
        for at, which in enumerate(worth.tolist()):
            name, own = links.names[rows[which]], parts[:, at]
            order = np.argsort(-np.abs(own), kind="stable")[:DRIVERS]
            admitted = group[report_of[which]]
            body = FailurePrediction(
                id=f"failure/{target.name}/{name}/{admitted.item.end // 1000}",
                time=from_ms(admitted.item.end),
                object=name,
                kind="link",
                target=target.name,
                horizon_s=target.horizon_s,
                probability=round(float(made.probability[k, which]), 6),
                base_rate=round(head.base_rate, 6),
                health=round(float(health[at]), 1),
                wears=None,
                remaining_life_s=None,
                remaining_life_low_s=None,
                remaining_life_high_s=None,
                drivers=[links.model.features.names[i] for i in order],
                contributions=np.round(own[order].astype(np.float64), 4).tolist(),
                fault=DETERIORATED,
                fault_name=ORAN_FAULTS[DETERIORATED],
                note="",
                model=links.model.name,
                model_version=head.version,
                tier="statistical",
                revision=admitted.revision,
            )
            shard.emit(outlet("failure", name, admitted.item.end, body), admitted.position)
            shard.alarm_desk.own.foretold(shard, body, admitted.position)
        shard.counts["failure"] += len(worth)


def tell_score(shard: Shard, links: FadingLinks, k: int, end: int) -> None:
    """Tell a target's scores once a day."""
    if end % DAY_MS:
        return
    scores = links.windows[k].scores()
    if not scores["n"]:
        return
    name = f"{links.targets[k].name} link"
    body = Score(
        id=f"score/{name}/{links.granularity_ms // 1000}/{shard.partition}/{end}",
        time=from_ms(end),
        target=name,
        model_version=links.model.heads[k].version,
        metrics={which: None if x is None else round(x, 6) for which, x in scores.items()},
        revision=shard.revision,
    )
    shard.emit(outlet("scores", name, end, body))


def _worth(links: FadingLinks, k: int, rows: NDArray[np.int64], probability: Floats, end: int) -> NDArray[np.int64]:
    """Places in `rows` of whom to tell now; remembers that they were told. Who isn't at risk (NaN) is left as it is."""
    told_level, told_at = links.columns["told_level"][k], links.columns["told_at"][k]
    p = np.nan_to_num(probability.astype(np.float64))
    before = told_level[rows].astype(np.int64)
    level = np.searchsorted(LEVELS, p, side="right")
    stays = (level < before) & (p >= BACK * np.array((0.0, *LEVELS))[before])
    level = np.where(stays, before, level)
    hour = end - told_at[rows] >= HOUR_MS
    worth = np.flatnonzero(~np.isnan(probability) & ((level != before) | (hour & (level > 0))))
    told_level[rows[worth]] = level[worth]
    told_at[rows[worth]] = end
    return worth
