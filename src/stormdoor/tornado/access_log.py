"""Access log of a guarded application: redacted, and bounded for refused clients."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from tornado.log import access_log
from tornado.web import Application, RequestHandler

from stormdoor.guard.operator_log import LogLimiter, log_fields
from stormdoor.ports import Clock, SystemClock
from stormdoor.tornado.interception import Unavailable
from stormdoor.tornado.redaction import redact_target, redacted

__all__ = ["install_access_log", "redacting_log_function"]

LogFunction = Callable[[RequestHandler], Any]

_SETTING = "log_function"


def redacting_log_function(
    own: LogFunction | None = None, *, clock: Clock | None = None
) -> LogFunction:
    """Return a `log_function` for `Application` that shows no query values and no credentials.

    Refused requests for guarded endpoints are written ten times a minute for each status and address,
    so that an unauthenticated client cannot fill the disk.

    Args:
        own: The application's own function, which gets a redacted request; None for Tornado's format.
        clock: Source of the time.
    """
    return _AccessLog(own, clock or SystemClock())


class _AccessLog:
    """The function that the setting `log_function` of a Tornado application names.

    Attributes:
        installed: Whether `protect` has set it, not the application.
    """

    def __init__(self, own: LogFunction | None, clock: Clock) -> None:
        self.installed = False
        self._own = own
        self._clock = clock
        self._limiter = LogLimiter()

    def __call__(self, handler: RequestHandler) -> None:
        status, hidden = handler.get_status(), 0
        if self._own is None and not access_log.isEnabledFor(_level(status)):
            return
        if status >= 400 and (
            hasattr(handler, "_door_endpoint") or isinstance(handler, Unavailable)
        ):
            address = handler.request.remote_ip or ""
            skipped = self._limiter.show(str(status), self._clock.monotonic(), address)
            if skipped is None:
                return
            hidden = skipped
        if self._own is None:
            _write(handler, status, hidden)
            return
        with redacted(handler.request):
            self._own(handler)


def _level(status: int) -> int:
    if status < 400:
        return logging.INFO
    return logging.WARNING if status < 500 else logging.ERROR


def _write(handler: RequestHandler, status: int, hidden: int) -> None:
    """Write the line that Tornado writes."""
    request = handler.request
    target, milliseconds = redact_target(request.uri or ""), 1000.0 * request.request_time()
    access_log.log(
        _level(status),
        "%d %s %s (%s) %.2fms%s",
        status,
        request.method,
        target,
        request.remote_ip,
        milliseconds,
        f" [and {hidden} like it]" if hidden else "",
        extra=log_fields(
            "http_request",
            hidden,
            status=status,
            method=request.method,
            target=target,
            address=request.remote_ip,
            milliseconds=round(milliseconds, 3),
        ),
    )


def install_access_log(
    application: Application, clock: Clock | None = None, *, wrap: bool = False
) -> str | None:
    """Make `application` write a redacted access log.

    Args:
        application: The application.
        clock: Source of the time.
        wrap: Wrap a log function of the application. Without it, its developer is asked to do so.

    Returns:
        A remark for the operator, if the application has a log function of its own; None otherwise.
    """
    own = application.settings.get(_SETTING)
    if isinstance(own, _AccessLog) and not own.installed:
        return None
    if isinstance(own, _AccessLog) or (
        own is None and type(application).log_request is Application.log_request
    ):
        made = application.settings[_SETTING] = _AccessLog(None, clock or SystemClock())
        made.installed = True
        return None
    if wrap:
        wrapped = _AccessLog(application.log_request, clock or SystemClock())
        setattr(application, "log_request", wrapped)  # noqa: B010 - for mypy
        return None
    where = 'settings["log_function"]' if own is not None else "log_request"
    return (
        f"{where} of the application writes its own access log, perhaps with credentials in addresses, and a "
        'line for each refused handshake; write application.settings["log_function"] = '
        "stormdoor.redacting_log_function(own) before protect()"
    )
