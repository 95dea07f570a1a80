"""The values that calls and routes give to parameters of functions."""

import ast
import re

from stormdoor_audit.auditor.classes.callers import FunctionDefinition
from stormdoor_audit.auditor.facts.places import last_name
from stormdoor_audit.auditor.interpreter.events import Event

__all__ = ["are_words", "given_at", "given_to"]

_GROUP = re.compile(r"\((?:\?P<\w+>|\?:)?([^()]*)\)")
_WORDS = re.compile(r"(?:\\[wd]|[\w-]|\[(?:\\[wd-]|[\w-])+\]|[|+*?]|\{\d+(?:,\d*)?\})*", re.ASCII)


def given_at(event: Event, at: int, *names: str) -> ast.expr | None:
    """The expression of an argument of a call, by its place or one of its names."""
    if not isinstance(event.node, ast.Call):
        return None
    for word in event.node.keywords:
        if word.arg in names:
            return word.value
    plain = event.node.args[: at + 1]
    if len(plain) <= at or any(isinstance(one, ast.Starred) for one in plain):
        return None
    return plain[at]


def given_to(
    site: ast.Call, function: FunctionDefinition, name: str, *, bound: bool
) -> ast.expr | None:
    """Return the argument of a call for a parameter; None if it cannot be determined."""
    for word in site.keywords:
        if word.arg == name:
            return word.value
    if any(word.arg is None for word in site.keywords):
        return None
    places = [one.arg for one in (*function.args.posonlyargs, *function.args.args)]
    static = any(last_name(one) == "staticmethod" for one in function.decorator_list)
    skipped = 1 if bound and not static and places[:1] in (["self"], ["cls"]) else 0
    if name in places and (at := places.index(name) - skipped) >= 0:
        if any(isinstance(one, ast.Starred) for one in site.args[: at + 1]):
            return None
        if at < len(site.args):
            return site.args[at]
        behind = places.index(name) - len(places) + len(function.args.defaults)
        # What a parameter has by default was made when the function was, before any client came.
        return ast.Constant(value=None) if behind >= 0 else None
    return None


def are_words(patterns: tuple[str, ...]) -> bool:
    """Return whether the routes capture only letters, digits, underscores and dashes."""
    if not patterns:
        return False
    for pattern in patterns:
        groups = _GROUP.findall(pattern)
        rest = _GROUP.sub("", pattern)
        if not groups or "(" in rest or not all(_WORDS.fullmatch(one) for one in groups):
            return False
    return True
