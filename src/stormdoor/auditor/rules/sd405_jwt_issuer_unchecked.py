"""A token of an unknown issuer.

What:
    A JSON Web Token is accepted whoever says that they made it: `issuer` is missing, or
    `verify_iss` is off.

Why:
    Where keys are shared or found by the token's header, a token of another issuer, or of
    another tenant of the same one, is believed.

Example:
    claims = jwt.decode(token, KEY, algorithms=["ES256"], options={"verify_iss": False})

Instead:
    claims = jwt.decode(token, KEY, algorithms=["ES256"], audience="chat", issuer="https://id.example")

Fix:
    Add `issuer=` with the value that your tokens carry.
"""

from collections.abc import Iterator
from dataclasses import replace

from stormdoor.auditor.facts.calls import Call, in_files, on_the_way
from stormdoor.auditor.facts.tokens import DECODERS, decoding
from stormdoor.auditor.rule import Found, rule
from stormdoor.report.finding import Check, Confidence, Level

__all__ = ["RULE"]


def _check(call: Call) -> Iterator[Found]:
    token = decoding(call)
    if token is None or token.unsigned is not None or not token.seen:
        return
    if token.off("verify_iss") is not None:
        yield call.found("The issuer is not verified: verify_iss is off.")
        return
    place = "claims_options" if token.library == "Authlib" else "issuer"
    given = call.words.get(place)
    if (given is not None and call.constant(given) is not None) or token.looked_at("iss"):
        return
    if len(call.node.args) > 4 or "iss" in _required(call):
        return
    found = call.found("The issuer is not verified: no issuer is given.")
    # A secret that nobody else has signs for nobody else: there it is hygiene.
    yield found if token.foreign else replace(found, level=Level.NOTE, confidence=Confidence.MEDIUM)


def _required(call: Call) -> str:
    """What the options say, as text."""
    options = call.words.get("options")
    return call.module.source(call.literal(options)) if options is not None else ""


RULE = rule(
    __doc__,
    id="SD405",
    slug="jwt-issuer-unchecked",
    level=Level.WARNING,
    confidence=Confidence.HIGH,
    group="tokens and secrets",
    cwe=(345,),
    asvs=("9.1.3",),
    threat="weak-token-verification",
    check=Check.AUTHENTICATION,
    on_endpoint=on_the_way(_check, *DECODERS),
    on_module=in_files(_check, *DECODERS),
)
