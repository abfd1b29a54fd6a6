"""Records of the log, and what leaves the fold."""

from __future__ import annotations

from typing import NamedTuple

EPOCH_MS = int


class LogRecord(NamedTuple):
    """One record of `twin.inbox`, as the fold sees it.

    Attributes:
        time: When the log took it in [ms since 1970]: later than the event, unless a clock is wrong.
        type: CloudEvents type, e.g. `lockstep.report.v1`.
    """

    partition: int
    offset: int
    key: str
    time: EPOCH_MS
    type: str
    value: bytes


class Outlet(NamedTuple):
    """One message for subscribers.

    Attributes:
        kind: `congestion`, `drift`, `fidelity`, `updates`, `scores` or `rejected`; `stream.topics` names the topic.
        time: Event time [ms since 1970].
    """

    kind: str
    key: str
    id: str
    time: EPOCH_MS
    value: bytes
