"""Groups captured by a route's pattern, as the methods of the handler receive them."""

import ast
from functools import lru_cache

from stormdoor_audit.auditor.classes.classinfo import Member as ClassMember
from stormdoor_audit.auditor.connection.fronts import Fronts
from stormdoor_audit.auditor.interpreter.values import (
    Authenticated,
    Bound,
    Function,
    Special,
    Value,
)

__all__ = ["Arguments"]

_MAX_WRAPPERS = 4


class Arguments(Fronts):
    """Arguments from the address."""

    def url_arguments(self, name: str) -> list[Value]:
        """Return the groups captured by the route's pattern."""
        handler = self.handler
        if handler is None:
            return []
        added: set[str] = set()
        for method in (name, "open"):
            found = self._member(handler.info, method, None)
            if not isinstance(found, ClassMember):
                continue
            value = self.member_value(found, handler.info)
            while not isinstance(value, Function):
                inner = getattr(value, "function", None)
                if inner is None or isinstance(inner, Special):
                    inner = next(iter(getattr(value, "args", [])), None)
                if inner is None:
                    return []
                value = inner
            value, given = _innermost(value)
            added |= given
            names = [one.arg for one in value.node.args.args if one.arg not in added][1:]
            required = len(names) - len(value.node.args.defaults)
            if names:
                return [
                    self.from_client("url", one, one)
                    for one in names[: max(required, 0) or len(names)]
                ]
            if value.node.args.vararg is not None:
                if method == "get":
                    continue
                return [
                    self.from_client("url", "argument", f"{value.node.args.vararg.arg}[{at}]")
                    for at in range(_taken_from(value.node, value.node.args.vararg.arg))
                ]
            return []
        return []


def _innermost(function: Function) -> tuple[Function, set[str]]:
    """Return the innermost function below wrappers that pass on their arguments, and the added words."""
    added: set[str] = set()
    for _ in range(_MAX_WRAPPERS):
        rest = function.node.args.vararg
        if rest is None or len(function.node.args.args) > 1:
            break
        call = _passing(function.node, rest.arg)
        inner = _called(function, call)
        if call is None or inner is None:
            break
        added |= {word.arg for word in call.keywords if word.arg is not None}
        added |= _put_among_words(function.node)
        function = inner
    return function, added


@lru_cache(maxsize=4096)
def _passing(function: ast.AST, rest: str) -> ast.Call | None:
    """Return the call in a wrapper that passes on all of its arguments: `method(self, *args)`."""
    for node in ast.walk(function):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and any(
                isinstance(one, ast.Starred)
                and isinstance(one.value, ast.Name)
                and one.value.id == rest
                for one in node.args
            )
        ):
            return node
    return None


@lru_cache(maxsize=4096)
def _taken_from(function: ast.AST, name: str) -> int:
    """Return the number of extra arguments that a function takes: `args[0]`."""
    return max(
        (
            node.slice.value + 1
            for node in ast.walk(function)
            if isinstance(node, ast.Subscript)
            and isinstance(node.value, ast.Name)
            and node.value.id == name
            and isinstance(node.slice, ast.Constant)
            and isinstance(node.slice.value, int)
        ),
        default=0,
    )


@lru_cache(maxsize=4096)
def _put_among_words(function: ast.AST) -> frozenset[str]:
    """Return the words that a wrapper adds to its own: `kwargs["user"] = user`."""
    rest = function.args.kwarg if isinstance(function, ast.FunctionDef) else None
    return frozenset(
        str(target.slice.value)
        for node in ast.walk(function)
        if rest is not None and isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Subscript)
        and isinstance(target.value, ast.Name)
        and target.value.id == rest.arg
        and isinstance(target.slice, ast.Constant)
    )


def _called(function: Function, call: ast.Call | None) -> Function | None:
    if call is None or not isinstance(call.func, ast.Name) or function.env is None:
        return None
    found = function.env.find(call.func.id)
    while isinstance(found, Bound | Authenticated):
        found = found.function
    return found if isinstance(found, Function) else None
