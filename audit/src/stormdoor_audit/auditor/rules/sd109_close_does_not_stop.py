"""`close()` in `open()` while messages are still handled.

What:
    `open()` closes the connection of a client without a credential, but `on_message()` still acts on
    its messages.

Why:
    `close()` starts the closing handshake. Frames that are already in the socket, or that the client
    sends instead of its close frame, still reach `on_message()`.

Example:
    class Chat(WebSocketHandler):
        def open(self):
            if not self.current_user:
                self.close()

        def on_message(self, message):
            run(message)

Instead:
    class Chat(WebSocketHandler):
        def prepare(self):
            if self.current_user is None:
                raise HTTPError(401)

Fix:
    Refuse in `prepare()`. Otherwise raise in `open()`, and test in `on_message()` that the client is
    authenticated.
"""

from collections.abc import Iterator

from stormdoor_audit.auditor.judging.endpoint import Endpoint
from stormdoor_audit.auditor.rule import Found, rule
from stormdoor_audit.report.finding import Check, Confidence, Level

__all__ = ["RULE"]


def _check(endpoint: Endpoint) -> Iterator[Found]:
    answer = endpoint.authentication
    if answer.kind != "frames-pass" or answer.path is None:
        return
    close = next((event for event in answer.path.events if event.kind == "close"), answer.event)
    if close is None:
        return
    yield Found(
        close.module,
        close.node,
        f"After this close(), messages of the client still reach on_message() of {endpoint.info.name}.",
        steps=endpoint.steps(answer.event, close, answer.early),
    )


RULE = rule(
    __doc__,
    id="SD109",
    slug="close-does-not-stop",
    level=Level.ERROR,
    confidence=Confidence.HIGH,
    group="weak authentication",
    cwe=(696, 306),
    asvs=("4.4.3",),
    threat="direct-connection",
    check=Check.AUTHENTICATION,
    on_endpoint=_check,
)
