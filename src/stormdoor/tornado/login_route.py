"""Base class of the routes of the built-in login: it begins sessions and requires fresh logins."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NoReturn
from urllib.parse import urlencode

import msgspec
from tornado.web import Finish

from stormdoor.auth.factors.pending_login import PENDING_SUFFIX
from stormdoor.auth.factors.presented import VerifiedFactor
from stormdoor.auth.jose.jwt_issuer import JwtIssuer
from stormdoor.auth.oidc.return_to import local_path
from stormdoor.auth.password.login import LoggedIn
from stormdoor.config.appearance import LoginAppearance
from stormdoor.core.account import Account
from stormdoor.core.credential import Place, Source
from stormdoor.core.decision import authentication_age
from stormdoor.core.denial import Denial, Refusal
from stormdoor.core.needs import Needs
from stormdoor.core.origin import SAFE_METHODS
from stormdoor.core.session import Session
from stormdoor.guard.handshake_checks import PAGES
from stormdoor.guard.references import is_reference
from stormdoor.runtime.guard import Guard
from stormdoor.tornado.built_in_route import BuiltInRoute
from stormdoor.tornado.foreign_request import refuse_foreign
from stormdoor.tornado.handshake_parser import HandshakeParser
from stormdoor.tornado.login_pages import LoginPages
from stormdoor.tornado.session_handler import Caller

__all__ = [
    "CHANGED",
    "REF",
    "SESSION_ENDED",
    "SIGNED_IN",
    "LoginRoute",
    "LoginRouteOptions",
    "PageRoute",
]

CHANGED = Refusal(Denial.BAD_CREDENTIAL, "the account changed during the login")
_OFF = Refusal(
    Denial.FORBIDDEN,
    "a login with a password or a passkey; passwords = false below [login] (password_login=False) turns it "
    "off",
)
SIGNED_IN = "signed-in"
"""Argument in the address after a login: the cookie of the login must be there. It proves nothing."""
REF = "ref"
"""Name of the argument of a page's address that has the reference of a refusal."""
SESSION_ENDED = "session-ended"
"""The `error` in the address of the login page, for a browser with the cookie of a session that has ended."""


class LoginRouteOptions(msgspec.Struct, frozen=True):
    """The arguments of `login_routes`."""

    issuer: JwtIssuer | None
    claims: Callable[[Account], Mapping[str, object]] | None
    endpoint: str
    after_login: str
    after_logout: str
    login_page: str
    second_factor_page: str
    prefix: str
    built_in_pages: bool = False
    appearance: LoginAppearance | None = None


class LoginRoute(BuiltInRoute[LoginRouteOptions]):
    """Base of the routes of `login_routes`."""

    begins_login = False
    """True for a step of a login with a password, or with a passkey alone."""

    async def prepare(self) -> None:
        """Refuse, beside what the base class refuses, a login that the operator has turned off."""
        await super().prepare()
        off = self.begins_login and not self.guard.password_login
        if not off or self._finished or self.request.method in SAFE_METHODS:
            return
        if self.from_form:
            self.guard.admission.refused(self.handshake, _OFF)
            self.redirect(self.address(self.route_options.login_page), status=303)
        else:
            self.refuse(_OFF)

    def parser(self) -> HandshakeParser:
        """Return a parser of the session cookie and of the cookie of a pending login."""
        places = [Place(Source.COOKIE, name) for name in (self.cookie_name, self.pending_name)]
        return HandshakeParser(places, self.guard.trusted_proxies)

    @property
    def cookie_name(self) -> str:
        """Return the name of the session cookie."""
        return self.guard.sessions.cookie.name

    @property
    def pending_name(self) -> str:
        """Return the name of the cookie of a pending login."""
        return self.cookie_name + PENDING_SUFFIX

    # -- pages -----------------------------------------------------------------------------------

    @property
    def return_path(self) -> str | None:
        """Return the path of the application that the address of a built-in page asks to return to.

        None for an address of another origin, and for a route of the login itself.
        """
        options = self.route_options
        asked = self.get_query_argument("next", None) if options.built_in_pages else None
        path = local_path(asked, "")
        return None if not path or path.startswith(f"{options.prefix}/") else path

    @property
    def after_login(self) -> str:
        """Return the address for the browser after a login by a form."""
        return self.return_path or self.route_options.after_login

    @property
    def arrival(self) -> str:
        """Return the address for the browser after a login by a form: first, a page that finds its cookie.

        A browser that dropped the cookie would be led back to the login without a word.
        """
        options = self.route_options
        if not options.built_in_pages:
            return self.after_login
        return self.address(f"{options.prefix}/login", signed_in=True)

    def address(
        self,
        page: str,
        error: str | None = None,
        *,
        ref: str | None = None,
        signed_in: bool = False,
    ) -> str:
        """Return the address of a page of the login, which remembers the path to return to.

        Args:
            page: Address of the page.
            error: The public word for the failure of the last attempt.
            ref: The reference of that failure.
            signed_in: Whether the browser must have the cookie of the login there.
        """
        given = {
            "error": error,
            REF: ref,
            SIGNED_IN: "1" if signed_in else None,
            "next": self.return_path,
        }
        query = urlencode({name: said for name, said in given.items() if said is not None})
        return f"{page}?{query}" if query else page

    @property
    def arrives(self) -> bool:
        """Return whether the browser comes from a login of its own, as its address says.

        A link of another site says so in vain, where the browser tells the site of a request.
        """
        if self.get_query_argument(SIGNED_IN, None) is None:
            return False
        return refuse_foreign(self.guard, self.request, self.handshake, links=False) is None

    def lost_cookie(self, name: str) -> bool:
        """Return whether the browser comes from a login without the cookie of it; the log says so then.

        Args:
            name: The name of the cookie.
        """
        if not self.arrives or name in self.handshake.cookies:
            return False
        self.guard.registry.operator_log.lost_cookie(self.handshake, plain=self.plain)
        return True

    # -- a login ---------------------------------------------------------------------------------

    async def prove(self, username: str, password: str) -> LoggedIn | Refusal:
        """Verify a name and a password. A failure is counted for the account, and for the client's address.

        So the limits also hold if one address tries one password with many names.
        """
        checks = self.guard.checks
        outcome = await checks.auth_failures_exceeded(
            self.address_key
        ) or await self.guard.login.attempt(username, password, self.address_key)
        if isinstance(outcome, Refusal) and outcome.denial is Denial.BAD_CREDENTIAL:
            checks.record_auth_failure(self.address_key)
        return outcome

    async def begin_session(
        self,
        account: Account,
        *,
        replacing: str | None = None,
        strength: int = 1,
        authenticated_at: float | None = None,
        proved: VerifiedFactor | None = None,
    ) -> Caller | None:
        """Create a session for the authenticated principal of `account`, and set its cookie.

        Args:
            account: The account, as read when its password was verified.
            replacing: The session cookie of the request.
            strength: Number of factors that it has proved.
            authenticated_at: Unix seconds when it proved all of them; None for now.
            proved: The second factor, or the passkey, of the login.

        Returns:
            The session; None if the account has changed since.
        """
        issued = await self.guard.sessions.create(
            account.id,
            address=self.handshake.address,
            user_agent=self.handshake.user_agent,
            replacing=replacing,
            strength=strength,
            authenticated_at=authenticated_at,
        )
        # INVARIANT: checked again after the session was stored. A new password, a disabled account or the
        # removal of a factor ended all sessions a moment ago, perhaps before this one was stored.
        now = await self.guard.state.accounts.account(account.id)
        gone = proved is not None and not await self.guard.factors.has(proved)
        if gone or now is None or now.disabled or now.password_hash != account.password_hash:
            await self.guard.sessions.end(issued.session.id, reason="the account changed")
            return None
        self.set_session_cookie(issued.secret)
        return Caller(issued.session, now)

    def describe(self, caller: Caller) -> dict[str, object]:
        """Return the description of the caller's session, as the client gets it."""
        return {
            "principal": caller.account.id,
            "roles": sorted(caller.account.roles),
            "expires_at": caller.session.expires_at,
            "idle_seconds": caller.session.idle_seconds,
            "permissions": self.permitted(caller, sorted(_permissions(self.guard))),
        }

    # -- a login that waits ----------------------------------------------------------------------

    @property
    def pending_secret(self) -> str | None:
        """Return the cookie of a pending login; None if there is none, or more than one."""
        values = self.handshake.cookies.get(self.pending_name, ())
        return values[0] if len(values) == 1 else None

    def set_pending_cookie(self, secret: str) -> None:
        """Set the cookie that lets only this client finish the login."""
        seconds = int(self.guard.factors.options.pending_seconds)
        attributes = self.cookie_attributes("Strict")
        self.set_cookie(self.pending_name, secret, max_age=seconds, **attributes)

    def clear_pending_cookie(self) -> None:
        """Delete that cookie."""
        self.clear_cookie(self.pending_name, **self.cookie_attributes("Strict"))

    # -- freshness -------------------------------------------------------------------------------

    async def fresh_caller(self) -> Caller:
        """Return the caller if it has authenticated recently with all its factors (ASVS 7.5.1, 7.5.2).

        Raises:
            Finish: It has not, and the client has got a refusal that names the missing requirements.
        """
        caller = await self.caller()
        methods = await self.guard.factors.methods(caller.account.id)
        needs = self._lacks(caller.session, methods)
        if needs is not None:
            self.step_up(needs, methods, caller.account)
        return caller

    def _lacks(self, session: Session, methods: Sequence[str]) -> Needs | None:
        longest = self.guard.factors.options.fresh_seconds
        age = authentication_age(session.authenticated_at, self.guard.clock.now())
        # Not `>`: an age that is not a number (NaN) is not fresh.
        stale = not age <= longest
        weak = bool(methods) and session.strength < 2
        if not stale and not weak:
            return None
        return Needs(max_age=longest if stale else None, strength=2 if weak else None)

    def step_up(self, needs: Needs, methods: Sequence[str], account: Account) -> NoReturn:
        """Answer that a stronger or fresher authentication is needed, with requirement and methods.

        Raises:
            Finish: Always.
        """
        refusal = Refusal(Denial.STEP_UP, f"needs {needs}", needs=needs)
        refusal = self.guard.admission.refused(self.handshake, refusal, principal=account.id)
        # A user without both logs in again at the provider.
        has_password = self.guard.password_login and account.password_hash is not None
        otherwise = ["password"] if has_password else []
        self.set_status(refusal.answer.status)
        self.answer(
            {
                "error": refusal.answer.error,
                "ref": refusal.ref,
                "needs": needs.on_the_wire(),
                "methods": list(methods) or otherwise,
            }
        )
        raise Finish


class PageRoute(LoginRoute):
    """Base of the routes with a page of their own, served to GET."""

    async def prepare(self) -> None:
        """Count a page for the limit of pages, not for that of login attempts."""
        if self.request.method == "GET":
            self.counts_for = PAGES
        await super().prepare()

    @property
    def pages(self) -> LoginPages:
        """Return the pages in the language of the browser."""
        return self.pages_of(self.route_options.appearance)

    def show(self, page: str) -> None:
        """Finish with a page of the built-in login."""
        self.set_page_headers(self.pages)
        self.finish(page)

    @property
    def asked_error(self) -> str | None:
        """Return the `error` of the address of a page."""
        return self.get_query_argument("error", None)

    @property
    def asked_ref(self) -> str:
        """Return the reference in the address of a page; "" without a valid one."""
        ref = self.get_query_argument(REF, "")
        return ref if is_reference(ref) else ""


def _permissions(guard: Guard) -> set[str]:
    """Return every permission that some role grants by its full name."""
    grants = {grant for one in guard.policies.roles.values() for grant in one.grants}
    grants |= {pattern for policy in guard.policies.policies for pattern in policy.patterns}
    return {grant for grant in grants if not grant.endswith("*")}
