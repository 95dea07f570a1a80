"""A token without a signature is accepted in a spelling that was not thought of.

What:
    The owner's JSON Web Token without its signature, with `alg: none` in the twelve spellings of capitals and
    small letters that SP103 does not try. This is the last probe, because a server that counts failures may
    refuse every client afterwards; the report then says so.

Why:
    A list of refused spellings is never complete.

Fix:
    Verify with a fixed algorithm for each key, and compare with the allowed algorithm: `JwtKey("RS256", …)`,
    or `jwt.decode(token, key, algorithms=["RS256"])`.
"""

from __future__ import annotations

import itertools

from stormdoor_audit.prober.conversation import Ask
from stormdoor_audit.prober.decide import Access
from stormdoor_audit.prober.probe import (
    CREDENTIAL,
    SAY,
    NotDetermined,
    NotTried,
    Open,
    Result,
    Situation,
    answered,
    probe,
)
from stormdoor_audit.prober.probes.sp103_forged_token import SPELLINGS, unsigned_as
from stormdoor_audit.report.finding import Check, Level

__all__ = ["PROBE"]

_PAIRS = [(one, one.upper()) for one in "none"]
_RARE = sorted({"".join(one) for one in itertools.product(*_PAIRS)} - set(SPELLINGS))


async def _run(situation: Situation) -> list[Result]:
    owner = situation.owner
    tokens = [one for one in (owner.jwts() if owner is not None else []) if one.count(".") == 2]
    if owner is None or not tokens:
        return [NotTried("a JSON Web Token as the credential")]
    if situation.open_to_all or situation.base.once:
        return [NotTried(CREDENTIAL)]
    garbage = owner.changed("garbage", lambda _: "stormdoor-probe-garbage")
    doubts: list[str] = []
    last: tuple[str, ...] = ()
    for number, spelling in enumerate(_RARE):
        try:
            forged = unsigned_as(tokens[0], spelling)
        except (ValueError, TypeError, AttributeError):
            return [NotTried("a JSON Web Token as the credential")]
        who = owner.changed(f"{owner.name}, token with alg `{spelling}`", lambda _, x=forged: x)  # type: ignore[misc]
        proof = await situation.attempt(Ask(who, situation.origin), Ask(garbage, situation.origin))
        if proof.access is Access.IN:
            what = f"A token with alg `{spelling}` gets in: {proof.why}."
            return [Open(what, proof.transcript)]
        if proof.conversation.limited:
            what = f"After {number} more tokens without a signature no client is let in."
            return [NotDetermined(what, "", proof.transcript)]
        last = proof.transcript
        if proof.access is Access.UNKNOWN:
            doubts.append(f"`{spelling}`: {proof.why}")
    closed = "Tokens without a signature are refused in all other spellings of `none`, too."
    asked = "The probe cannot tell whether a token without a signature gets in"
    return [answered(closed, doubts, asked, SAY, last)]


PROBE = probe(
    __doc__,
    id="SP111",
    slug="rare-spellings",
    level=Level.ERROR,
    threat="weak-token-verification",
    cwe=(347,),
    asvs=("9.1.2",),
    check=Check.AUTHENTICATION,
    run=_run,
    active=True,
)
