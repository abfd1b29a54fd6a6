"""Traces from a source's message to the predictions made of it, in OpenTelemetry's terms.

What happens to one element's period is one trace, and its id is a hash of the two: ingest and fold, which may run on
two machines, find the same one without a header that travels, and a replay has the ids of the first time. Which traces
are kept, the hash decides, too, so one that is kept is kept by everybody.

    telemetry                        from the source's topic until the log has it (ingest)
      |- predict                     from the batch's fold until it is committed (fold)
         |- publish                  outlets to the broker
         |- commit                   rows and offset to the database
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from time import time_ns
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from infra.settings import Settings
from stream.broker import Message
from twin.errors import ConfigurationError
from twin.log import Outlet

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

TRACED = ("congestion", "failure")
"""Outlets that are predictions: what a trace ends in."""
TIMEOUT_S = 3.0
"""A collector that takes longer doesn't get what was to be sent; a worker that stops waits so long at most."""
_WHOLE = 1 << 64


class Landed(NamedTuple):
    """When a batch was folded, published and committed; wall clock [ns since 1970]."""

    folded: int
    publishing: int
    published: int
    committed: int


class Tracer(Protocol):
    """Told of what has been done with messages."""

    def ingested(self, source: str, messages: Sequence[Message], recorded: Sequence[int], done: int) -> None:
        """Messages have entered the log.

        Args:
            recorded: When the source's topic got each [ms since 1970].
            done: When the log had them [ns since 1970].
        """

    def landed(self, partition: int, outlets: Sequence[Outlet], when: Landed) -> None:
        """Outlets are out and their rows written."""

    def close(self) -> None:
        """Send what is left."""


class NoTracer:
    """Keeps nothing."""

    def ingested(self, source: str, messages: Sequence[Message], recorded: Sequence[int], done: int) -> None:
        """See `Tracer`."""

    def landed(self, partition: int, outlets: Sequence[Outlet], when: Landed) -> None:
        """See `Tracer`."""

    def close(self) -> None:
        """See `Tracer`."""


NO_TRACER = NoTracer()


class Ids(NamedTuple):
    """Of one trace: its own, and that of the span it begins with."""

    trace: int
    span: int


def ids_of(key: str, time_ms: int, share: float) -> Ids | None:
    """The trace of one element's period; None: it is not among the share that is kept.

    Args:
        key: The element.
        time_ms: End of the period [ms since 1970].
    """
    digest = blake2b(f"{key}|{time_ms}".encode(), digest_size=32).digest()
    if int.from_bytes(digest[24:], "big") >= share * _WHOLE:
        return None
    # Zero is no id for OpenTelemetry.
    return Ids(int.from_bytes(digest[:16], "big") or 1, int.from_bytes(digest[16:24], "big") or 1)


class OtelTracer:
    """Hands spans to OpenTelemetry, whose own thread sends them; what the collector doesn't take is dropped there.

    Args:
        share: Of the traces, which is kept.
    """

    def __init__(self, exporter: SpanExporter, share: float, *, at_once: bool = False) -> None:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor

        from stream.tracing_ids import FixedIds

        self._ids = FixedIds()
        self._provider = TracerProvider(
            resource=Resource.create({"service.name": "lockstep"}), id_generator=self._ids, shutdown_on_exit=False
        )
        process = SimpleSpanProcessor(exporter) if at_once else BatchSpanProcessor(exporter)
        self._provider.add_span_processor(process)
        self._tracer = self._provider.get_tracer("lockstep")
        self._share = share

    def ingested(self, source: str, messages: Sequence[Message], recorded: Sequence[int], done: int) -> None:
        """See `Tracer`."""
        for message, begin in zip(messages, recorded, strict=True):
            ids = ids_of(message.key, message.time, self._share)
            if ids is None:
                continue
            with self._ids.next(ids):
                span = self._tracer.start_span("telemetry", start_time=begin * 1_000_000)
            span.set_attributes(
                {
                    "messaging.system": "kafka",
                    "messaging.destination.name": source,
                    "messaging.message.body.size": len(message.value),
                    "lockstep.element": message.key,
                }
            )
            span.end(done)

    def landed(self, partition: int, outlets: Sequence[Outlet], when: Landed) -> None:
        """See `Tracer`."""
        for out in outlets:
            if out.kind not in TRACED or (ids := ids_of(out.key, out.time, self._share)) is None:
                continue
            context = self._below(ids)
            span = self._tracer.start_span("predict", context, start_time=when.folded)
            span.set_attributes(
                {
                    "lockstep.element": out.key,
                    "lockstep.outlet": out.kind,
                    "lockstep.prediction": out.id,
                    "lockstep.partition": partition,
                }
            )
            inner = self._inside(span)
            for name, begin, end in (
                ("publish", when.publishing, when.published),
                ("commit", when.published, when.committed),
            ):
                self._tracer.start_span(name, inner, start_time=begin).end(end)
            span.end(when.committed)

    def close(self) -> None:
        """See `Tracer`."""
        self._provider.shutdown()

    @staticmethod
    def _below(ids: Ids) -> Any:
        from opentelemetry import trace

        parent = trace.SpanContext(ids.trace, ids.span, is_remote=True, trace_flags=trace.TraceFlags(1))
        return trace.set_span_in_context(trace.NonRecordingSpan(parent))

    @staticmethod
    def _inside(span: Any) -> Any:
        from opentelemetry import trace

        return trace.set_span_in_context(span)


def tracer(settings: Settings) -> Tracer:
    """As the settings say.

    Raises:
        ConfigurationError: Traces are wanted and OpenTelemetry is not installed.
    """
    if not settings.trace_endpoint:
        return NO_TRACER
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    except ImportError as error:
        raise ConfigurationError(
            "LOCKSTEP_TRACE_ENDPOINT is set and OpenTelemetry is not installed: pip install 'lockstep-twin[trace]'"
        ) from error
    return OtelTracer(OTLPSpanExporter(settings.trace_endpoint, timeout=TIMEOUT_S), settings.trace_share)


def now_ns() -> int:
    """The wall clock [ns since 1970]."""
    return time_ns()
