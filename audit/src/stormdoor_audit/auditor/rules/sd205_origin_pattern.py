"""An origin pattern with an unescaped dot.

What:
    The pattern in `check_origin()` has a dot that is not escaped.

Why:
    `.` matches every character: `https://appxexample` is another domain.

Example:
    class Chat(WebSocketHandler):
        def check_origin(self, origin):
            return re.fullmatch("https://www.app.example", origin) is not None

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
    id="SD205",
    slug="origin-pattern",
    level=Level.ERROR,
    confidence=Confidence.HIGH,
    group="weak origin",
    cwe=(346, 1385),
    asvs=("4.4.2",),
    threat="cross-site-websocket-hijacking",
    check=Check.ORIGIN,
    on_endpoint=accepts_by("pattern"),
)
