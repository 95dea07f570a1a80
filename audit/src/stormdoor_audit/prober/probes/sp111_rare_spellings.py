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

from stormdoor_audit.prober.attempts import each_form, token_form
from stormdoor_audit.prober.probe import (
    CREDENTIAL,
    NotTried,
    Result,
    Situation,
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
    try:
        forged = {one: unsigned_as(tokens[0], one) for one in _RARE}
    except (ValueError, TypeError, AttributeError):
        return [NotTried("a JSON Web Token as the credential")]
    return await each_form(
        situation,
        [
            token_form(situation, owner, f"with alg `{spelling}`", token)
            for spelling, token in forged.items()
        ],
        closed="Tokens without a signature are refused in all other spellings of `none`, too.",
        asked="The probe cannot tell whether a token without a signature gets in",
    )


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
