"""Logins over HTTP that give a signed identity: what they ask before they do."""

import ast
from collections.abc import Iterator

from stormdoor_audit.auditor.classes.classinfo import ClassInfo
from stormdoor_audit.auditor.classes.hierarchy import Hierarchy
from stormdoor_audit.auditor.facts.calls import Call, all_calls
from stormdoor_audit.auditor.facts.places import is_test, last_name
from stormdoor_audit.auditor.naming.lexicon import is_credential_name

__all__ = ["SIGNERS", "believing"]

SIGNERS = ("set_signed_cookie", "set_secure_cookie")

_ARGUMENTS = frozenset({"get_argument", "get_body_argument", "get_query_argument"})
_SENT = frozenset({"self.request.body", "self.request.arguments", "self.request.body_arguments"})
# Calls that prove nothing with any argument. A login that calls anything else may check there.
_PROVES_NOTHING = _ARGUMENTS | frozenset(
    [
        *SIGNERS,
        *("HTTPError", "MissingArgumentError", "add", "append", "bool", "clear_cookie", "debug"),
        *("decode", "dumps", "encode", "error", "escape", "exception", "finish", "flush", "format"),
        *("get", "get_status", "info", "int", "items", "json_decode", "json_encode", "keys", "len"),
        *("loads", "log", "lower", "print", "redirect", "render", "replace", "reverse_url"),
        *("send_error", "set_cookie", "set_header", "set_status", "split", "str", "strip", "title"),
        *("to_unicode", "upper", "url_escape", "utf8", "values", "warning", "write"),
        *("write_error", "xhtml_escape", "xsrf_form_html"),
    ]
)


def believing(hierarchy: Hierarchy, cookie: str) -> Iterator[Call]:
    """Yield the calls that put the client's claim into a signed cookie of this name without a check.

    A function that calls something that may ask, reads a password, compares what was sent with
    anything that is no constant, is decorated or stands in a class with a `prepare()` is given the
    benefit of the doubt.
    """
    for call in all_calls(hierarchy.project, *SIGNERS):
        value = call.argument(1, "value")
        around = call.function
        if is_test(call.module) or value is None or around is None or around.decorator_list:
            continue
        if call.text(call.argument(0, "name")) != cookie or _is_prepared(hierarchy, call):
            continue
        told = _told(around)
        names = call.node.args[:1]
        rest = (one for one in _parts(around) if one not in names)
        if _is_told(value, told) and not any(_may_ask(one, told) for one in rest):
            yield call


def _parts(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[ast.AST]:
    for statement in function.body:
        yield from ast.walk(statement)


def _is_prepared(hierarchy: Hierarchy, call: Call) -> bool:
    """Return True if code before the method may refuse."""
    owner = next((one for one in reversed(call.scopes) if isinstance(one, ast.ClassDef)), None)
    return owner is None or any(
        isinstance(one, ClassInfo)
        and one.module.inside
        and {"prepare", "initialize"} & hierarchy.members(one).keys()
        for one in hierarchy.of_node(call.module, owner).mro
    )


def _told(function: ast.FunctionDef | ast.AsyncFunctionDef) -> frozenset[str]:
    """Names that hold what the client sent."""
    told: set[str] = set()
    assigned = [
        (target.id, node.value)
        for node in _parts(function)
        if isinstance(node, ast.Assign | ast.NamedExpr | ast.AnnAssign) and node.value is not None
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name)
    ]
    for _ in assigned:
        told |= {name for name, value in assigned if _is_told(value, frozenset(told))}
    return frozenset(told)


def _is_told(node: ast.expr, told: frozenset[str]) -> bool:
    """Return True if the client chose a part of a value."""
    return any(
        (isinstance(one, ast.Name) and one.id in told)
        or (isinstance(one, ast.Call) and last_name(one) in _ARGUMENTS)
        or (isinstance(one, ast.Attribute) and ast.unparse(one) in _SENT)
        for one in ast.walk(node)
    )


def _may_ask(node: ast.AST, told: frozenset[str]) -> bool:
    """Return True if a part of a login can be the place of a proof."""
    match node:
        case ast.Call():
            return last_name(node) not in _PROVES_NOTHING
        case ast.Await() | ast.Yield() | ast.YieldFrom() | ast.Lambda():
            return True
        case ast.Constant(value=str() as text):
            # Also a field that is read: body["password"], get_argument("code").
            return len(text) < 40 and " " not in text and is_credential_name(text)
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name not in _PROVES_NOTHING and is_credential_name(name)
        case ast.Compare():
            sides = [node.left, *node.comparators]
            others = [one for one in sides if not _is_told(one, told)]
            if len(others) == len(sides):
                return False
            return not others or not all(
                isinstance(one, ast.Constant) or _is_table(one) for one in others
            )
        case _:
            return False


def _is_table(node: ast.expr) -> bool:
    """`name in USERS`: that there is such a user does not say that this is the one."""
    return isinstance(node, ast.Name | ast.Attribute | ast.Dict | ast.Set | ast.List | ast.Tuple)
