"""A token of any issuer.

What:
    The server accepts a JSON Web Token of any issuer: `issuer` is missing, or `verify_iss` is off.

Why:
    If issuers share keys, or the token's header chooses the key, the server accepts a token of another
    issuer or of another tenant.

Example:
    claims = jwt.decode(token, KEY, algorithms=["ES256"], options={"verify_iss": False})

Instead:
    claims = jwt.decode(token, KEY, algorithms=["ES256"], audience="chat", issuer="https://id.example")

Fix:
    Add `issuer=` with the issuer of your tokens.
"""

from stormdoor_audit.auditor.facts.calls import in_files, on_the_way
from stormdoor_audit.auditor.facts.claims import unverified
from stormdoor_audit.auditor.facts.tokens import DECODERS
from stormdoor_audit.auditor.rule import rule
from stormdoor_audit.report.finding import Check, Confidence, Level

__all__ = ["RULE"]

_check = unverified("iss", "issuer")

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
