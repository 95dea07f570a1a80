"""The session goes on after the logout.

What:
    The logout of `--logout URL` is called while a socket is open, with the session of a login of its own.
    The socket goes on delivering what the owner gets, or the old cookie opens a new one.

Why:
    A user logs out because an attacker may know the session. The attacker keeps it.

Fix:
    End the session in the store, and close its sockets: stormdoor's `login_routes` and `revoke` do both.
"""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urljoin, urlsplit

from stormdoor.prober.conversation import Ask, Client
from stormdoor.prober.decide import Access, Proof
from stormdoor.prober.identity import Identity
from stormdoor.prober.listening import PATIENCE, lasting
from stormdoor.prober.login import LoginFailed
from stormdoor.prober.outlives import outlives
from stormdoor.prober.probe import (
    CREDENTIAL,
    SAY,
    Closed,
    NotDetermined,
    NotTried,
    Open,
    Result,
    Situation,
    probe,
)
from stormdoor.prober.target import Target
from stormdoor.prober.wire import NoAnswer, Request
from stormdoor.report.finding import Check, Level

__all__ = ["PROBE"]

_ASKED = "The probe cannot tell whether an open socket ends with the session"


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


async def _session(situation: Situation, owner: Identity) -> Identity | None:
    """Another session of the owner's, so that the logout does not end the one of the other probes."""
    if situation.login is not None:
        bare = replace(owner, cookies=(), headers=())
        return (await situation.login.log_in(bare, situation.client.budget)).identity
    return await situation.renew() if situation.renew is not None else None


def _target(situation: Situation) -> Target:
    """Return where the logout is; it may be relative to the login, or to the endpoint's origin."""
    client, login = situation.client, situation.login
    if login is not None:
        return login.target(login.elsewhere(situation.logout))
    parts = urlsplit(urljoin(f"{client.target.origin}/", situation.logout))
    if parts.netloc != client.target.netloc:
        raise LoginFailed("the logout is on another server, and no login was given")
    return client.target.at((parts.path or "/") + (f"?{parts.query}" if parts.query else ""))


def _cookie(proof: Proof) -> Result:
    """The result for a new socket with the session that was ended."""
    if proof.access is Access.IN:
        what = f"The session that was logged out opens a new socket: {proof.why}."
        return Open(what, proof.transcript)
    if proof.access is Access.UNKNOWN:
        what = f"The probe cannot tell whether the session that has ended opens a new socket: {proof.why}."
        return NotDetermined(what, SAY, proof.transcript)
    return Closed("The session that was logged out opens no socket.", proof.transcript)


async def _run(situation: Situation) -> list[Result]:
    owner, client = situation.owner, situation.client
    if not situation.logout or owner is None or situation.renew is None:
        return [NotTried("`--logout URL`, and a login (`--login URL` or `--steps FILE`)")]
    if situation.open_to_all:
        return [NotTried(CREDENTIAL)]
    try:
        target = _target(situation)
        who = await _session(situation, owner)
    except (LoginFailed, NoAnswer) as error:
        return [NotDetermined(f"The probe cannot tell what the logout ends: {error}.", "")]
    if who is None:
        return [
            NotDetermined(
                "The probe cannot tell what the logout ends: the owner does not get in again.", ""
            )
        ]

    async def speak() -> None:
        """Let another session of the owner say the same: a socket may still hear others."""
        await client.converse(Ask(owner, situation.origin))

    meanwhile = speak if client.said(again=True) else None
    before = await lasting(client, Ask(who, situation.origin), meanwhile)
    statuses: list[int] = []

    async def log_out() -> None:
        statuses.append(await _log_out(client, target, who))

    went_on = await client.converse(
        Ask(who, situation.origin, patience=PATIENCE, later=log_out, meanwhile=meanwhile)
    )
    if not statuses or not 200 <= statuses[-1] < 400:
        what = f"The probe cannot tell what the logout ends: it was answered with {(statuses or [0])[-1]}."
        return [NotDetermined(what, "`--logout URL` with the address that ends a session")]
    proof = await situation.attempt(Ask(who, situation.origin), situation.nobody)
    socket = outlives(situation, before, went_on, event="the logout", asked=_ASKED)
    results = [socket, _cookie(proof)]
    for kind in (Open, NotDetermined):
        if some := [one for one in results if isinstance(one, kind)]:
            return list(some)
    return [
        Closed(
            "After the logout the socket delivers nothing more, and the session opens no other.",
            (*went_on.transcript, *proof.transcript),
        )
    ]


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
