"""The global providers of a process that has chosen none: they send by OTLP over HTTP."""

from __future__ import annotations

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.metrics import get_meter_provider, set_meter_provider
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import get_tracer_provider, set_tracer_provider

__all__ = ["set_up_export"]


def set_up_export() -> None:
    """Set the global providers, each unless the process has one of the SDK already."""
    if not isinstance(get_tracer_provider(), TracerProvider):
        tracers = TracerProvider()
        tracers.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        set_tracer_provider(tracers)
    if not isinstance(get_meter_provider(), MeterProvider):
        set_meter_provider(MeterProvider([PeriodicExportingMetricReader(OTLPMetricExporter())]))
