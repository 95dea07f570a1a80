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

from stormdoor_audit.prober.attempts import Form, each_form
from stormdoor_audit.prober.conversation import Ask
from stormdoor_audit.prober.probe import (
    CREDENTIAL,
    NotTried,
    Result,
    Situation,
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
    lines = [f"< Set-Cookie: {one.name}=<redacted> (before the login)" for one in logged_in.before]
    lines += [f"< Set-Cookie: {one.name}=<redacted> (by the login)" for one in logged_in.after]
    if not lines:
        return [NotTried("a login that sets a cookie")]
    # The cookie from before the login, and nothing else, is now enough.
    before = replace(owner, name="who knew the cookie before")
    return await each_form(
        situation,
        [
            Form(
                f"`{one.name}`",
                Ask(replace(before, cookies=((one.name, one.value),)), situation.origin),
                f"`{one.name}` was given before the login, and is the credential after it",
                situation.nobody,
                by_opening=True,
            )
            for one in kept
            if not one.against_forgery
        ],
        closed="A cookie from before the login is no credential after it.",
        asked="The probe cannot tell whether a cookie from before the login is the credential after it",
        exchange=tuple(lines),
    )


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
