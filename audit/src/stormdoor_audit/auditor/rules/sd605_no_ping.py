"""Dead connections that stay open.

What:
    `websocket_ping_interval` is not set: the server keeps the connection of a client that has gone.

Why:
    A dead connection takes memory and part in broadcasts until TCP gives up, which may take hours. An
    attacker can open and drop many at little cost.

Example:
    app = Application([("/chat", Chat)])

Instead:
    app = Application([("/chat", Chat)], websocket_ping_interval=30)

Fix:
    Set `websocket_ping_interval=30`.
"""

from collections.abc import Iterator

from stormdoor_audit.auditor.facts.applications import applications, is_on_loopback, setting
from stormdoor_audit.auditor.judging.endpoint import Endpoint
from stormdoor_audit.auditor.rule import Found, rule
from stormdoor_audit.report.finding import Check, Confidence, Level

__all__ = ["RULE"]


def _check(endpoint: Endpoint) -> Iterator[Found]:
    if endpoint.method("ping_interval") is not None or any(endpoint.calls("handler.ping")):
        return
    for call in applications(endpoint):
        # On one machine the system tells at once that a program has gone.
        if setting(call, "websocket_ping_interval") is False and not is_on_loopback(call):
            yield call.found(
                "The server keeps dead connections: websocket_ping_interval is not set."
            )


RULE = rule(
    __doc__,
    id="SD605",
    slug="no-ping",
    level=Level.NOTE,
    confidence=Confidence.HIGH,
    group="limits",
    cwe=(772,),
    asvs=("15.2.2",),
    threat="connection-flood",
    check=Check.LIMITS,
    on_endpoint=_check,
)
