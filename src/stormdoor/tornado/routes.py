"""Login, logout, sessions, tickets and tokens: the HTTP routes for a page with sockets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import msgspec
from tornado.routing import Rule, URLSpec
from tornado.web import RequestHandler

from stormdoor.auth.jose.jwt_issuer import JwtIssuer
from stormdoor.config.appearance import LoginAppearance
from stormdoor.core.account import Account
from stormdoor.core.denial import Denial, Refusal
from stormdoor.core.needs import Needs
from stormdoor.errors import ConfigurationError
from stormdoor.guard.handshake_checks import LOGINS
from stormdoor.runtime.guard import Guard
from stormdoor.tornado.enrolment_routes import ENROLMENT_ROUTES
from stormdoor.tornado.factor_routes import FACTOR_ROUTES, SecondFactorPage
from stormdoor.tornado.login_route import (
    CHANGED,
    SESSION_ENDED,
    LoginRoute,
    LoginRouteOptions,
    PageRoute,
)
from stormdoor.tornado.session_handler import Caller

__all__ = ["login_routes"]


_TWO = 2
_MAX_PATH = 2048


class _Credentials(msgspec.Struct, forbid_unknown_fields=True):
    username: str
    password: str


class _NewPassword(msgspec.Struct, forbid_unknown_fields=True):
    current: str
    new: str


class _TicketFor(msgspec.Struct, forbid_unknown_fields=True):
    endpoint: str | None = None


class _LogIn(LoginRoute):
    counts_for = LOGINS
    begins_login = True

    async def post(self) -> None:
        body = self.read_body(_Credentials)
        outcome = await self.prove(body.username, body.password)
        if isinstance(outcome, Refusal):
            await self._failed(outcome, body.username)
            return
        # The session of the received cookie is ended, so that a planted session is useless.
        methods = await self.guard.factors.methods(outcome.account.id)
        if methods:
            await self._wait(outcome.account, methods)
            return
        caller = await self.begin_session(outcome.account, replacing=self.cookie_secret)
        await self.guard.follower.follow()
        if caller is None:
            await self._failed(CHANGED, body.username)
            return
        self.note("authn_login_success", caller.account.id)
        self.answer_or_go(self.describe(caller), self.arrival)

    async def _wait(self, account: Account, methods: Sequence[str]) -> None:
        """Create no session yet: the second factor is required first."""
        self.set_pending_cookie(await self.guard.pending_logins.begin(account))
        self.note("authn_login_pending", account.id, f"waits for {', '.join(methods)}")
        seconds = int(self.guard.factors.options.pending_seconds)
        options = self.route_options
        page = self.address(options.second_factor_page)
        if options.built_in_pages:
            page = self.address(f"{options.prefix}/second-factor", signed_in=True)
        self.answer_or_go({"second_factor": list(methods), "expires_in": seconds}, page, status=202)

    async def _failed(self, refusal: Refusal, username: str) -> None:
        # Not as typed: users sometimes type their password in the field of the name.
        claimed = await self.guard.login.known_as(username)
        if not self.from_form:
            self.refuse(refusal, claimed=claimed)
            return
        refusal = self.guard.admission.refused(self.handshake, refusal, claimed=claimed)
        page = self.address(self.route_options.login_page, refusal.answer.error, ref=refusal.ref)
        self.redirect(page, status=303)


class _LogInPage(PageRoute, _LogIn):
    async def get(self) -> None:
        prefix = self.route_options.prefix
        caller, error = await self.find_caller(), self.asked_error
        ended = error == SESSION_ENDED
        if caller is None or not (error is None or ended):
            remark = self.pages.session_ended(self.asked_ref) if ended else ""
            if caller is None and self.lost_cookie(self.cookie_name):
                remark = self.pages.lost_cookie(plain=self.plain)
            action = self.address(f"{prefix}/login")
            query = urlencode({"return_to": self.after_login})
            logins = self.guard.provider_logins
            providers = {f"{address}?{query}": name for address, name in logins.items()}
            page = self.pages.login(
                action if self.guard.password_login else None,
                None if ended else error,
                ref=self.asked_ref,
                remark=remark,
                providers=providers,
            )
            self.show(page)
            return
        if self.arrives:
            self.redirect(self.after_login, status=303)
            return
        page = self.pages.logout(
            caller.account.id,
            logout=f"{prefix}/logout",
            login=f"{prefix}/login",
            continue_at=self.after_login,
        )
        self.show(page)


class _LogOut(LoginRoute):
    ends = True

    async def post(self) -> None:
        await self.everywhere(self.log_out)
        self.answer_or_go(None, self.route_options.after_logout, status=204)


class _LogOutPage(PageRoute, _LogOut):
    async def post(self) -> None:
        # Chromium shows pages after the logout else, by the back button, even those with `no-store`.
        self.set_header("Clear-Site-Data", '"cache"')
        await super().post()

    async def get(self) -> None:
        caller = await self.find_caller()
        prefix = self.route_options.prefix
        name = None if caller is None else caller.account.id
        self.show(self.pages.logout(name, logout=f"{prefix}/logout", login=f"{prefix}/login"))


class _Session(LoginRoute):
    async def get(self) -> None:
        caller = await self.find_caller()
        if caller is None:
            # A page uses this to find out whether a user is logged in, so it is not recorded as a refusal.
            self.set_status(401)
            lost = {"cookie": "lost"} if self.lost_cookie(self.cookie_name) else {}
            self.answer({"error": "unauthenticated", **lost})
            return
        if self.guard.revocations.changed_since(caller.account.id, caller.session.created_at):
            # A change of privilege: the old secret must not get the new privileges.
            issued = await self.guard.sessions.rotate(caller.session)
            if issued is not None:
                await self.guard.follower.follow()
                self.note("session_renewed", caller.account.id, "roles or attributes changed")
                self.set_session_cookie(issued.secret)
                caller = Caller(issued.session, caller.account)
        self.answer(self.describe(caller))


class _Sessions(LoginRoute):
    async def get(self) -> None:
        caller = await self.caller()
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


class _OneSession(LoginRoute):
    ends = True

    async def delete(self, session_id: str) -> None:
        caller = await self.caller()
        # Ending the own session is a logout. Ending another one requires a fresh authentication (ASVS
        # 7.5.2): a person at an unlocked screen must not be able to lock the owner out of all other
        # sessions.
        if session_id != caller.session.id:
            caller = await self.fresh_caller()
        id, admin = caller.account.id, self.guard.admin
        ended = await self.everywhere(lambda: admin.end_session(session_id, owner=id, actor=id))
        if ended and session_id == caller.session.id:
            self.clear_session_cookie()
        # The answer must not reveal whether another principal's session exists: both cases are 404.
        self.set_status(204 if ended else 404)
        self.finish()


class _EndOthers(LoginRoute):
    ends = True

    async def post(self) -> None:
        caller = await self.fresh_caller()
        id, keep, admin = caller.account.id, caller.session.id, self.guard.admin
        ended = await self.everywhere(lambda: admin.end_other_sessions(id, keep=keep, actor=id))
        self.answer({"ended": ended})


class _Password(LoginRoute):
    counts_for = LOGINS
    begins_login = True

    async def post(self) -> None:
        caller, body = await self.caller(), self.read_body(_NewPassword)
        principal = caller.account.id
        methods = await self.guard.factors.methods(principal)
        if methods and caller.session.strength < _TWO:
            self.step_up(Needs(strength=_TWO), methods, caller.account)
        try:
            outcome = await self.prove(principal, body.current)
            if isinstance(outcome, Refusal):
                self.stop(outcome, principal=principal)
            admin = self.guard.admin
            await self.everywhere(lambda: admin.set_password(principal, body.new, actor=principal))
        except ConfigurationError as error:
            self.set_status(400)
            self.answer({"error": "invalid", "detail": str(error)})
            return
        account = await self.guard.state.accounts.account(principal)
        # The password was proved now, the second factor earlier: an old strength and a new time must not be
        # combined.
        old, strong = caller.session, caller.session.strength >= _TWO
        at = old.authenticated_at if strong else None
        begun = (
            None
            if account is None
            else await self.begin_session(account, strength=old.strength, authenticated_at=at)
        )
        if begun is None:
            self.stop(CHANGED, principal=principal)
        self.answer(self.describe(begun))


class _Ticket(LoginRoute):
    async def post(self) -> None:
        caller, body = await self.caller(), self.read_body(_TicketFor)
        if body.endpoint and not (len(body.endpoint) <= _MAX_PATH and body.endpoint.isprintable()):
            self.stop(Refusal(Denial.INVALID_MESSAGE, "the endpoint of a ticket is no path"))
        issued = await self.guard.tickets.issue(
            caller.session,
            origin=self.handshake.origin,
            endpoint=body.endpoint or self.route_options.endpoint,
        )
        if issued is None:
            self.stop(Refusal(Denial.NO_CREDENTIAL, "the session has ended"))
        self.note("authn_token_created", caller.account.id, "ticket")
        self.answer(
            {
                "ticket": issued.secret,
                "expires_in": int(issued.expires_in),
                "principal": caller.account.id,
            }
        )


class _Token(LoginRoute):
    async def post(self) -> None:
        caller = await self.caller()
        issuer = self.route_options.issuer
        if issuer is None:
            return
        claims = self.route_options.claims
        issued = issuer.issue(
            caller.account.id,
            now=self.guard.clock.now(),
            session=caller.session,
            claims=claims(caller.account) if claims is not None else None,
        )
        self.note("authn_token_created", caller.account.id, f"token {issued.id}")
        self.answer({"access_token": issued.token, "expires_in": int(issued.expires_in)})


_WITH_PAGES: tuple[tuple[str, type[RequestHandler]], ...] = (
    ("/login", _LogInPage),
    ("/logout", _LogOutPage),
    ("/second-factor", SecondFactorPage),
)
"""Before the routes of the same paths without a page."""


def login_routes(
    guard: Guard,
    *,
    endpoint: str,
    issuer: JwtIssuer | None = None,
    claims: Callable[[Account], Mapping[str, object]] | None = None,
    prefix: str = "/auth",
    after_login: str = "/",
    after_logout: str | None = None,
    login_page: str | None = None,
    second_factor_page: str | None = None,
    built_in_pages: bool = False,
    appearance: LoginAppearance | None = None,
) -> list[Rule]:
    """Return the routes of a login with user name and password, for `Application([...])`.

    A principal with a second factor gets no session for its password: the answer is 202 and names the
    available methods.

    With `?wait=cluster`, a request that ends sessions is answered when every live node has
    applied it, or is declared lapsed. 503 means that not all nodes are known to have done so.

    ===================================  ========================================================
    `POST /auth/login`                   `{"username", "password"}` or a form; sets the cookie
    `POST /auth/second-factor`           `{"totp"}`, `{"recovery_code"}` or `{"passkey"}`; likewise
    `POST /auth/second-factor/options`   for `navigator.credentials.get()`
    `POST /auth/passkey`                 `{"passkey"}`: a login with a passkey alone
    `POST /auth/passkey/options`         for `navigator.credentials.get()`
    `POST /auth/step-up`                 as the second factor, or `{"password"}` if there is none
    `POST /auth/step-up/options`         for `navigator.credentials.get()`
    `GET /auth/factors`                  the caller's second factors
    `POST /auth/factors/totp`            a new secret; then `/confirm` with `{"id", "code"}`
    `POST /auth/factors/passkey`         for `navigator.credentials.create()`; then `/confirm`
    `POST /auth/factors/recovery-codes`  new recovery codes; the old ones are deleted
    `DELETE /auth/factors/ID`            removes one
    `POST /auth/logout`                  ends the session and its sockets
    `GET /auth/session`                  the caller's session and permissions
    `GET /auth/sessions`                 the caller's sessions
    `DELETE /auth/sessions/ID`           ends one of them
    `POST /auth/sessions/end-others`     ends all others
    `POST /auth/password`                `{"current", "new"}`; ends all other sessions
    `POST /auth/ticket`                  `{"endpoint"}`; a ticket for one handshake
    `POST /auth/token`                   an access token, if there is an `issuer`
    `GET /auth/login`                    the page of the login, with `built_in_pages`
    `GET /auth/second-factor`            likewise, for a code
    `GET /auth/logout`                   likewise, with a button to sign out
    ===================================  ========================================================

    The built-in pages need no script, and load nothing. The address `/auth/login?next=/lab` returns to `/lab`
    after the login; an address of another origin is ignored.

    Args:
        guard: The guard that decides.
        endpoint: The path that a ticket opens if the request names none.
        issuer: Issues access tokens.
        claims: Function that returns further claims of such a token.
        prefix: Prefix of the routes.
        after_login: Address for the browser after a login by a form.
        after_logout: Likewise; the built-in page, or `/` without it.
        login_page: Address after a failed login; likewise.
        second_factor_page: Address of the page for the second factor; likewise.
        built_in_pages: Serve the login, the second factor and the logout as pages as well.
        appearance: Name, colour and notice of these pages; None for those of the guard.
    """
    own = built_in_pages
    route_options = LoginRouteOptions(
        issuer=issuer,
        claims=claims,
        endpoint=endpoint,
        after_login=after_login,
        after_logout=after_logout or (f"{prefix}/logout" if own else "/"),
        login_page=login_page or (f"{prefix}/login" if own else "/"),
        second_factor_page=second_factor_page or (f"{prefix}/second-factor" if own else "/"),
        prefix=prefix,
        built_in_pages=own,
        appearance=appearance,
    )
    handlers: list[tuple[str, type[RequestHandler]]] = [
        *(_WITH_PAGES if own else ()),
        ("/login", _LogIn),
        ("/logout", _LogOut),
        ("/session", _Session),
        ("/sessions", _Sessions),
        ("/sessions/end-others", _EndOthers),
        ("/sessions/([0-9a-f]{64})", _OneSession),
        ("/password", _Password),
        ("/ticket", _Ticket),
        *FACTOR_ROUTES,
        *ENROLMENT_ROUTES,
    ]
    if issuer is not None:
        handlers.append(("/token", _Token))
    arguments: dict[str, Any] = {"guard": guard, "route_options": route_options}
    return [URLSpec(prefix + path, handler, arguments) for path, handler in handlers]
