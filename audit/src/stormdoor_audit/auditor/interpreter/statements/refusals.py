"""Branches that refuse: statuses, exceptions and words that turn a client away."""

import ast
import re
from functools import lru_cache

from stormdoor_audit.auditor.naming.words import words

__all__ = ["UNRELATED", "cookies_wanted", "leaves_block", "wanted_outcome"]

_REFUSALS = frozenset({401, 403, 407, 3000, 3003, 4001, 4003, 4401, 4403, 1008})
UNRELATED = words("AttributeError IOError ImportError IndexError KeyError OSError")


def leaves_block(body: list[ast.stmt]) -> bool:
    """Return True if the statements certainly end the function, or close or finish the connection."""
    for statement in body:
        match statement:
            case ast.Return() | ast.Raise():
                return True
            case ast.Expr() if _ends(statement.value):
                return True
            case ast.If() if (
                statement.orelse and leaves_block(statement.body) and leaves_block(statement.orelse)
            ):
                return True
            case _:
                pass
    return False


def _ends(node: ast.expr) -> bool:
    if isinstance(node, ast.Await | ast.Yield) and node.value is not None:
        node = node.value
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"close", "finish", "send_error", "redirect", "abort"}
    )


@lru_cache(maxsize=65536)
def wanted_outcome(node: ast.If, following: ast.stmt | None, later: ast.stmt | None) -> bool | None:
    """The outcome of a condition that refuses; None where neither or both do."""
    if _refuses(node.body):
        return True
    if node.orelse and _refuses(node.orelse):
        return False
    rest = [one for one in (following, later) if one is not None]
    if not node.orelse and isinstance(node.body[-1], ast.Return) and _refuses(rest):
        return False
    return None


@lru_cache(maxsize=65536)
def cookies_wanted(test: ast.expr, *, refused: bool) -> frozenset[str]:
    """Cookies without which a condition has the outcome that refuses: they are what proves who it is."""
    match test:
        case ast.UnaryOp(op=ast.Not(), operand=inner):
            return cookies_wanted(inner, refused=not refused)
        case ast.BoolOp(op=op, values=values) if isinstance(op, ast.Or) is refused:
            return frozenset().union(*(cookies_wanted(one, refused=refused) for one in values))
        case ast.Compare(
            left=ast.Constant(value=str() as name),
            ops=[ast.In() | ast.NotIn() as op],
            comparators=[ast.Attribute(attr="cookies")],
        ) if isinstance(op, ast.NotIn) is refused:
            return frozenset({name})
        case ast.Compare(left=inner, ops=[ast.Is() | ast.IsNot() as op]) if (
            isinstance(op, ast.Is) is refused
            and isinstance(test.comparators[0], ast.Constant)
            and test.comparators[0].value is None
        ):
            return cookies_wanted(inner, refused=False)
        case ast.Call(
            func=ast.Attribute(attr="get_cookie"), args=[ast.Constant(value=str() as name), *_]
        ) if not refused:
            return frozenset({name})
        case _:
            return frozenset()


def _refuses(body: list[ast.stmt]) -> bool:
    """Return True if the statements refuse with a status or close code about identity."""
    if len(body) > 12:
        return False
    if leaves_block(body) and any(_speaks_of_refusal(statement) for statement in body):
        return True
    for statement in body:
        match statement:
            case ast.Raise(exc=ast.Call() as call):
                if _status(call) or any(
                    word in ast.unparse(call.func).lower()
                    for word in (
                        "unauthor",
                        "unauthenti",
                        "forbidden",
                        "permission",
                        "accessdenied",
                        "notallowed",
                    )
                ):
                    return True
            case ast.Expr(value=value):
                inner = value.value if isinstance(value, ast.Await | ast.Yield) else value
                if (
                    isinstance(inner, ast.Call)
                    and isinstance(inner.func, ast.Attribute)
                    and inner.func.attr
                    in {"set_status", "send_error", "close", "finish", "write_error"}
                    and _status(inner)
                ):
                    return True
                if (
                    isinstance(inner, ast.Call)
                    and isinstance(inner.func, ast.Attribute)
                    and inner.func.attr == "redirect"
                    and "login" in ast.unparse(inner).lower()
                ):
                    return True
            case ast.If() if (
                statement is body[-1]
                and statement.orelse
                and leaves_block([statement])
                and (_refuses(statement.body) or _refuses(statement.orelse))
            ):
                return True
            case ast.Return(value=ast.Call() as call) if (
                isinstance(call.func, ast.Attribute)
                and call.func.attr in {"send_error", "close", "finish", "redirect", "set_status"}
                and (_status(call) or "login" in ast.unparse(call).lower())
            ):
                return True
            case _:
                pass
    return False


_REFUSAL = re.compile(
    r"authenti|authori[sz]|unauth|forbidden|not allowed|no permission|permission denied|access denied"
    r"|log ?in|not logged|invalid (token|session|credential|user|password|api ?key|signature)",
    re.IGNORECASE,
)


_HEADERS = frozenset({"authorization", "proxy-authorization", "x-authorization", "authentication"})
"""Headers that are read from the request, and never sent in an answer."""


def _speaks_of_refusal(statement: ast.stmt) -> bool:
    """Return True if a message or a reason says that it is about identity."""
    if isinstance(statement, ast.Expr | ast.Raise | ast.Return):
        return any(
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and len(node.value) < 200
            and node.value.lower() not in _HEADERS
            and _REFUSAL.search(node.value) is not None
            for node in ast.walk(statement)
        )
    return False


_ABSENCE = re.compile(
    r"no such|not found|(does not|doesn't) exist|unsupported|malformed|not json|bad (format|message)"
    r"|too (many|large|long)|\bfull\b",
    re.IGNORECASE,
)
"""Reasons of a close that do not concern the client's identity, with any code."""


def _is_about_something_else(call: ast.Call) -> bool:
    """`close(4001, "no such build")`: the private codes mean what the program says."""
    return (
        isinstance(call.func, ast.Attribute)
        and call.func.attr == "close"
        and any(
            isinstance(one, ast.Constant)
            and isinstance(one.value, str)
            and _ABSENCE.search(one.value) is not None
            and _REFUSAL.search(one.value) is None
            for given in [*call.args, *(word.value for word in call.keywords)]
            for one in ast.walk(given)
        )
    )


def _status(call: ast.Call) -> bool:
    if _is_about_something_else(call):
        return False
    values = [
        *call.args[:1],
        *(word.value for word in call.keywords if word.arg in {"status_code", "code", "status"}),
    ]
    for value in values:
        if isinstance(value, ast.Constant) and value.value in _REFUSALS:
            return True
        if isinstance(value, ast.Attribute) and value.attr in {"UNAUTHORIZED", "FORBIDDEN"}:
            return True
    return False
