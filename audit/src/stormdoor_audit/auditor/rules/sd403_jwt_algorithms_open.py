"""A token that chooses its own algorithm.

What:
    The server verifies a JSON Web Token without a list of algorithms, with `none` in the list, with the
    algorithm that the token's header names, or with shared secrets and public keys in one list.

Why:
    An attacker chooses an algorithm that it can forge: no signature, or an HMAC made with the public
    key.

Example:
    header = jwt.get_unverified_header(token)
    claims = jwt.decode(token, KEY, algorithms=[header["alg"]])

Instead:
    claims = jwt.decode(token, KEY, algorithms=["ES256"])

Fix:
    Name the one algorithm that your issuer signs with: `algorithms=["ES256"]`.
"""

import ast
from collections.abc import Iterator

from stormdoor_audit.auditor.facts.calls import Call, in_files, on_the_way
from stormdoor_audit.auditor.facts.places import mentioned
from stormdoor_audit.auditor.facts.tokens import DECODERS, Decoding, decoding
from stormdoor_audit.auditor.rule import Found, rule
from stormdoor_audit.report.finding import Check, Confidence, Level

__all__ = ["RULE"]


def _check(call: Call) -> Iterator[Found]:
    token = decoding(call)
    if token is None or token.unsigned is not None:
        return
    if token.library == "Authlib":
        yield from _authlib(call)
        return
    given = token.algorithms
    if given is None or call.constant(given) is None:
        if not call.hidden:
            says = "PyJWT before 2.0 accepts every algorithm; later versions refuse every token"
            if token.library == "python-jose":
                says = "python-jose accepts every algorithm that fits the key"
            yield call.found(f"The call names no algorithms: {says}.")
        return
    yield from _listed(token, given)


def _listed(token: Decoding, given: ast.expr) -> Iterator[Found]:
    call = token.call
    found = call.literal(given)
    items = found.elts if isinstance(found, ast.List | ast.Tuple | ast.Set) else [found]
    names = [call.text(one) for one in items]
    if any(name is not None and name.lower() == "none" for name in names):
        yield call.found("The algorithms include 'none': a token without a signature is accepted.")
    elif any(_of_header(call, one) and not _has_its_key(call, one) for one in items):
        yield call.found("The token's own header chooses the algorithm.")
    elif any(name is not None and name.startswith("HS") for name in names) and any(
        name is not None and name[:2] in {"RS", "ES", "PS"} for name in names
    ):
        yield call.found(
            "The list mixes HMAC and public-key algorithms: an HMAC made with the public key may pass."
        )


def _authlib(call: Call) -> Iterator[Found]:
    for node in ast.walk(call.node.func):
        if isinstance(node, ast.Call) and node.args:
            found = call.literal(node.args[0])
            if isinstance(found, ast.List | ast.Tuple):
                names = [call.text(one) for one in found.elts]
                if any(name is not None and name.lower() == "none" for name in names):
                    yield call.found(
                        "The algorithms include 'none': a token without a signature is accepted."
                    )


def _of_header(call: Call, node: ast.expr) -> bool:
    """Return whether an algorithm comes from `get_unverified_header`."""
    found = call.literal(node)
    match found:
        case ast.Subscript(value=value, slice=ast.Constant(value="alg")):
            pass
        case ast.Call(
            func=ast.Attribute(value=value, attr="get"), args=[ast.Constant(value="alg"), *_]
        ):
            pass
        case _:
            return False
    return any(
        name.endswith(("get_unverified_header()", "get_unverified_headers()"))
        for name in call.named(value)
    )


def _has_its_key(call: Call, node: ast.expr) -> bool:
    """Return whether a table limits the algorithm and has a key for each.

    With `if alg not in SIGNERS: return` and `key = SIGNERS[alg].key`, the header can only name an allowed
    algorithm, and never combines it with the key of another.
    """
    key = call.argument(1, "key")
    if not isinstance(node, ast.Name) or call.function is None or key is None:
        return False
    inner = list(ast.walk(call.function))
    listed = any(
        isinstance(one, ast.Compare)
        and isinstance(one.left, ast.Name)
        and one.left.id == node.id
        and isinstance(one.ops[0], ast.In | ast.NotIn)
        for one in inner
    )
    picked = {
        target.id
        for one in inner
        if isinstance(one, ast.Assign) and node.id in mentioned(one.value)
        for target in one.targets
        if isinstance(target, ast.Name)
    }
    return listed and bool(mentioned(key) & (picked | {node.id}))


RULE = rule(
    __doc__,
    id="SD403",
    slug="jwt-algorithms-open",
    level=Level.ERROR,
    confidence=Confidence.HIGH,
    group="tokens and secrets",
    cwe=(347, 327),
    asvs=("9.1.2",),
    threat="weak-token-verification",
    check=Check.AUTHENTICATION,
    on_endpoint=on_the_way(_check, *DECODERS),
    on_module=in_files(_check, *DECODERS),
)
