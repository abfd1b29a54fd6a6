"""What one message, one file or one word may cost is bounded, however it is made."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import folding
import pytest
from bad_input import GOOD
from folding import LOAD, START, A, log, new_shard, reasons, report

from models.targets import parse_duration_s, parse_target
from stream.config import ShardConfig
from stream.decode import REPORT, TOPOLOGY, decode
from stream.outlets import KEPT_TEXT, rejected
from stream.prepare import MOST_OBJECTS
from stream.pseudonyms import Pseudonyms
from stream.routing import LONGEST_KEY, entries
from twin import dn
from twin.errors import BadInput, ConfigurationError
from twin.events import Entity, Relation, TopologyChange
from twin.log import LogRecord
from twin.state import MOST_COUNTERS
from twin.topology import MOST_CO_SITED, Topology

LIMIT_S = 1.0


@contextmanager
def quick() -> Iterator[None]:
    """Takes less than a second of the processor."""
    begin = time.thread_time()
    yield
    assert time.thread_time() - begin < LIMIT_S


@pytest.mark.parametrize(
    "value",
    [
        b"[" * (1 << 26),
        b"{" * (1 << 24),
        json.dumps(GOOD).replace("40.0", "9" * 4_000_000).encode(),
        json.dumps(GOOD | {"suspect": ["@"]}).replace('"@"', "9" * 4_000_000).encode(),
        json.dumps(GOOD | {"schema_version": "@"}).replace('"@"', "9" * 4_000_000).encode(),
    ],
    ids=["arrays", "objects", "a number", "an index", "a version"],
)
def test_a_message_of_nothing_but_one_thing_is_refused_at_once(value: bytes) -> None:
    with quick(), pytest.raises(BadInput):
        decode(REPORT, value)


@pytest.mark.parametrize("name", ["A" * 65 + "=1", ",".join([f"{'A' * 60}={'1' * 60}"] * 10), "A=\ud800"])
def test_a_name_has_an_end_and_can_be_written(name: str) -> None:
    with pytest.raises(BadInput, match="bad-name"):
        dn.check(name)
    assert len(name) < 2 * dn.LONGEST


@pytest.mark.parametrize(
    "text",
    ["ue id" + " " * 50_000, "imsi" + "'" * 50_000, "ue=" * 3_000, "00:" * 20_000, "a" * 100_000, "nai-" * 10_000],
    ids=lambda text: text[:6],
)
def test_no_text_is_searched_for_identifiers_again_and_again(text: str) -> None:
    pseudonyms = Pseudonyms(b"k" * 32)
    with quick():
        pseudonyms.text(text)
    with quick():
        pseudonyms.json(json.dumps({text: text}).encode())


def test_what_tells_of_a_message_fits_into_one() -> None:
    long = "k" * 10_000_000
    record = LogRecord(0, 0, long, 0, long, b"")
    out = rejected("t", record, BadInput("unknown-type", long))
    assert len(out.value) < 10 * KEPT_TEXT
    body = json.loads(out.value)
    assert body["truncated"], "it can't be sent again as it was"


def test_no_key_is_longer_than_a_message_may_have() -> None:
    change = json.dumps({"id": "x" * 100_000, "time": "0001-01-01T00:00:00Z", "removed": ["Site=1"]}).encode()
    (entry,) = entries("topology", LogRecord(0, 0, "", 0, TOPOLOGY, change), 2, Pseudonyms(None))
    assert len(entry.key) == LONGEST_KEY
    assert entry.time == 0, "Kafka takes no time before 1970"


def test_a_report_may_not_have_more_objects_or_counters_than_there_is_room_for() -> None:
    size = MOST_OBJECTS + 1
    many = report(A, 0, [[1.0]] * size, objects=[f"NRCellDU={n}" for n in range(size)])
    assert reasons(folding.fold(new_shard(), log([many]))) == ["too-large"]
    counters = [f"DRB.UEThpDl.{n}" for n in range(MOST_COUNTERS + 1)]
    assert reasons(folding.fold(new_shard(), log([report(A, 0, [[1.0] * len(counters)], counters=counters)]))) == [
        "too-many"
    ]


@pytest.mark.parametrize("periods", [9, 100, 240, 241, 100_000])
def test_a_clock_that_leaps_holds_up_nobody(periods: int) -> None:
    """Nothing in the log explains the leap: no time has passed there."""
    shard = new_shard()
    first, ahead, next_ = log([report(A, period, 50.0, granularity_s=3600) for period in (0, periods, periods + 1)])
    shard.apply([first._replace(time=ahead.time)])
    for record in (ahead, next_._replace(time=ahead.time)):
        with quick():
            shard.apply([record])
        assert shard.tables[3_600_000].closed <= shard.tables[3_600_000].now


@pytest.mark.parametrize("granularity_s", [60, 900, 3600, 86_400])
def test_the_first_report_after_a_long_silence_holds_up_nobody(granularity_s: int) -> None:
    shard = new_shard()
    events = [report(A, period, 50.0, granularity_s=granularity_s) for period in (0, 1, 240, 2_000, 10_000)]
    first, *rest = log(events)
    shard.apply([first])
    for record in rest:
        with quick():
            effects = shard.apply([record])
        assert any(out.kind == "congestion" for out in effects.outlets) or granularity_s > 3600


def placed(cells: int, relations: Callable[[str], list[Relation]]) -> tuple[Topology, list[str]]:
    names = [f"SubNetwork=1,ManagedElement={n // 3},NRCellDU={n}" for n in range(cells)]
    topology = Topology()
    topology.apply(
        TopologyChange(
            id="x",
            time=START,
            entities=[Entity(dn=name, kind="cell") for name in names],
            relations=[r for name in names for r in relations(name)],
        ),
        1,
    )
    return topology, names


def test_a_place_where_all_cells_are_said_to_stand_makes_them_no_neighbours() -> None:
    """Thousands of cells at `Site=unknown` are a default of an inventory; every two of them would be a relation."""
    topology, names = placed(3_000, lambda cell: [Relation(source=cell, target="Site=unknown", kind="located_at")])
    with quick():
        indices, _ = topology.adjacency(names)
    assert len(indices) == 0
    few, names = placed(MOST_CO_SITED, lambda cell: [Relation(source=cell, target="Site=1", kind="located_at")])
    assert len(few.adjacency(names)[0]) == MOST_CO_SITED * (MOST_CO_SITED - 1)


def test_a_region_that_contains_thousands_of_elements_is_looked_at_once() -> None:
    topology, names = placed(
        9_000, lambda cell: [Relation(source="SubNetwork=1", target=dn.parent(cell), kind="contains")]
    )
    with quick():
        topology.adjacency(names)
    assert len(topology.cells_of_element("SubNetwork=1")) == 9_000


@pytest.mark.parametrize("text", ["1" * 5000 + "s", "\u0663h", "1e3s", "-1s"])
def test_a_duration_has_few_plain_digits(text: str) -> None:
    with pytest.raises(ConfigurationError, match="can't read the duration") as refused:
        parse_duration_s(text)
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize(
    "text", [f"{LOAD}>{'9' * 400}@1h", f"{LOAD}>70@{'1' * 5000}s", f"{LOAD}>70@366d", f"{LOAD}>0.{'0' * 20}1@1h"]
)
def test_a_target_must_be_one_that_can_be_predicted(text: str) -> None:
    with pytest.raises(ConfigurationError):
        parse_target(text)


def test_the_least_and_longest_target_can_be_predicted() -> None:
    for text in (f"{LOAD}>0@1h", f"{LOAD}>0.000000000000001@1h", f"{LOAD}>100@31d"):
        shard = new_shard(ShardConfig(targets=(parse_target(text),)))
        effects = folding.fold(shard, log([report(A, period, 50.0) for period in range(3)]))
        assert reasons(effects) == []
        assert sum(out.kind == "congestion" for out in effects.outlets) == 3
