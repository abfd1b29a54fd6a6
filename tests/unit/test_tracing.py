"""Traces: one an element's period, the same for whoever sees a part of it, from message to prediction."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from infra.settings import Settings
from stream.broker import Message
from stream.tracing import NO_TRACER, Landed, OtelTracer, ids_of, tracer
from twin.log import Outlet

ELEMENT, END = "ManagedElement=7", 1_780_000_000_000
WHEN = Landed(4_000, 5_000, 6_000, 9_000)


def message(key: str = ELEMENT, time: int = END) -> Message:
    return Message(0, key, time, b"{}", [])


def prediction(key: str = ELEMENT, time: int = END, kind: str = "congestion") -> Outlet:
    return Outlet(kind, key, f"{kind}-1", time, b"{}")


def traced(share: float = 1.0) -> tuple[OtelTracer, InMemorySpanExporter]:
    kept = InMemorySpanExporter()
    return OtelTracer(kept, share, at_once=True), kept


def by_name(kept: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    return {span.name: span for span in kept.get_finished_spans()}


def test_a_trace_leads_from_the_message_to_the_prediction() -> None:
    ingest, first = traced()
    fold, second = traced()  # another worker, on another machine
    ingest.ingested("telemetry.reports", [message()], [END + 5], 3_000)
    fold.landed(2, [prediction()], WHEN)
    begin, rest = by_name(first)["telemetry"], by_name(second)
    assert set(rest) == {"predict", "publish", "commit"}
    assert {span.context.trace_id for span in rest.values()} == {begin.context.trace_id}
    assert begin.parent is None
    assert rest["predict"].parent.span_id == begin.context.span_id
    assert rest["publish"].parent.span_id == rest["commit"].parent.span_id == rest["predict"].context.span_id
    assert begin.start_time == (END + 5) * 1_000_000
    assert (rest["predict"].start_time, rest["predict"].end_time) == (4_000, 9_000)
    assert (rest["publish"].start_time, rest["publish"].end_time) == (5_000, 6_000)
    assert rest["predict"].attributes["lockstep.prediction"] == "congestion-1"
    assert begin.attributes["messaging.destination.name"] == "telemetry.reports"


def test_another_period_or_element_is_another_trace() -> None:
    known = {ids_of(*each, 1.0).trace for each in ((ELEMENT, END), (ELEMENT, END + 1), ("ManagedElement=8", END))}  # type: ignore[union-attr]
    assert len(known) == 3


def test_what_is_no_prediction_has_no_span() -> None:
    fold, kept = traced()
    fold.landed(0, [prediction(kind="drift"), prediction(kind="rejected")], WHEN)
    assert kept.get_finished_spans() == ()


def test_the_same_share_is_kept_by_everybody() -> None:
    share, all_ = 0.1, 4_000
    ingest, first = traced(share)
    fold, second = traced(share)
    elements = [f"ManagedElement={number}" for number in range(all_)]
    ingest.ingested("telemetry.reports", [message(one) for one in elements], [END] * all_, 1)
    fold.landed(0, [prediction(one) for one in elements], WHEN)
    one = {span.context.trace_id for span in first.get_finished_spans()}
    two = {span.context.trace_id for span in second.get_finished_spans()}
    assert one == two
    assert share * all_ * 0.8 < len(one) < share * all_ * 1.2


def test_without_an_endpoint_nothing_is_kept() -> None:
    assert tracer(Settings(_env_file=None)) is NO_TRACER  # type: ignore[call-arg]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_spans_reach_a_collector_by_http() -> None:
    got: list[bytes] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                import gzip

                body = gzip.decompress(body)
            got.append(body)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Collector)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        endpoint = f"http://127.0.0.1:{server.server_port}/v1/traces"
        made = tracer(Settings(_env_file=None, trace_endpoint=endpoint, trace_share=1.0))  # type: ignore[call-arg]
        made.landed(0, [prediction()], WHEN)
        made.close()
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    request = ExportTraceServiceRequest.FromString(got[0])
    spans = request.resource_spans[0].scope_spans[0].spans
    assert {span.name for span in spans} == {"predict", "publish", "commit"}
