"""Error details that the client receives.

What:
    The server sends a traceback, or the text of any exception, to the client.

Why:
    The text contains names of files, tables and hosts, parts of queries, and sometimes a secret. It
    helps an attacker to plan the next attempt.

Example:
    except Exception as error:
        self.write_message({"error": str(error)})

Instead:
    except Exception:
        log.exception("a message failed")
        self.write_message({"error": "failed"})

Fix:
    Log the exception, and send a text of your own.
"""

import ast
from collections.abc import Iterator, Mapping

from stormdoor_audit.auditor.classes.callers import FunctionDefinition
from stormdoor_audit.auditor.facts.arguments import given_to
from stormdoor_audit.auditor.facts.bindings import Within
from stormdoor_audit.auditor.facts.calls import Call
from stormdoor_audit.auditor.facts.literals import Literals
from stormdoor_audit.auditor.facts.places import (
    functions_of,
    is_test,
    last_name,
    mentioned,
    scopes_of,
    subject_of,
)
from stormdoor_audit.auditor.facts.tested import sources_of
from stormdoor_audit.auditor.judging.endpoint import Endpoint
from stormdoor_audit.auditor.naming.words import words
from stormdoor_audit.auditor.rule import Found, rule
from stormdoor_audit.report.finding import Confidence, Level

__all__ = ["RULE"]

_ANY = frozenset({"Exception", "BaseException"})
_TRACES = frozenset({"format_exc", "format_exception", "exc_info", "format_tb"})
_READS = words("float int json_decode loads")
_TRIMS = frozenset({"decode", "strip"})
_SENDS = frozenset({"write_message", "send"})
_CONNECTS = words("connect create_connection socket websocket_connect ws_connect")
"""Functions that connect to another server."""
_TEXTS = frozenset({"args", "message"})
"""Attributes of an exception that hold its text; the latter in Python 2."""


def _check(endpoint: Endpoint) -> Iterator[Found]:
    outward = _outward(endpoint)
    passing = dict(_passing_on(endpoint, outward))
    members = {method.node for method in endpoint.methods()}
    for module, function in functions_of(endpoint):
        # Once it is closed nothing reaches the client any more.
        if is_test(module) or function.name == "on_close":
            continue
        sent = list(_sent(function, passing if function in members else {}, outward))
        own = {
            handler
            for node in ast.walk(function)
            if isinstance(node, ast.Try) and _only_reads(endpoint, node.body)
            for handler in node.handlers
        }
        for handler in ast.walk(function):
            if not isinstance(handler, ast.ExceptHandler) or handler in own:
                continue
            told = _told(handler)
            inside = {node for one in handler.body for node in ast.walk(one)}
            kept = {
                node: name
                for node in inside
                if (name := _kept(Literals(endpoint.project, module, (function,)), node, told))
            }
            within = Within(function)
            said: set[ast.Call] = set()
            for node, given in sent:
                if node in said:
                    continue
                call = Call(endpoint.project, module, (function,), node)
                if (node in inside and _shows(call, given, told)) or any(
                    one.node in kept
                    for name in {*kept.values()} & mentioned(given)
                    for one in within.reaching(name, node)[0]
                ):
                    said.add(node)
                    yield Found(
                        module,
                        node,
                        "The server sends the text of the exception to the client.",
                        subject=subject_of(module, scopes_of(module, node)),
                    )


def _outward(endpoint: Endpoint) -> set[str]:
    """Return attributes with connections to other servers: `self.remote = await connect(url)`."""
    found: set[str] = set()
    for method in endpoint.methods():
        for node in ast.walk(method.node):
            match node:
                case ast.Assign(
                    targets=[ast.Attribute(value=ast.Name(id="self"), attr=name)],
                    value=(ast.Call() as made) | ast.Await(value=ast.Call() as made),
                ) if last_name(made) in _CONNECTS or any(
                    isinstance(one, ast.Call) and last_name(one) in _CONNECTS for one in made.args
                ):
                    found.add(name)
                case _:
                    pass
    return found


def _passing_on(
    endpoint: Endpoint, outward: set[str]
) -> Iterator[tuple[str, tuple[FunctionDefinition, set[str]]]]:
    """The handler's own methods that send what they are given, each with the parameters that are sent."""
    for method in endpoint.methods():
        function = method.node
        if not isinstance(function, FunctionDefinition) or not method.module.inside:
            continue
        sent = [given for _, given in _sent(function, {}, outward)]
        if not sent or method.name in _SENDS:
            continue
        within = Within(function)
        made_of = set[str]().union(*(sources_of(within, given) for given in sent))
        yield method.name, (function, made_of & within.all_parameters - {"self", "cls"})


def _sent(
    function: FunctionDefinition,
    passing: Mapping[str, tuple[FunctionDefinition, set[str]]],
    outward: set[str],
) -> Iterator[tuple[ast.Call, ast.expr]]:
    """The calls in a function that send something, each with what that is."""
    for node in ast.walk(function):
        match node:
            case ast.Call(
                func=ast.Attribute(value=ast.Attribute(value=ast.Name(id="self"), attr=name))
            ) if name in outward:
                pass  # it is another server that is told
            case ast.Call(args=[given, *_]) if last_name(node) in _SENDS:
                yield node, given
            case ast.Call(func=ast.Attribute(value=ast.Name(id="self"), attr=name)) if (
                name in passing
            ):
                other, into = passing[name]
                for parameter in sorted(into):
                    value = given_to(node, other, parameter, bound=True)
                    if value is not None:
                        yield node, value
            case _:
                pass


def _kept(literals: Literals, node: ast.AST, told: str) -> str:
    """The name that what the exception says is kept under, to be sent later."""
    match node:
        case ast.Assign(targets=[ast.Name(id=name)], value=value) if _shows(literals, value, told):
            return name
        case _:
            return ""


def _only_reads(endpoint: Endpoint, body: list[ast.stmt]) -> bool:
    """Return whether only the parsing of a text can fail, so that the error repeats the client's own data."""
    calls = [one for each in body for one in ast.walk(each) if isinstance(one, ast.Call)]
    return any(last_name(one) in _READS for one in calls) and all(
        last_name(one) in _READS | _TRIMS or _answers(endpoint, one) for one in calls
    )


def _answers(endpoint: Endpoint, call: ast.Call) -> bool:
    """`self.send(...)`, where that is the library's."""
    match call.func:
        case ast.Attribute(value=ast.Name(id="self"), attr=name) if name in _SENDS:
            own = endpoint.method(name)
            return own is None or not own.module.inside
        case _:
            return False


def _told(handler: ast.ExceptHandler) -> str:
    """Return the name of the exception, if the clause catches every exception."""
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    if any(kind is None or last_name(kind) in _ANY for kind in kinds):
        return handler.name or ""
    return ""


def _shows(literals: Literals, node: ast.expr, name: str) -> bool:
    found = literals.literal(node)
    for one in ast.walk(found):
        if isinstance(one, ast.Call) and last_name(one) in _TRACES:
            return True
        if not name:
            continue
        match one:
            case ast.Call(func=ast.Name(id="str" | "repr"), args=[ast.Name(id=shown)]) if (
                shown == name
            ):
                return True
            case ast.FormattedValue(value=ast.Name(id=shown)) if shown == name:
                return True
            case ast.Attribute(value=ast.Name(id=shown), attr=attr) if (
                shown == name and attr in _TEXTS
            ):
                return True
            case ast.BinOp(op=ast.Mod(), right=right) if name in mentioned(right):
                return True
            case ast.Call(func=ast.Attribute(attr="format"), args=args) if any(
                isinstance(given, ast.Name) and given.id == name for given in args
            ):
                return True
            case _:
                pass
    return False


RULE = rule(
    __doc__,
    id="SD510",
    slug="error-details-sent",
    level=Level.WARNING,
    confidence=Confidence.HIGH,
    group="messages",
    cwe=(209,),
    asvs=("16.5.1",),
    threat="secret-leakage",
    on_endpoint=_check,
)
