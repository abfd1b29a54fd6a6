"""Fades in the fold: told as reports come, the same however the log is cut, stopped, restored or split."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import folding
import msgspec
import numpy as np
import pytest
from folding import log

from models.failure.heads import parse_failure_target
from stream.config import ShardConfig
from stream.monitoring import newest_figures
from stream.shard import Shard
from twin.counters import CATALOGUE
from twin.log import LogRecord

N, T = 6, 180
TARGET = parse_failure_target("fade>10dB@15min")
CONFIG = ShardConfig(failure_targets=(TARGET,))
COUNTERS = ["Link.TransmitLevel.1", "Link.ReceiveLevel.1", "Link.TransmitLevel.2", "Link.ReceiveLevel.2"]
ELEMENT = "SubNetwork=1,ManagedElement=collector"


def received() -> Any:
    """Received level of a row of links that showers pass over, `[T, N]` [dBm]; some are missing."""
    rng = np.random.default_rng(2)
    t, link = np.arange(T)[:, None], np.arange(N)
    level = -45 - 17 * np.exp(-0.5 * (((t - 3 * link) % 80 - 60) / 4) ** 2) + rng.normal(0, 0.2, (T, N))
    level[rng.random((T, N)) < 0.02] = np.nan
    return np.round(level, 1)


def inventory(names: Sequence[str]) -> dict[str, Any]:
    sites = [f"SubNetwork=1,Site={i}" for i in range(N + 1)]
    place = [{"latitude": 50.0, "longitude": 8 + 0.05 * i} for i in range(N + 1)]
    about = {"length_km": 4.0, "frequency_1": 23e9, "polarization_1": "V"}
    entities = [{"dn": s, "kind": "site", "attributes": p} for s, p in zip(sites, place, strict=True)]
    entities += [{"dn": name, "kind": "link", "attributes": about} for name in names]
    relations = [
        {"source": name, "target": sites[i + d], "kind": "connects"} for i, name in enumerate(names) for d in (0, 1)
    ]
    relations += [{"source": a, "target": b, "kind": "neighbour"} for a, b in pairwise(names)]
    return {"id": "all", "time": folding.START.isoformat(), "entities": entities, "relations": relations}


def collected(levels: Any) -> list[LogRecord]:
    """One element reports all links."""
    events: list[Any] = [inventory([f"{ELEMENT},Link={i}" for i in range(N)])]
    for t in range(len(levels)):
        rows = [[10.0, x, 10.0, x - 0.3] if x == x else [10.0, None, None, None] for x in levels[t].tolist()]
        more = {"objects": [f"Link={i}" for i in range(N)], "counters": COUNTERS, "granularity_s": 60}
        events.append(folding.report(ELEMENT, t, rows, **more))
    return log(events)


def each_by_itself(levels: Any) -> list[LogRecord]:
    """Every link is reported by an element of its own, in an order that changes."""
    events: list[Any] = [inventory([f"SubNetwork=1,ManagedElement=m{i},Link=1" for i in range(N)])]
    for t in range(len(levels)):
        for i in np.random.default_rng(t).permutation(N).tolist():
            x = levels[t, i]
            row = [10.0, x, 10.0, x - 0.3] if x == x else [10.0, None, None, None]
            more = {"objects": ["Link=1"], "counters": COUNTERS, "granularity_s": 60}
            events.append(folding.report(f"SubNetwork=1,ManagedElement=m{i}", t, [row], **more))
    return log(events)


def new() -> Shard:
    return Shard(0, CONFIG, CATALOGUE)


def told(outlets: Any) -> list[dict[str, Any]]:
    return [json.loads(out.value) for out in outlets if out.kind == "failure"]


@pytest.fixture(scope="module", params=[collected, each_by_itself])
def records(request: Any) -> list[LogRecord]:
    made: list[LogRecord] = request.param(received())
    return made


@pytest.fixture(scope="module")
def whole(records: list[LogRecord]) -> tuple[Any, str]:
    shard = new()
    effects = folding.fold(shard, records)
    assert not shard.counts["rejected.out-of-range"]
    return effects.outlets, shard.digest()


def test_fades_are_told_with_what_speaks_for_them(whole: Any) -> None:
    found = told(whole[0])
    assert len(found) > 10
    for one in found:
        assert one["kind"] == "link"
        assert one["target"] == TARGET.name
        assert 0 <= one["probability"] <= 1
        assert 0 <= one["health"] <= 100
        assert one["drivers"]
        assert (one["fault"], one["fault_name"]) == (9, "Transmission quality deteriorated")
    assert max(one["probability"] for one in found) > 0.3


@pytest.mark.parametrize("batch", [1, 17])
def test_how_the_log_is_cut_doesnt_matter(records: list[LogRecord], whole: Any, batch: int) -> None:
    shard = new()
    assert folding.fold(shard, records, batch).outlets == whole[0]
    assert shard.digest() == whole[1]


def test_a_snapshot_and_the_log_after_it_is_as_if_nothing_had_happened(records: list[LogRecord], whole: Any) -> None:
    shard, outlets = new(), []
    for part in (records[: len(records) // 3], records[len(records) // 3 : -50], records[-50:]):
        outlets += folding.fold(shard, part, 23).outlets
        stored, before = shard.snapshot(), shard.digest()
        shard = new()
        shard.restore(stored)
        assert shard.digest() == before
    assert outlets == whole[0]
    assert shard.digest() == whole[1]


def test_the_future_changes_nothing_that_was_told() -> None:
    levels = received()
    before = told(folding.fold(new(), collected(levels)).outlets)
    levels[150:] = -90
    after = told(folding.fold(new(), collected(levels)).outlets)
    limit = (folding.START + np.timedelta64(150, "m").item()).isoformat()
    early = [[one for one in some if one["time"] <= limit.replace("+00:00", "Z")] for some in (before, after)]
    assert early[0] == early[1]
    assert before != after


def test_labels_mature_and_are_scored(records: list[LogRecord]) -> None:
    shard = new()
    matured = []
    for begin in range(0, len(records), 50):
        shard.apply(records[begin : begin + 50])
        matured += shard.matured_failures
    assert {kind for kind, *_ in matured} == {"link"}
    labels = np.concatenate([one.label for *_, one in matured])
    assert labels.any()
    assert not labels.all()


def test_what_is_scored_was_told_and_is_monitored(records: list[LogRecord], whole: Any) -> None:
    shard, matured = new(), []
    for begin in range(0, len(records), 20):
        shard.apply(records[begin : begin + 20])
        matured += [one for *_, one in shard.matured_failures]
    names = shard.fades.links[60_000].names
    said = {(one["object"], one["time"]): one["probability"] for one in told(whole[0])}
    pairs = []
    for one in matured:
        for made, row, p in zip(one.made.tolist(), one.row.tolist(), one.probability.tolist(), strict=True):
            at = datetime.fromtimestamp(made * 60, UTC).isoformat().replace("+00:00", "Z")
            if (names[row], at) in said:
                pairs.append((p, said[names[row], at]))
    assert len(pairs) > 3
    np.testing.assert_allclose(*zip(*pairs, strict=True), atol=1e-6)
    (line,) = shard.fades.links[60_000].watch.monitor.rows()
    assert TARGET.name in line.target
    assert line.figures["n"] == sum(len(one.label) for one in matured)
    assert {target: figures["n"] for target, figures in newest_figures(shard).items()} == {
        f"{TARGET.name} link": line.figures["n"]
    }


def down(minute: int, recorded: int, severity: str = "MAJOR", **more: Any) -> dict[str, Any]:
    at, then = (folding.START + timedelta(minutes=m) for m in (minute, recorded))
    what = {"objectInstance": f"{ELEMENT},Link=2,Port=1", "alarmType": "COMMUNICATIONS_ALARM"}
    return folding.alarm(severity, eventTime=at.isoformat(), recorded=then.isoformat(), **(what | more))


def with_alarms(*alarms: tuple[int, dict[str, Any]]) -> list[LogRecord]:
    """Links without any shower, and alarms that come before the reports of a minute."""
    steady = np.round(received() * 0 - 45, 1)
    steady[np.isnan(steady)] = -45.0
    records = collected(steady)
    for minute, one in sorted(alarms, key=lambda pair: -pair[0]):
        records[1 + minute : 1 + minute] = log([one])
    return [record._replace(offset=offset) for offset, record in enumerate(records)]


def labelled(shard: Shard, records: list[LogRecord]) -> set[tuple[int, int, int]]:
    """Positives: row of the link, minute of the prediction, minute in which it came true."""
    found, first = set(), int(folding.START.timestamp()) // 60
    for record in records:
        shard.apply([record])
        for _, _, _, m in shard.matured_failures:
            each = zip(m.row[m.label].tolist(), m.made[m.label].tolist(), m.happened[m.label].tolist(), strict=True)
            found |= {(row, made - first, happened - first) for row, made, happened in each}
    return found


@pytest.mark.parametrize("late", [0, 5])
def test_a_link_that_goes_down_is_a_positive_of_its_fade(late: int) -> None:
    found = labelled(new(), with_alarms((100 + late, down(100, 100 + late))))
    assert {(row, happened) for row, _, happened in found} == {(2, 100)}
    made = sorted(made for _, made, _ in found)
    # Every other minute is predicted from for good; when a late alarm comes, the first of them have been found wrong.
    assert made == list(range(90 if late else 86, 100, 2))


def test_while_it_is_down_nothing_is_predicted_of_it_and_then_again() -> None:
    shard = new()
    records = with_alarms((100, down(100, 100)), (130, down(130, 130, "CLEARED")))
    links, risky = None, []
    for record in records:
        shard.apply([record])
        links = links or shard.fades.links.get(60_000)
        if links is not None:
            risky.append(not links.model.columns["down"][2])
    assert links is not None
    assert links.model.columns["down"].sum() == 0
    assert 28 <= risky.count(False) <= 34


def test_other_alarms_and_those_of_other_objects_are_no_fades() -> None:
    others = ({"alarmType": "EQUIPMENT_ALARM"}, {"objectInstance": ELEMENT})
    for more in others:
        assert labelled(new(), with_alarms((100, down(100, 100, **more)))) == set()


def test_with_alarms_it_is_the_same_cut_and_restored_before_they_count() -> None:
    records = with_alarms((100, down(101, 100)), (130, down(130, 130, "CLEARED")), (150, down(150, 150)))
    whole, cut = new(), new()
    outlets = folding.fold(whole, records).outlets
    before = folding.fold(cut, records[:103], 7).outlets
    assert cut.fades.links[60_000].waiting
    again = new()
    again.restore(cut.snapshot())
    assert before + folding.fold(again, records[103:], 11).outlets == outlets
    assert again.digest() == whole.digest()


def test_what_turns_out_to_be_expected_does_not_count() -> None:
    shard = new()
    records = with_alarms((100, down(101, 100)))
    folding.fold(shard, records[:102])
    links = shard.fades.links[60_000]
    assert links.waiting
    (alarm,) = shard.alarms.values()
    shard.fades.withdrawn(shard, alarm)
    assert links.waiting == []


def test_without_a_fade_among_the_targets_nothing_is_kept_of_links() -> None:
    shard = Shard(0, ShardConfig(), CATALOGUE)
    folding.fold(shard, collected(received()[:30]))
    assert shard.fades.dump() == ({}, {})


def test_a_snapshot_with_a_link_too_many_is_refused() -> None:
    shard = new()
    folding.fold(shard, collected(received()[:80]))
    data, arrays = shard.fades.dump()
    names = msgspec.json.decode(msgspec.json.encode(data))
    names["60000"].append("SubNetwork=1,Link=none")
    with pytest.raises(ValueError, match="names"):
        new().fades.load(names, arrays)


def test_suspect_rows_are_missing() -> None:
    levels = received()[:120]
    records = collected(levels)
    last = json.loads(records[-1].value)
    doubted = json.dumps(last | {"suspect": [3]}).encode()
    shard = new()
    folding.fold(shard, [*records[:-1], records[-1]._replace(value=doubted)])
    links = shard.fades.links[60_000]
    period = shard.tables[60_000].now
    attenuation = links.model.features.attenuation(period)
    assert np.isnan(attenuation[3])
    assert not np.isnan(np.delete(attenuation, 3)).all()
