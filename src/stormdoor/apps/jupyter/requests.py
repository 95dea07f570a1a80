"""Check the HTTP requests of a Jupyter server: pages, the REST interface, and the handlers of extensions."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from jupyter_server.auth import User
from tornado.web import HTTPError

from stormdoor.apps.jupyter.kernel_session import own_session
from stormdoor.apps.jupyter.login import JupyterLogin, JupyterRecheck, UserLogin
from stormdoor.apps.jupyter.permissions import is_public, permission_of
from stormdoor.auth.application.authenticator import ApplicationAuthenticator
from stormdoor.auth.authenticator import Rejected
from stormdoor.core.address import rate_key
from stormdoor.core.credential import Source
from stormdoor.core.decision import AccessRequest, Environment
from stormdoor.core.denial import Denial, Refusal
from stormdoor.core.handshake import Handshake
from stormdoor.core.origin import SAFE_METHODS
from stormdoor.core.principal import Authentication
from stormdoor.core.revocation import Target
from stormdoor.errors import StoreUnavailable
from stormdoor.guard.connection import is_proven
from stormdoor.guard.endpoint import Endpoint
from stormdoor.guard.handshake_checks import LOGINS
from stormdoor.runtime.guard import Guard
from stormdoor.tornado.foreign_request import refuse_foreign
from stormdoor.tornado.handshake_parser import HandshakeParser
from stormdoor.tornado.socket.handler import connection_of

__all__ = ["RequestChecks"]

_REQUEST = Endpoint("a request to Jupyter", None)
_ACCEPTED = "_stormdoor_accepted"


@dataclass(frozen=True, slots=True)
class _Accepted:
    """A request with a login, or a key of the guard, that is accepted."""

    handshake: Handshake
    user: Any
    authentication: Authentication
    one_login: bool = False
    """See `UserLogin`."""


class RequestChecks:
    """Takes the place of Jupyter's `get_user`, which each handler of Jupyter asks before anything else.

    The result is Jupyter's user, or None if its login was revoked. A request that the guard refuses ends with
    403 or 503.

    Args:
        guard: The guard.
        authenticator: The authenticator that asks `login`.
        login: Jupyter's login.
        provider: The identity provider.
    """

    def __init__(
        self,
        guard: Guard,
        authenticator: ApplicationAuthenticator,
        login: JupyterLogin,
        provider: Any,
    ) -> None:
        self._guard = guard
        self._authenticator = authenticator
        self._login = login
        self._provider = provider
        self._clear_login_cookie = provider.clear_login_cookie
        self._set_login_cookie = provider.set_login_cookie
        self._parser = HandshakeParser.for_guard(guard)
        self._tasks: set[asyncio.Task[None]] = set()

    # -- in place of methods of the identity provider ------------------------------------------------

    async def get_user(self, handler: Any) -> Any:
        """Return Jupyter's user, or None.

        Raises:
            HTTPError: The guard refuses the request.
        """
        connection = connection_of(handler)
        if connection is not None:
            found = connection.authentication
            own_session(handler, found.principal.id)
            if not isinstance(found.recheck, JupyterRecheck):
                return self._keep_key(handler, found) if is_proven(found.principal) else None
            for name, value in found.recheck.login.carried.items():
                setattr(handler, name, value)
            return found.recheck.login.user
        accepted = getattr(handler, _ACCEPTED, None) or await self._accept(handler)
        if accepted is None:
            return None
        if isinstance(handler, self._provider.logout_handler_class):
            await self._log_out(accepted)
        elif not is_public(handler):
            self.require(handler, permission_of(handler))
        if accepted.authentication.kind != "application":
            return self._keep_key(handler, accepted.authentication)
        return accepted.user

    async def has_login(self, handler: Any, permission: str) -> bool:
        """Return whether the request has a login. Refuse it if the login lacks `permission`.

        Raises:
            HTTPError: The guard refuses the request.
        """
        if await self._accept(handler) is None:
            return False
        self.require(handler, permission)
        return True

    def clear_login_cookie(self, handler: Any) -> None:
        """Delete the cookie as Jupyter does, and end its login, if a handler of an extension logs out."""
        self._end_replaced(handler)
        self._clear_login_cookie(handler)

    def set_login_cookie(self, handler: Any, user: Any) -> None:
        """Set the cookie as Jupyter does. The cookie that it replaces is not accepted any more."""
        self._end_replaced(handler)
        self._set_login_cookie(handler, user)

    # -- permissions ---------------------------------------------------------------------------------

    def permits(self, handler: Any, permission: str) -> bool:
        """Return whether the user of an accepted request may do `permission`."""
        try:
            self.require(handler, permission)
        except HTTPError:
            return False
        return True

    def require(self, handler: Any, permission: str) -> None:
        """Refuse the request without `permission`.

        Raises:
            HTTPError: With 403.
        """
        accepted: _Accepted | None = getattr(handler, _ACCEPTED, None)
        if accepted is None:
            handshake = self._parser.parse(handler.request)
            refusal = Refusal(Denial.NO_CREDENTIAL, "no user of Jupyter")
            raise self._refused(handler, handshake, refusal)
        found, handshake = accepted.authentication, accepted.handshake
        now = self._guard.clock.now()
        environment = Environment.of(
            found, now=now, address=handshake.address, endpoint=handshake.path
        )
        asked = AccessRequest(found.principal, permission, None, environment)
        decision = self._guard.policies.decide(asked, found.scopes)
        if not decision.allowed:
            refusal = Refusal(Denial.FORBIDDEN, decision.reason, policy_ids=decision.policy_ids)
            raise self._refused(handler, handshake, refusal, permission, found.principal.id)

    # -- steps ---------------------------------------------------------------------------------------

    async def _accept(self, handler: Any) -> _Accepted | None:
        """Return the request of `handler` with its login, unless that was revoked.

        Raises:
            HTTPError: The guard refuses the request.
        """
        handshake = self._parser.parse(handler.request)
        self._check_source(handler, handshake)
        await self._limit_guesses(handler, handshake)
        if self._authenticator.is_asked(handshake):
            accepted = await self._accept_login(handler, handshake)
        else:
            accepted = await self._accept_key(handler, handshake)
        setattr(handler, _ACCEPTED, accepted)
        return accepted

    async def _accept_login(self, handler: Any, handshake: Handshake) -> _Accepted | None:
        login = await self._login.read(handler)
        if login is None:
            return None
        authentication = await self._authenticate(handler, handshake, login)
        if authentication is None:
            self._clear_login_cookie(handler)
            return None
        return _Accepted(handshake, login.user, authentication, login.one_login)

    async def _accept_key(self, handler: Any, handshake: Handshake) -> _Accepted:
        """Accept a key or token of the guard, by the rules of a handshake.

        Raises:
            HTTPError: It is refused.
        """
        guard = self._guard
        try:
            await self._until_available()
            key = rate_key(handshake.address, guard.limits.ipv6_prefix)
            found = await guard.admission.authenticate_request(handshake, key)
        except StoreUnavailable as error:
            raise self._unavailable(handler, handshake, error) from error
        if isinstance(found, Refusal):
            raise self._refused(handler, handshake, found)
        refusal = guard.admission.ended(found)
        if refusal is not None:
            raise self._refused(handler, handshake, refusal, principal=found.principal.id)
        return _Accepted(handshake, User(found.principal.id), found)

    def _check_source(self, handler: Any, handshake: Handshake) -> None:
        """Refuse another Host, plaintext from elsewhere, and requests by a page of another origin."""
        guard = self._guard
        attempt = guard.admission.begin(handshake, _REQUEST)
        checks = guard.checks
        refusal = checks.check_shape(attempt) or checks.check_host(attempt)
        refusal = refusal or checks.check_transport(attempt)
        if refusal is None:
            # Jupyter's logout is a GET.
            links = not isinstance(handler, self._provider.logout_handler_class)
            refusal = refuse_foreign(guard, handler.request, handshake, links=links)
        if refusal is not None:
            raise self._refused(handler, handshake, refusal)

    async def _limit_guesses(self, handler: Any, handshake: Handshake) -> None:
        """Charge a login form for its address: Jupyter lets each client guess its password without a limit.

        Raises:
            HTTPError: There were too many.
        """
        form = isinstance(handler, self._provider.login_handler_class)
        if not form or handler.request.method in SAFE_METHODS:
            return
        key = rate_key(handshake.address, self._guard.limits.ipv6_prefix)
        attempt = self._guard.admission.begin(handshake, _REQUEST, key, LOGINS)
        exceeded = self._guard.checks.check_rate(attempt)
        refusal = None if exceeded is None else await exceeded
        if refusal is not None:
            raise self._refused(handler, handshake, refusal)

    async def _authenticate(
        self, handler: Any, handshake: Handshake, login: UserLogin
    ) -> Authentication | None:
        """Return the authentication of a login that was not revoked, or None."""
        guard = self._guard
        try:
            await self._until_available()
            found = await self._login.accept(login, None, state=guard.state, now=guard.clock.now())
        except StoreUnavailable as error:
            raise self._unavailable(handler, handshake, error) from error
        if isinstance(found, Rejected):
            refusal = Refusal(found.denial, found.detail)
        elif guard.revocations.ends(found):
            refusal = Refusal(Denial.REVOKED, "the login was revoked")
        else:
            return found
        guard.admission.refused(handshake, refusal, principal=login.principal_id)
        return None

    def _keep_key(self, handler: Any, found: Authentication) -> User:
        """Return the user for a principal of the guard, and remove its key from the request.

        jupyter-server-proxy would pass the key on to another program. No browser attaches a key by itself. So
        Jupyter treats the request like one with its own token: it asks for no XSRF cookie.
        """
        handler._token_authenticated = True  # noqa: SLF001 - as Jupyter does
        headers, places = handler.request.headers, self._guard.credentials.places
        for name in ("authorization", *(one.name for one in places if one.source is Source.HEADER)):
            if name in headers:
                headers[name] = ""  # as in `HandshakeParser`
                del headers[name]
        return User(found.principal.id)

    async def _until_available(self) -> None:
        """Raise `StoreUnavailable` unless the guard runs, with a valid lease."""
        guard = self._guard
        if not await guard.ready():
            raise StoreUnavailable("the guard cannot start; see the log")
        unavailable = await guard.checks.until_available(guard.lease)
        if unavailable is not None:
            raise StoreUnavailable(unavailable.detail)

    def _unavailable(self, handler: Any, handshake: Handshake, error: Exception) -> HTTPError:
        refusal = Refusal(Denial.UNAVAILABLE, str(error), retry_after=5)
        return self._refused(handler, handshake, refusal)

    async def _log_out(self, accepted: _Accepted) -> None:
        """End the login of the request, with its sockets, before Jupyter deletes the cookie.

        INVARIANT: the revocation takes effect in this process before the answer. If the store does not
        answer, it is stored later.
        """
        found = accepted.authentication
        of_server = found.token_hash is not None and found.credential_id == found.token_hash
        if found.kind != "application" or (of_server and not self._hub):
            return  # neither a key nor the token of the server is the login of one browser
        try:
            await self._end(found, one_login=accepted.one_login)
        except StoreUnavailable as error:
            refusal = Refusal(Denial.UNAVAILABLE, f"a logout: {error}", retry_after=5)
            self._guard.admission.refused(accepted.handshake, refusal, principal=found.principal.id)

    @property
    def _hub(self) -> bool:
        return hasattr(self._provider, "hub_auth")

    async def _end(self, found: Authentication, *, one_login: bool) -> None:
        admin, actor = self._guard.admin, found.principal.id
        await admin.revoke(Target.CREDENTIAL, found.credential_id, actor=actor, reason="logout")
        if one_login:
            # Other cookies of the same login, such as one from before the user changed the displayed name.
            await admin.revoke(Target.PRINCIPAL, found.principal.id, actor=actor, reason="logout")

    def _end_replaced(self, handler: Any) -> None:
        """Revoke the cookie with which this request was accepted: it gets another one, or none."""
        accepted: _Accepted | None = getattr(handler, _ACCEPTED, None)
        if accepted is None:
            return
        found = accepted.authentication
        if not found.ambient or found.token_hash is not None:
            return
        handler_done = getattr(handler, "_stormdoor_ended", False)
        if handler_done:
            return
        handler._stormdoor_ended = True  # noqa: SLF001 - an attribute of ours
        self._start(self._end(found, one_login=False))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _refused(
        self,
        handler: Any,
        handshake: Handshake,
        refusal: Refusal,
        permission: str = "",
        principal: str = "",
    ) -> HTTPError:
        """Record a refusal, and return the answer."""
        refusal = self._guard.admission.refused(
            handshake, refusal, permission=permission, principal=principal
        )
        # Jupyter's page of an error asks for the user again.
        handler.current_user = handler._jupyter_current_user = None  # noqa: SLF001 - as Jupyter does
        return HTTPError(refusal.answer.status, refusal.text)
