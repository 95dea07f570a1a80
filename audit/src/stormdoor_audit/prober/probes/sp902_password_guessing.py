"""Passwords may be guessed as fast as a client likes.

What:
    The prober tries twelve wrong passwords for the owner's login, one after the other. The server answers
    none with 429, and accepts the correct password immediately afterwards.

Why:
    Attackers find passwords that people choose by trying many.

Fix:
    Delay attempts after failures, for the account and for the address, as stormdoor's `login_routes` do.
"""

from __future__ import annotations

from stormdoor_audit.prober.login import LoginFailed
from stormdoor_audit.prober.probe import (
    Closed,
    NotDetermined,
    NotTried,
    Open,
    Result,
    Situation,
    probe,
)
from stormdoor_audit.prober.wire import NoAnswer
from stormdoor_audit.report.finding import Check, Level

__all__ = ["PROBE"]

_TIMES = 12
_SECRET_FIELDS = ("pass", "pwd", "secret", "pin")


async def _run(situation: Situation) -> list[Result]:
    login, owner = situation.login, situation.owner
    if login is None or owner is None:
        return [NotTried("`--login URL`")]
    names = [name for name, _ in login.fields if any(one in name.lower() for one in _SECRET_FIELDS)]
    if len(names) != 1:
        return [NotTried("one field of the login that is named like a password")]
    lines: list[str] = []
    fields = login.fields
    for number in range(_TIMES):
        fields = tuple(
            (name, f"stormdoor-probe-{number}" if name in names else value)
            for name, value in login.fields
        )
        try:
            answer, _, _, _ = await login.send(fields, situation.client.budget)
        except NoAnswer as error:
            what = f"After {number} wrong passwords: {error}."
            return [NotDetermined(what, "", tuple(lines))]
        lines.append(f"< {answer.status} (wrong password {number + 1})")
        if answer.status == 429:
            what = f"After {number} wrong passwords, the next is answered with 429."
            return [Closed(what, tuple(lines))]
    try:
        await login.log_in(owner, situation.client.budget)
    except (LoginFailed, NoAnswer) as error:
        what = f"After {_TIMES} wrong passwords the right one waits, too: {error}."
        return [Closed(what, (*lines, f"< ({error})"))]
    check = await login.send(fields, situation.client.budget)
    if check[0].status == 429:
        return [
            NotDetermined(
                "The probe cannot tell whether passwords may be guessed: some are refused for their number.",
                "",
                tuple(lines),
            )
        ]
    what = f"{_TIMES} wrong passwords in a row were judged, and the right one after them worked."
    return [Open(what, tuple(lines))]


PROBE = probe(
    __doc__,
    id="SP902",
    slug="password-guessing",
    level=Level.WARNING,
    threat="credential-stuffing",
    cwe=(307,),
    asvs=("6.3.1",),
    check=Check.LIMITS,
    run=_run,
    active=True,
)
