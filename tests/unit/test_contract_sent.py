"""What the twin tells, and what stands in its log, keep the contract: nothing undeclared, nothing of another type."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import alarm_world
import msgspec
import pytest
from contract_checks import body_faults, outlet_faults, record_faults
from folding import CONFIG, A, fold, log, new_shard, report, sample
from model_network import MODEL_CONFIG
from radio_region import result
from radio_story import Story, with_map
from test_model_changes import LIFE, LOAD_OF, mixed

from models.failure.heads import parse_failure_target
from stream.config import ShardConfig
from stream.decode import BURST
from stream.outlets import KEPT_BYTES, rejected
from stream.sources.emulator import EmulatedNetwork, Rates, records
from stream.topics import OUTLETS
from twin.errors import BadInput
from twin.log import LogRecord, Outlet

DAY = 96
TARGETS = tuple(map(parse_failure_target, ("alarm:EQUIPMENT_ALARM@24h", "alarm:ENVIRONMENTAL_ALARM@24h")))


def check(records: Iterable[LogRecord], told: Iterable[Outlet]) -> Counter[str]:
    """How many messages there are of each kind, all of them checked."""
    kinds: Counter[str] = Counter()
    for record in records:
        assert record_faults(record) == []
        kinds[record.type] += 1
    for out in told:
        assert outlet_faults(out) == []
        kinds[out.kind] += 1
    return kinds


@pytest.fixture(scope="module")
def network() -> tuple[list[LogRecord], list[Outlet]]:
    """A rough network for more than a day: late, doubled and missing reports, sensors, alarms."""
    rates = Rates(duplicate=0.02, late=0.03, missing=0.02)
    log = list(records(EmulatedNetwork(4, 3, 1, 900, rates=rates), DAY + 8, 1))
    config: ShardConfig = msgspec.structs.replace(CONFIG, failure_targets=TARGETS)
    return log, fold(new_shard(config), log).outlets


def test_a_networks_day(network: tuple[list[LogRecord], list[Outlet]]) -> None:
    kinds = check(*network)
    assert kinds.keys() >= {"congestion", "failure", "updates", "scores", "monitoring"}
    assert kinds.keys() >= {"lockstep.report.v1", "lockstep.topology.v1"}
    assert kinds["congestion"] > 2 * 3 * DAY * 0.9


def test_a_radio_twin_that_drifts_and_is_put_right() -> None:
    story: Story = with_map()
    story.go_on(60, -8.0, 0.0)
    # A story's answers carry one field more, for the log they are put into.
    kinds = check((record for record in story.records if record.type != BURST), story.said)
    assert kinds.keys() >= {"bursts", "drift", "updates", "fidelity", "lockstep.sounding.v1"}
    for request in story.asked:
        assert body_faults(BURST, msgspec.json.encode(result(request))) == []


def test_models_that_come_and_go() -> None:
    log = mixed(LOAD_OF, LIFE)
    kinds = check(log, fold(new_shard(MODEL_CONFIG), log).outlets)
    assert kinds.keys() >= {"comparisons", "updates", "lockstep.model-candidate.v1", "lockstep.model-transition.v1"}


def test_alarms_and_what_is_said_of_them() -> None:
    events = [
        alarm_world.network(),
        alarm_world.outage(5, alarm_world.E1, 10, 600),
        alarm_world.alarm(20),
        alarm_world.note(30, "acknowledge", by="ann"),
        alarm_world.alarm(40, severity="CLEARED"),
    ]
    log = alarm_world.log(events)
    kinds = check(log, fold(alarm_world.new(), log).outlets)
    assert kinds.keys() >= {"alarms", "lockstep.alarm.v1", "lockstep.alarm-note.v1", "lockstep.planned-outage.v1"}


def test_what_is_refused() -> None:
    refused = log([b"", b"\xff\x00", b"x" * (KEPT_BYTES + 1)])
    told = [rejected("telemetry.reports", record, BadInput("malformed", "no JSON")) for record in refused]
    folded = fold(new_shard(), [*log([report(A, 0, 5.0), sample(A, 60, 21.0)]), *log([b"{", b"[]"], 2)]).outlets
    kinds = check([], [*told, *(out for out in folded if out.kind == "rejected")])
    assert kinds["rejected"] == len(refused) + 2


def test_the_check_notices_what_is_wrong(network: tuple[list[LogRecord], list[Outlet]]) -> None:
    out = next(out for out in network[1] if out.kind == "congestion")
    body = msgspec.json.decode(out.value)
    for change in ({"probability": ["high"]}, {"colour": "red"}, {"time": "2026-01-05T10:00:00"}, {"cells": None}):
        assert body_faults(OUTLETS["congestion"].event, msgspec.json.encode(body | change)), change
