"""A session that never ends.

What:
    A cookie is good for more than a year, or a token is made without an end.

Why:
    A session that was stolen, or left open on a shared machine, stays open. Nobody notices,
    and nothing ends it.

Example:
    token = jwt.encode({"sub": user}, KEY, algorithm="HS256")

Instead:
    token = jwt.encode({"sub": user, "exp": now + timedelta(minutes=15)}, KEY, algorithm="HS256")

Fix:
    Give the token an `exp`, minutes away; give the cookie `expires_days` of days or weeks.
"""

import ast
from collections.abc import Iterator

from stormdoor.auditor.facts.calls import Call, in_files, on_the_way
from stormdoor.auditor.rule import Found, rule
from stormdoor.report.finding import Confidence, Level

__all__ = ["RULE"]

_ENCODERS = frozenset({"jwt.encode", "jose.jwt.encode", "authlib.jose.jwt.encode"})
_COOKIES = frozenset({"set_secure_cookie", "set_signed_cookie"})
_YEAR = 366


def _check(call: Call) -> Iterator[Found]:
    if call.names & _ENCODERS:
        at = 1 if "authlib.jose.jwt.encode" in call.names else 0
        given = call.argument(at, "payload")
        claims = call.entries(given)
        found = call.literal(given) if given is not None else None
        if claims and "exp" not in claims and not _has_more(found) and not _added(call):
            yield call.found("The token is made without an end.")
        return
    if isinstance(call.node.func, ast.Attribute) and call.node.func.attr in _COOKIES:
        days = call.constant(call.argument(2, "expires_days"))
        if isinstance(days, int | float) and days > _YEAR:
            yield call.found(f"The cookie is good for {days:g} days.")


def _has_more(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Dict) and None in node.keys


def _added(call: Call) -> bool:
    """Whether the function around it speaks of an end elsewhere: `claims["exp"] = ...`."""
    around: ast.AST = call.function or call.module.tree
    return any(isinstance(one, ast.Constant) and one.value == "exp" for one in ast.walk(around))


RULE = rule(
    __doc__,
    id="SD413",
    slug="session-never-ends",
    level=Level.WARNING,
    confidence=Confidence.HIGH,
    group="tokens and secrets",
    cwe=(613,),
    asvs=("7.3.2", "9.2.1"),
    threat="stale-authorization",
    on_endpoint=on_the_way(_check, "encode", "set_secure_cookie", "set_signed_cookie"),
    on_module=in_files(_check, "encode", "set_secure_cookie", "set_signed_cookie"),
)
