"""The client says who it is, and is believed.

What:
    A field such as `user`, `from` or `sender` of a message is taken for the identity of the client.
    Or, where no client has to prove anything, a name from the address, a header, a plain cookie or a first
    message is: the connection is found under it, sends under it, or receives the messages for that name.

Why:
    Each client can write in the name of any user, and read the messages for that user.

Example:
    class Chat(WebSocketHandler):
        def on_message(self, message):
            data = json.loads(message)
            room.say(data["user"], data["text"])

    class Alerts(WebSocketHandler):
        def open(self, user_id):
            listeners[user_id].add(self)

Instead:
    class Chat(WebSocketHandler):
        def on_message(self, message):
            data = json.loads(message)
            room.say(self.current_user, data["text"])

    class Alerts(WebSocketHandler):
        @authenticated
        def get(self):
            return super().get()

        def open(self):
            listeners[self.current_user].add(self)

Fix:
    Use `self.current_user`; ignore what the client says.
"""

import re
from collections.abc import Iterator
from itertools import chain, islice

from stormdoor_audit.auditor.interpreter.events import Event
from stormdoor_audit.auditor.judging.asking import Asking
from stormdoor_audit.auditor.judging.endpoint import Endpoint
from stormdoor_audit.auditor.judging.personas import (
    claimed_identity,
    names_carried,
    names_of_anybody,
)
from stormdoor_audit.auditor.rule import Found, rule
from stormdoor_audit.report.finding import Check, Confidence, Level

__all__ = ["RULE"]

_NAMED = re.compile(r"['\"](\w+)['\"]")


def _check(endpoint: Endpoint) -> Iterator[Found]:
    claims: dict[str, Event] = {}
    asking = Asking(endpoint)
    for event in [*endpoint.anonymous.events, *endpoint.member.events]:
        name = claimed_identity(event)
        if (
            name
            and event.kind != "send"
            and (asking.asked_before(event.node) or asking.proves_name(event))
        ):
            continue  # it may do this to other users, of any identity
        field = (_NAMED.findall(name) or [name])[-1]
        if name and (field not in claims or _is_nearer(event, claims[field], endpoint)):
            claims[field] = event
    names = {field: claimed_identity(event) for field, event in claims.items()}
    if not claims:
        for event, name in islice(chain(names_of_anybody(endpoint), names_carried(endpoint)), 1):
            claims[name], names[name] = event, name
    places: set[int] = set()
    for field, event in claims.items():
        name = names[field]
        if id(event.node) not in places:
            places.add(id(event.node))
            yield Found(
                event.module,
                event.node,
                f"{endpoint.info.name} takes {name} for the identity of its client: the client writes it.",
                steps=endpoint.steps(event),
            )


def _is_nearer(event: Event, known: Event, endpoint: Endpoint) -> bool:
    """One place is enough for a field: the one in the handler's own file, where there is one."""
    return event.module is endpoint.module and known.module is not endpoint.module


RULE = rule(
    __doc__,
    id="SD304",
    slug="identity-from-message",
    level=Level.ERROR,
    confidence=Confidence.MEDIUM,
    group="missing authorization",
    cwe=(290, 639),
    asvs=("8.2.2",),
    threat="privilege-escalation",
    check=Check.AUTHORIZATION,
    on_endpoint=_check,
)
