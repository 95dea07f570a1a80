"""The default message size limit.

What:
    `websocket_max_message_size` is not set, so Tornado's default of 10 MiB applies.

Why:
    Most messages have some hundred bytes. A hundred clients that send 10 MiB each use a gigabyte of
    memory.

Example:
    app = Application([("/chat", Chat)])

Instead:
    app = Application([("/chat", Chat)], websocket_max_message_size=64 * 1024)

Fix:
    Set `websocket_max_message_size=65536`, or the size of your largest message.
"""

from collections.abc import Iterator

from stormdoor_audit.auditor.facts.applications import applications, setting
from stormdoor_audit.auditor.judging.endpoint import Endpoint
from stormdoor_audit.auditor.rule import Found, rule
from stormdoor_audit.report.finding import Check, Confidence, Level

__all__ = ["RULE"]


def _check(endpoint: Endpoint) -> Iterator[Found]:
    if endpoint.method("on_message") is None or endpoint.method("max_message_size") is not None:
        return
    for call in applications(endpoint):
        if setting(call, "websocket_max_message_size") is False:
            yield call.found(
                "The server accepts messages of 10 MiB: websocket_max_message_size is not set."
            )


RULE = rule(
    __doc__,
    id="SD602",
    slug="no-message-size-limit",
    level=Level.NOTE,
    confidence=Confidence.HIGH,
    group="limits",
    cwe=(770,),
    asvs=("15.2.2",),
    threat="message-flood",
    check=Check.LIMITS,
    on_endpoint=_check,
)
