"""The session is the same before and after the login.

What:
    The cookie that the login page sets before the login is the credential after the login: its value does not
    change.

Why:
    An attacker plants a cookie in the victim's browser, and is logged in when the victim logs in.

Fix:
    Create a new session at each login, and delete the old one.
"""

from __future__ import annotations

from dataclasses import replace

from stormdoor_audit.prober.conversation import Ask
from stormdoor_audit.prober.decide import Access
from stormdoor_audit.prober.probe import (
    CREDENTIAL,
    SAY,
    NotTried,
    Open,
    Result,
    Situation,
    answered,
    probe,
)
from stormdoor_audit.report.finding import Check, Level

__all__ = ["PROBE"]


async def _run(situation: Situation) -> list[Result]:
    logged_in, owner = situation.logged_in, situation.owner
    if logged_in is None or owner is None:
        return [NotTried("`--login URL`")]
    if situation.open_to_all:
        return [NotTried(CREDENTIAL)]
    now = dict(owner.cookies)
    kept = [one for one in logged_in.before if one.value and now.get(one.name) == one.value]
    doubts: list[str] = []
    lines = [f"< Set-Cookie: {one.name}=<redacted> (before the login)" for one in logged_in.before]
    lines += [f"< Set-Cookie: {one.name}=<redacted> (by the login)" for one in logged_in.after]
    for cookie in kept:
        if cookie.against_forgery:
            continue
        # The cookie from before the login, and nothing else, is now enough.
        alone = replace(
            owner, name="who knew the cookie before", cookies=((cookie.name, cookie.value),)
        )
        proof = await situation.attempt(
            Ask(alone, situation.origin), situation.nobody, by_opening=True
        )
        if proof.access is Access.IN:
            what = f"`{cookie.name}` was given before the login, and is the credential after it."
            return [Open(what, proof.transcript)]
        if proof.access is Access.UNKNOWN:
            doubts.append(f"`{cookie.name}`: {proof.why}")
    if not lines:
        return [NotTried("a login that sets a cookie")]
    closed = "A cookie from before the login is no credential after it."
    asked = (
        "The probe cannot tell whether a cookie from before the login is the credential after it"
    )
    return [answered(closed, doubts, asked, SAY, tuple(lines))]


PROBE = probe(
    __doc__,
    id="SP302",
    slug="session-fixation",
    level=Level.ERROR,
    threat="session-hijacking",
    cwe=(384,),
    asvs=("7.2.4",),
    check=Check.AUTHENTICATION,
    run=_run,
)
