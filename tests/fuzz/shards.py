"""The target that folds: any log whatsoever, and after it the twin must still be a twin."""

from __future__ import annotations

from zlib import crc32

import folding

from stream.config import ShardConfig
from tests.fuzz.codecs import JSON
from tests.fuzz.logs import log_of, log_seeds
from tests.fuzz.target import Target
from twin.log import LogRecord

LATER = 8
"""Periods after `START` at which the good reports come: after everything that the fuzzed log may hold by right."""

CONFIG = ShardConfig(targets=folding.CONFIG.targets[:1])
MOST = 6
"""Records of an input."""

OWN = "SubNetwork=good,ManagedElement=z"


def _good(offset: int, count: int) -> list[LogRecord]:
    return folding.log([folding.report(OWN, LATER + n, 60.0) for n in range(count)], offset)


def _shard(data: bytes) -> None:
    """One of three laws, by the input: each costs as much as the folding itself."""
    log = log_of(data)[:MOST]
    shard = folding.new_shard(CONFIG)
    told = shard.apply(log).outlets
    assert all(table.closed <= table.now for table in shard.tables.values())
    law = crc32(data) % 3
    if law == 0:
        other = folding.new_shard(CONFIG)
        apart = [out for record in log for out in other.apply([record]).outlets]
        assert told == apart, "what is told must not depend on batches"
        assert shard.digest() == other.digest(), "nor the state"
    elif law == 1:
        other = folding.new_shard(CONFIG)
        other.restore(shard.snapshot())
        assert other.digest() == shard.digest()
        good = _good(shard.next_offset, 1)
        assert other.apply(good).outlets == shard.apply(good).outlets, "a restored twin must say the same"
    else:
        told = shard.apply(_good(shard.next_offset, 2)).outlets
        predicted = [out for out in told if out.kind == "congestion" and out.key == OWN]
        assert len(predicted) == 2, "good ones must be predicted, whatever came before"


TARGETS = [Target("shard", _shard, log_seeds, JSON, 4096)]
