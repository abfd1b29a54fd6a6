"""What the twin has said lately: the newest of each prediction, score and burst, in bounded tables. Pure."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final, TypeVar

import msgspec

from infra.api.hub import Change
from stream.burst.answers import CONTROL
from stream.burst.view import Overview
from stream.topics import OUTLETS, PROGRESS
from twin.events import CongestionPrediction, Fidelity, Rejected, Score
from twin.failure_events import FailurePrediction
from twin.log import LogRecord

T = TypeVar("T")

MOST = 200_000
"""Predictions of each kind that are kept: one an element, or object, and target."""
MOST_BURSTS = 2000
MOST_REJECTED, MOST_REJECTED_BYTES = 5000, 32 << 20
MOST_CHANGES = 10_000
_UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class Said:
    """Tables of the newest messages.

    Attributes:
        congestion: By target and element: one message holds the element's cells, column by column.
        places: Offset to go on from, by topic and partition.
        asked: What became of changes that were asked for here, by id.
    """

    def __init__(self) -> None:
        self.congestion: OrderedDict[tuple[str, str], CongestionPrediction] = OrderedDict()
        self.failures: OrderedDict[tuple[str, str], FailurePrediction] = OrderedDict()
        self.fidelity: OrderedDict[tuple[str, int, int, str], Fidelity] = OrderedDict()
        self.scores: OrderedDict[str, Score] = OrderedDict()
        self.rejected: OrderedDict[str, Rejected] = OrderedDict()
        self.rejected_count = self._rejected_bytes = 0
        self.bursts = Overview()
        self.places: dict[tuple[str, int], int] = {}
        self.asked: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self._takers: dict[str, Callable[[LogRecord], bytes | None]] = {
            "congestion": self._congestion,
            "failure": self._failure,
            "fidelity": self._fidelity,
            "scores": self._score,
            "rejected": self._reject,
            "updates": self._update,
            "bursts": self._burst,
            "progress": self._progress,
        }

    def hear(self, kind: str, record: LogRecord) -> Change | None:
        """Take a message in; what subscribers are told of it, None where it can't be read or says nothing to them."""
        taker = self._takers.get(kind)
        try:
            body = taker(record) if taker is not None else _checked(record.value)
        except _UNREADABLE:
            return None
        # A line break is white space in JSON, and the end of a field in a stream of events.
        return None if body is None else Change(kind, record.key, body.replace(b"\n", b" ").replace(b"\r", b" "))

    def ask(self, id_: str, dn: str, after_revision: int) -> None:
        """A change has been sent on its way."""
        known = {"id": id_, "dn": dn, "status": "pending", "after_revision": after_revision, "revision": None}
        _put(self.asked, id_, known | {"reason": ""}, MOST_CHANGES)

    def answered(self, id_: str, revision: int, *, applied: bool, reason: str = "") -> None:
        """The fold has come to a change that was asked for."""
        status = "rejected" if reason else "applied" if applied else "unchanged"
        self.asked[id_] |= {"status": status, "revision": revision, "reason": reason}

    def _congestion(self, record: LogRecord) -> bytes:
        told = msgspec.json.decode(record.value, type=CongestionPrediction)
        _put(self.congestion, (told.target, told.element), told, MOST)
        return record.value

    def _failure(self, record: LogRecord) -> bytes:
        told = msgspec.json.decode(record.value, type=FailurePrediction)
        _put(self.failures, (told.target, told.object), told, MOST)
        return record.value

    def _fidelity(self, record: LogRecord) -> bytes:
        told = msgspec.json.decode(record.value, type=Fidelity)
        _put(self.fidelity, (told.counter, told.granularity_s, told.partition, told.context), told, MOST)
        return record.value

    def _score(self, record: LogRecord) -> bytes:
        told = msgspec.json.decode(record.value, type=Score)
        _put(self.scores, told.part, told, MOST)
        return record.value

    def _reject(self, record: LogRecord) -> bytes:
        told = msgspec.json.decode(record.value, type=Rejected)
        if told.id not in self.rejected:
            self.rejected_count += 1
            self.rejected[told.id] = told
            self._rejected_bytes += len(told.original)
        while len(self.rejected) > MOST_REJECTED or self._rejected_bytes > MOST_REJECTED_BYTES:
            _, gone = self.rejected.popitem(last=False)
            self._rejected_bytes -= len(gone.original)
        return msgspec.json.encode(rejected_item(told))

    def _update(self, record: LogRecord) -> bytes:
        self.bursts.hear(OUTLETS["updates"].name, record)
        return _checked(record.value)

    def _burst(self, record: LogRecord) -> bytes | None:
        self.bursts.hear(OUTLETS["bursts"].name, record)
        if record.type == CONTROL:
            return record.value
        # The request carries its soundings: subscribers are told what it is about.
        ids = msgspec.json.decode(record.value, type=_Id)
        seen = self.bursts.seen.get(ids.id)
        self._forget_bursts()
        return None if seen is None else msgspec.json.encode(seen)

    def _progress(self, record: LogRecord) -> bytes:
        self.bursts.hear(PROGRESS.name, record)
        return record.value

    def _forget_bursts(self) -> None:
        seen = self.bursts.seen
        while len(seen) > MOST_BURSTS:
            del seen[next(iter(seen))]


class _Id(msgspec.Struct):
    id: str


def _checked(body: bytes) -> bytes:
    msgspec.json.decode(body)
    return body


def rejected_item(told: Rejected) -> dict[str, Any]:
    """A rejected message without its bytes."""
    item = {name: getattr(told, name) for name in told.__struct_fields__ if name not in ("original", "schema_version")}
    return item | {"original": f"/api/v1/rejected/originals/{told.id}"}


def _put(table: OrderedDict[Any, T], key: Any, value: T, most: int) -> None:
    """The newest goes to the end; the one that was told longest ago makes room."""
    table[key] = value
    table.move_to_end(key)
    if len(table) > most:
        table.popitem(last=False)
