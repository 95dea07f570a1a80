"""A session cookie without its flags.

What:
    The server sets a signed cookie, a cookie with the name of a session, or the cookie of the identity
    without HttpOnly or Secure. Cookies with the id of a thing or a redirect target are not reported.

Why:
    Without HttpOnly, a script in the page can read the cookie. Without Secure, the browser sends it over
    plain HTTP, and an attacker on the network is the user.

Example:
    self.set_signed_cookie("user", name)

Instead:
    self.set_signed_cookie("user", name, httponly=True, secure=True, samesite="Lax")

Fix:
    Add `httponly=True, secure=True, samesite="Lax"`.
"""

import ast
from collections.abc import Iterator
from dataclasses import replace

from stormdoor_audit.auditor.facts.calls import Call, all_calls, in_files, on_the_way
from stormdoor_audit.auditor.facts.places import is_test
from stormdoor_audit.auditor.naming.lexicon import words_of
from stormdoor_audit.auditor.naming.vocabulary import OF_THINGS
from stormdoor_audit.auditor.rule import Found, rule
from stormdoor_audit.report.finding import Confidence, Level

__all__ = ["RULE"]

_SIGNED = frozenset({"set_secure_cookie", "set_signed_cookie"})
_SESSION = frozenset({"session", "sessionid", "sid", "token", "auth", "jwt", "user", "login"})
_READING = ("get_cookie", "get_secure_cookie", "get_signed_cookie")


def _check(call: Call) -> Iterator[Found]:
    func = call.node.func
    if not isinstance(func, ast.Attribute) or call.hidden or len(call.node.args) > 3:
        return
    if is_test(call.module) or call.module.name.endswith("tornado.auth"):
        return
    name = call.text(call.argument(0, "name"))
    words = set(words_of(name or ""))
    if words & {"csrf", "xsrf"}:
        return  # a page reads it to repeat it in a header, and it identifies no user
    told = (func.attr in _SIGNED or _SESSION & words) and not _is_of_a_thing(words_of(name or ""))
    if not told and not _says_who(call, name):
        return
    if func.attr == "set_cookie" and {"max_age", "key"} & set(call.words):
        return  # another framework's
    if call.text(call.argument(1, "value")) == "":
        return  # it is taken away
    given = {word.lower(): value for word, value in call.words.items()}
    seen_to = _seen_to(call, func.attr)
    missing = [
        flag
        for flag in ("httponly", "secure")
        if flag not in seen_to
        and (flag not in given or call.constant(given[flag]) in (False, None))
    ]
    if missing:
        named = f"The cookie {name}" if name else "A cookie"
        found = call.found(f"{named} is set without {' and '.join(missing)}.")
        # Without TLS it cannot be set, and with TLS alone it is seldom missed.
        yield replace(found, level=Level.NOTE) if missing == ["secure"] else found


def _is_of_a_thing(words: list[str]) -> bool:
    """Return whether a cookie holds a redirect target or the id of a thing: `login_redirect`, `event_id`."""
    if words[-1:] == ["to"]:
        return "redirect" in words
    return bool(_SHOWN & set(words[-1:])) or (
        words[-1:] in (["id"], ["no"], ["number"], ["uuid"])
        and bool((OF_THINGS | {"survey"}) & set(words[-2:-1]))
    )


_SHOWN = frozenset(
    {
        *("alert", "expires", "expiry", "flash", "lang", "language", "locale", "next", "page"),
        *("path", "redirect", "referer", "theme", "url"),
    }
)


def _says_who(call: Call, name: str | None) -> bool:
    """Return whether `get_current_user()` of a class of the project reads this cookie."""
    return name is not None and any(
        reading.text(reading.argument(0, "name")) == name
        for reading in all_calls(call.project, *_READING)
        if reading.function is not None and reading.function.name == "get_current_user"
    )


def _seen_to(call: Call, method: str) -> set[str]:
    """Flags that a method of this name sets, which a class of the project has in place of Tornado's."""
    return {
        name.lower()
        for module in call.project.naming(method)
        if not module.name.endswith("tornado.web")
        for definition in module.classes
        for one in definition.node.body
        if isinstance(one, ast.FunctionDef) and one.name == method
        for node in ast.walk(one)
        for name in (node.value if isinstance(node, ast.Constant) else getattr(node, "arg", None),)
        if isinstance(name, str)
    }


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
