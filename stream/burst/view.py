"""What became of each request for a burst, put together from the topics. Pure."""

from __future__ import annotations

from typing import Any

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
        status: Of `twin.radio.events.Status`; `seconds` from the first to the last that was told.
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
    seconds: float = 0.0
    verdict: str = ""
    finding: str = ""
    before: float | None = None
    after: float | None = None
    parameters: list[Parameter] = []


class Overview:
    """All requests by id, oldest first."""

    def __init__(self) -> None:
        self.seen: dict[str, Seen] = {}
        self._begun: dict[str, float] = {}
        self._believed: dict[str, dict[str, float]] = {}
        # The topics are read side by side: what became of a request may be heard before it.
        self._early: dict[str, tuple[BurstProgress | None, TwinUpdate | None]] = {}

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
            progress, update = self._early.pop(asked.id, (None, None))
            if progress is not None:
                self._progress(progress)
            if update is not None:
                self._told(update)

    def _keep(self, request: str, progress: BurstProgress | None = None, update: TwinUpdate | None = None) -> None:
        before = self._early.pop(request, (None, None))
        self._early[request] = (progress or before[0], update or before[1])
        if len(self._early) > MOST_EARLY:
            del self._early[next(iter(self._early))]

    def _progress(self, told: BurstProgress) -> None:
        one = self.seen.get(told.request)
        if one is None:
            self._keep(told.request, progress=told)
            return
        at = told.time.timestamp()
        if told.status == "NOT_STARTED" or told.request not in self._begun:
            self._begun[told.request] = at
        one.status, one.stage, one.percent, one.attempt = told.status, told.stage, told.percent, told.attempt
        one.worker, one.detail, one.seconds = told.worker, told.detail, round(at - self._begun[told.request], 1)

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
