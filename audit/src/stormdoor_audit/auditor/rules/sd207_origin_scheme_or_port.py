"""An origin check that ignores the scheme or the port.

What:
    `check_origin()` accepts an allowed host with another scheme or port.

Why:
    An attacker who runs a server on another port of the host, or answers for it without TLS, can
    hijack connections.

Example:
    class Chat(WebSocketHandler):
        def check_origin(self, origin):
            return urlparse(origin).hostname == "app.example"

Instead:
    class Chat(WebSocketHandler):
        def check_origin(self, origin):
            return origin in {"https://app.example"}

Fix:
    Compare the whole origin: `return origin in {"https://app.example"}`.
"""

from collections.abc import Iterator

from stormdoor_audit.auditor.judging.endpoint import Endpoint
from stormdoor_audit.auditor.rule import Found, rule
from stormdoor_audit.report.finding import Check, Confidence, Level

__all__ = ["RULE"]

_TRICKS = frozenset({"scheme", "port"})


def _check(endpoint: Endpoint) -> Iterator[Found]:
    method = endpoint.method("check_origin")
    if method is None:
        return
    for trick, origin in endpoint.origins.minor:
        if trick in _TRICKS:
            yield Found(
                method.module,
                method.node,
                f"check_origin() of {endpoint.info.name} accepts {origin}.",
            )


RULE = rule(
    __doc__,
    id="SD207",
    slug="origin-scheme-or-port",
    level=Level.NOTE,
    confidence=Confidence.HIGH,
    group="origin hygiene",
    cwe=(346, 1385),
    asvs=("4.4.2",),
    threat="cross-site-websocket-hijacking",
    check=Check.ORIGIN,
    on_endpoint=_check,
)
