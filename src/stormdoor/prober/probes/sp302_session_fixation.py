"""The session is the same before and after the login.

What:
    The cookie that the login page gives to a stranger becomes the credential by logging in: its value does
    not change.

Why:
    Whoever can plant a cookie of theirs in the victim's browser is logged in when the victim logs in.

Fix:
    Make a new session at each login, and forget the old one.
"""

from __future__ import annotations

from dataclasses import replace

from stormdoor.prober.conversation import Ask
from stormdoor.prober.decide import Access
from stormdoor.prober.probe import Result, Situation, clear, found, probe, skipped
from stormdoor.report.finding import Check, Level

__all__ = ["PROBE"]


async def _run(situation: Situation) -> list[Result]:
    logged_in, owner = situation.logged_in, situation.owner
    if logged_in is None or owner is None:
        return [skipped("No login was given.")]
    if situation.open_to_all:
        return [skipped("No credential is needed.")]
    now = dict(owner.cookies)
    kept = [one for one in logged_in.before if one.value and now.get(one.name) == one.value]
    for cookie in kept:
        if cookie.against_forgery:
            continue
        # What a stranger held before the login, and nothing else, is now enough.
        alone = replace(
            owner, name="who knew the cookie before", cookies=((cookie.name, cookie.value),)
        )
        proof = await situation.attempt(
            Ask(alone, situation.origin), situation.nobody, by_opening=True
        )
        if proof.access is Access.IN:
            what = f"`{cookie.name}` was given before the login, and is the credential after it."
            return [found(what, proof.transcript)]
    return [clear("What was given before the login is no credential after it.")]


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
