"""Login, logout, sessions, tickets and tokens: the routes that a page needs beside its sockets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from tornado.routing import Rule, URLSpec
from tornado.web import RequestHandler

from stormdoor.auth.jwt import JwtIssuer
from stormdoor.auth.login import LoggedIn
from stormdoor.config.guard import Guard
from stormdoor.core.account import Account
from stormdoor.core.denial import Denial, Refusal
from stormdoor.core.event import Event
from stormdoor.errors import ConfigurationError
from stormdoor.tornado.session_handler import Caller, SessionHandler

__all__ = ["login_routes"]


_CHANGED = Refusal(Denial.BAD_CREDENTIAL, "the account changed during the login")


class _Credentials(msgspec.Struct, forbid_unknown_fields=True):
    username: str
    password: str


class _NewPassword(msgspec.Struct, forbid_unknown_fields=True):
    current: str
    new: str


class _TicketFor(msgspec.Struct, forbid_unknown_fields=True):
    endpoint: str | None = None


class _Wiring(msgspec.Struct, frozen=True):
    """What `login_routes` was given."""

    issuer: JwtIssuer | None
    claims: Callable[[Account], Mapping[str, object]] | None
    endpoint: str
    after_login: str
    after_logout: str
    login_page: str


class _Route(SessionHandler):
    wiring: _Wiring

    def initialize(self, guard: Guard, wiring: _Wiring | None = None) -> None:
        super().initialize(guard)
        if wiring is not None:
            self.wiring = wiring

    def note(self, name: str, principal: str, detail: str = "") -> None:
        self.guard.trail.note(
            Event(
                time=self.guard.clock.now(),
                name=name,
                kind="session",
                endpoint=self.request.path,
                principal=principal,
                address=self.handshake.address,
                user_agent=self.handshake.user_agent,
                detail=detail,
            )
        )

    async def prove(self, username: str, password: str) -> LoggedIn | Refusal:
        """Try a name and a password; what fails counts for the address as well as for the account.

        One address that tries one password on many names is nobody's failure but its own.
        """
        admission = self.guard.admission
        outcome = admission.guessing(self.address_key) or await self.guard.login.attempt(
            username, password, self.address_key
        )
        if isinstance(outcome, Refusal) and outcome.denial is Denial.BAD_CREDENTIAL:
            admission.failed(self.address_key)
        return outcome

    async def begin_session(
        self, account: Account, *, replacing: str | None = None
    ) -> Caller | None:
        """Give whoever has just proved to be `account` a session and its cookie.

        Args:
            account: As it was when its password was found right.
            replacing: The cookie that came along.

        Returns:
            The session; None if the account has changed since.
        """
        issued = await self.guard.sessions.create(
            account.id,
            address=self.handshake.address,
            user_agent=self.handshake.user_agent,
            replacing=replacing,
        )
        # INVARIANT: looked at again when the session is there. A new password, or an account that was
        # disabled, ended all sessions a moment ago, and this one may have come too late for that.
        now = await self.guard.store.account(account.id)
        if now is None or now.disabled or now.password_hash != account.password_hash:
            await self.guard.sessions.end(issued.session.id, reason="the account changed")
            return None
        self.set_session_cookie(issued.secret)
        return Caller(issued.session, now)

    def describe(self, caller: Caller) -> dict[str, object]:
        """What a client may know of its own session."""
        return {
            "principal": caller.account.id,
            "roles": sorted(caller.account.roles),
            "expires_at": caller.session.expires_at,
            "idle_seconds": caller.session.idle_seconds,
            "permissions": self.permitted(caller, sorted(_permissions(self.guard))),
        }


def _permissions(guard: Guard) -> set[str]:
    """Every permission that some role grants by its full name."""
    grants = {grant for one in guard.policies.roles.values() for grant in one.grants}
    grants |= {pattern for policy in guard.policies.policies for pattern in policy.patterns}
    return {grant for grant in grants if not grant.endswith("*")}


class _LogIn(_Route):
    async def post(self) -> None:
        body = self.read_body(_Credentials)
        if body is None:
            return
        outcome = await self.prove(body.username, body.password)
        if isinstance(outcome, Refusal):
            self._failed(outcome, body.username)
            return
        # Whatever cookie came along is ended: a session fixed by somebody else is worth nothing.
        caller = await self.begin_session(outcome.account, replacing=self.cookie_secret)
        await self.guard.lifetime.follow()
        if caller is None:
            self._failed(_CHANGED, body.username)
            return
        self.note("authn_login_success", caller.account.id)
        self.answer_or_go(self.describe(caller), self.wiring.after_login)

    def _failed(self, refusal: Refusal, username: str) -> None:
        if not self.from_form:
            self.refuse(refusal, principal=username[:128])
            return
        self.guard.admission.refused(self.handshake, refusal, principal=username[:128])
        self.redirect(f"{self.wiring.login_page}?error={refusal.answer.error}", status=303)


class _LogOut(_Route):
    async def post(self) -> None:
        found = await self.find_caller()
        if found is not None:
            await self.guard.admin.end_session(
                found.session.id, owner=found.account.id, actor=found.account.id
            )
        self.clear_session_cookie()
        self.answer_or_go(None, self.wiring.after_logout, status=204)


class _Session(_Route):
    async def get(self) -> None:
        caller = await self.find_caller()
        if caller is None:
            # A page asks this to learn whether anybody is logged in: nothing was refused.
            self.set_status(401)
            self.answer({"error": "unauthenticated"})
            return
        if self.guard.revocations.changed_since(caller.account.id, caller.session.created_at):
            # A change of privilege: a secret from before it must not carry what came with it.
            issued = await self.guard.sessions.rotate(caller.session)
            if issued is not None:
                await self.guard.lifetime.follow()
                self.note("session_renewed", caller.account.id, "roles or attributes changed")
                self.set_session_cookie(issued.secret)
                caller = Caller(issued.session, caller.account)
        self.answer(self.describe(caller))


class _Sessions(_Route):
    async def get(self) -> None:
        caller = await self.caller()
        if caller is None:
            return
        sessions = await self.guard.sessions.sessions(caller.account.id)
        self.answer(
            {
                "sessions": [
                    {
                        "id": one.id,
                        "current": one.id == caller.session.id,
                        "created_at": one.created_at,
                        "last_seen_at": one.last_seen_at,
                        "expires_at": one.expires_at,
                        "address": one.address,
                        "user_agent": one.user_agent,
                    }
                    for one in sessions
                ]
            }
        )


class _OneSession(_Route):
    async def delete(self, session_id: str) -> None:
        caller = await self.caller()
        if caller is None:
            return
        ended = await self.guard.admin.end_session(
            session_id, owner=caller.account.id, actor=caller.account.id
        )
        if ended and session_id == caller.session.id:
            self.clear_session_cookie()
        # Whether a session exists that is not one's own is nobody's business: both are 404.
        self.set_status(204 if ended else 404)
        self.finish()


class _EndOthers(_Route):
    async def post(self) -> None:
        caller = await self.caller()
        if caller is not None:
            ended = await self.guard.admin.end_other_sessions(
                caller.account.id, keep=caller.session.id, actor=caller.account.id
            )
            self.answer({"ended": ended})


class _Password(_Route):
    async def post(self) -> None:
        caller = await self.caller()
        body = None if caller is None else self.read_body(_NewPassword)
        if caller is None or body is None:
            return
        principal = caller.account.id
        try:
            outcome = await self.prove(principal, body.current)
            if isinstance(outcome, Refusal):
                self.refuse(outcome, principal=principal)
                return
            await self.guard.admin.set_password(principal, body.new, actor=principal)
        except ConfigurationError as error:
            self.set_status(400)
            self.answer({"error": "invalid", "detail": str(error)})
            return
        account = await self.guard.store.account(principal)
        begun = None if account is None else await self.begin_session(account)
        if begun is None:
            self.refuse(_CHANGED, principal=principal)
        else:
            self.answer(self.describe(begun))


class _Ticket(_Route):
    async def post(self) -> None:
        caller = await self.caller()
        body = None if caller is None else self.read_body(_TicketFor)
        if caller is None or body is None:
            return
        issued = await self.guard.tickets.issue(
            caller.session,
            origin=self.handshake.origin,
            endpoint=body.endpoint or self.wiring.endpoint,
        )
        if issued is None:
            self.refuse(Refusal(Denial.NO_CREDENTIAL, "the session has ended"))
            return
        self.note("authn_token_created", caller.account.id, "ticket")
        self.answer({"ticket": issued.secret, "expires_in": int(issued.expires_in)})


class _Token(_Route):
    async def post(self) -> None:
        caller = await self.caller()
        issuer = self.wiring.issuer
        if caller is None or issuer is None:
            return
        claims = self.wiring.claims
        issued = issuer.issue(
            caller.account.id,
            now=self.guard.clock.now(),
            session=caller.session,
            claims=claims(caller.account) if claims is not None else None,
        )
        self.note("authn_token_created", caller.account.id, f"token {issued.id}")
        self.answer({"access_token": issued.token, "expires_in": int(issued.expires_in)})


def login_routes(
    guard: Guard,
    *,
    endpoint: str,
    issuer: JwtIssuer | None = None,
    claims: Callable[[Account], Mapping[str, object]] | None = None,
    prefix: str = "/auth",
    after_login: str = "/",
    after_logout: str = "/",
    login_page: str = "/",
) -> list[Rule]:
    """The routes of a login with user name and password, for `Application([...])`.

    ===================================  ========================================================
    `POST /auth/login`                   `{"username", "password"}` or a form; sets the cookie
    `POST /auth/logout`                  ends the session and its sockets
    `GET /auth/session`                  who is logged in, and what it may
    `GET /auth/sessions`                 one's own sessions
    `DELETE /auth/sessions/ID`           ends one of them
    `POST /auth/sessions/end-others`     ends all others
    `POST /auth/password`                `{"current", "new"}`; ends everything else
    `POST /auth/ticket`                  `{"endpoint"}`; a ticket for one handshake
    `POST /auth/token`                   an access token, if there is an `issuer`
    ===================================  ========================================================

    Args:
        guard: Who decides.
        endpoint: The path that a ticket opens if the request names none.
        issuer: Issues access tokens.
        claims: Further claims of such a token.
        prefix: Where the routes are.
        after_login: Where a form's browser goes then.
        after_logout: Likewise.
        login_page: Where it goes when the login failed.
    """
    wiring = _Wiring(issuer, claims, endpoint, after_login, after_logout, login_page)
    handlers: list[tuple[str, type[RequestHandler]]] = [
        ("/login", _LogIn),
        ("/logout", _LogOut),
        ("/session", _Session),
        ("/sessions", _Sessions),
        ("/sessions/end-others", _EndOthers),
        ("/sessions/([0-9a-f]{64})", _OneSession),
        ("/password", _Password),
        ("/ticket", _Ticket),
    ]
    if issuer is not None:
        handlers.append(("/token", _Token))
    arguments: dict[str, Any] = {"guard": guard, "wiring": wiring}
    return [URLSpec(prefix + path, handler, arguments) for path, handler in handlers]
