"""Python's own operations on constants, and on parts of which only properties are known."""

import operator
from collections.abc import Callable, Iterable
from itertools import product
from typing import Any

from stormdoor_audit.analyzer.engine.patterns import LONGEST
from stormdoor_audit.analyzer.engine.values import Const, Value, const, join

__all__ = [
    "TEXT_METHODS",
    "compute",
    "computed",
    "method_of_constant",
    "plain",
]

_MOST = 16
"""Combinations of constants that are computed."""

_OPERATORS: dict[str, Callable[..., Any]] = {
    "Add": operator.add,
    "Sub": operator.sub,
    "Mod": operator.mod,
    "FloorDiv": operator.floordiv,
    "Div": operator.truediv,
    "BitAnd": operator.and_,
    "BitOr": operator.or_,
    "BitXor": operator.xor,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "is": lambda a, b: a is b or (a == b and type(a) is type(b)),
    "is not": lambda a, b: not (a is b or (a == b and type(a) is type(b))),
    "item": operator.getitem,
    "in": lambda a, b: a in b,
    "not in": lambda a, b: a not in b,
    "Not": operator.not_,
    "USub": operator.neg,
    "UAdd": operator.pos,
    "Invert": operator.invert,
}
TEXT_METHODS = frozenset(
    [
        "capitalize",
        "casefold",
        "count",
        "decode",
        "encode",
        "endswith",
        "find",
        "format",
        "index",
        "isalnum",
        "isalpha",
        "isdecimal",
        "isdigit",
        "isidentifier",
        "islower",
        "isnumeric",
        "isspace",
        "istitle",
        "isupper",
        "join",
        "lower",
        "lstrip",
        "partition",
        "removeprefix",
        "removesuffix",
        "replace",
        "rfind",
        "rindex",
        "rpartition",
        "rsplit",
        "rstrip",
        "split",
        "splitlines",
        "startswith",
        "strip",
        "title",
        "upper",
        "get",
        "hex",
    ]
)


def plain(value: Value) -> list[Const] | None:
    """Return the constants of a value; None if it has another atom."""
    found = [one for one in value if isinstance(one, Const)]
    return found if found and len(found) == len(value) else None


def computed(function: Callable[..., Any], *values: Value) -> Value | None:
    """Return the results of a function of constants; None if an argument is not constant.

    A combination that fails has no result. The result is an answer if an argument is.
    """
    parts = [plain(one) for one in values]
    if any(one is None for one in parts):
        return None
    choices = [one for one in parts if one is not None]
    combinations = list(product(*choices))
    if len(combinations) > _MOST:
        return None
    results: list[Value] = []
    for given in combinations:
        made = _one(function, [one.value for one in given])
        if made is ...:
            continue
        origin = frozenset[str]().union(*(one.origin for one in given))
        results.append(const(made, origin, answer=any(one.answer for one in given)))
    return join(*results) if results else None


def _one(function: Callable[..., Any], given: Iterable[Any]) -> Any:
    """Return a result that is a small constant, or `...`."""
    try:
        made = function(*given)
    except Exception:  # noqa: BLE001 - a failing operation on constants of the source has no result
        return ...
    if isinstance(made, list):
        made = tuple(made)
    if isinstance(made, str | bytes | tuple) and len(made) > LONGEST:
        return ...
    if isinstance(made, tuple):
        return made if all(isinstance(one, str | bytes | int | None) for one in made) else ...
    return made if made is None or isinstance(made, str | bytes | int | float | bool) else ...


def compute(name: str, *values: Value) -> Value | None:
    """Return the result of an operator on constants; None if it is not known."""
    function = _OPERATORS.get(name)
    return computed(function, *values) if function is not None else None


def method_of_constant(name: str, owner: Value, arguments: tuple[Value, ...]) -> Value | None:
    """Return the result of a method of text or bytes."""
    if name not in TEXT_METHODS:
        return None
    return computed(lambda one, *rest: getattr(one, name)(*rest), owner, *arguments)
