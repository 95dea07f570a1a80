"""The client names the method that runs.

What:
    A name from a message, an argument or the address picks the attribute that is called: `getattr(self,
    name)`.

Why:
    The client calls what was never meant to be called: inherited methods of Tornado, internal ones,
    tomorrow's additions. No permission belongs to any of them.

Example:
    class Api(WebSocketHandler):
        def on_message(self, message):
            call = json.loads(message)
            getattr(self, call["action"])(**call["arguments"])

Instead:
    class Api(WebSocketHandler):
        actions = {"say": say, "leave": leave}

        def on_message(self, message):
            call = json.loads(message)
            self.actions[call["action"]](self, **call["arguments"])

Fix:
    Look the name up in a dictionary of the actions that are meant, each with its permission.
"""

from collections.abc import Iterator
from dataclasses import replace

from stormdoor.auditor.connection.picks import FROM_A_LIST
from stormdoor.auditor.interpreter.events import Event
from stormdoor.auditor.judging.asking import Asking
from stormdoor.auditor.judging.endpoint import Endpoint
from stormdoor.auditor.rule import Found, rule
from stormdoor.report.finding import Check, Confidence, Level

__all__ = ["RULE"]

_KNOWN = frozenset({"guarded", "after-accept", "frames-pass"})
"""Where clients are told apart, naming what is done is a weakness only if nothing asks what they may."""
_NOBODY = frozenset({"missing", "swallowed", "ignored"})
"""Where anybody is let in, no question of permission is one."""
_DEEDS = frozenset({"act", "join", "store"})


def _check(endpoint: Endpoint) -> Iterator[Found]:
    seen: set[int] = set()
    asking = Asking(endpoint)
    kind = endpoint.authentication.kind
    for event in [*endpoint.member.events, *endpoint.anonymous.events]:
        if id(event.node) in seen or event.kind not in {"dispatch", "picks"}:
            continue
        seen.add(id(event.node))
        if kind not in _NOBODY and asking.asked_before(event):
            continue
        if event.kind == "dispatch":
            yield Found(
                event.module,
                event.node,
                f"The client of {endpoint.info.name} names the attribute that is used here.",
                steps=endpoint.steps(event),
            )
        elif kind not in _KNOWN and asking.acts_after(event, kinds=_DEEDS | {"send"}):
            yield _picked(endpoint, event)
        elif kind in _KNOWN and not asking.anything:
            # Who has listed the names has thought of each; what only begins alike is tomorrow's, too.
            kinds = _DEEDS if event.text == FROM_A_LIST else _DEEDS | {"send"}
            if asking.acts_after(event, kinds=kinds):
                weak = _picked(endpoint, event)
                yield replace(weak, level=Level.WARNING, confidence=Confidence.LOW)


def _picked(endpoint: Endpoint, event: Event) -> Found:
    return Found(
        event.module,
        event.node,
        f"The client of {endpoint.info.name} names the method that is called here.",
        steps=endpoint.steps(event),
        confidence=Confidence.MEDIUM,
    )


RULE = rule(
    __doc__,
    id="SD302",
    slug="dispatch-by-client",
    level=Level.ERROR,
    confidence=Confidence.HIGH,
    group="missing authorization",
    cwe=(470, 862),
    asvs=("8.2.1", "15.3.3"),
    threat="privilege-escalation",
    check=Check.AUTHORIZATION,
    on_endpoint=_check,
)
