"""What a pipeline holds, compared with what a fold of the log alone would have left."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline import Folded, Pipeline

from infra.store.rows import STORED_KINDS
from twin.log import LogRecord


def assert_history(pipe: Pipeline, expected: Folded) -> None:
    """Row for row: nothing lost, nothing doubled, nothing else."""
    rows = pipe.rows()
    assert len(rows) == len(set(rows))
    missing, extra = set(expected.rows) - set(rows), set(rows) - set(expected.rows)
    assert (len(missing), len(extra)) == (0, 0), (sorted(missing)[:2], sorted(extra)[:2])
    told = sorted(
        (kind, out[1]) for (kind, _), outs in expected.outlets.items() if kind in STORED_KINDS for out in outs
    )
    assert pipe.events() == told


def assert_outlets_once(pipe: Pipeline, expected: Folded) -> None:
    """The very bytes, in the very order, in every partition."""
    found = pipe.outlets()
    assert found.keys() == expected.outlets.keys()
    for at, outs in expected.outlets.items():
        assert found[at] == outs, at


def assert_outlets_repeated(pipe: Pipeline, expected: Folded) -> int:
    """The same ids and no others; a repeated one has the same bytes. Returns how many were repeated."""
    repeated = 0
    found = pipe.outlets()
    assert found.keys() == expected.outlets.keys()
    for at, outs in expected.outlets.items():
        assert set(found[at]) == set(outs), at
        repeated += len(found[at]) - len(outs)
    return repeated


def assert_undisturbed(pipe: Pipeline, log: Sequence[LogRecord], *, once: bool = False) -> Folded:
    """Rows, outlets and digests are those of an undisturbed fold of a log.

    Args:
        once: No outlet was sent a second time.
    """
    expected = pipe.folded(log)
    assert_history(pipe, expected)
    if once:
        assert_outlets_once(pipe, expected)
    else:
        assert_outlets_repeated(pipe, expected)
    assert pipe.stored_digests() == expected.digests
    return expected
