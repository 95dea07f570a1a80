"""A credential in the log.

What:
    The server writes a token, a password or a key of the client to a log or to standard output.

Why:
    More people can read logs than a store of credentials, and logs are copied, archived and sent to
    other companies.

Example:
    logging.info("login with %s", token)

Instead:
    logging.info("login of %s", claims["sub"])

Fix:
    Log the identity of the user, not the credential.
"""

import ast
from collections.abc import Iterator

from stormdoor_audit.auditor.facts.places import last_name, scopes_of, subject_of
from stormdoor_audit.auditor.facts.secret_names import is_secret_name
from stormdoor_audit.auditor.interpreter.events import Event
from stormdoor_audit.auditor.judging.endpoint import Endpoint
from stormdoor_audit.auditor.naming.lexicon import words_of
from stormdoor_audit.auditor.rule import Found, rule
from stormdoor_audit.report.finding import Confidence, Level

__all__ = ["RULE"]

_LEVELS = ("debug", "info", "warning", "warn", "error", "exception", "critical", "log")


def _check(endpoint: Endpoint) -> Iterator[Found]:
    seen: set[int] = set()
    for event in (*endpoint.anonymous.events, *endpoint.member.events):
        if event.kind != "call" or id(event.node) in seen or not event.module.inside:
            continue
        if not _is_log(event) or "credential" not in event.labels:
            continue
        if not isinstance(event.node, ast.Call):
            continue
        if any(_is_shown(argument, event) for argument in event.node.args) and not _is_spent(event):
            seen.add(id(event.node))
            yield Found(
                event.module,
                event.node,
                "This call writes the credential of the client to the log.",
                steps=endpoint.steps(event),
                subject=subject_of(event.module, scopes_of(event.module, event.node)),
            )


def _is_log(event: Event) -> bool:
    holder, _, name = event.text.rpartition(".")
    return event.text == "print" or (name in _LEVELS and "log" in holder.lower())


def _is_spent(event: Event) -> bool:
    """Return whether the token works once and is already used: `pending.pop(token)`."""
    around = scopes_of(event.module, event.node)[-1:]
    shown = {
        one.id
        for one in ast.walk(event.node)
        if isinstance(one, ast.Name) and is_secret_name(one.id)
    }
    taken = {
        node.args[0].id
        for scope in around
        for node in ast.walk(scope)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "pop"
        and node.args
        and isinstance(node.args[0], ast.Name)
        and node.lineno < getattr(event.node, "lineno", 0)
    }
    return bool(shown) and shown <= taken


def _is_shown(node: ast.expr, event: Event) -> bool:
    """Return whether the text contains a secret itself, and not its length or its hash."""
    match node:
        case ast.Name(id=name):
            return is_secret_name(name) and not _is_beginning(name, event)
        case ast.Attribute() | ast.Subscript():
            return is_secret_name(last_name(node))
        case ast.JoinedStr(values=values):
            return any(
                _is_shown(one.value, event) for one in values if isinstance(one, ast.FormattedValue)
            )
        case ast.BinOp(left=left, right=right):
            return _is_shown(left, event) or _is_shown(right, event)
        case ast.Tuple(elts=elts):
            return any(_is_shown(one, event) for one in elts)
        case ast.Call(func=ast.Attribute(attr="format"), args=args):
            return any(_is_shown(one, event) for one in args)
        case ast.Call(func=ast.Attribute(attr=attr), args=[ast.Constant(value=str() as name), *_]):
            return attr.startswith("get") and is_secret_name(name)
        case _:
            return False


def _is_beginning(name: str, event: Event) -> bool:
    """Return whether a value is only the first letters of a token: `preview = token[:8]`."""
    given = [
        node.value
        for scope in scopes_of(event.module, event.node)[-1:]
        for node in ast.walk(scope)
        if isinstance(node, ast.Assign)
        and any(isinstance(one, ast.Name) and one.id == name for one in node.targets)
    ]
    return bool(given) and all(
        isinstance(part, ast.Constant) or _is_cut_off(part)
        for value in given
        for part in ((value.body, value.orelse) if isinstance(value, ast.IfExp) else (value,))
    )


def _is_cut_off(node: ast.expr) -> bool:
    """`token[:8]`, and not `header[7:]`."""
    match node:
        case ast.Subscript(
            value=whole, slice=ast.Slice(lower=None, upper=ast.Constant(value=int() as letters))
        ):
            header = "jwt" in words_of(last_name(whole))
            return 0 < letters <= (_HEADER if header else _KNOWN_AGAIN)
        case _:
            return False


_KNOWN_AGAIN = 8
"""Letters: so many tell one token from another, and leave the rest to be guessed."""

_HEADER = 36
"""Letters of `{"alg":"HS256","typ":"JWT"}`, with which one JSON Web Token begins like another."""


RULE = rule(
    __doc__,
    id="SD411",
    slug="credential-logged",
    level=Level.WARNING,
    confidence=Confidence.HIGH,
    group="tokens and secrets",
    cwe=(532,),
    asvs=("16.2.5",),
    threat="secret-leakage",
    on_endpoint=_check,
)
