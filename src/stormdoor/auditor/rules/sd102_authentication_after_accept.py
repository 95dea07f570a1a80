"""The client is asked who it is only after the connection is up.

What:
    The 101 goes to everybody; `open()`, `on_message()` or a first message asks for the credential.

Why:
    Until it is asked, the connection takes memory and a file descriptor, frames are parsed, and whatever
    was sent or joined before goes to a stranger. `self.close()` in `open()` only starts the closing
    handshake: frames that the client has sent already still reach `on_message()`.

Example:
    class Chat(WebSocketHandler):
        def open(self):
            if self.current_user is None:
                self.close()

Instead:
    class Chat(WebSocketHandler):
        def prepare(self):
            if self.current_user is None:
                raise HTTPError(401)

Fix:
    Move the check to `prepare()` and raise `HTTPError(401)` there.
"""

from collections.abc import Iterator

from stormdoor.auditor.facts.refusing import where_to_refuse
from stormdoor.auditor.judging.endpoint import Endpoint
from stormdoor.auditor.rule import Found, rule
from stormdoor.report.finding import Check, Confidence, Level

__all__ = ["RULE"]

_SAID = {
    "after-accept": "{name} answers 101 to everybody and asks afterwards: {what}.",
    "frames-pass": "open() of {name} closes after the 101, but messages still reach on_message().",
    "skippable": "{name} is authenticated by a message that a client need not send: others work without.",
}


def _check(endpoint: Endpoint) -> Iterator[Found]:
    answer = endpoint.authentication
    if answer.kind not in _SAID:
        return
    event = answer.event
    text = _SAID[answer.kind].format(name=endpoint.info.name, what=event.text if event else "")
    if answer.early is not None and answer.kind == "after-accept":
        text += " Before that it already sends data or joins others."
    module = event.module if event is not None else endpoint.module
    worse = answer.kind != "after-accept" or answer.early is not None
    yield Found(
        module,
        event.node if event is not None else endpoint.node,
        text,
        fix=where_to_refuse(endpoint),
        steps=endpoint.steps(answer.early, event) if answer.early else endpoint.steps(event),
        level=Level.ERROR if worse else Level.WARNING,
    )


RULE = rule(
    __doc__,
    id="SD102",
    slug="authentication-after-accept",
    level=Level.WARNING,
    confidence=Confidence.HIGH,
    group="authentication after accept",
    cwe=(306, 696),
    asvs=("4.4.3",),
    threat="direct-connection",
    check=Check.AUTHENTICATION,
    on_endpoint=_check,
)
