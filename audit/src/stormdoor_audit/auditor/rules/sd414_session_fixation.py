"""A session id that the client chooses.

What:
    The server sets a session cookie to a value from a cookie or an argument of the same request.

Why:
    An attacker plants a session id in the victim's browser, waits for the login, and uses the same
    session: the login has not made a new one.

Example:
    sid = self.get_cookie("session") or new_session()
    self.set_cookie("session", sid)

Instead:
    self.set_cookie("session", new_session())

Fix:
    Make a new session at every login, and end the old session.
"""

import ast
from collections.abc import Iterator

from stormdoor_audit.auditor.facts.calls import Call, in_files, on_the_way
from stormdoor_audit.auditor.facts.places import last_name
from stormdoor_audit.auditor.naming.lexicon import words_of
from stormdoor_audit.auditor.rule import Found, rule
from stormdoor_audit.report.finding import Confidence, Level

__all__ = ["RULE"]

_SESSION = frozenset({"session", "sessionid", "sid"})
_BROUGHT = frozenset({"get_cookie", "get_argument", "get_query_argument", "get_body_argument"})
_LOGIN = frozenset({"post", "login", "signin", "authenticate"})


def _check(call: Call) -> Iterator[Found]:
    around = call.function
    name = call.text(call.argument(0, "name"))
    value = call.argument(1, "value")
    if around is None or name is None or value is None or not _SESSION & set(words_of(name)):
        return
    if not _LOGIN & set(words_of(around.name)):
        return
    if _is_brought(call.literal(value)):
        yield call.found(f"The session id {name} comes from the client, and a login keeps it.")


def _is_brought(node: ast.expr) -> bool:
    match node:
        case ast.BoolOp(op=ast.Or(), values=[first, *_]):
            return _is_brought(first)
        case ast.Call() if last_name(node) in _BROUGHT:
            named = node.args[0] if node.args else None
            return (
                isinstance(named, ast.Constant)
                and isinstance(named.value, str)
                and bool(_SESSION & set(words_of(named.value)))
            )
        case _:
            return False


RULE = rule(
    __doc__,
    id="SD414",
    slug="session-fixation",
    level=Level.WARNING,
    confidence=Confidence.MEDIUM,
    group="tokens and secrets",
    cwe=(384,),
    asvs=("7.2.4",),
    threat="session-hijacking",
    on_endpoint=on_the_way(_check, "set_cookie", "set_secure_cookie", "set_signed_cookie"),
    on_module=in_files(_check, "set_cookie", "set_secure_cookie", "set_signed_cookie"),
)
