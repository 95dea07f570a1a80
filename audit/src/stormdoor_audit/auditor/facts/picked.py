"""Methods and objects that a program offers to clients by name."""

import ast
from collections.abc import Iterator

from stormdoor_audit.auditor.classes.linearisation import REQUEST_METHODS, SOCKET_METHODS
from stormdoor_audit.auditor.connection.picks import FROM_A_LIST, prefix_of
from stormdoor_audit.auditor.facts.places import last_name, scopes_of
from stormdoor_audit.auditor.interpreter.events import Event
from stormdoor_audit.auditor.interpreter.values import Instance, labels_of, text_of
from stormdoor_audit.auditor.reading.module import blocks_of

__all__ = ["is_called", "is_meant"]

_CALLED_BY_TORNADO = REQUEST_METHODS | SOCKET_METHODS | {"on_open"}
_EVERYTHING = frozenset({"__dict__", "dir", "globals", "locals", "vars"})


def is_meant(event: Event) -> bool:
    """Return whether a name of the client selects only items that the program offers.

    It was looked for in a list, or is what stands in a table; or all that begins alike can be picked,
    and nothing of Tornado's does: `getattr(self, f"command_{name}")`.
    """
    target, name = (*event.values, None, None)[:2]
    if event.text == FROM_A_LIST or (name is not None and "found" in labels_of(name)):
        return True
    if event.kind == "dispatch":
        return _is_listed(event) or _is_marked(event)
    begin = prefix_of(text_of(name)) if name is not None else ""
    inherits = isinstance(target, Instance) and target.handler
    # Every object has what begins with an underscore, such as its class.
    return bool(begin.strip("_")) and not (
        inherits and any(one.startswith(begin) for one in _CALLED_BY_TORNADO)
    )


def is_called(event: Event) -> bool:
    """Return whether the selected item is called, or passed on to be called, and not only read."""
    for around in scopes_of(event.module, event.node)[-1:]:
        names = _names_for(around, event.node)
        for node in ast.walk(around):
            if isinstance(node, ast.Call) and any(
                one is event.node or (isinstance(one, ast.Name) and one.id in names)
                for one in (node.func, *node.args)
            ):
                return True
    return False


def _is_marked(event: Event) -> bool:
    """Return whether the program uses only marked items: `if hasattr(method, "remote")`."""
    for around in scopes_of(event.module, event.node)[-1:]:
        given = _names_for(around, event.node)
        asked = [
            one
            for node in ast.walk(around)
            if isinstance(node, ast.If | ast.IfExp | ast.While | ast.Assert)
            for one in ast.walk(node.test)
        ]
        names = {one.id for one in asked if isinstance(one, ast.Name)}
        for node in ast.walk(around):
            match node:
                case ast.Call(
                    func=ast.Name(id="getattr" | "hasattr"),
                    args=[looked, ast.Constant(value=str() as mark), *_],
                ) if not mark.startswith("__"):
                    is_it = looked is event.node or (
                        isinstance(looked, ast.Name) and looked.id in given
                    )
                    if is_it and (node in asked or names & _names_for(around, node)):
                        return True
                case _:
                    pass
    return False


def _names_for(function: ast.AST, value: ast.AST) -> set[str]:
    """Return the names of an expression inside a function."""
    return {
        one.id
        for node in ast.walk(function)
        if isinstance(node, ast.Assign) and node.value is value
        for one in node.targets
        if isinstance(one, ast.Name)
    }


def _is_listed(event: Event) -> bool:
    """Return whether a list limits the name: `if name not in procedures.__all__: raise …`."""
    sites = [(event.module, event.node), *((module, site) for module, site, _ in event.stack)]
    for module, found in sites:
        site = found.value if isinstance(found, ast.Await) else found
        given = {ast.unparse(one) for one in _arguments(site)}
        for around in scopes_of(module, site)[-1:]:
            for block in (one for node in ast.walk(around) for one in blocks_of(node)):
                for at, node in enumerate(block):
                    if isinstance(node, ast.If) and given & _known_at(node, block[at + 1 :], site):
                        return True
    return False


def _known_at(node: ast.If, rest: list[ast.stmt], site: ast.AST) -> set[str]:
    """Return the names that are certainly in a list at a place, by a condition of the function."""
    if _holds(node.body, site):
        return set(_looked_for(node.test, ast.And, ast.In))
    leaves = isinstance(node.body[-1], ast.Raise | ast.Return | ast.Continue)
    if _holds(node.orelse, site) or (leaves and _holds(rest, site)):
        return set(_looked_for(node.test, ast.Or, ast.NotIn))
    return set()


def _holds(body: list[ast.stmt], site: ast.AST) -> bool:
    return any(one is site for inner in body for one in ast.walk(inner))


def _arguments(site: ast.AST) -> list[ast.expr]:
    return [*site.args, *(one.value for one in site.keywords)] if isinstance(site, ast.Call) else []


def _looked_for(test: ast.expr, joined: type[ast.boolop], how: type[ast.cmpop]) -> Iterator[str]:
    """Return the expression that is tested against a list, unless the list holds everything."""
    together = isinstance(test, ast.BoolOp) and isinstance(test.op, joined)
    for one in test.values if isinstance(test, ast.BoolOp) and together else [test]:
        if (
            isinstance(one, ast.Compare)
            and isinstance(one.ops[0], how)
            and not isinstance(one.comparators[0], ast.Constant)
            and last_name(one.comparators[0]) not in _EVERYTHING
        ):
            yield ast.unparse(one.left)
