"""An identity that all connections share.

What:
    A handler stores the identity or the permissions of the client on the class instead of on the
    connection.

Why:
    All connections of the process read the same attribute: every client has the identity of the last
    login.

Example:
    class Chat(WebSocketHandler):
        session = {}

        def open(self):
            self.session["user"] = self.current_user

Instead:
    class Chat(WebSocketHandler):
        def open(self):
            self.session = {"user": self.current_user}

Fix:
    Assign it to `self` in `open()` or `initialize()`.
"""

import ast
from collections.abc import Iterator

from stormdoor_audit.auditor.classes.classinfo import ClassInfo
from stormdoor_audit.auditor.facts.places import subject_of
from stormdoor_audit.auditor.facts.sharing import shared_containers
from stormdoor_audit.auditor.judging.endpoint import Endpoint, Method
from stormdoor_audit.auditor.naming.lexicon import words_of
from stormdoor_audit.auditor.naming.words import words
from stormdoor_audit.auditor.rule import Found, rule
from stormdoor_audit.report.finding import Check, Confidence, Level

__all__ = ["RULE"]

_IDENTITY = words(
    """
    account admin authenticated claims identity permission permissions principal role roles
    scopes session token user username
    """
)
_RIGHTS = frozenset(["roles", "permissions", "scopes", "claims", "groups"])


def _check(endpoint: Endpoint) -> Iterator[Found]:
    held = shared_containers(endpoint)
    names = {one.name for one in endpoint.info.mro if isinstance(one, ClassInfo)}
    for method in endpoint.methods():
        if not method.module.inside:
            continue
        for node in ast.walk(method.node):
            name = _shared(node, names) or _filled(node, held)
            if name:
                yield _found(method, node, name)


def _found(method: Method, node: ast.AST, name: str) -> Found:
    return Found(
        method.module,
        node,
        f"{name} is an attribute of the class: all connections share it.",
        subject=subject_of(method.module, (method.owner.node,)),
    )


def _is_identity(name: str) -> bool:
    return words_of(name)[-1:] != [] and words_of(name)[-1] in _IDENTITY


def _shared(node: ast.AST, names: set[str]) -> str:
    """`Chat.user = ...`, `self.__class__.user = ...`, `type(self).user = ...`."""
    match node:
        case ast.Assign(targets=[ast.Attribute(value=holder, attr=attr)]) if _is_identity(attr):
            match holder:
                case ast.Attribute(attr="__class__"):
                    return attr
                case ast.Call(func=ast.Name(id="type")):
                    return attr
                case ast.Name(id=name) if name in names:
                    return attr
                case _:
                    return ""
        case _:
            return ""


def _filled(node: ast.AST, held: set[str]) -> str:
    """`self.session["user"] = ...`, `self.permissions.append(...)`."""
    match node:
        case ast.Assign(
            targets=[
                ast.Subscript(
                    value=ast.Attribute(value=ast.Name(id="self"), attr=attr),
                    slice=ast.Constant(value=str() as key),
                )
            ]
        ) if attr in held and (_is_identity(attr) or _is_identity(key)):
            return attr
        case ast.Call(
            func=ast.Attribute(
                value=ast.Attribute(value=ast.Name(id="self"), attr=attr),
                attr="append" | "add" | "extend" | "update",
            )
        ) if attr in held and _RIGHTS & set(words_of(attr)):
            return attr
        case _:
            return ""


RULE = rule(
    __doc__,
    id="SD609",
    slug="identity-on-the-class",
    level=Level.ERROR,
    confidence=Confidence.MEDIUM,
    group="operation",
    cwe=(488,),
    asvs=("15.4.1",),
    threat="privilege-escalation",
    check=Check.AUTHORIZATION,
    on_endpoint=_check,
)
