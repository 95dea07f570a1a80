"""An origin check that compares only the beginning.

What:
    `check_origin()` accepts every origin that begins with an allowed origin: `startswith()`, `zip()`, or
    a pattern without an end.

Why:
    `https://app.example.attacker.example` begins with `https://app.example`, and an
    attacker can own it.

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

from stormdoor_audit.auditor.facts.origin_tricks import accepts_by
from stormdoor_audit.auditor.rule import rule
from stormdoor_audit.report.finding import Check, Confidence, Level

__all__ = ["RULE"]

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
    on_endpoint=accepts_by("prefix"),
)
