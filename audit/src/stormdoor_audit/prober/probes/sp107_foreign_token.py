"""A token that was made for another service is accepted.

What:
    The server accepts the token of `--foreign-token` in place of the owner's. That token is valid and signed
    by the same issuer, but for another audience.

Why:
    The operator of the other service, or an attacker that steals from it, can act as any of your users.

Fix:
    Verify `aud`, and `iss`: `JwtAuthenticator(audience="…", issuer="…", …)`, or `jwt.decode(token, key,
    algorithms=[…], audience="…", issuer="…")`.
"""

from __future__ import annotations

from stormdoor_audit.prober.attempts import each_form, token_form
from stormdoor_audit.prober.probe import CREDENTIAL, NotTried, Result, Situation, probe
from stormdoor_audit.report.finding import Check, Level

__all__ = ["PROBE"]


async def _run(situation: Situation) -> list[Result]:
    owner, foreign = situation.owner, situation.declared.foreign
    if owner is None or owner.empty or situation.open_to_all:
        return [NotTried(CREDENTIAL)]
    if not foreign:
        return [NotTried("`--foreign-token TOKEN`")]
    return await each_form(
        situation,
        [token_form(situation, owner, "made for another service", foreign)],
        closed="A token made for another service is refused.",
        asked="The probe cannot tell whether a token made for another service gets in",
    )


PROBE = probe(
    __doc__,
    id="SP107",
    slug="foreign-token",
    level=Level.ERROR,
    threat="weak-token-verification",
    cwe=(345,),
    asvs=("9.2.3",),
    check=Check.AUTHENTICATION,
    run=_run,
)
