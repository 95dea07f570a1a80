"""Authentication after the connection is accepted.

What:
    The server answers 101 to every client. The handler checks the credential later, in `open()` or in
    `on_message()`.

Why:
    Until the check, an unauthenticated client holds memory and a file descriptor, the server parses its
    frames, and it receives what the handler sends early. `self.close()` in `open()` only starts the
    closing handshake: frames that the client has already sent still reach `on_message()`.

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

from stormdoor_audit.auditor.facts.refusing import where_to_refuse
from stormdoor_audit.auditor.judging.endpoint import Endpoint
from stormdoor_audit.auditor.rule import Found, rule
from stormdoor_audit.report.finding import Check, Confidence, Level

__all__ = ["RULE"]

_SAID = {
    "after-accept": "{name} accepts every client and authenticates it only afterwards: {what}.",
    "frames-pass": "open() of {name} closes after the 101, but messages still reach on_message().",
    "skippable": "{name} authenticates by a message that a client can leave out: others work without it.",
}


def _check(endpoint: Endpoint) -> Iterator[Found]:
    answer = endpoint.authentication
    if answer.kind not in _SAID:
        return
    event = answer.event
    text = _SAID[answer.kind].format(name=endpoint.info.name, what=event.text if event else "")
    if answer.early is not None and answer.kind == "after-accept":
        text += " Before that, the handler already sends data or adds the client to a group."
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
