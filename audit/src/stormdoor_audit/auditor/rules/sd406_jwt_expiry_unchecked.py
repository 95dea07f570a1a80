"""A token without an expiry check.

What:
    The server accepts an expired JSON Web Token: `verify_exp` is off, or the code does not validate
    Authlib's claims.

Why:
    A stolen token works for ever, also after the user has logged out or was removed.

Example:
    claims = jwt.decode(token, KEY, algorithms=["ES256"], options={"verify_exp": False})

Instead:
    claims = jwt.decode(token, KEY, algorithms=["ES256"], options={"require": ["exp"]})

Fix:
    Delete `verify_exp`, and require the claim: `options={"require": ["exp"]}`; with Authlib
    call `claims.validate()`.
"""

import ast
from collections.abc import Iterator

from stormdoor_audit.auditor.facts.calls import Call, in_files, on_the_way
from stormdoor_audit.auditor.facts.tokens import DECODERS, decoding
from stormdoor_audit.auditor.rule import Found, rule
from stormdoor_audit.report.finding import Check, Confidence, Level

__all__ = ["RULE"]


def _check(call: Call) -> Iterator[Found]:
    token = decoding(call)
    if token is None or token.unsigned is not None:
        return
    if token.off("verify_exp") is not None:
        if not token.looked_at("exp"):
            yield call.found("The expiry of the token is not checked: verify_exp is off.")
    elif token.library == "Authlib" and call.function is not None and not _validated(call):
        yield call.found(
            "Authlib checks the expiry of a token only in claims.validate(), which is not called."
        )


def _validated(call: Call) -> bool:
    """Return whether the function validates the claims, or passes them on to code that may do it."""
    around = call.function
    if around is None:
        return True
    target = ""
    for node in ast.walk(around):
        match node:
            case ast.Attribute(attr="validate" | "validate_exp"):
                return True
            case ast.Return(value=value) if value is not None and call.node in ast.walk(value):
                return True
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if value is call.node:
                target = name
            case _:
                pass
    return any(
        isinstance(node, ast.Return)
        and isinstance(node.value, ast.Name)
        and node.value.id == target
        for node in ast.walk(around)
    )


RULE = rule(
    __doc__,
    id="SD406",
    slug="jwt-expiry-unchecked",
    level=Level.WARNING,
    confidence=Confidence.HIGH,
    group="tokens and secrets",
    cwe=(613,),
    asvs=("9.2.1",),
    threat="token-theft-and-replay",
    check=Check.AUTHENTICATION,
    on_endpoint=on_the_way(_check, *DECODERS),
    on_module=in_files(_check, *DECODERS),
)
