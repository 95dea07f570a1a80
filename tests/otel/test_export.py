"""Spans and metrics over OTLP, to a receiver on loopback that decodes the protocol; and all metrics."""

from __future__ import annotations

import asyncio
import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from stormdoor.core.histogram import Histogram
from stormdoor.otel import instrument
from stormdoor.runtime.measurements import measure
from tests.guard.fakes import bearer, make_guard, opened, refused, settle
from tests.otel.served import ALICE
from tests.tornado.wire import connect, request, serving

Received = dict[str, list[Any]]
_REQUESTS: dict[str, Any] = {
    "/v1/traces": ExportTraceServiceRequest,
    "/v1/metrics": ExportMetricsServiceRequest,
}


@contextmanager
def receiver() -> Iterator[tuple[str, Received]]:
    """A collector of OTLP over HTTP: yields its address, and the decoded requests by path."""
    received: Received = {path: [] for path in _REQUESTS}

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            received[self.path].append(_REQUESTS[self.path].FromString(body))
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Write nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", received
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


async def test_a_collector_receives_spans_and_metrics() -> None:
    """A handshake that is admitted and one that is refused, as a collector decodes them."""
    with receiver() as (address, received):
        tracers = TracerProvider()
        tracers.add_span_processor(
            BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{address}/v1/traces"))
        )
        exporter = OTLPMetricExporter(endpoint=f"{address}/v1/metrics")
        meters = MeterProvider([PeriodicExportingMetricReader(exporter)])
        guard = make_guard(insecure_allow_any_host=True)
        instrument(guard, tracer_provider=tracers, meter_provider=meters)
        from tests.otel.served import ROUTES

        routes = {r"/echo": "chat:connect", r"/refusing": "chat:connect"}
        async with serving(ROUTES, guard, permissions=routes) as running:
            async with await connect(running.port, "/echo", ALICE):
                pass
            async with await request(running.port, "/echo"):
                pass
            await guard.tick()
            await asyncio.to_thread(tracers.shutdown)
            await asyncio.to_thread(meters.shutdown)
    spans = [
        span
        for one in received["/v1/traces"]
        for resource in one.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]
    decisions = [
        {one.key: one.value.string_value for one in span.attributes}["stormdoor.decision"]
        for span in spans
    ]
    assert sorted(decisions) == ["admitted", "refused"]
    metrics = {
        metric.name: metric
        for one in received["/v1/metrics"]
        for resource in one.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }
    points = metrics["stormdoor_handshakes_refused"].sum.data_points
    refusals = {point.attributes[0].value.string_value: point.as_int for point in points}
    assert refusals["no-credential"] == 1
    assert refusals["origin-not-allowed"] == 0
    assert metrics["stormdoor_handshakes_refused"].sum.is_monotonic
    seconds = metrics["stormdoor_handshake_seconds"]
    assert seconds.unit == "s"
    assert {one.count for one in seconds.histogram.data_points} == {1}


async def test_the_metrics_are_those_of_prometheus() -> None:
    """The same names, types, labels and values; and the same ranges."""
    reader = InMemoryMetricReader()
    guard = await settle(make_guard())
    instrument(guard, meter_provider=MeterProvider([reader]))
    await opened(guard, bearer("alice"))
    await refused(guard, bearer("mallory"))
    await guard.tick()
    data: Any = reader.get_metrics_data()
    found = {
        metric.name: metric
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }
    for family in measure(guard):
        values = dict(family.samples)
        events = [one for one in values.values() if isinstance(one, Histogram)]
        if not values or (events and not any(one.cumulative()[-1][1] for one in events)):
            continue  # OpenTelemetry knows no series without an event, or without a value
        metric = found.pop(family.name)
        assert (metric.description, metric.unit) == (family.text, family.unit)
        for point in metric.data.data_points:
            labels = tuple(point.attributes[name] for name in family.labels)
            expected = values.pop(labels)
            if isinstance(expected, Histogram):
                assert tuple(point.explicit_bounds) == expected.bounds
                assert point.count == expected.cumulative()[-1][1]
                assert point.sum == expected.total
            else:
                assert point.value == expected
        assert not [one for one in values.values() if not isinstance(one, Histogram)]
    assert not found
    await guard.close()
