"""An endpoint without authentication.

What:
    The handler accepts the connection of an unauthenticated client and acts on its messages. No check
    in `prepare()`, `get()`, its decorators, `open()` or `on_message()`, in the class or its bases,
    refuses a client without a credential.

Why:
    An attacker who can reach the port talks to the handler with a script of ten lines. A login page in
    front of the JavaScript that opens the socket does not help: the attacker does not load the page.

Example:
    class Chat(WebSocketHandler):
        def open(self):
            clients.add(self)

        def on_message(self, message):
            broadcast(message)

Instead:
    class Chat(WebSocketHandler):
        def prepare(self):
            if self.current_user is None:
                raise HTTPError(401)

        def get_current_user(self):
            return self.get_signed_cookie("user")

Fix:
    Refuse the handshake in `prepare()`: `if self.current_user is None: raise HTTPError(401)`.
"""

from collections.abc import Iterator

from stormdoor_audit.auditor.facts.refusing import where_to_refuse
from stormdoor_audit.auditor.judging.endpoint import Endpoint
from stormdoor_audit.auditor.rule import Found, rule
from stormdoor_audit.report.finding import Check, Confidence, Level

__all__ = ["RULE"]

_SAID = {
    "missing": "{name} accepts an unauthenticated client: no check refuses it.",
    "swallowed": "{name} accepts an unauthenticated client: an except clause discards its refusal.",
    "ignored": "{name} accepts an unauthenticated client: the result of {what} is not used.",
}
_ALREADY_THERE = ("self in ", "self not in ")
"""Beginnings of a test for a known connection, which does not authenticate its client."""


def _check(endpoint: Endpoint) -> Iterator[Found]:
    answer = endpoint.authentication
    if answer.kind not in _SAID:
        return
    text = _SAID[answer.kind]
    asked = answer.event
    if asked is not None and asked.text.startswith(_ALREADY_THERE):
        asked = None
    what = asked.text if asked is not None else ""
    if answer.kind == "missing" and what:
        text += " The result of {what} refuses no client."
    sure = bool(endpoint.routes) and not endpoint.unread()
    yield Found(
        endpoint.module,
        endpoint.node,
        text.format(name=endpoint.info.name, what=what),
        fix=where_to_refuse(endpoint),
        steps=(*endpoint.let_past(), *endpoint.steps(asked)),
        confidence=Confidence.HIGH if sure else Confidence.MEDIUM,
    )


RULE = rule(
    __doc__,
    id="SD101",
    slug="missing-authentication",
    level=Level.ERROR,
    confidence=Confidence.HIGH,
    group="missing authentication",
    cwe=(306,),
    asvs=("4.4.3", "6.3.4"),
    threat="direct-connection",
    check=Check.AUTHENTICATION,
    on_endpoint=_check,
)
