"""`close()` in `open()` that stops nothing.

What:
    `open()` closes the connection of a client without a credential, and `on_message()` acts on its
    messages all the same.

Why:
    `close()` starts the closing handshake. Frames that are in the socket already, or that a client
    sends instead of answering, still reach `on_message()`.

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
    Refuse in `prepare()`; or raise in `open()`, and test in `on_message()` that the client is known.
"""

from collections.abc import Iterator

from stormdoor.auditor.judging.endpoint import Endpoint
from stormdoor.auditor.rule import Found, rule
from stormdoor.report.finding import Check, Confidence, Level

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
        f"After this close() messages still reach on_message() of {endpoint.info.name}.",
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
