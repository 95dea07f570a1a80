"""Where a message has the program turn: to another machine, another device, another's news."""

import ast
from collections.abc import Iterator
from functools import lru_cache

from stormdoor.auditor.interpreter.events import Event
from stormdoor.auditor.interpreter.values import Unknown, labels_of, text_of
from stormdoor.auditor.judging.verbs import LISTENS, OF_SOMEBODY
from stormdoor.auditor.judging.wording import fields_of, given, name_of, stems_of
from stormdoor.auditor.naming import lexicon
from stormdoor.auditor.naming.words import words
from stormdoor.auditor.reading.module import Module

__all__ = ["connects_where_it_names", "hears_of_somebody", "replaces_for_all"]

_CONNECTS = frozenset({"connect", "dial", "reconnect"})
_DIALS = (["websocket", "connect"], ["open", "connection"], ["create", "connection"])
"""Functions that give a connection to the address that they are given."""
_MACHINES = words("addr address endpoint host hostname ip node peer port serial server uri url")
"""Words for what one connects to."""


def connects_where_it_names(event: Event) -> bool:
    """`controller.connect(data["endpoint"])`: the program connects for anybody, wherever that may be.

    Who brings what the other side asks for (a password) is asked there.
    """
    verb, *rest = lexicon.words_of(name_of(event)) or [""]
    opens = [verb, *rest] in _DIALS and event.kind in {"act", "call"}
    if not (opens or (event.kind == "act" and verb in _CONNECTS)) or "self" in event.labels:
        return False
    told = [one for one in given(event) if isinstance(one, Unknown) and "message" in one.labels]
    if not told or labels_of(*given(event)) & {"credential"}:
        return False
    named = {word for name in (*fields_of(event), *rest) for word in stems_of(name)}
    return opens or bool(_MACHINES & named)


def replaces_for_all(event: Event) -> bool:
    """`camera = VideoCapture(int(message))`, where the program opened one when it was started."""
    if event.kind not in {"alter", "store"} or len(event.values) != 1:
        return False
    if event.text.startswith("self.") and not event.text.startswith("self.application."):
        return False  # it is the connection's own
    made = event.values[0]
    if not labels_of(made) >= {"answer", "client", "message"}:
        return False
    text = text_of(made)
    called = lexicon.chain_of(text)[-1:] if text.endswith(")") else []
    return bool(called) and (name_of(event), called[0]) in _made_at_first(event.module)


@lru_cache(maxsize=256)
def _made_at_first(module: Module) -> frozenset[tuple[str, str]]:
    """The names to which a program binds what a class makes when it starts, each with the class."""
    outside = frozenset(map(id, _outside(module.tree)))
    return frozenset(
        (target, called)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)
        for called in lexicon.chain_of(ast.unparse(node.value.func))[-1:]
        if called[:1].isupper() or called in _OPENS
        for one in node.targets
        if id(node) in outside or (isinstance(one, ast.Attribute) and _is_fixed(node.value))
        for target in lexicon.chain_of(ast.unparse(one))[-1:]
    )


def _is_fixed(call: ast.Call) -> bool:
    """`application.camera = VideoCapture(0)`: what is made stands in the source."""
    return all(isinstance(one, ast.Constant) for one in call.args)


_OPENS = frozenset({"connect", "open"})


def _outside(tree: ast.AST) -> Iterator[ast.AST]:
    """What is no part of a function."""
    for node in ast.iter_child_nodes(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield node
            yield from _outside(node)


def hears_of_somebody(event: Event) -> bool:
    """`SUBSCRIBERS[message].append(self)`, where those are told who stand under `"user:" + name`."""
    held = event.receiver
    if event.kind != "join" or held is None or not labels_of(held) >= {"client", "message"}:
        return False
    table = next((one for one in lexicon.chain_of(text_of(held)) if _LISTENERS & stems_of(one)), "")
    return bool(table) and bool(OF_SOMEBODY & _keys_of(event.module).get(table, frozenset()))


_LISTENERS = LISTENS | words("follower listener observer subscriber subscription watcher")


@lru_cache(maxsize=256)
def _keys_of(module: Module) -> dict[str, frozenset[str]]:
    """The words of the keys under which something is looked up in each table of a module."""
    bound: dict[str, set[str]] = {}
    asked: list[tuple[str, ast.expr]] = []
    for node in ast.walk(module.tree):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                bound.setdefault(name, set()).update(*map(stems_of, _fixed_in(value)))
            case ast.Subscript(value=ast.Name(id=table) | ast.Attribute(attr=table), slice=key):
                asked.append((table, key))
            case ast.Call(
                func=ast.Attribute(
                    value=ast.Name(id=table) | ast.Attribute(attr=table), attr="get" | "pop"
                ),
                args=[key, *_],
            ):
                asked.append((table, key))
            case _:
                pass
    found: dict[str, set[str]] = {}
    for table, key in asked:
        words_of_key = found.setdefault(table, set())
        words_of_key.update(*map(stems_of, _fixed_in(key)))
        if isinstance(key, ast.Name):
            words_of_key |= stems_of(key.id) | bound.get(key.id, set())
    return {table: frozenset(one) for table, one in found.items()}


def _fixed_in(value: ast.expr) -> Iterator[str]:
    """The texts in the source that something is put together from: `"user:{}".format(name)`."""
    for node in ast.walk(value):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
