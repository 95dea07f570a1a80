"""The session goes on after the logout.

What:
    The prober logs in, opens two sockets with that session, and calls the logout of `--logout URL` (or
    `--logout 'METHOD URL'`, with `--logout-header`). One of
    the sockets continues to receive the owner's data, or the old cookie opens a new one: it is answered, or
    its socket stays open while clients with no credential and with garbage get none.

Why:
    A user logs out because an attacker may know the session. The attacker can continue to use it.

Fix:
    End the session in the store, and close its sockets: stormdoor's `login_routes` and `revoke` do both.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from urllib.parse import urlencode, urljoin, urlsplit

from stormdoor_audit.prober.conversation import Ask, Client
from stormdoor_audit.prober.identity import Identity, Pairs
from stormdoor_audit.prober.listening import PATIENCE, lasting
from stormdoor_audit.prober.login import Fields, LoginFailed
from stormdoor_audit.prober.outlives import ended_together, opens_another, outlives
from stormdoor_audit.prober.probe import (
    CREDENTIAL,
    NotDetermined,
    NotTried,
    Result,
    Situation,
    probe,
)
from stormdoor_audit.prober.target import Target, resource_of
from stormdoor_audit.prober.together import meeting, together
from stormdoor_audit.prober.wire import NoAnswer, Request
from stormdoor_audit.report.finding import Check, Level

__all__ = ["PROBE"]

_ASKED = "The probe cannot tell whether an open socket ends with the session"
_OPENED, _PAGE = 101, 200
_NO_TOKEN = frozenset({400, 403, 419, 422})
"""Statuses for a form without its token against forgery; 419 is Laravel's."""
_SOCKETS = 2
"""Some servers remember one socket for each session, and end that one."""
_OTHER = 3.0
"""Of the time to listen: until both sockets are open."""


@dataclass(slots=True)
class _Logout:
    """The logout, called when two sockets are open; each of them waits for it.

    Args:
        client: Connects.
        target: Where the logout is.
        who: The session that is ended.
        meet: Waits for the other socket.
        methods: Methods of the request; the next one is used where one is not allowed.
        more: Headers beside those of the session.
    """

    client: Client
    target: Target
    who: Identity
    meet: Callable[[], Awaitable[None]]
    methods: tuple[str, ...] = ("POST", "GET")
    more: Pairs = ()
    status: int = 0
    _once: asyncio.Lock = field(default_factory=asyncio.Lock)
    _done: bool = False

    async def __call__(self) -> None:
        """Wait for the other socket, unless the server lets a session have one, and log out once."""
        await self.meet()
        async with self._once:
            if not self._done:
                self._done = True
                self.status = await self._ask()

    async def _ask(self) -> int:
        """Ask to be logged out, and return the status; 0 where there was no answer."""
        target, who = self.target, self.who
        forgery = next(
            (v for n, v in who.cookies if "xsrf" in n.lower() or "csrf" in n.lower()), ""
        )
        headers = [*who.shown(), ("Origin", target.origin), ("Referer", f"{target.origin}/")]
        if forgery:
            headers += [("X-XSRFToken", forgery), ("X-CSRFToken", forgery)]
        given = {name.lower() for name, _ in self.more}
        headers = [one for one in headers if one[0].lower() not in given] + [*self.more]
        status = 0
        try:
            for method in self.methods:
                request = Request(tuple(headers), method=method)
                status = (await self.client.plain(target, request)).status
                if status not in {404, 405}:
                    break
            for page in (target.at("/"), target):
                if status in _NO_TOKEN and (fields := await self._fields(page)) is not None:
                    headers.append(("Content-Type", "application/x-www-form-urlencoded"))
                    if fields.meta:
                        headers.append(("X-CSRF-Token", fields.meta))
                    body = urlencode(fields.hidden).encode()
                    request = Request(tuple(headers), method=self.methods[0], body=body)
                    status = (await self.client.plain(target, request)).status
        except NoAnswer:
            return 0
        return status

    async def _fields(self, page: Target) -> Fields | None:
        """Return what the forms of a page send against forgery; None where it has nothing of the kind."""
        answer = await self.client.plain(page, Request(self.who.shown()))
        fields = Fields()
        if answer.status == _PAGE:
            fields.feed(answer.body.decode("utf-8", "replace"))
        return fields if fields.hidden or fields.meta else None


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
    url = urljoin(f"{client.target.origin}/", situation.logout)
    if urlsplit(url).netloc != client.target.netloc:
        raise LoginFailed("the logout is on another server, and no login was given")
    return client.target.at(resource_of(url))


async def _run(situation: Situation) -> list[Result]:
    owner, client = situation.owner, situation.client
    missing = [] if situation.logout else ["`--logout URL`"]
    missing += ["a login (`--login URL` or `--steps FILE`)"] if situation.renew is None else []
    if missing or owner is None or situation.renew is None:
        return [NotTried(", and ".join(missing) or CREDENTIAL)]
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
    logout = _Logout(client, target, who, meeting(_SOCKETS, _OTHER * client.usual))
    logout.more = situation.declared.logout_headers
    if method := situation.declared.logout_method:
        logout.methods = (method,)
    ask = Ask(who, situation.origin, patience=PATIENCE, later=logout, meanwhile=meanwhile)
    came = await together(*(client.converse(ask) for _ in range(_SOCKETS)))
    # A server may let a session have one socket.
    sockets = [one for one in came if one.status == _OPENED] or came[:1]
    if not 200 <= logout.status < 400:
        what = f"The probe cannot tell what the logout ends: it was answered with {logout.status}."
        return [NotDetermined(what, "`--logout URL` with the address that ends a session")]
    ended = [outlives(situation, before, one, event="the logout", asked=_ASKED) for one in sockets]
    another = await opens_another(
        situation, who, named="The session that was logged out", event="the logout"
    )
    return [*ended_together(ended), another]


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
