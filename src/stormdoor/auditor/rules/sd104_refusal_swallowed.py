"""A refusal that is caught and forgotten.

What:
    A check refuses the client with an exception, an `except` around it catches it, and the handshake
    goes on.

Why:
    The check runs, fails, and changes nothing: whoever sends a wrong credential gets in like everybody
    else.

Example:
    class Chat(WebSocketHandler):
        def prepare(self):
            try:
                self.user = jwt.decode(self.get_argument("token"), KEY, algorithms=["HS256"])
            except Exception:
                pass

Instead:
    class Chat(WebSocketHandler):
        def prepare(self):
            try:
                self.user = jwt.decode(self.get_argument("token"), KEY, algorithms=["HS256"])
            except jwt.InvalidTokenError:
                raise HTTPError(401) from None

Fix:
    Raise `HTTPError(401)` in the `except`, or do not catch there.
"""

from collections.abc import Iterator

from stormdoor.auditor.judging.endpoint import Endpoint
from stormdoor.auditor.rule import Found, rule
from stormdoor.report.finding import Check, Confidence, Level

__all__ = ["RULE"]


def _check(endpoint: Endpoint) -> Iterator[Found]:
    answer = endpoint.authentication
    if answer.kind != "swallowed" or answer.event is None:
        return
    yield Found(
        answer.event.module,
        answer.event.node,
        f"The refusal of {endpoint.info.name} ends here: the handshake goes on without a credential.",
        steps=endpoint.steps(*(answer.path.checks if answer.path else ()), answer.event),
    )


RULE = rule(
    __doc__,
    id="SD104",
    slug="refusal-swallowed",
    level=Level.ERROR,
    confidence=Confidence.HIGH,
    group="weak authentication",
    cwe=(390, 306),
    asvs=("16.5.3",),
    threat="direct-connection",
    check=Check.AUTHENTICATION,
    on_endpoint=_check,
)
