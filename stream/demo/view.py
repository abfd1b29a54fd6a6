"""What the demo shows: progress, newest predictions, drift and scores."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from datetime import UTC, datetime
from time import monotonic
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from stream.demo.failures import FailureView
from stream.engine.leaving import leave
from stream.showing.results import scores_table
from stream.topics import OUTLETS

WATCHED = ("congestion", "failure", "drift", "fidelity", "updates", "scores", "bursts", "rejected")
BURSTS = 6
"""Shown."""


class View:
    """Collects what is sent and what comes back.

    Args:
        num_cells: Of the emulated network.
    """

    def __init__(self, *, as_json: bool, num_cells: int) -> None:
        self.as_json = as_json
        self.num_cells = num_cells
        self.history: dict[str, int] = {}
        self.api: Callable[[], str | None] | None = None
        """Says where the API serves, once it does; None: there is none."""
        self._begin = monotonic()
        self._console = Console()
        self._first: datetime | None = None
        self._time: datetime | None = None
        self._periods_sent: deque[tuple[int, float]] = deque(maxlen=4096)
        self._newest_predicted = 0
        self._kinds: Counter[str] = Counter()
        self._sent: Counter[str] = Counter()
        self._likely: dict[str, tuple[float, float | None, str, str]] = {}
        self._drifts: deque[dict[str, Any]] = deque(maxlen=6)
        self._scores: dict[str, dict[str, Any]] = {}
        self._failures = FailureView()
        self._fidelity: dict[str, float] = {}
        self._bursts: deque[dict[str, Any]] = deque(maxlen=BURSTS)
        self._tier = ""
        self._latency: deque[float] = deque(maxlen=100_000)
        self._predictions = 0

    # What happens ---------------------------------------------------------------------------------------------------

    def sent(self, time: datetime, kinds: dict[str, int], now: float) -> None:
        """A period's messages have been sent."""
        self._first = self._first or time
        self._time = time
        self._sent.update(kinds)
        self._periods_sent.append((int(time.timestamp()), now))

    def behind(self) -> int:
        """Periods that have been sent and not predicted from."""
        return sum(end > self._newest_predicted for end, _ in self._periods_sent)

    def received(self, kind: str, body: dict[str, Any], now: float) -> None:
        """A message has come from the twin."""
        self._kinds[kind] += 1
        if kind == "congestion":
            self._predicted(body, now)
        elif kind == "drift":
            self._drifts.append(body)
        elif kind == "scores":
            if "failures" in body["metrics"]:
                self._failures.scores[body["target"]] = body["metrics"]
            elif "ap" in body["metrics"]:  # alarms are scored, too, by how many had a cause
                self._scores[body["target"]] = body["metrics"]
        elif kind == "failure":
            self._failures.predicted(body)
        elif kind == "fidelity":
            context = body.get("context")
            self._fidelity[f"{body['counter']} {context}" if context else body["counter"]] = body["score"]
            self._tier = body["tier"] if context else self._tier
        elif kind == "updates" and body["change"] in ("calibrated", "burst"):
            self._bursts.append(body)

    def _predicted(self, body: dict[str, Any], now: float) -> None:
        end = int(datetime.fromisoformat(body["time"]).timestamp())
        self._predictions += len(body["cells"])
        if end > self._newest_predicted:
            self._newest_predicted = end
        for sent_end, at in reversed(self._periods_sent):
            if sent_end == end:
                self._latency.append(now - at)
                break
        for cell, p, value, drivers in zip(
            body["cells"], body["probability"], body["value"], body["drivers"], strict=True
        ):
            if p is not None:
                self._likely[f"{body['element']},{cell}"] = (p, value, body["target"], ", ".join(drivers))

    # What is shown --------------------------------------------------------------------------------------------------

    async def draw(self) -> None:
        """Draw until cancelled; with `--json` nothing is drawn."""
        if self.as_json or not self._console.is_terminal:
            while True:
                await asyncio.sleep(5)
                if not self.as_json:
                    url = self.api() if self.api is not None else None
                    self._console.print(self._headline() + (f"  {url}" if url else ""))
        with Live(console=self._console, refresh_per_second=4, get_renderable=self._render):
            while True:
                await asyncio.sleep(0.25)

    def _headline(self) -> str:
        shown = self._time.strftime("%A %H:%M") if self._time else "starting"
        return (
            f"[bold]{shown}[/]  {sum(self._sent.values()):,} messages sent  {self._predictions:,} predictions  "
            f"{self._kinds['drift']} drifts  {self._kinds['rejected']} rejected  fidelity "
            + (", ".join(f"{counter} {score:.2f}" for counter, score in sorted(self._fidelity.items())[:3]) or "-")
        )

    def _render(self) -> Group:
        likely = Table(title="cells most likely to be congested in an hour", title_justify="left", expand=True)
        for column in ("cell", "now", "probability", "because of"):
            likely.add_column(column)
        for cell, (p, value, _, why) in sorted(self._likely.items(), key=lambda kv: -kv[1][0])[:8]:
            colour = "red" if p > 0.5 else "yellow" if p > 0.2 else "green"
            likely.add_row(escape(cell), "-" if value is None else f"{value:.0f} %", f"[{colour}]{p:.0%}", why)
        drifts = Table(title="drift: reality has moved away from the twin", title_justify="left", expand=True)
        for column in ("since", "object", "counter", "by", "kind"):
            drifts.add_column(column)
        for body in reversed(self._drifts):
            drifts.add_row(
                str(body["since"])[:16], escape(body["object"]), body["counter"], f"{body['size']:+g}", body["kind"]
            )
        parts: list[Any] = [Panel(self._headline(), title="Lockstep, emulated network"), likely, drifts]
        if self._failures.warned:
            parts.append(self._failures.table())
        if self._tier:
            parts.append(self._bursts_table())
        if self._scores:
            parts.append(scores_table(self._scores))
        if self.api is not None:
            url = self.api()
            parts.append(f"dashboard and API: [bold]{url}[/]" if url else "[dim]dashboard and API are being started[/]")
        return Group(*parts, "[dim]Ctrl-C ends it")

    def _bursts_table(self) -> Table:
        """What simulation bursts have found; errors are those on soundings held out."""
        table = Table(title=f"radio twin, tier {self._tier}: bursts", title_justify="left", expand=True)
        for column in ("time", "found", "error before", "after", "burst took"):
            table.add_column(column)
        for body in reversed(self._bursts):
            detail = body["detail"]
            before, after = (detail.get(key) or {} for key in ("before", "after"))
            table.add_row(
                str(body["time"])[:16],
                escape(str(detail.get("refused") or f"{detail['finding']}: {detail['reason']}")),
                *(f"{one['median_db']:.1f} dB" if one else "-" for one in (before, after)),
                f"{detail['seconds']:.1f} s" if "seconds" in detail else "-",
            )
        return table

    def farewell(self) -> None:
        """The last words."""
        if self._scores:
            self._console.print(scores_table(self._scores))
        self._console.print(self._headline())
        rows = self.history.get("observations", 0)
        self._console.print(f"{rows:,} rows of history were written; nothing is left running.")

    def result(self) -> dict[str, Any]:
        """The object that `lockstep demo --json` prints."""
        latency = sorted(self._latency)
        hours = (self._time - self._first).total_seconds() / 3600 if self._time and self._first else 0.0
        return {
            "seconds": round(monotonic() - self._begin, 1),
            "emulated_hours": round(hours, 2),
            "emulated_until": (self._time or datetime.now(UTC)).isoformat(),
            "cells": self.num_cells,
            "sent": dict(self._sent),
            "received": dict(self._kinds),
            "predictions": self._predictions,
            "drifts": self._kinds["drift"],
            "rejected": self._kinds["rejected"],
            "fidelity": self._fidelity,
            "radio_tier": self._tier,
            "bursts": [body["detail"] for body in self._bursts],
            "event_to_prediction_ms": {
                "p50": round(1000 * latency[len(latency) // 2]) if latency else None,
                "p95": round(1000 * latency[len(latency) * 95 // 100]) if latency else None,
            },
            "history": self.history,
            "scores": {"congestion": self._scores, "failure": self._failures.scores},
            "failures": self._failures.strongest(),
        }


async def watch(bootstrap: str, security: dict[str, Any], partitions: int, view: View) -> None:
    """Read the twin's topics, from their begin, until cancelled: as any subscriber would."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=50,
        **security,
    )
    await consumer.start()
    kinds = {OUTLETS[kind].name: kind for kind in WATCHED}
    tps = [TopicPartition(topic, p) for topic in kinds for p in range(partitions)]
    try:
        consumer.assign(tps)
        for tp in tps:
            consumer.seek(tp, 0)
        while True:
            for tp, messages in (await consumer.getmany(timeout_ms=100)).items():
                for message in messages:
                    view.received(
                        kinds[tp.topic], msgspec.json.decode(message.value), asyncio.get_running_loop().time()
                    )
    finally:
        await leave(consumer)
