"""Base class of HTTP handlers that read the login session of their client and refuse forged requests."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any, NoReturn, TypeVar

import msgspec
from tornado.http1connection import HTTP1Connection
from tornado.httputil import HTTPServerRequest
from tornado.web import Finish, HTTPError, RequestHandler

from stormdoor.core.account import Account
from stormdoor.core.address import rate_key
from stormdoor.core.credential import Place, Source
from stormdoor.core.decision import AccessRequest, Environment, authentication_age
from stormdoor.core.denial import Denial, Refusal
from stormdoor.core.handshake import Handshake
from stormdoor.core.origin import SAFE_METHODS
from stormdoor.core.session import Session
from stormdoor.errors import StoreUnavailable
from stormdoor.guard.handshake_checks import CALLBACKS, FOREIGN, PAGES
from stormdoor.runtime.guard import Guard
from stormdoor.tornado.client_left import end_with_client
from stormdoor.tornado.foreign_request import refuse_foreign
from stormdoor.tornado.handshake_parser import HandshakeParser

__all__ = [
    "Caller",
    "SessionHandler",
    "account_of",
    "limit_body",
    "session_parser",
    "session_secret",
]

_Body = TypeVar("_Body", bound=msgspec.Struct)
_T = TypeVar("_T")

_MAX_BODY = 16 * 1024
_MAX_READ = 64 * 1024
"""Largest body, in bytes, that is read. A body between `_MAX_BODY` and this size gets 413."""


def limit_body(request: HTTPServerRequest, seconds: float) -> None:
    """Limit the body of a request to a route of stormdoor, before it is read.

    Args:
        request: The request, with complete headers.
        seconds: The time in which the whole body must arrive.
    """
    connection = request.connection
    if isinstance(connection, HTTP1Connection):
        connection.set_max_body_size(_MAX_READ)
        connection.set_body_timeout(seconds)


class Caller(msgspec.Struct, frozen=True):
    """An active session and its account."""

    session: Session
    account: Account


async def account_of(
    guard: Guard, request: HTTPServerRequest, permission: str | None = None
) -> Account | None:
    """Return the account of the session cookie in a plain HTTP request.

    For pages and identity providers of an application that cannot inherit from `SessionHandler`. It reads the
    cookie as the guard does: Tornado's `get_cookie` also accepts names that a page on another port can plant.
    It compares no Origin: requests that change something keep the application's own protection (CSRF).

    Args:
        guard: The guard; it is started if it has not been.
        request: The request.
        permission: Permission that the account needs, beside an active session.

    Returns:
        None without exactly one cookie of an active session, or without the permission.

    Raises:
        StoreUnavailable: The store does not answer.
    """
    if not await guard.ready():
        raise StoreUnavailable("the guard cannot start; see the log")
    handshake = session_parser(guard).parse(request)
    secret = session_secret(guard, handshake)
    found = None if secret is None else await guard.sessions.find(secret)
    if found is None:
        return None
    caller = Caller(*found)
    if permission is not None:
        asked = _request(guard, caller, permission, handshake)
        if not guard.policies.decide(asked).allowed:
            return None
    return caller.account


def session_parser(guard: Guard) -> HandshakeParser:
    """Return a parser that reads no credential except the session cookie."""
    places = [Place(Source.COOKIE, guard.sessions.cookie.name)]
    return HandshakeParser(places, guard.trusted_proxies)


def session_secret(guard: Guard, handshake: Handshake) -> str | None:
    """Return the received session cookie; None if there is none, or more than one."""
    values = handshake.cookies.get(guard.sessions.cookie.name, ())
    return values[0] if len(values) == 1 else None


def _request(guard: Guard, caller: Caller, permission: str, handshake: Handshake) -> AccessRequest:
    now = guard.clock.now()
    environment = Environment(
        now=now,
        address=handshake.address,
        endpoint=handshake.path,
        kind="session",
        authentication_age=authentication_age(caller.session.authenticated_at, now),
        strength=caller.session.strength,
        acr=caller.session.acr,
    )
    return AccessRequest(caller.account.principal, permission, None, environment)


class SessionHandler(RequestHandler):
    """Base class of HTTP handlers that know the login session. Pass `{"guard": guard}` in the route.

    `prepare` refuses requests that the guard would refuse as handshakes (plaintext, foreign Host, floods),
    and every changing request from a page outside the guard's list of origins (CSRF). `caller()` returns
    the client's session.
    """

    guard: Guard
    handshake: Handshake
    address_key: str
    counts_for: str = PAGES
    """The limit that requests count for. Requests of pages of other sites count for `FOREIGN` instead,
    except `CALLBACKS`, which are always cross-site."""
    ends = False
    """True if requests only end rights, as a logout does. They are accepted while the store is down."""

    def initialize(self, guard: Guard) -> None:
        """Called by Tornado with the arguments of the route."""
        self.guard = guard

    def check_xsrf_cookie(self) -> None:
        """Not needed: `prepare` compares the Origin, which no page can forge."""

    async def prepare(self) -> None:
        """Refuse requests that must not reach the handler."""
        guard = self.guard
        self.handshake = self.parser().parse(self.request)
        self.address_key = rate_key(self.handshake.address, guard.limits.ipv6_prefix)
        self.set_header("Cache-Control", "no-store")
        if not await guard.ready():
            self.refuse(Refusal(Denial.UNAVAILABLE, "the store does not answer", retry_after=5))
            return
        foreign = refuse_foreign(guard, self.request, self.handshake, links=False)
        own = foreign is None or self.counts_for == CALLBACKS
        limit = self.counts_for if own else FOREIGN
        refusal = await guard.admission.check_request(
            self.handshake,
            self.address_key,
            limit,
            ends=self.ends,
            on_wait=partial(end_with_client, self),
        )
        if refusal is None and self.request.method not in SAFE_METHODS:
            refusal = foreign
        if refusal is None and len(self.request.body) > _MAX_BODY:
            refusal = Refusal(Denial.MESSAGE_TOO_LARGE, f"a body of {len(self.request.body)} bytes")
        if refusal is not None:
            self.refuse(refusal)

    def parser(self) -> HandshakeParser:
        """Return a parser that reads no credential except the session cookie."""
        return session_parser(self.guard)

    def refuse(self, refusal: Refusal, *, principal: str = "", claimed: str = "") -> None:
        """Answer with the public part of `refusal`; the trail gets its detail.

        Args:
            refusal: The denial and its detail.
            principal: The principal that has proved its identity, if one has.
            claimed: The principal that the client names without a proof.
        """
        refusal = self.guard.admission.refused(
            self.handshake, refusal, principal=principal, claimed=claimed
        )
        answer = refusal.answer
        self.set_status(answer.status)
        if refusal.retry_after is not None:
            self.set_header("Retry-After", str(refusal.retry_after))
        for name, value in refusal.headers:
            self.set_header(name, value)
        self.answer({"error": answer.error, "ref": refusal.ref})

    def stop(self, refusal: Refusal, *, principal: str = "", claimed: str = "") -> NoReturn:
        """Answer as `refuse`, and end the request: nothing after this call runs.

        Raises:
            Finish: Always.
        """
        self.refuse(refusal, principal=principal, claimed=claimed)
        raise Finish

    def send_error(self, status_code: int = 500, **kwargs: Any) -> None:
        """Called by Tornado after an exception: a store that is down is 503, without further details."""
        error = kwargs.get("exc_info", (None, None))[1]
        if self._headers_written:
            super().send_error(status_code, **kwargs)
        elif isinstance(error, StoreUnavailable):
            self.clear()
            self.refuse(Refusal(Denial.UNAVAILABLE, str(error), retry_after=5))
        else:
            self.clear()
            self.set_status(status_code)
            self.answer({"error": "invalid" if status_code < 500 else "unavailable"})

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        """A store that is down is logged once, by `refuse`, without a traceback."""
        if not isinstance(value, StoreUnavailable):
            super().log_exception(typ, value, tb)

    def answer(self, body: object) -> None:
        """Finish with `body` as JSON."""
        self.set_header("Content-Type", "application/json; charset=utf-8")
        self.finish(msgspec.json.encode(body))

    def answer_or_go(self, body: object, location: str, *, status: int = 200) -> None:
        """Answer a program with JSON, and a form of a page with a redirection."""
        if self.from_form:
            self.redirect(location, status=303)
        else:
            self.set_status(status)
            self.answer(body) if body is not None else self.finish()

    @property
    def from_form(self) -> bool:
        """Return whether an HTML form sent this."""
        kind = self.request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        return kind in ("application/x-www-form-urlencoded", "multipart/form-data")

    def read_body(self, kind: type[_Body]) -> _Body:
        """Return the JSON body or form as `kind`.

        Raises:
            Finish: It is malformed, and the client has got a 400.
        """
        try:
            if self.from_form:
                fields = {
                    name: self.get_body_argument(name) for name in self.request.body_arguments
                }
                return msgspec.convert(fields, kind)
            return msgspec.json.decode(self.request.body or b"{}", type=kind)
        except (msgspec.DecodeError, UnicodeError, RecursionError, HTTPError) as error:
            # Not the text of the error: a JSON body that is declared as a form is one field, and its name
            # contains the password, and the message contains that name.
            what = type(error).__name__
            self.stop(Refusal(Denial.INVALID_MESSAGE, f"the body has not its form ({what})"))

    @property
    def cookie_secret(self) -> str | None:
        """Return the received session cookie; None if there is none, or more than one."""
        return session_secret(self.guard, self.handshake)

    def set_session_cookie(self, secret: str) -> None:
        """Set the session cookie."""
        cookie = self.guard.sessions.cookie
        self.set_cookie(cookie.name, secret, **self.cookie_attributes(cookie.samesite))

    def clear_session_cookie(self) -> None:
        """Delete the session cookie."""
        cookie = self.guard.sessions.cookie
        self.clear_cookie(cookie.name, **self.cookie_attributes(cookie.samesite))

    def cookie_attributes(self, samesite: str) -> dict[str, Any]:
        """Return the attributes of a cookie of the guard; deletion needs the same as creation."""
        cookie = self.guard.sessions.cookie
        return {
            "path": cookie.path,
            "secure": cookie.secure,
            "httponly": cookie.httponly,
            "samesite": samesite,
        }

    async def log_out(self) -> Session | None:
        """End the session of the cookie, with its sockets, and delete the cookie.

        Returns:
            The session, if there was one.

        Raises:
            Finish: The store does not answer, and the client has got that answer. The sockets of this process
                are closed, and the session is removed when the store answers again.
        """
        secret = self.cookie_secret
        self.clear_session_cookie()
        try:
            return None if secret is None else await self.guard.admin.log_out(secret)
        except StoreUnavailable as error:
            refusal = Refusal(Denial.UNAVAILABLE, f"a logout: {error}", retry_after=5)
            refusal = self.guard.admission.refused(self.handshake, refusal)
            self.set_status(refusal.answer.status)
            self.set_header("Retry-After", "5")
            self.answer(
                {
                    "error": refusal.answer.error,
                    "ref": refusal.ref,
                    "detail": "The connections of the session are closed. The session itself could not be "
                    "removed yet; it will be, when the store answers again.",
                }
            )
            raise Finish from None

    async def everywhere(self, change: Callable[[], Awaitable[_T]]) -> _T:
        """Make a change of `guard.admin`; for `?wait=cluster`, wait until every live node has applied it.

        Raises:
            Finish: `wait` is something else than "log" and "cluster", and the client has got a 400.
            StoreUnavailable: As `Administration.on_every_node`.
        """
        wait = self.get_query_arguments("wait") or ["log"]
        if wait not in (["log"], ["cluster"]):
            self.stop(Refusal(Denial.INVALID_MESSAGE, "wait is neither log nor cluster"))
        if wait == ["log"]:
            return await change()
        return (await self.guard.admin.on_every_node(change))[0]

    async def caller(self, permission: str | None = None) -> Caller:
        """Return the client's session.

        Args:
            permission: The required permission, if any.

        Raises:
            Finish: There is no session, or it lacks the permission, and the client has got that answer.
        """
        found = await self.find_caller()
        if found is None:
            self.stop(Refusal(Denial.NO_CREDENTIAL, "no living session"))
        if permission is not None:
            decision = self.guard.policies.decide(self._request(found, permission))
            if not decision.allowed:
                refusal = Refusal(Denial.FORBIDDEN, decision.reason, policy_ids=decision.policy_ids)
                self.stop(refusal, principal=found.account.id)
        return found

    def _request(self, caller: Caller, permission: str) -> AccessRequest:
        return _request(self.guard, caller, permission, self.handshake)

    def permitted(self, caller: Caller, permissions: Iterable[str]) -> list[str]:
        """Return the members of `permissions` that the caller has now."""
        decide = self.guard.policies.decide
        return [one for one in permissions if decide(self._request(caller, one)).allowed]

    async def find_caller(self) -> Caller | None:
        """Return the client's session, or None.

        Raises:
            StoreUnavailable: The store does not answer.
        """
        secret = self.cookie_secret
        found = None if secret is None else await self.guard.sessions.find(secret)
        return None if found is None else Caller(*found)
