"""`instrument`: the one call that connects a guard with OpenTelemetry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stormdoor.errors import ConfigurationError
from stormdoor.guard.tracing import check_ratio
from stormdoor.runtime.guard import Guard
from stormdoor.settings.installation import install_command

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

__all__ = ["instrument", "instrument_by_environment"]


def instrument(
    guard: Guard,
    *,
    tracer_provider: TracerProvider | None = None,
    meter_provider: MeterProvider | None = None,
    message_ratio: float = 0.0,
) -> Guard:
    """Give each handshake and guarded page a span, and all measurements to OpenTelemetry.

    Call it before `protect`.

    A span has the decision, the cause of a denial, the policies, the kind of credential, the permission and
    the pattern of the route. It has no secret, no principal, no address and no path that a client chose.

    A handshake begins a trace of its own, with a link to the trace context of the client: clients choose
    theirs, and may not be authenticated. The span of a message links to that of its handshake. Spans begin
    with the sampler of the SDK; what it drops costs no further work.

    Args:
        guard: The guard.
        tracer_provider: Source of the tracer; None for the global one.
        meter_provider: Source of the meter; None for the global one.
        message_ratio: Share of the messages that begin a span, 0.0 to 1.0. With 0.0, a message costs nothing
            more than without OpenTelemetry.

    Returns:
        `guard`.

    Raises:
        ConfigurationError: The API of OpenTelemetry is not installed, the ratio is not a share, or the guard
            is instrumented or in use already.
    """
    check_ratio(message_ratio)
    if guard.tracing is not None:
        raise ConfigurationError("this guard is instrumented already; call instrument() once")
    if guard.in_use:
        raise ConfigurationError("call instrument(guard) before protect(application, guard)")
    try:
        from stormdoor.otel.metrics import export_measurements  # noqa: PLC0415 - an extra
        from stormdoor.otel.tracing import OpenTelemetryTracing  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise _missing(error, "'stormdoor[otel]'") from None
    guard.tracing = OpenTelemetryTracing(guard, tracer_provider, message_ratio)
    export_measurements(guard, meter_provider)
    return guard


def instrument_by_environment(guard: Guard) -> None:
    """Instrument a guard with `telemetry`; `protect` calls it, so that a configuration file is enough.

    If the process has no tracer or meter provider of the SDK yet, those that it gets send by OTLP over HTTP.
    Their settings are the variables of OpenTelemetry, such as `OTEL_EXPORTER_OTLP_ENDPOINT`.

    Raises:
        ConfigurationError: The SDK, the exporter or the extra is not installed.
    """
    if guard.telemetry is None or guard.tracing is not None:
        return
    try:
        from stormdoor.otel.export import set_up_export  # noqa: PLC0415 - needs the SDK
    except ModuleNotFoundError as error:
        raise _missing(
            error, "'stormdoor[otel]' opentelemetry-sdk opentelemetry-exporter-otlp-proto-http"
        ) from None
    set_up_export()
    instrument(guard, message_ratio=guard.telemetry)


def _missing(error: ModuleNotFoundError, packages: str) -> ConfigurationError:
    return ConfigurationError(
        f"OpenTelemetry needs {error.name}, which is not installed; run: {install_command(packages)}"
    )
