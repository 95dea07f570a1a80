"""The session goes on after the logout.

What:
    The logout of `--logout URL` is called while a socket is open, with the session of a login of its own.
    The socket goes on delivering what the owner gets, or the old cookie opens a new one.

Why:
    Whoever logs out because the session may be known to somebody else ends nothing.

Fix:
    End the session in the store, and close its sockets: stormdoor's `login_routes` and `revoke` do both.
"""

from __future__ import annotations

from dataclasses import replace

from stormdoor.prober.conversation import Ask, Client
from stormdoor.prober.decide import Access, lasting
from stormdoor.prober.identity import Identity
from stormdoor.prober.login import LoginFailed
from stormdoor.prober.probe import Result, Situation, clear, found, probe, skipped, unknown
from stormdoor.prober.target import Target
from stormdoor.prober.wire import NoAnswer, Request
from stormdoor.report.finding import Check, Level

__all__ = ["PROBE"]


async def _log_out(client: Client, target: Target, who: Identity) -> int:
    """Ask to be logged out, and return the status; 0 where there was no answer."""
    forgery = next((v for n, v in who.cookies if "xsrf" in n.lower() or "csrf" in n.lower()), "")
    headers = [*who.shown(), ("Origin", target.origin), ("Referer", f"{target.origin}/")]
    if forgery:
        headers += [("X-XSRFToken", forgery), ("X-CSRFToken", forgery)]
    status = 0
    for method in ("POST", "GET"):
        try:
            status = (await client.plain(target, Request(tuple(headers), method=method))).status
        except NoAnswer:
            return 0
        if status not in {404, 405}:
            break
    return status


async def _run(situation: Situation) -> list[Result]:
    login, owner = situation.login, situation.owner
    if not situation.logout or login is None or owner is None:
        return [skipped("No logout was given with `--logout`, or no login.")]
    if situation.open_to_all:
        return [skipped("No credential is needed.")]
    client = situation.client
    try:
        own = await login.log_in(replace(owner, cookies=(), headers=()), client.budget)
        target = login.target(login.elsewhere(situation.logout))
    except (LoginFailed, NoAnswer) as error:
        return [unknown(f"What the logout ends: {error}.")]
    who = own.identity
    delivered = await lasting(client, Ask(who, situation.origin))
    statuses: list[int] = []

    async def log_out() -> None:
        statuses.append(await _log_out(client, target, who))

    went_on = await client.converse(Ask(who, situation.origin, later=log_out))
    if not statuses or not 200 <= statuses[-1] < 400:
        return [unknown(f"What the logout ends: it was answered with {(statuses or [0])[-1]}.")]
    results = []
    if delivered and went_on.stays_open and delivered <= went_on.delivered:
        what = "The open socket goes on delivering what the owner gets, after the logout."
        results.append(found(what, went_on.transcript))
    proof = await situation.attempt(Ask(who, situation.origin), situation.nobody)
    if proof.access is Access.IN:
        what = f"The cookie of the session that was logged out opens a new socket: {proof.why}."
        results.append(found(what, proof.transcript))
    if results:
        return results
    if went_on.stays_open and not delivered:
        return [unknown("Whether an open socket ends with the session: it delivers nothing.")]
    return [clear("After the logout the socket delivers nothing more, and the cookie is refused.")]


PROBE = probe(
    __doc__,
    id="SP901",
    slug="after-logout",
    level=Level.ERROR,
    threat="stale-authorization",
    cwe=(613,),
    asvs=("7.4.1",),
    check=Check.AUTHENTICATION,
    run=_run,
)
