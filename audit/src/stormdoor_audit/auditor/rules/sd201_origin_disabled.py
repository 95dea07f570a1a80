"""An origin check that accepts every site.

What:
    `check_origin()` returns True for every Origin, with the default configuration.

Why:
    When a page of another site opens the WebSocket, the browser sends the cookies of your site
    (cross-site WebSocket hijacking). Tornado's own check refuses that; this override turns it off.

Example:
    class Chat(WebSocketHandler):
        def check_origin(self, origin):
            return True

Instead:
    class Chat(WebSocketHandler):
        def check_origin(self, origin):
            return origin in {"https://app.example"}

Fix:
    Delete the method, or compare the whole origin with a list: `return origin in
    {"https://app.example"}`.
"""

from collections.abc import Iterator

from stormdoor_audit.auditor.judging.endpoint import Endpoint
from stormdoor_audit.auditor.rule import Found, rule
from stormdoor_audit.report.finding import Check, Confidence, Level

__all__ = ["RULE"]


def _check(endpoint: Endpoint) -> Iterator[Found]:
    answer = endpoint.origins
    if answer.kind != "open":
        return
    method = endpoint.method("check_origin")
    accepts = "check_origin()" if method is not None else answer.base
    yield Found(
        method.module if method is not None else endpoint.module,
        method.node if method is not None else endpoint.node,
        f"{endpoint.info.name} accepts pages of every site: {accepts} allows {answer.accepted}.",
    )


RULE = rule(
    __doc__,
    id="SD201",
    slug="origin-disabled",
    level=Level.ERROR,
    confidence=Confidence.HIGH,
    group="open origin",
    cwe=(346, 1385),
    asvs=("4.4.2",),
    threat="cross-site-websocket-hijacking",
    check=Check.ORIGIN,
    on_endpoint=_check,
)
