"""Check the HTTP requests of a Jupyter server: pages, the REST interface, and the handlers of extensions."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from tornado.web import HTTPError

from stormdoor.apps.jupyter.login import JupyterLogin, JupyterRecheck, UserLogin
from stormdoor.apps.jupyter.permissions import is_public, permission_of
from stormdoor.auth.authenticator import Rejected
from stormdoor.core.decision import AccessRequest, Environment
from stormdoor.core.denial import Denial, Refusal
from stormdoor.core.handshake import Handshake
from stormdoor.core.principal import Authentication
from stormdoor.core.revocation import Target
from stormdoor.errors import StoreUnavailable
from stormdoor.guard.endpoint import Endpoint
from stormdoor.runtime.guard import Guard
from stormdoor.tornado.handshake_parser import HandshakeParser
from stormdoor.tornado.outbound_mixin import connection_of

__all__ = ["RequestChecks"]

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_REQUEST = Endpoint("a request to Jupyter", None)
_FOUND = "_stormdoor_authentication"


class RequestChecks:
    """Takes the place of Jupyter's `get_user`, which each handler of Jupyter asks before anything else.

    The result is Jupyter's user, or None if its login was revoked. A request that the guard refuses ends with
    403 or 503.

    Args:
        guard: The guard.
        login: Jupyter's login.
        provider: The identity provider.
    """

    def __init__(self, guard: Guard, login: JupyterLogin, provider: Any) -> None:
        self._guard = guard
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
            recheck = connection.authentication.recheck
            if not isinstance(recheck, JupyterRecheck):
                return None
            for name, value in recheck.login.carried.items():
                setattr(handler, name, value)
            return recheck.login.user
        handshake = self._parser.parse(handler.request)
        login = await self.find_user(handler, handshake)
        if login is None:
            return None
        if isinstance(handler, self._provider.logout_handler_class):
            await self._log_out(handler, handshake, getattr(handler, _FOUND), login)
        elif not is_public(handler):
            self.require(handler, permission_of(handler), handshake)
        return login.user

    async def find_user(self, handler: Any, handshake: Handshake | None = None) -> UserLogin | None:
        """Return the login in the request of `handler`, unless it was revoked.

        Raises:
            HTTPError: The guard refuses the request.
        """
        handshake = handshake or self._parser.parse(handler.request)
        self._check_source(handler, handshake)
        login = await self._login.read(handler)
        if login is None:
            return None
        authentication = await self._accepted(handler, handshake, login)
        if authentication is None:
            self._clear_login_cookie(handler)
            return None
        setattr(handler, _FOUND, authentication)
        return login

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

    def require(self, handler: Any, permission: str, handshake: Handshake | None = None) -> None:
        """Refuse the request without `permission`.

        Raises:
            HTTPError: With 403.
        """
        found: Authentication | None = getattr(handler, _FOUND, None)
        handshake = handshake or self._parser.parse(handler.request)
        if found is None:
            self._refuse(handler, handshake, Refusal(Denial.NO_CREDENTIAL, "no user of Jupyter"))
            return
        now = self._guard.clock.now()
        environment = Environment.of(
            found, now=now, address=handshake.address, endpoint=handshake.path
        )
        asked = AccessRequest(found.principal, permission, None, environment)
        decision = self._guard.policies.decide(asked)
        if not decision.allowed:
            refusal = Refusal(Denial.FORBIDDEN, decision.reason, policy_ids=decision.policy_ids)
            self._refuse(handler, handshake, refusal, permission, found.principal.id)

    # -- steps ---------------------------------------------------------------------------------------

    def _check_source(self, handler: Any, handshake: Handshake) -> None:
        """Refuse another Host, plaintext from elsewhere, and changes by a page of another origin."""
        guard = self._guard
        attempt = guard.admission.begin(handshake, _REQUEST)
        checks = guard.checks
        refusal = checks.check_shape(attempt) or checks.check_host(attempt)
        refusal = refusal or checks.check_transport(attempt)
        if refusal is None and self._is_foreign(handler, handshake):
            refusal = Refusal(Denial.ORIGIN, "a page of another origin sent it")
        if refusal is not None:
            self._refuse(handler, handshake, refusal)

    def _is_foreign(self, handler: Any, handshake: Handshake) -> bool:
        changes = handshake.method not in _SAFE
        if isinstance(handler, self._provider.logout_handler_class):
            return handshake.fetch_site == "cross-site"
        if not changes:
            return False
        if handshake.origin is not None:
            return not self._guard.handshake_policy.origins.allows(handshake.origin)
        return handshake.fetch_site not in (None, "same-origin")

    async def _accepted(
        self, handler: Any, handshake: Handshake, login: UserLogin
    ) -> Authentication | None:
        """Return the authentication of a login that was not revoked, or None."""
        guard = self._guard
        try:
            if not await guard.ready():
                raise StoreUnavailable("the guard cannot start; see the log")
            unavailable = guard.checks.unavailable(guard.lease)
            if unavailable is not None:
                raise StoreUnavailable(unavailable.detail)
            found = await self._login.accept(login, None, state=guard.state, now=guard.clock.now())
        except StoreUnavailable as error:
            self._refuse(handler, handshake, Refusal(Denial.UNAVAILABLE, str(error), retry_after=5))
            return None
        refusal = None
        if isinstance(found, Rejected):
            refusal = Refusal(found.denial, found.detail)
        elif guard.revocations.ends(found):
            refusal = Refusal(Denial.REVOKED, "the login was revoked")
        if refusal is None and isinstance(found, Authentication):
            return found
        guard.admission.refused(
            handshake, refusal or Refusal(Denial.INTERNAL), principal=login.principal_id
        )
        return None

    async def _log_out(
        self, handler: Any, handshake: Handshake, found: Authentication, login: UserLogin
    ) -> None:
        """End the login of the request, with its sockets, before Jupyter deletes the cookie.

        INVARIANT: the revocation takes effect in this process before the answer. If the store does not
        answer, it is stored later.
        """
        if (
            found.token_hash is not None
            and found.credential_id == found.token_hash
            and not self._hub
        ):
            return  # the token of the server is not the login of one browser
        try:
            await self._end(found, one_login=login.one_login)
        except StoreUnavailable as error:
            refusal = Refusal(Denial.UNAVAILABLE, f"a logout: {error}", retry_after=5)
            self._guard.admission.refused(handshake, refusal, principal=found.principal.id)

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
        found: Authentication | None = getattr(handler, _FOUND, None)
        if found is None or not found.ambient or found.token_hash is not None:
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

    def _refuse(
        self,
        handler: Any,
        handshake: Handshake,
        refusal: Refusal,
        permission: str = "",
        principal: str = "",
    ) -> None:
        self._guard.admission.refused(
            handshake, refusal, permission=permission, principal=principal
        )
        # Jupyter's page of an error asks for the user again.
        handler.current_user = handler._jupyter_current_user = None  # noqa: SLF001 - as Jupyter does
        raise HTTPError(refusal.answer.status, refusal.answer.text)
