"""A token that an attacker can predict.

What:
    The server makes a token, a session id, a key or a code for a user with the module `random`, the
    clock or `uuid1()`.

Why:
    `random` is not secret: an attacker who has seen some of its numbers computes the next ones, such as
    the session id of the next user.

Example:
    token = "".join(random.choice(string.hexdigits) for _ in range(32))

Instead:
    token = secrets.token_urlsafe(32)

Fix:
    Use `secrets.token_urlsafe(32)`.
"""

import ast
from collections.abc import Iterator

from stormdoor_audit.auditor.facts.calls import Call
from stormdoor_audit.auditor.facts.places import is_test, last_name, subject_of
from stormdoor_audit.auditor.facts.secret_names import is_secret_name
from stormdoor_audit.auditor.facts.signed_cookies import signs_cookies
from stormdoor_audit.auditor.naming.lexicon import words_of
from stormdoor_audit.auditor.reading.module import Module
from stormdoor_audit.auditor.reading.project import Project
from stormdoor_audit.auditor.rule import Found, rule
from stormdoor_audit.report.finding import Confidence, Level

__all__ = ["RULE"]

_WEAK = frozenset(
    f"random.{name}"
    for name in ("random", "randint", "randrange", "choice", "choices", "sample", "getrandbits")
) | {"uuid.uuid1", "time.time"}


def _check(module: Module, project: Project) -> Iterator[Found]:
    if is_test(module):
        return
    for node, scopes in module.nodes():
        if not isinstance(node, ast.Assign) or len(node.targets) != 1:
            continue
        name = last_name(node.targets[0])
        if not (_is_secret(name) or (_begins_empty(node) and words_of(name)[-1:] == ["pin"])):
            continue
        for at, value in ((node, node.value), *_added(node, scopes)):
            call = _weak(project, module, value, scopes)
            if (
                call is not None
                and not _is_signed(node, name, scopes)
                and not _signs_nothing(module, project, name)
            ):
                source = min(call.names & _WEAK)
                yield Found(
                    module,
                    at,
                    f"{source}() makes {name}, and its output is predictable.",
                    subject=subject_of(module, scopes),
                )
                break


def _is_secret(name: str) -> bool:
    words = words_of(name)
    return (
        is_secret_name(name)
        or {"session", "id"} <= set(words)
        or words[-1:] == ["otp"]
        or (words[-1:] == ["code"] and bool(_SENT & set(words)))
    )


_SENT = frozenset({"activation", "confirmation", "login", "reset", "verification", "verify"})
"""Words for the purpose of a code that a user receives, such as `reset_code`."""


def _begins_empty(node: ast.Assign) -> bool:
    """`pin = ""`: a text, and no pin of a board."""
    return isinstance(node.value, ast.Constant) and node.value.value in ("", b"")


def _weak(
    project: Project, module: Module, value: ast.expr, scopes: tuple[ast.AST, ...]
) -> Call | None:
    """The call in what a name is given that can be predicted."""
    for inner in ast.walk(value):
        if isinstance(inner, ast.Call):
            call = Call(project, module, scopes, inner)
            weak = call.names & _WEAK
            if weak and not ("time.time" in weak and not _is_whole(value, inner)):
                return call
    return None


def _added(
    node: ast.Assign, scopes: tuple[ast.AST, ...]
) -> Iterator[tuple[ast.AugAssign, ast.expr]]:
    """Return the value that a loop adds to an empty text: `token += random.choice(letters)`."""
    if not scopes or not _begins_empty(node):
        return
    for one in ast.walk(scopes[-1]):
        if isinstance(one, ast.AugAssign) and last_name(one.target) == last_name(node.targets[0]):
            yield one, one.value


def _is_signed(node: ast.Assign, name: str, scopes: tuple[ast.AST, ...]) -> bool:
    """Return whether a value leaves the function only in signed cookies, which an attacker cannot sign."""
    if not scopes or not isinstance(node.targets[0], ast.Name):
        return False
    signed = set()
    for one in ast.walk(scopes[-1]):
        match one:
            case ast.Call(
                func=ast.Attribute(attr="set_secure_cookie" | "set_signed_cookie"),
                args=[_, ast.Name() as given, *_],
            ) if given.id == name:
                signed.add(given)
            case ast.Subscript(slice=ast.Name() as key) if key.id == name:
                signed.add(key)  # the server's own table
            case _:
                pass
    used = {
        one
        for one in ast.walk(scopes[-1])
        if isinstance(one, ast.Name) and one.id == name and isinstance(one.ctx, ast.Load)
    }
    in_cookies = any(
        isinstance(one, ast.Call)
        and last_name(one) in {"set_secure_cookie", "set_signed_cookie"}
        and any(given in signed for given in one.args)
        for one in ast.walk(scopes[-1])
    )
    return in_cookies and used <= signed


def _signs_nothing(module: Module, project: Project, name: str) -> bool:
    """Return whether a value is only the secret of signed cookies, in a program that signs none."""
    if signs_cookies(project):
        return False
    nodes = list(ast.walk(module.tree))
    secrets = {
        one.value for one in nodes if isinstance(one, ast.keyword) and one.arg == "cookie_secret"
    }
    used = {
        one
        for one in nodes
        if isinstance(one, ast.Name) and one.id == name and isinstance(one.ctx, ast.Load)
    }
    return bool(used) and used <= secrets


def _is_whole(value: ast.expr, call: ast.Call) -> bool:
    """`str(time.time())` is a token made of the clock; `sign(user, time.time())` is not."""
    match value:
        case ast.Call(func=ast.Name(id="str" | "int"), args=[inner]):
            return inner is call or _is_whole(inner, call)
        case _:
            return value is call


RULE = rule(
    __doc__,
    id="SD415",
    slug="predictable-token",
    level=Level.ERROR,
    confidence=Confidence.MEDIUM,
    group="tokens and secrets",
    cwe=(338, 330),
    asvs=("11.5.1",),
    threat="session-hijacking",
    on_module=_check,
)
