"""An origin check that accepts `null`.

What:
    `check_origin()` accepts the origin `null`.

Why:
    A page of an attacker can make a sandboxed frame, which has the origin `null`.

Example:
    class Chat(WebSocketHandler):
        def check_origin(self, origin):
            return origin in {"https://app.example", "null"}

Instead:
    class Chat(WebSocketHandler):
        def check_origin(self, origin):
            return origin in {"https://app.example"}

Fix:
    Compare the whole origin: `return origin in {"https://app.example"}`.
"""

from stormdoor_audit.auditor.facts.origin_tricks import accepts_by
from stormdoor_audit.auditor.rule import rule
from stormdoor_audit.report.finding import Check, Confidence, Level

__all__ = ["RULE"]

RULE = rule(
    __doc__,
    id="SD206",
    slug="origin-null",
    level=Level.ERROR,
    confidence=Confidence.HIGH,
    group="weak origin",
    cwe=(346, 1385),
    asvs=("4.4.2",),
    threat="cross-site-websocket-hijacking",
    check=Check.ORIGIN,
    on_endpoint=accepts_by("null"),
)
