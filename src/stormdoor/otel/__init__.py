"""Traces and metrics for OpenTelemetry. Needs the extra `otel`; the application chooses SDK and exporter."""

from __future__ import annotations

from stormdoor.otel.instrument import instrument, instrument_by_environment

__all__ = ["instrument", "instrument_by_environment"]
