"""An origin check that compares only the end.

What:
    `check_origin()` accepts every origin that ends with an allowed host.

Why:
    `https://attackerapp.example` ends with `app.example`, and an attacker can register it.

Example:
    class Chat(WebSocketHandler):
        def check_origin(self, origin):
            return origin.endswith("app.example")

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
    id="SD203",
    slug="origin-suffix",
    level=Level.ERROR,
    confidence=Confidence.HIGH,
    group="weak origin",
    cwe=(346, 1385),
    asvs=("4.4.2",),
    threat="cross-site-websocket-hijacking",
    check=Check.ORIGIN,
    on_endpoint=accepts_by("suffix"),
)
