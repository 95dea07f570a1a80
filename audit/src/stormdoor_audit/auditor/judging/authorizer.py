"""Handlers that never call the authorizer of their base."""

import ast

from stormdoor_audit.auditor.classes.classinfo import ClassInfo
from stormdoor_audit.auditor.interpreter.events import SERVING
from stormdoor_audit.auditor.judging.asking import Asking
from stormdoor_audit.auditor.judging.endpoint import Endpoint
from stormdoor_audit.auditor.naming import lexicon

__all__ = ["unasked_authorizer"]

_ADDRESS = frozenset({"url", "query"})


def unasked_authorizer(endpoint: Endpoint) -> str:
    """Name of the base's authorizer, if the handler serves what the address names without asking it."""
    found = _authorizer_of(endpoint)
    if not found or Asking(endpoint).first is not None:
        return ""
    named = any(
        event.kind in {"act", "join", "store"}
        and event.stage in SERVING
        and "client" in event.labels
        and event.labels & _ADDRESS
        for event in endpoint.member.events
    )
    return found if named or _takes_address(endpoint) else ""


def _authorizer_of(endpoint: Endpoint) -> str:
    for at, one in enumerate(endpoint.info.mro[1:], start=1):
        if isinstance(one, ClassInfo):
            names = endpoint.hierarchy.members(one)
            found = next((name for name in names if lexicon.is_authorizer(name)), "")
        else:
            known = endpoint.hierarchy.knowledge.about(one.name)
            found = known.authorizer if known is not None else ""
        if found:
            own = [two for two in endpoint.info.mro[:at] if isinstance(two, ClassInfo)]
            used = any(_names(two.node, found) for two in own) or any(
                _names(event.node, found) for event in endpoint.member.events
            )
            return "" if used else f"self.{found}"
    return ""


def _takes_address(endpoint: Endpoint) -> bool:
    """`open(self, path)` is given a part of the address."""
    node = getattr(endpoint.method("open"), "node", None)
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and len(node.args.args) > 1


def _names(node: ast.AST, name: str) -> bool:
    return any(isinstance(inner, ast.Attribute) and inner.attr == name for inner in ast.walk(node))
