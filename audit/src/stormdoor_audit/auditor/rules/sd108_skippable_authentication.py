"""Authentication by a message that a client need not send.

What:
    One kind of message carries the credential. The handler acts on another kind without it, and not
    only as part of the login.

Why:
    An attacker leaves the first message out and sends only the second.

Example:
    class Chat(WebSocketHandler):
        def on_message(self, message):
            data = json.loads(message)
            if data["type"] == "login":
                self.user = check_token(data["token"])
            elif data["type"] == "say":
                broadcast(data["text"])

Instead:
    class Chat(WebSocketHandler):
        def prepare(self):
            if self.current_user is None:
                raise HTTPError(401)

Fix:
    Authenticate before the 101; or test first in `on_message()` that the client has logged in.
"""

from collections.abc import Iterator

from stormdoor_audit.auditor.judging.endpoint import Endpoint
from stormdoor_audit.auditor.rule import Found, rule
from stormdoor_audit.report.finding import Check, Confidence, Level

__all__ = ["RULE"]


def _check(endpoint: Endpoint) -> Iterator[Found]:
    answer = endpoint.authentication
    if answer.kind != "skippable" or answer.early is None:
        return
    yield Found(
        answer.early.module,
        answer.early.node,
        f"{endpoint.info.name} does this for a client that has not sent its credential.",
        steps=endpoint.steps(answer.event, answer.early),
    )


RULE = rule(
    __doc__,
    id="SD108",
    slug="skippable-authentication",
    level=Level.ERROR,
    confidence=Confidence.MEDIUM,
    group="weak authentication",
    cwe=(306, 841),
    asvs=("2.3.1",),
    threat="direct-connection",
    check=Check.AUTHENTICATION,
    on_endpoint=_check,
)
