"""The cookie that is the credential may be read by scripts, or sent in the clear.

What:
    The cookies that the login sets: without `HttpOnly`; without `Secure` where the login is https; with
    `SameSite=None`. Only cookies count that the server requires of the owner.

Why:
    A script that gets into the page reads the cookie and sends it away; a cookie without `Secure` goes
    over any plain connection to that host.

Fix:
    `set_signed_cookie(name, value, httponly=True, secure=True, samesite="Lax")`; or stormdoor's own
    `login_routes`, which set the cookie `__Host-stormdoor`.
"""

from __future__ import annotations

from dataclasses import replace

from stormdoor_audit.prober.attempts import concluded
from stormdoor_audit.prober.conversation import Ask
from stormdoor_audit.prober.decide import Access, judged
from stormdoor_audit.prober.probe import (
    CREDENTIAL,
    SAY,
    NotTried,
    Open,
    Result,
    Situation,
    probe,
)
from stormdoor_audit.report.finding import Check, Level

__all__ = ["PROBE"]


async def _run(situation: Situation) -> list[Result]:
    logged_in, owner = situation.logged_in, situation.owner
    if logged_in is None or owner is None or situation.login is None:
        return [NotTried("`--login URL`, to see how the cookie is set")]
    if situation.open_to_all:
        return [NotTried(CREDENTIAL)]
    found: list[Open] = []
    doubts: list[str] = []
    for cookie in logged_in.after:
        wrong = []
        if "httponly" not in cookie.attributes:
            wrong.append("without HttpOnly")
        if situation.login.target().secure and "secure" not in cookie.attributes:
            wrong.append("without Secure")
        if "samesite=none" in cookie.attributes:
            wrong.append("with SameSite=None")
        if not wrong or not cookie.value or cookie.against_forgery:
            continue
        rest = tuple(pair for pair in owner.cookies if pair[0] != cookie.name)
        lacking = await situation.client.converse(
            Ask(replace(owner, cookies=rest), situation.origin)
        )
        access, why = judged(situation.base, lacking, anonymous=not rest)
        if access is Access.UNKNOWN:
            doubts.append(f"`{cookie.name}`, {' and '.join(wrong)}: {why}")
        if access is not Access.REFUSED:
            continue
        what = f"The login sets `{cookie.name}`, which is the credential, {' and '.join(wrong)}."
        shown = "; ".join(sorted(cookie.attributes)) or "(no attributes)"
        found.append(Open(what, (f"< Set-Cookie: {cookie.name}=<redacted>; {shown}",)))
    lines = tuple(
        f"< Set-Cookie: {one.name}=<redacted>; {'; '.join(sorted(one.attributes))}"
        for one in logged_in.after
    )
    if not lines:
        return [NotTried("a login that sets a cookie")]
    closed = "The cookies that are the credential are out of the reach of scripts."
    asked = "The probe cannot tell whether a cookie that scripts can read is the credential"
    return concluded(found, doubts, closed, asked, settle=SAY, exchange=lines)


PROBE = probe(
    __doc__,
    id="SP301",
    slug="cookie-flags",
    level=Level.WARNING,
    threat="session-hijacking",
    cwe=(1004, 614, 1275),
    asvs=("3.3.1", "3.3.2", "3.3.4"),
    check=Check.AUTHENTICATION,
    run=_run,
)
