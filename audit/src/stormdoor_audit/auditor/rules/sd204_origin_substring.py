"""An origin check that searches for a substring.

What:
    `check_origin()` accepts every origin that contains an allowed host.

Why:
    `https://attacker-app.example.attacker.example` contains it.

Example:
    class Chat(WebSocketHandler):
        def check_origin(self, origin):
            return "app.example" in origin

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
    id="SD204",
    slug="origin-substring",
    level=Level.ERROR,
    confidence=Confidence.HIGH,
    group="weak origin",
    cwe=(346, 1385),
    asvs=("4.4.2",),
    threat="cross-site-websocket-hijacking",
    check=Check.ORIGIN,
    on_endpoint=accepts_by("substring"),
)
