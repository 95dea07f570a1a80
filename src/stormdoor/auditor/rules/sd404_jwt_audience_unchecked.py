"""A token that was made for somebody else.

What:
    A JSON Web Token is accepted whoever it was made for: `audience` is missing, or
    `verify_aud` is off.

Why:
    The issuer signs tokens for many services. One that another service got from its user
    opens this one.

Example:
    claims = jwt.decode(token, KEY, algorithms=["ES256"], options={"verify_aud": False})

Instead:
    claims = jwt.decode(token, KEY, algorithms=["ES256"], audience="chat", issuer="https://id.example")

Fix:
    Add `audience=` with the value that your tokens carry.
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
    if token.off("verify_aud") is not None:
        yield call.found("The audience is not verified: verify_aud is off.")
        return
    place = "claims_options" if token.library == "Authlib" else "audience"
    given = call.words.get(place)
    if (given is not None and call.constant(given) is not None) or token.looked_at("aud"):
        return
    if len(call.node.args) > 4 or "aud" in _required(call):
        return
    found = call.found("The audience is not verified: no audience is given.")
    # A secret that nobody else has signs for nobody else: there it is hygiene.
    yield found if token.foreign else replace(found, level=Level.NOTE, confidence=Confidence.MEDIUM)


def _required(call: Call) -> str:
    """What the options say, as text."""
    options = call.words.get("options")
    return call.module.source(call.literal(options)) if options is not None else ""


RULE = rule(
    __doc__,
    id="SD404",
    slug="jwt-audience-unchecked",
    level=Level.WARNING,
    confidence=Confidence.HIGH,
    group="tokens and secrets",
    cwe=(345,),
    asvs=("9.2.3",),
    threat="weak-token-verification",
    check=Check.AUTHENTICATION,
    on_endpoint=on_the_way(_check, *DECODERS),
    on_module=in_files(_check, *DECODERS),
)
