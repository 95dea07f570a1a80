"""A token for another service.

What:
    The server accepts a JSON Web Token for any audience: `audience` is missing, or `verify_aud` is off.

Why:
    The issuer signs tokens for many services. Another service can use a token of its user here.

Example:
    claims = jwt.decode(token, KEY, algorithms=["ES256"], options={"verify_aud": False})

Instead:
    claims = jwt.decode(token, KEY, algorithms=["ES256"], audience="chat", issuer="https://id.example")

Fix:
    Add `audience=` with the audience of your tokens.
"""

from stormdoor_audit.auditor.facts.calls import in_files, on_the_way
from stormdoor_audit.auditor.facts.claims import unverified
from stormdoor_audit.auditor.facts.tokens import DECODERS
from stormdoor_audit.auditor.rule import rule
from stormdoor_audit.report.finding import Check, Confidence, Level

__all__ = ["RULE"]

_check = unverified("aud", "audience")

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
