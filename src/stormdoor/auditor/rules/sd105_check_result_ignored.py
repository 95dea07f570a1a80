"""A check whose result nobody looks at.

What:
    A function that verifies the client is called, its answer is neither tested nor does it raise.

Why:
    The call looks like a check in a review, and stops nobody.

Example:
    class Chat(WebSocketHandler):
        def prepare(self):
            is_valid(self.get_argument("token"))

Instead:
    class Chat(WebSocketHandler):
        def prepare(self):
            if not is_valid(self.get_argument("token")):
                raise HTTPError(401)

Fix:
    Refuse where the answer is no: `if not ...: raise HTTPError(401)`.
"""

from collections.abc import Iterator

from stormdoor.auditor.judging.endpoint import Endpoint
from stormdoor.auditor.rule import Found, rule
from stormdoor.report.finding import Check, Confidence, Level

__all__ = ["RULE"]


def _check(endpoint: Endpoint) -> Iterator[Found]:
    if not endpoint.authentication.lets_in:
        return
    seen: set[int] = set()
    for event in endpoint.anonymous.events:
        if event.kind == "ignored" and id(event.node) not in seen:
            seen.add(id(event.node))
            yield Found(
                event.module,
                event.node,
                f"Nobody looks at the result of {event.text}.",
                steps=endpoint.steps(event),
            )


RULE = rule(
    __doc__,
    id="SD105",
    slug="check-result-ignored",
    level=Level.ERROR,
    confidence=Confidence.MEDIUM,
    group="weak authentication",
    cwe=(252, 306),
    asvs=("8.2.1",),
    threat="logic-error-in-authorization",
    check=Check.AUTHENTICATION,
    on_endpoint=_check,
)
