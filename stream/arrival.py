"""What happens to reports on arrival: many at once, with frozen parameters, without a Python object a cell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.online import CongestionModel
from models.predictions import Predictions
from stream.batch.speaking import BLENDED, Used
from stream.batch.versions_at_work import BATCH
from stream.decode import from_ms
from stream.outlets import outlet
from stream.prepare import PreparedReport
from twin.companions import Companions, columns_of
from twin.events import CongestionPrediction
from twin.rows import AHEAD, CORRECTED, DISCOVERED, LATE, SUSPECT, Effects, HistoryBlock
from twin.state import Layout, Table
from twin.sync import Arrival

if TYPE_CHECKING:
    from stream.shard import Shard


class Admitted(NamedTuple):
    """A report that is to be written.

    Attributes:
        revision: Of the twin, with it.
        position: In its batch, for the order of outlets.
    """

    item: PreparedReport
    layout: Layout
    table: Table
    period: int
    arrival: Arrival
    revision: int
    position: int


STORED_ONLY = {Arrival.LATE: LATE, Arrival.CORRECTED: CORRECTED, Arrival.AHEAD: AHEAD}
"""Reports that become history and don't touch the state, and how their rows are marked."""

ANY = -1
"""Stands for the period of those: it doesn't matter."""


def arrive(shard: Shard, run: list[Admitted], effects: Effects) -> None:
    """Write a run of reports, no element twice, and predict from them."""
    groups: dict[tuple[int, int, tuple[int, ...], int, Arrival], list[Admitted]] = {}
    for admitted in run:
        fed = tuple(id(series) for series, _, _ in admitted.layout.series)
        period = ANY if admitted.arrival in STORED_ONLY else admitted.period
        key = (id(admitted.item.stack), id(admitted.table), fed, period, admitted.arrival)
        groups.setdefault(key, []).append(admitted)
    for group in groups.values():
        _arrive_alike(shard, group, effects)


def _arrive_alike(shard: Shard, group: list[Admitted], effects: Effects) -> None:
    """The same for reports of one shape and one period that feed the same series."""
    first = group[0]
    table, stack, period = first.table, first.item.stack, first.period
    size = stack.num_objects
    index = np.array([a.item.index for a in group])
    values = stack.values[index].reshape(len(group) * size, -1)
    suspect = stack.suspect[index].reshape(-1)

    def each(per_report: list[int]) -> NDArray[np.int64]:
        return np.repeat(np.array(per_report, dtype=np.int64), size)

    end = each([a.item.end for a in group])
    rows = np.concatenate([a.layout.rows for a in group])
    n = len(rows)
    expected = np.full(n, np.nan, dtype=np.float32)
    probability = np.full((n, len(shard.config.targets)), np.nan, dtype=np.float32)
    if first.arrival not in STORED_ONLY:
        revision = each([a.revision for a in group])
        table.write(rows, first.layout.columns, np.ascontiguousarray(values.T), end, revision, suspect)
        shard.fades.arrive(shard, group, values, suspect)
        shard.handovers.arrive(group, values, suspect)
        for number, (series, column, _) in enumerate(first.layout.series):
            at = np.concatenate([a.layout.series[number][2] for a in group])
            # What the source itself doubts is stored, but the twin doesn't learn from it.
            measured = np.where(suspect, np.nan, values[:, column])
            series.write(at, period, measured, only_missing=first.arrival is Arrival.REORDERED)
            if number == 0:
                expected = series.expected(at, period)
            channel = shard.channels[table.granularity_ms, series.counter]
            if channel.companions is not None:
                _write_companions(channel.companions, group, at, values, suspect)
            spoken = channel.batch.speak(at, period, table.closed)
            for which, model in enumerate(channel.models):
                predictions = model.predict(series, at, period, table.closed)
                predictions, used = channel.batch.blend(which, at, period, predictions, spoken)
                for k, target in enumerate(model.targets):
                    probability[:, shard.config.targets.index(target)] = predictions.probability[k]
                _emit_predictions(shard, group, model, predictions, used, measured, size)
                if shard.alarm_desk.own.congestion:
                    _raise_own(shard, group, model, predictions, size)
    flags = np.where(suspect, SUSPECT, 0) | STORED_ONLY.get(first.arrival, 0)
    flags |= each([0 if a.layout.declared else DISCOVERED for a in group])
    granularity = each([(a.item.end - a.item.begin) // 1000 for a in group])
    effects.history.append(
        HistoryBlock(
            object_id=np.concatenate([a.layout.object_ids for a in group]),
            time=end,
            granularity=granularity.astype(np.int32),
            counter_set=np.full(n, first.layout.counter_set, dtype=np.int64),
            values=values.astype(np.float32),
            expected=expected,
            probability=probability,
            flags=flags.astype(np.int16),
            offset=each([a.item.record.offset for a in group]),
        )
    )


def _write_companions(
    companions: Companions,
    group: list[Admitted],
    rows: NDArray[np.int64],
    values: NDArray[np.float64],
    suspect: NDArray[np.bool_],
) -> None:
    """What the same reports say of volume, users and throughput."""
    first = group[0]
    for which, column in columns_of(first.layout.counters):
        measured = np.where(suspect, np.nan, values[:, column])
        companions.write(rows, first.period, which, measured, only_missing=first.arrival is Arrival.REORDERED)


def _raise_own(shard: Shard, group: list[Admitted], model: CongestionModel, made: Predictions, size: int) -> None:
    """Congestion that is likely becomes an alarm of the twin's own."""
    for k, target in enumerate(model.targets):
        for i, admitted in enumerate(group):
            likely, names = made.probability[k][i * size : (i + 1) * size], admitted.layout.names
            shard.alarm_desk.own.congested(shard, target, names, likely, admitted.item.end, admitted.position)


def _emit_predictions(
    shard: Shard,
    group: list[Admitted],
    model: CongestionModel,
    made: Predictions,
    used: Sequence[Used | None],
    measured: NDArray[np.float64],
    size: int,
) -> None:
    """One message a report and target: the cells of one element."""
    named, version = np.array((*model.feature_names, BATCH), dtype=object), model.version
    now = _numbers(measured)
    expected = _numbers(made.expected.astype(np.float64))
    for k, target in enumerate(model.targets):
        target_name = target.name
        probability = np.round(made.probability[k].astype(np.float64), 6).tolist()
        drivers = named[made.drivers[k]].tolist()
        contributions = np.round(made.contributions[k].astype(np.float64), 4).tolist()
        batch = used[k]
        for i, admitted in enumerate(group):
            item, report = admitted.item, admitted.item.report
            cells = slice(i * size, (i + 1) * size)
            end_s = item.end // 1000
            # An element may send its cells in several reports: each is predicted from by itself.
            part = f"/{admitted.layout.number}" if admitted.layout.number else ""
            body = CongestionPrediction(
                id=f"{target_name}/{report.element}/{end_s}/{(item.end - item.begin) // 1000}{part}",
                time=from_ms(item.end),
                element=report.element,
                target=target_name,
                counter=target.counter,
                threshold=target.threshold,
                horizon_s=target.horizon_s,
                cells=report.objects,
                probability=probability[cells],
                value=now[cells],
                expected=expected[cells],
                drivers=drivers[cells],
                contributions=contributions[cells],
                model=model.name if batch is None else BLENDED,
                model_version=version if batch is None else f"{version}+{batch.name}+{batch.blend}",
                batch_model="" if batch is None else batch.name,
                blend={} if batch is None else batch.weights,
                tier="statistical",
                revision=admitted.revision,
            )
            shard.emit(outlet("congestion", report.element, item.end, body), admitted.position)


def _numbers(values: NDArray[np.float64]) -> list[Any]:
    """Rounded to four digits after the point, None for NaN."""
    rounded = np.round(values, 4)
    missing = np.isnan(rounded)
    if not missing.any():
        out: list[Any] = rounded.tolist()
        return out
    return [None if gone else x for x, gone in zip(rounded.tolist(), missing.tolist(), strict=True)]
