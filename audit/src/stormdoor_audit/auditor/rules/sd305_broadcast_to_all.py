"""Every connected client receives the message.

What:
    What a client sends goes to all connections, and nothing asks which of them may hear it.

Why:
    Who may read one room hears them all: what a page does not show, its user reads in the browser's tools.
    And one account that was taken over reaches every user at once.

Example:
    class Chat(WebSocketHandler):
        @authenticated
        def get(self, *args, **kwargs):
            return super().get(*args, **kwargs)

        def on_message(self, message):
            for member in MEMBERS:
                member.write_message(message)

Instead:
    class Chat(WebSocketHandler):
        @authenticated
        def get(self, *args, **kwargs):
            return super().get(*args, **kwargs)

        def on_message(self, message):
            for member in MEMBERS:
                if may_hear(member.current_user, self.room):
                    member.write_message(message)

Fix:
    Send to those who may hear it: the members of a room, or the users that a check permits; where all may,
    say so in a comment.
"""

import ast
from collections.abc import Iterator

from stormdoor_audit.auditor.facts.places import scopes_of
from stormdoor_audit.auditor.facts.sharing import shared_containers
from stormdoor_audit.auditor.interpreter.events import Stage
from stormdoor_audit.auditor.judging.endpoint import Endpoint
from stormdoor_audit.auditor.judging.verdicts import LETS_IN
from stormdoor_audit.auditor.reading.module import Module
from stormdoor_audit.auditor.rule import Found, rule
from stormdoor_audit.report.finding import Confidence, Level

__all__ = ["RULE"]

_SENDS = (".write_message", ".send", ".send_message")


def _check(endpoint: Endpoint) -> Iterator[Found]:
    if endpoint.authentication.kind in LETS_IN:
        return  # every client hears it, for any check on the others
    shared = shared_containers(endpoint)
    for event in endpoint.calls(*_SENDS, stages=(Stage.MESSAGE,)):
        node, module = event.node, event.module
        if not isinstance(node, ast.Call) or "message" not in event.labels or not module.inside:
            continue
        around = scopes_of(module, node)
        if around and any(
            _is_whole(one, module, shared) for one in _gone_through(around[-1], node)
        ):
            yield Found(
                module,
                node,
                "Every connected client receives what this client sends.",
                steps=endpoint.steps(event),
            )


def _gone_through(function: ast.AST, call: ast.Call) -> Iterator[ast.expr]:
    """Return the collections that a loop iterates over to send to each item."""
    match call.func:
        case ast.Attribute(value=ast.Name(id=member)):
            pass
        case _:
            return
    for node in ast.walk(function):
        match node:
            case ast.For(target=ast.Name(id=name)) | ast.AsyncFor(target=ast.Name(id=name)):
                if name == member and any(_does(one, call) for one in node.body):
                    yield node.iter
            case (
                ast.ListComp(elt=elt, generators=[one])
                | ast.GeneratorExp(elt=elt, generators=[one])
                | ast.SetComp(elt=elt, generators=[one])
            ):
                if elt is call and not one.ifs:
                    yield one.iter
            case _:
                pass


def _does(statement: ast.stmt, call: ast.Call) -> bool:
    """Return True if a statement makes the call under no condition."""
    match statement:
        case ast.Expr(value=ast.Await(value=value)) | ast.Expr(value=value):
            return value is call
        case ast.Try(body=body) | ast.With(body=body):
            return any(_does(one, call) for one in body)
        case _:
            return False


def _is_whole(node: ast.expr, module: Module, shared: set[str]) -> bool:
    """Return True if it is all connections of the process, and not those of one room."""
    match node:
        case ast.Name(id=name):
            return name in module.names
        case ast.Attribute(attr=name, value=ast.Name()):
            return name in shared
        case ast.Call(func=ast.Name(id="list" | "set" | "tuple"), args=[inner]):
            return _is_whole(inner, module, shared)
        case ast.Call(func=ast.Attribute(value=inner, attr="copy" | "values"), args=[]):
            return _is_whole(inner, module, shared)
        case _:
            return False


RULE = rule(
    __doc__,
    id="SD305",
    slug="broadcast-to-all",
    level=Level.NOTE,
    confidence=Confidence.LOW,
    group="broadcast",
    cwe=(862,),
    asvs=("8.2.1",),
    threat="data-exfiltration-by-broadcast",
    on_endpoint=_check,
)
