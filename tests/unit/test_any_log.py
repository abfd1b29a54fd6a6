"""Any sequence of records whatsoever: the twin neither fails nor forgets, and what is right is still used."""

from __future__ import annotations

import folding
from bad_input import SENT
from folding import differing, new_shard, report, state
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from strategies import logs, messages

from twin.errors import REASONS
from twin.log import LogRecord

OWN = "SubNetwork=own,ManagedElement=z"
"""An element that no other record speaks of."""


@settings(max_examples=25, deadline=None)
@given(logs(), st.integers(1, 12))
def test_the_state_does_not_depend_on_how_a_log_is_cut(log: list[LogRecord], batch: int) -> None:
    one, other = new_shard(), new_shard()
    whole, cut = one.apply(log), folding.fold(other, log, batch)
    assert whole.outlets == cut.outlets
    assert differing(state(one), state(other)) == []
    assert set(folding.reasons(whole)) <= REASONS.keys()


@settings(max_examples=25, deadline=None)
@given(logs(), logs())
def test_a_restored_twin_goes_on_like_the_one_it_was_taken_from(
    before: list[LogRecord], after: list[LogRecord]
) -> None:
    one, other = new_shard(), new_shard()
    one.apply(before)
    other.restore(one.snapshot())
    later = [record._replace(offset=len(before) + record.offset) for record in after]
    assert one.apply(later).outlets == other.apply(later).outlets
    assert one.digest() == other.digest()


class AnyLog(RuleBasedStateMachine):
    """Records in any order, restarts in between; now and then a good report, which must be predicted."""

    def __init__(self) -> None:
        super().__init__()
        self.shard = new_shard()
        self.good = 0

    def tell(self, type_: str, value: bytes, time: int = SENT) -> list[str]:
        record = LogRecord(0, self.shard.next_offset, "", time, type_, value)
        return [out.kind for out in self.shard.apply([record]).outlets if out.key == OWN]

    @rule(message=messages)
    def anything(self, message: tuple[str, bytes]) -> None:
        self.tell(*message)

    @rule()
    def restart(self) -> None:
        again = new_shard()
        again.restore(self.shard.snapshot())
        assert again.digest() == self.shard.digest()
        self.shard = again

    @rule()
    def a_good_report_is_predicted(self) -> None:
        (record,) = folding.log([report(OWN, 40 + self.good, 50.0)])
        self.good += 1
        told = self.tell(record.type, record.value, record.time)
        assert told.count("congestion") == len(folding.CONFIG.targets)

    @invariant()
    def what_was_told_can_be_counted(self) -> None:
        assert all(count >= 0 for count in self.shard.counts.values())

    @invariant()
    def no_period_is_closed_that_was_never_open(self) -> None:
        assert all(table.closed <= table.now for table in self.shard.tables.values())


TestAnyLog = AnyLog.TestCase
TestAnyLog.settings = settings(max_examples=12, stateful_step_count=15, deadline=None)
