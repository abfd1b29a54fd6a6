"""What became of each request for a burst, put together from the topics. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from stream.burst.answers import CONTROL
from stream.burst.parameters import Parameter, parameters
from stream.topics import OUTLETS, PROGRESS
from twin.events import TwinUpdate
from twin.log import LogRecord
from twin.radio.events import BurstProgress

REQUESTS, UPDATES = OUTLETS["bursts"].name, OUTLETS["updates"].name
TOPICS = (REQUESTS, PROGRESS.name, UPDATES)
ABOUT = (b'"change":"burst"', b'"change":"calibrated"')
OPEN = ("NOT_STARTED", "IN_PROGRESS", "SUSPENDED", "CANCELLING")
MOST_EARLY = 1024
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class _Believed(msgspec.Struct):
    """Of the parameters that a burst begins with, their means."""

    names: list[str]
    mean: list[float]


class _Asked(msgspec.Struct):
    """Of a request, what is shown: soundings are passed over unread."""

    id: str
    region: str
    reason: str
    time: str
    partition: int = 0
    touched: list[str] = []
    base_version: int = 0
    posterior: _Believed | None = None


class Seen(msgspec.Struct, kw_only=True):
    """One request and what became of it.

    Attributes:
        status: Of `twin.radio.events.Status`.
        begun: When its last attempt was queued, or it was first said to be under way; none: only its end was heard.
        heard: When the last was told of it; `seconds` from `begun` to then.
        detail: What the burst worker said at the end.
        verdict: What the twin did with the result: `adopted`, `refused: ...`; empty: nothing yet.
        before, after: Median absolute error on held-out soundings [dB].
        parameters: What it has set, where it was adopted.
    """

    request: str
    region: str
    reason: str
    time: str
    partition: int
    status: str = "NOT_STARTED"
    stage: str = ""
    percent: float = 0.0
    attempt: int = 1
    worker: str = ""
    detail: str = ""
    begun: datetime | None = None
    heard: datetime | None = None
    seconds: float = 0.0
    verdict: str = ""
    finding: str = ""
    before: float | None = None
    after: float | None = None
    parameters: list[Parameter] = []


class _Early(NamedTuple):
    """What was heard of a request before itself."""

    begun: datetime | None = None
    progress: BurstProgress | None = None
    update: TwinUpdate | None = None


class Overview:
    """All requests by id, oldest first."""

    def __init__(self) -> None:
        self.seen: dict[str, Seen] = {}
        self._believed: dict[str, dict[str, float]] = {}
        # The topics are read side by side: what became of a request may be heard before it.
        self._early: dict[str, _Early] = {}

    def hear(self, topic: str, record: LogRecord) -> None:
        """Take one record in; what can't be read is passed over."""
        try:
            if topic == REQUESTS and record.type != CONTROL:
                self._asked(msgspec.json.decode(record.value, type=_Asked))
            elif topic == PROGRESS.name:
                self._progress(msgspec.json.decode(record.value, type=BurstProgress))
            elif topic == UPDATES and any(change in record.value for change in ABOUT):
                self._told(msgspec.json.decode(record.value, type=TwinUpdate))
        except _UNREADABLE:
            return

    def _asked(self, asked: _Asked) -> None:
        if asked.id not in self.seen:
            if asked.posterior is not None:
                self._believed[asked.id] = dict(zip(asked.posterior.names, asked.posterior.mean, strict=False))
                if len(self._believed) > MOST_EARLY:
                    del self._believed[next(iter(self._believed))]
            self.seen[asked.id] = Seen(
                request=asked.id, region=asked.region, reason=asked.reason, time=asked.time, partition=asked.partition
            )
            early = self._early.pop(asked.id, _Early())
            self.seen[asked.id].begun = early.begun
            if early.progress is not None:
                self._progress(early.progress)
            if early.update is not None:
                self._told(early.update)

    def _keep(self, request: str, progress: BurstProgress | None = None, update: TwinUpdate | None = None) -> None:
        before = self._early.pop(request, _Early())
        begun = before.begun if progress is None else _begun(before.begun, progress)
        self._early[request] = _Early(begun, progress or before.progress, update or before.update)
        if len(self._early) > MOST_EARLY:
            del self._early[next(iter(self._early))]

    def _progress(self, told: BurstProgress) -> None:
        one = self.seen.get(told.request)
        if one is None:
            self._keep(told.request, progress=told)
            return
        one.begun, one.heard = _begun(one.begun, told), told.time
        one.status, one.stage, one.percent, one.attempt = told.status, told.stage, told.percent, told.attempt
        one.worker, one.detail = told.worker, told.detail
        one.seconds = 0.0 if one.begun is None else round((told.time - one.begun).total_seconds(), 1)

    def _told(self, update: TwinUpdate) -> None:
        request = str(update.detail.get("request"))
        one = self.seen.get(request)
        if one is None:
            self._keep(request, update=update)
            return
        refused = update.detail.get("refused")
        one.verdict = f"refused: {refused}" if refused else "adopted"
        one.finding = str(update.detail.get("finding") or "")
        one.before, one.after = (_median(update.detail.get(name)) for name in ("before", "after"))
        if update.change == "calibrated":
            one.parameters = parameters(update.detail, self._believed.pop(request, {}))

    def rows(self, *, open_only: bool = False) -> list[Seen]:
        """Oldest first."""
        return [one for one in self.seen.values() if not open_only or one.status in OPEN]


def _begun(before: datetime | None, told: BurstProgress) -> datetime | None:
    if told.status == "NOT_STARTED" or (before is None and told.status in OPEN):
        return told.time
    return before


def _median(evidence: Any) -> float | None:
    return float(evidence["median_db"]) if isinstance(evidence, dict) and "median_db" in evidence else None


def table(rows: list[Seen]) -> Any:
    """For people."""
    from rich.table import Table
    from rich.text import Text

    out = Table(box=None)
    for column in ("request", "reason", "status", "stage", "%", "s", "outcome", "finding", "error before > after"):
        out.add_column(column, overflow="fold")
    for one in rows:
        said = "; ".join(filter(None, (one.detail, one.verdict)))
        errors = f"{_db(one.before)} > {_db(one.after)}" if one.after is not None else ""
        attempt = f" ({one.attempt})" if one.attempt > 1 else ""
        told = (one.request, one.reason, one.status + attempt, one.stage, f"{one.percent:.0f}", f"{one.seconds:.0f}")
        out.add_row(*(Text(text) for text in (*told, said, one.finding, errors)))
    return out


def _db(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f} dB"
