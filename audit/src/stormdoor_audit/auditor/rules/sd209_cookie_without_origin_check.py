"""Cookie authentication with an open origin check.

What:
    The handler authenticates the client by a cookie, and `check_origin()` accepts every origin.

Why:
    A page of the attacker opens the WebSocket in the browser of a logged-in user. The browser sends
    the cookie, and the page acts as that user.

Example:
    class Chat(WebSocketHandler):
        def check_origin(self, origin):
            return True

        def get_current_user(self):
            return self.get_signed_cookie("user")

Instead:
    class Chat(WebSocketHandler):
        def check_origin(self, origin):
            return origin in {"https://app.example"}

        def get_current_user(self):
            return self.get_signed_cookie("user")

Fix:
    Delete `check_origin()`, or compare the origin with a list.
"""

from collections.abc import Iterator

from stormdoor_audit.auditor.judging.endpoint import Endpoint
from stormdoor_audit.auditor.naming.words import words
from stormdoor_audit.auditor.rule import Found, rule
from stormdoor_audit.report.finding import Check, Confidence, Level

__all__ = ["RULE"]

_COOKIES = words("handler.get_cookie handler.get_secure_cookie handler.get_signed_cookie")


def _check(endpoint: Endpoint) -> Iterator[Found]:
    if endpoint.origins.kind not in {"open", "weak"}:
        return
    if endpoint.authentication.kind == "missing" and not _is_used(endpoint):
        return
    for event in endpoint.anonymous.events:
        if event.kind == "call" and event.text in _COOKIES:
            yield Found(
                event.module,
                event.node,
                f"{endpoint.info.name} authenticates the client by this cookie, and accepts connections from "
                f"{endpoint.origins.accepted or 'every origin'}.",
                steps=endpoint.steps(event),
            )
            return


def _is_used(endpoint: Endpoint) -> bool:
    """Return whether the handler uses the cookie, if it refuses no client without it."""
    return any(
        event.kind in _DEEDS and event.labels & {"cookie", "identity", "principal"}
        for event in (*endpoint.member.events, *endpoint.anonymous.events)
    )


_DEEDS = frozenset({"act", "alter", "dispatch", "join", "picks", "send", "store"})


RULE = rule(
    __doc__,
    id="SD209",
    slug="cookie-without-origin-check",
    level=Level.ERROR,
    confidence=Confidence.HIGH,
    group="origin and cookies",
    cwe=(1385, 352),
    asvs=("4.4.2", "3.5.1"),
    threat="cross-site-websocket-hijacking",
    check=Check.ORIGIN,
    on_endpoint=_check,
)
