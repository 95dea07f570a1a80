"""A session that does not expire.

What:
    The server accepts a signed cookie for more than a year, by `max_age_days`, or makes a token without
    an expiry.

Why:
    A session that was stolen, or left open on a shared machine, stays valid.

Example:
    token = jwt.encode({"sub": user}, KEY, algorithm="HS256")

Instead:
    token = jwt.encode({"sub": user, "exp": now + timedelta(minutes=15)}, KEY, algorithm="HS256")

Fix:
    Give the token an `exp` within minutes; give the cookie `expires_days` of days or weeks.
"""

import ast
import re
from collections.abc import Iterator

from stormdoor_audit.auditor.facts.calls import Call, all_calls, in_files, on_the_way
from stormdoor_audit.auditor.facts.secret_names import is_secret_name
from stormdoor_audit.auditor.facts.tokens import ENCODERS
from stormdoor_audit.auditor.naming.lexicon import words_of
from stormdoor_audit.auditor.rule import Found, rule
from stormdoor_audit.report.finding import Confidence, Level

__all__ = ["RULE"]

_COOKIES = frozenset({"set_secure_cookie", "set_signed_cookie"})
_READERS = ("get_secure_cookie", "get_signed_cookie", "decode_signed_value")
_ENDS = frozenset({"deadline", "exp", "expiration", "expire", "expires", "expiry", "ttl", "until"})
_WORD = re.compile(r"\w+")
_YEAR = 366


def _check(call: Call) -> Iterator[Found]:
    at = next((ENCODERS[name] for name in sorted(call.names) if name in ENCODERS), None)
    if at is not None:
        given = call.argument(at, "payload")
        claims = call.entries(given)
        found = call.literal(given) if given is not None else None
        if claims and not _has_more(found) and not _added(call) and not _ends(call, claims):
            yield call.found("The token has no expiry.")
        return
    if isinstance(call.node.func, ast.Attribute) and call.node.func.attr in _COOKIES:
        days = call.constant(call.argument(2, "expires_days"))
        if isinstance(days, int | float) and days > _YEAR and _is_taken(call):
            yield call.found(f"The cookie is accepted for {days:g} days.")


def _is_taken(call: Call) -> bool:
    """Return whether a cookie is accepted that late; Tornado refuses one older than `max_age_days`, or 31."""
    name = call.text(call.argument(0, "name"))
    for reading in all_calls(call.project, *_READERS):
        days = reading.words.get("max_age_days")
        read = reading.text(reading.argument(0, "name"))
        if days is None or (None not in (name, read) and name != read):
            continue
        most = reading.constant(days)
        if not isinstance(most, int | float) or most > _YEAR:
            return True
    return False


def _ends(call: Call, claims: dict[str, ast.expr]) -> bool:
    """Return whether the token has another expiry, or is only a wrapped password.

    The expiry is a claim such as `expires_at`, or a test of the age by the reader:
    `now - claims["made"] > DAY`.
    """
    if any(_ENDS & set(words_of(one)) for one in claims) or all(map(is_secret_name, claims)):
        return True
    return any(
        isinstance(node, ast.BinOp)
        and isinstance(node.op, ast.Sub)
        and any(_got(part) in claims for part in ast.walk(node))
        for module in call.project.naming(*(word for one in claims for word in _WORD.findall(one)))
        for comparison in ast.walk(module.tree)
        if isinstance(comparison, ast.Compare)
        for node in ast.walk(comparison)
    )


def _got(node: ast.AST) -> str:
    """`made` of `claims.get("made")` and of `claims["made"]`."""
    match node:
        case ast.Subscript(slice=ast.Constant(value=str() as name)):
            return name
        case ast.Call(func=ast.Attribute(attr="get"), args=[ast.Constant(value=str() as name), *_]):
            return name
        case _:
            return ""


def _has_more(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Dict) and None in node.keys


def _added(call: Call) -> bool:
    """Return whether the function around a call sets an expiry elsewhere: `claims["exp"] = ...`."""
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
