"""The client names the method that runs.

What:
    A name from a message, an argument or the address picks the attribute that is called: `getattr(self,
    name)`. Not so where it was looked for in a list of those that are meant.

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

from stormdoor.auditor.connection.picks import FROM_A_LIST
from stormdoor.auditor.facts.places import last_name, scopes_of
from stormdoor.auditor.interpreter.events import Event
from stormdoor.auditor.interpreter.values import Instance, text_of
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
    said: set[tuple[object, ...]] = set()
    for found, event in _all(endpoint):
        # What is asked about first and called then is one thing: `if iscoroutinefunction(getattr(…))`.
        same = (*scopes_of(event.module, event.node)[-1:], ast.unparse(event.node))
        if same not in said:
            said.add(same)
            yield found


def _all(endpoint: Endpoint) -> Iterator[tuple[Found, Event]]:
    seen: set[int] = set()
    asking = Asking(endpoint)
    kind = endpoint.authentication.kind
    for event in [*endpoint.member.events, *endpoint.anonymous.events]:
        if id(event.node) in seen or event.kind not in {"dispatch", "picks"}:
            continue
        seen.add(id(event.node))
        if kind not in _NOBODY and asking.asked_before(event):
            continue
        if event.kind == "dispatch" and _only_holds(event):
            continue
        listed = event.kind == "dispatch" and _is_listed(event)
        if listed and kind in _KNOWN:
            continue
        if event.kind == "dispatch" and not listed:
            yield (
                Found(
                    event.module,
                    event.node,
                    f"The client of {endpoint.info.name} names the attribute that is used here.",
                    steps=endpoint.steps(event),
                ),
                event,
            )
        elif kind not in _KNOWN and asking.acts_after(event, kinds=_DEEDS | {"send"}):
            yield _picked(endpoint, event), event
        elif kind in _KNOWN and not asking.anything:
            # Who has listed the names has thought of each; what only begins alike is tomorrow's, too.
            kinds = _DEEDS if event.text == FROM_A_LIST else _DEEDS | {"send"}
            if asking.acts_after(event, kinds=kinds):
                weak = _picked(endpoint, event)
                yield replace(weak, level=Level.WARNING, confidence=Confidence.LOW), event


def _only_holds(event: Event) -> bool:
    """Whether the name picks nothing: it is one that the object has, or of a field of what is just made.

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


def _is_listed(event: Event) -> bool:
    """Whether the name was looked for in a list on the way: `if name not in procedures.__all__: raise …`."""
    sites = [(event.module, event.node), *((module, site) for module, site, _ in event.stack)]
    for module, found in sites:
        site = found.value if isinstance(found, ast.Await) else found
        given = {ast.unparse(one) for one in _arguments(site)}
        around = scopes_of(module, site)[-1:]
        for node in (one for scope in around for one in ast.walk(scope)):
            if not isinstance(node, ast.If):
                continue
            inside = any(one is site for inner in node.body for one in ast.walk(inner))
            leaves = isinstance(node.body[-1], ast.Raise | ast.Return | ast.Continue)
            if inside and _looked_for(node.test, ast.And, ast.In) & given:
                return True
            if leaves and not inside and _looked_for(node.test, ast.Or, ast.NotIn) & given:
                return True
    return False


def _arguments(site: ast.AST) -> list[ast.expr]:
    return [*site.args, *(one.value for one in site.keywords)] if isinstance(site, ast.Call) else []


def _looked_for(test: ast.expr, joined: type[ast.boolop], how: type[ast.cmpop]) -> set[str]:
    """What is looked for in a list, as it is written; not where the list is all that there is."""
    together = isinstance(test, ast.BoolOp) and isinstance(test.op, joined)
    parts = test.values if isinstance(test, ast.BoolOp) and together else [test]
    return {
        ast.unparse(one.left)
        for one in parts
        if isinstance(one, ast.Compare)
        and isinstance(one.ops[0], how)
        and not isinstance(one.comparators[0], ast.Constant)
        and last_name(one.comparators[0]) not in _EVERYTHING
    }


_EVERYTHING = frozenset({"__dict__", "dir", "globals", "locals", "vars"})


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
