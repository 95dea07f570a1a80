"""A session cookie without its flags.

What:
    A signed cookie, or one that is named like a session, is set without HttpOnly or without
    Secure.

Why:
    Without HttpOnly a script in the page reads it; without Secure it travels over plain HTTP,
    and whoever listens is the user.

Example:
    self.set_signed_cookie("user", name)

Instead:
    self.set_signed_cookie("user", name, httponly=True, secure=True, samesite="Lax")

Fix:
    Add `httponly=True, secure=True, samesite="Lax"`.
"""

import ast
from collections.abc import Iterator

from stormdoor.auditor.facts.calls import Call, in_files, on_the_way
from stormdoor.auditor.naming.lexicon import words_of
from stormdoor.auditor.rule import Found, rule
from stormdoor.report.finding import Confidence, Level

__all__ = ["RULE"]

_SIGNED = frozenset({"set_secure_cookie", "set_signed_cookie"})
_SESSION = frozenset({"session", "sessionid", "sid", "token", "auth", "jwt", "user", "login"})


def _check(call: Call) -> Iterator[Found]:
    func = call.node.func
    if not isinstance(func, ast.Attribute) or call.hidden or len(call.node.args) > 3:
        return
    name = call.text(call.argument(0, "name"))
    if func.attr == "set_cookie" and (name is None or not _SESSION & set(words_of(name))):
        return
    if func.attr == "set_cookie" and {"max_age", "key"} & set(call.words):
        return  # another framework's
    given = {word.lower(): value for word, value in call.words.items()}
    missing = [
        flag
        for flag in ("httponly", "secure")
        if flag not in given or call.constant(given[flag]) in (False, None)
    ]
    if missing:
        named = f"The cookie {name}" if name else "A cookie"
        yield call.found(f"{named} is set without {' and '.join(missing)}.")


RULE = rule(
    __doc__,
    id="SD412",
    slug="cookie-flags",
    level=Level.WARNING,
    confidence=Confidence.HIGH,
    group="tokens and secrets",
    cwe=(614, 1004),
    asvs=("3.3.1", "3.3.4", "3.3.2"),
    threat="session-hijacking",
    on_endpoint=on_the_way(_check, "set_cookie", "set_secure_cookie", "set_signed_cookie"),
    on_module=in_files(_check, "set_cookie", "set_secure_cookie", "set_signed_cookie"),
)
