"""A token that is not valid any more is accepted.

What:
    The server accepts the token of `--expired-token` in place of the owner's. If the owner's token is a JSON
    Web Token with an `exp` in the past, the prober uses that.

Why:
    A stolen token, or the token of a former member, stays valid forever.

Fix:
    Verify `exp` at the handshake, and require it: `jwt.decode(…, options={"require": ["exp"]})`; with
    stormdoor, `JwtAuthenticator` does.
"""

from __future__ import annotations

import contextlib
import time

from stormdoor_audit.prober.attempts import each_form, token_form
from stormdoor_audit.prober.conversation import Ask
from stormdoor_audit.prober.decide import Access
from stormdoor_audit.prober.peer_json import read_object
from stormdoor_audit.prober.probe import (
    CREDENTIAL,
    SAY,
    NotDetermined,
    NotTried,
    Open,
    Result,
    Situation,
    probe,
)
from stormdoor_audit.prober.probes.sp103_forged_token import decoded
from stormdoor_audit.report.finding import Check, Level

__all__ = ["PROBE", "ends_at"]

_GRACE = 120.0
"""Seconds by which clocks may differ."""


def ends_at(tokens: list[str]) -> float:
    """Return the end of the first that ends, in seconds since 1970; 0 without one."""
    ends = []
    for token in tokens:
        with contextlib.suppress(ValueError):
            claims = read_object(decoded(token.split(".")[1])) or {}
            if isinstance(claims.get("exp"), int | float):
                ends.append(float(claims["exp"]))
    return min(ends, default=0.0)


async def _run(situation: Situation) -> list[Result]:
    owner, expired = situation.owner, situation.declared.expired
    if owner is None or owner.empty or situation.open_to_all:
        return [NotTried(CREDENTIAL)]
    ended = ends_at(owner.jwts())
    if ended and ended + _GRACE < time.time():
        proof = await situation.attempt(Ask(owner, situation.origin), situation.nobody)
        if proof.access is Access.IN:
            what = f"The owner's token says that it ended {time.time() - ended:.0f} s ago, and gets in."
            return [Open(what, proof.transcript)]
        if proof.access is Access.UNKNOWN and not expired:
            what = f"The probe cannot tell whether the owner's token, which has ended, gets in: {proof.why}."
            return [NotDetermined(what, SAY, proof.transcript)]
    if not expired:
        return [NotTried("`--expired-token TOKEN`")]
    return await each_form(
        situation,
        [token_form(situation, owner, "that has expired", expired)],
        closed="The expired token is refused.",
        asked="The probe cannot tell whether an expired token gets in",
    )


PROBE = probe(
    __doc__,
    id="SP106",
    slug="expired-token",
    level=Level.ERROR,
    threat="weak-token-verification",
    cwe=(613,),
    asvs=("9.2.1",),
    check=Check.AUTHENTICATION,
    run=_run,
)
