"""A token without signature verification.

What:
    The server decodes a JSON Web Token without verifying its signature, and does not verify it
    afterwards.

Why:
    The server accepts a token with any claims that an attacker writes.

Example:
    claims = jwt.decode(token, options={"verify_signature": False})

Instead:
    claims = jwt.decode(token, KEY, algorithms=["ES256"], audience="chat", issuer=ISSUER)

Fix:
    Give the key and the algorithms, and delete `verify=False` and `verify_signature`.
"""

import ast
from collections.abc import Iterator

from stormdoor_audit.auditor.facts.calls import Call, in_files, on_the_way
from stormdoor_audit.auditor.facts.places import last_name, mentioned
from stormdoor_audit.auditor.facts.tokens import decoding
from stormdoor_audit.auditor.naming.lexicon import words_of
from stormdoor_audit.auditor.rule import Found, rule
from stormdoor_audit.report.finding import Check, Confidence, Level

__all__ = ["RULE"]

_CLAIMS = frozenset({"jose.jwt.get_unverified_claims", "jose.jws.get_unverified_claims"})


def _check(call: Call) -> Iterator[Found]:
    if call.names & _CLAIMS:
        if not _verified_too(call):
            yield call.found("The claims come from a token that is not verified.")
        return
    token = decoding(call)
    if token is None or token.unsigned is None or _verified_too(call) or _is_handed_out(call):
        return
    yield call.found(f"{token.library} decodes the token without verifying its signature.")


def _verified_too(call: Call) -> bool:
    """Return whether the function also verifies the token, so that this call only finds the key."""
    if call.function is None:
        return False
    for node in ast.walk(call.function):
        if isinstance(node, ast.Call) and node is not call.node:
            other = decoding(Call(call.project, call.module, call.scopes, node))
            if other is not None and other.unsigned is None:
                return True
    return False


def _is_handed_out(call: Call) -> bool:
    """Return whether the token is an ID token from the response to a request of this server.

    OpenID Connect Core 3.1.3.7 accepts TLS in place of the signature there: `answer = await fetch(...)`, and
    `id_token = json.loads(answer.body)["id_token"]`.
    """
    token = call.argument(0, "jwt")
    if token is None or call.function is None:
        return False
    bound: dict[str, list[ast.expr]] = {}
    for one in ast.walk(call.function):
        if isinstance(one, ast.Assign):
            for target in one.targets:
                if isinstance(target, ast.Name):
                    bound.setdefault(target.id, []).append(one.value)
    seen: set[str] = set()
    pending, names_it = [token], False
    while pending:
        expression = pending.pop()
        names_it = names_it or any(
            isinstance(one, ast.Constant) and one.value == "id_token"
            for one in ast.walk(expression)
        )
        if names_it and _asks_a_server(call, expression):
            return True
        for name in mentioned(expression) - seen:
            seen.add(name)
            pending.extend(bound.get(name, ()))
    return False


def _asks_a_server(call: Call, node: ast.expr) -> bool:
    """Return whether it is the response to a request: `await self.post(...)`, `requests.post(...)`."""
    match node:
        case ast.Await(value=ast.Call() as asked) | ast.Yield(value=ast.Call() as asked):
            words = set(words_of(last_name(asked)))
        case ast.Call(func=func):
            return any(one.startswith(("requests.", "httpx.")) for one in call.named(func))
        case _:
            return False
    return bool(words & {"fetch", "get", "post", "request"})


RULE = rule(
    __doc__,
    id="SD402",
    slug="jwt-signature-unchecked",
    level=Level.ERROR,
    confidence=Confidence.HIGH,
    group="tokens and secrets",
    cwe=(347,),
    asvs=("9.1.1",),
    threat="weak-token-verification",
    check=Check.AUTHENTICATION,
    on_endpoint=on_the_way(_check, "decode", "decode_complete", "get_unverified_claims"),
    on_module=in_files(_check, "decode", "decode_complete", "get_unverified_claims"),
)
