"""An origin check that looks at the beginning only.

What:
    `check_origin()` accepts every origin that begins like an allowed one: `startswith()`, `zip()`, a
    pattern without an end.

Why:
    `https://app.example.attacker.example` begins with `https://app.example`, and anybody can have it.

Example:
    class Chat(WebSocketHandler):
        def check_origin(self, origin):
            return origin.startswith("https://app.example")

Instead:
    class Chat(WebSocketHandler):
        def check_origin(self, origin):
            return origin in {"https://app.example"}

Fix:
    Compare the whole origin: `return origin in {"https://app.example"}`.
"""

from collections.abc import Iterator

from stormdoor.auditor.judging.endpoint import Endpoint
from stormdoor.auditor.rule import Found, rule
from stormdoor.report.finding import Check, Confidence, Level

__all__ = ["RULE"]

_TRICKS = frozenset({"prefix"})


def _check(endpoint: Endpoint) -> Iterator[Found]:
    answer = endpoint.origins
    method = endpoint.method("check_origin")
    if answer.kind != "weak" or method is None or answer.trick not in _TRICKS:
        return
    yield Found(
        method.module,
        method.node,
        f"check_origin() of {endpoint.info.name} lets {answer.accepted} in.",
    )


RULE = rule(
    __doc__,
    id="SD202",
    slug="origin-prefix",
    level=Level.ERROR,
    confidence=Confidence.HIGH,
    group="weak origin",
    cwe=(346, 1385),
    asvs=("4.4.2",),
    threat="cross-site-websocket-hijacking",
    check=Check.ORIGIN,
    on_endpoint=_check,
)
