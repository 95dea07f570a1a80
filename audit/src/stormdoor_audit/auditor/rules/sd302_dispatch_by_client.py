"""The client names the method that runs.

What:
    A name from a message, an argument or the address picks the attribute that is called: `getattr(self,
    name)`. Not so where it was looked for in a list or a table of those that are meant, or where all that
    begins alike can be picked, and nothing of Tornado's does: `getattr(self, f"command_{name}")`.

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

import ast
from collections.abc import Iterator
from dataclasses import replace

from stormdoor_audit.auditor.facts.picked import is_meant
from stormdoor_audit.auditor.facts.places import scopes_of
from stormdoor_audit.auditor.interpreter.events import Event
from stormdoor_audit.auditor.interpreter.values import Instance, text_of
from stormdoor_audit.auditor.judging.asking import Asking
from stormdoor_audit.auditor.judging.endpoint import Endpoint
from stormdoor_audit.auditor.rule import Found, rule
from stormdoor_audit.report.finding import Check, Confidence, Level

__all__ = ["RULE"]

_KNOWN = frozenset({"guarded", "after-accept", "frames-pass"})
"""Verdicts on endpoints that tell clients apart: there a client's choice of an action is a weakness
only without a permission check."""
_NOBODY = frozenset({"missing", "swallowed", "ignored"})
"""Verdicts on endpoints that admit every client: there no permission is checked."""
_DEEDS = frozenset({"act", "join", "send", "store"})


def _check(endpoint: Endpoint) -> Iterator[Found]:
    said: set[tuple[object, ...]] = set()
    for found, event in _all(endpoint):
        # What is asked about first and called then is one thing: `if iscoroutinefunction(getattr(…))`.
        same = (*scopes_of(event.module, event.node)[-1:], ast.unparse(event.node))
        if same not in said:
            said.add(same)
            yield found


def _all(endpoint: Endpoint) -> Iterator[tuple[Found, Event]]:
    seen: set[tuple[int, ...]] = set()
    asking = Asking(endpoint)
    kind = endpoint.authentication.kind
    for event in [*endpoint.member.events, *endpoint.anonymous.events]:
        # What is listed at one call of a function that picks may not be so at another.
        way = (id(event.node), *(id(site) for _, site, _ in event.stack))
        if event.kind not in {"dispatch", "picks"} or way in seen:
            continue
        seen.add(way)
        if is_meant(event) or (kind not in _NOBODY and asking.asked_before(event.node)):
            continue
        if event.kind == "dispatch":
            if not _only_holds(event):
                yield (
                    Found(
                        event.module,
                        event.node,
                        f"The client of {endpoint.info.name} names the attribute that is used here.",
                        steps=endpoint.steps(event),
                    ),
                    event,
                )
        elif not (kind in _KNOWN and asking.first is not None) and asking.acts_after(
            event, kinds=_DEEDS
        ):
            weak = _picked(endpoint, event)
            if kind in _KNOWN:
                weak = replace(weak, level=Level.WARNING, confidence=Confidence.LOW)
            yield weak, event


def _only_holds(event: Event) -> bool:
    """Return True if the name picks nothing: it is an attribute of the object, or a field of a new one.

    `for name in dir(self): getattr(self, name)`; `setattr(self, name, value)` in a constructor.
    """
    target, name = (*event.values, None, None)[:2]
    if name is not None and text_of(name).startswith(("dir(", "vars(")):
        return True
    return (
        event.text == "setattr"
        and isinstance(target, Instance)
        and not target.handler
        and any(called == "__init__" for _, _, called in event.stack)
    )


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
