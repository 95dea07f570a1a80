"""Guard the HTTP handlers of an application that carry no conversation of a socket: its pages and its API."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar
from urllib.parse import quote, urlencode

from tornado import gen
from tornado.httputil import HTTPServerRequest
from tornado.web import RequestHandler

from stormdoor.auth.oidc.return_to import local_path
from stormdoor.core.address import rate_key
from stormdoor.core.decision import AccessRequest, Environment
from stormdoor.core.denial import Denial, Refusal
from stormdoor.core.handshake import Handshake
from stormdoor.core.principal import Authentication, Principal
from stormdoor.errors import StoreUnavailable
from stormdoor.guard.endpoint import Endpoint, Public
from stormdoor.guard.handshake_checks import FOREIGN, PAGES
from stormdoor.guard.tracing import NoteAllowed
from stormdoor.runtime.guard import Guard
from stormdoor.tornado.answer_check import end_with
from stormdoor.tornado.answers import finish_forbidden, finish_refusal, finish_refused
from stormdoor.tornado.client_left import end_with_client
from stormdoor.tornado.declarations import Declared
from stormdoor.tornado.foreign_request import refuse_foreign
from stormdoor.tornado.handshake_parser import HandshakeParser
from stormdoor.tornado.interception import upgrades
from stormdoor.tornado.login_route import REF, SESSION_ENDED
from stormdoor.tornado.page_rules import PageRules

__all__ = [
    "DecidesBeforeExecute",
    "GuardedPage",
    "login_address",
    "principal_of",
]

_PAGE = Endpoint("an HTTP page", None)
_IN_TARGETS = "-._~!$&'()*+,;=:@%/?"
_LOGS_IN = frozenset({Denial.NO_CREDENTIAL, Denial.BAD_CREDENTIAL, Denial.EXPIRED, Denial.REVOKED})


def login_address(login: str, request: HTTPServerRequest, *, error: str = "", ref: str = "") -> str:
    """Return the address of the login page, which leads back to the page of a request.

    Args:
        login: The address without a query.
        request: The request of a browser.
        error: The public word for the reason.
        ref: The reference of the refusal.
    """
    # Browsers leave some characters of a query as they are, such as brackets.
    target = local_path(quote(request.uri or "", safe=_IN_TARGETS), "")
    query = {name: said for name, said in (("next", target), ("error", error), (REF, ref)) if said}
    return f"{login}?{urlencode(query, quote_via=quote, safe='')}" if query else login


def principal_of(handler: RequestHandler) -> Principal | None:
    """Return the principal of a request for a guarded page; None if the page is public, or not guarded."""
    login = getattr(handler, "_door_login", None)
    return login.principal if isinstance(login, Authentication) else None


def _from_browser(handshake: Handshake) -> bool:
    """Return whether a request looks like one of a browser. All browsers call themselves Mozilla."""
    return handshake.fetch_mode is not None or handshake.user_agent.startswith("Mozilla/")


class GuardedPage(RequestHandler):
    """Decides about each request of a page before its handler sees it.

    Its names begin with `_door_`, so that they cannot collide with those of the handler behind it.
    """

    _door_guard: ClassVar[Guard]
    _door_parser: ClassVar[HandshakeParser]
    _door_rules: ClassVar[PageRules]
    _door_handler: ClassVar[type[RequestHandler]]
    _door_otherwise: ClassVar[Declared | None]
    """The permission, if the rules declare none."""

    _door_allowed = False
    """Whether the decision was made before `prepare`, and allows the request."""
    _door_refused = False
    _door_login: Authentication | None = None
    """The login that was permitted; None for a public page."""
    _door_asking: Authentication | None = None
    """The login that was not permitted."""
    _door_note_allowed: NoteAllowed | None = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Skip the hook of the application: the class that `protect` makes is not one of its classes."""

    async def prepare(self) -> None:
        """Decide about the request, and only then let the handler process it."""
        if not (self._door_allowed or await self._door_allows()):
            return
        prepared = super().prepare()
        if prepared is not None:
            await prepared

    async def _door_allows(self) -> bool:
        """Return whether the request is public or allowed; else it has been answered."""
        method = self.request.method or ""
        declared = self._door_rules.of(
            self._door_handler, method, self.request.path, self._door_otherwise
        )
        if not isinstance(declared, Public):
            if not await self._door_admits(declared):
                return False
            # No browser may show it after the logout. The handler can replace this header.
            page = self._door_is_page(self.request.headers.get("Sec-Fetch-Mode"))
            self.set_header("Cache-Control", "no-store" if page else "private")
        return True

    async def _door_admits(self, declared: str | None) -> bool:
        """Return whether the request is allowed; else it has been answered."""
        handshake = self._door_parser.parse(self.request)
        try:
            outcome = await self._door_decide(handshake, declared)
        except StoreUnavailable as error:
            outcome = Refusal(Denial.UNAVAILABLE, str(error), retry_after=5)
        if outcome is not None:
            self._door_refuse(handshake, declared, outcome)
        return outcome is None

    async def _door_decide(self, handshake: Handshake, permission: str | None) -> Refusal | None:
        guard, checks = self._door_guard, self._door_guard.checks
        if not (guard.running or await guard.ready()):
            return Refusal(Denial.UNAVAILABLE, "the store does not answer", retry_after=5)
        key = rate_key(handshake.address, guard.limits.ipv6_prefix)
        foreign = refuse_foreign(guard, self.request, handshake)
        attempt = guard.admission.begin(
            handshake,
            _PAGE,
            key,
            PAGES if foreign is None else FOREIGN,
            partial(end_with_client, self),
        )
        for check in (
            checks.check_closing,
            checks.check_shape,
            checks.check_host,
            checks.check_transport,
            checks.check_availability,
        ):
            if (refusal := check(attempt)) is not None:
                return refusal
        if permission is None:
            line = (
                'below [protect.pages] of --config: "/.*" = "app:use"'
                if guard.under_run
                else 'protect(..., pages={"/.*": "app:use"})'
            )
            detail = f"no permission for {self.request.method} {self.request.path}; write {line}"
            refusal = Refusal(Denial.UNDECLARED, detail)
        else:
            refusal = (
                foreign
                or await checks.wait_as_page(attempt)
                or await self._door_authorise(handshake, key, permission)
            )
        # Only a refused request counts: a page of a logged-in user loads hundreds of files.
        if refusal is None:
            return None
        exceeded = checks.check_rate(attempt)
        return (exceeded and await exceeded) or refusal

    async def _door_authorise(
        self, handshake: Handshake, key: str, permission: str
    ) -> Refusal | None:
        guard = self._door_guard
        if handshake.origin is None:
            # A navigation has none. Requests of other sites have been refused.
            handshake = replace(handshake, origin=f"{handshake.scheme}://{handshake.host}")
        found = await guard.admission.authenticate_request(handshake, key)
        if isinstance(found, Refusal):
            return found
        ended = guard.admission.ended(found)
        if ended is not None:
            return ended
        environment = Environment.of(
            found, now=guard.clock.now(), address=handshake.address, endpoint=handshake.path
        )
        asked = AccessRequest(found.principal, permission, None, environment)
        decision = guard.policies.decide(asked, found.scopes)
        if decision.allowed:
            self._door_login = found
            end_with(
                self.request.connection,
                partial(guard.admission.ended, found),
                partial(guard.waits.before_output, guard.lease),
            )
            guard.statistics.pages += 1
            if self._door_note_allowed is not None:
                self._door_note_allowed(found.kind, permission, decision.policy_ids)
            return None
        self._door_asking = found
        why = decision.reason
        detail = why if permission in why else f"{permission}: {why}"
        return Refusal(Denial.FORBIDDEN, detail, policy_ids=decision.policy_ids)

    def flush(self, include_footers: bool = False) -> asyncio.Future[None]:  # noqa: FBT001, FBT002 - as Tornado's
        """Send the written output; the answer of a login is not for the caches of other clients."""
        if self._door_login is not None and not self._headers_written:
            self._door_forbid_shared_caches()
        return super().flush(include_footers)

    def _door_forbid_shared_caches(self) -> None:
        """Let no cache in front of the server keep the answer: it would serve clients without a login.

        Tornado's `StaticFileHandler` lets every cache keep a file for ten years, for each address with `?v=`.
        """
        given = [one.strip() for one in self._headers.get("Cache-Control", "").split(",")]
        names = {one.lower() for one in given}
        if names.isdisjoint({"private", "no-store"}):
            kept = [one for one in given if one and one.lower() != "public"]
            self.set_header("Cache-Control", ", ".join(["private", *kept]))

    def _door_refuse(self, handshake: Handshake, permission: str | None, refusal: Refusal) -> None:
        """Redirect a browser to the login; answer all others with a status and a generic line.

        A browser that has logged in already gets a page: the login would send it back.
        """
        self._door_refused = True
        asking = self._door_asking
        refusal = self._door_guard.admission.refused(
            handshake,
            refusal,
            permission=permission or "",
            kind=asking.kind if asking else "",
            principal=asking.principal.id if asking else "",
        )
        program = not (_from_browser(handshake) or upgrades(self.request))
        if permission and program and refusal.denial in _LOGS_IN:
            self._door_rules.tell_of_program(
                self._door_guard, self._door_handler, handshake, permission
            )
        login = self._door_rules.login
        page = self._door_is_page(handshake.fetch_mode)
        if page and asking is not None and refusal.denial is Denial.FORBIDDEN:
            again = login and login_address(login, self.request, error="forbidden")
            appearance = self._door_rules.appearance or self._door_guard.appearance
            finish_forbidden(self, asking.principal.id, again, appearance, refusal.ref)
        elif page and login is not None and refusal.denial in _LOGS_IN:
            self.clear()
            self.set_status(303)
            told = {}  # a first visit is no failure: its address stays short
            if refusal.denial is not Denial.NO_CREDENTIAL:
                told = {"error": SESSION_ENDED, "ref": refusal.ref}
            self.set_header("Location", login_address(login, self.request, **told))
            self.set_header("Cache-Control", "no-store")
            finish_refused(self)
        else:
            finish_refusal(self, refusal)

    def _door_is_page(self, fetch_mode: str | None) -> bool:
        """Return whether a browser shows the answer as a page."""
        if self.request.method != "GET":
            return False
        if fetch_mode is not None:
            return fetch_mode == "navigate"
        return "text/html" in self.request.headers.get("Accept", "")

    def on_finish(self) -> None:
        """Skip the handler's own `on_finish` for a refused request: its `prepare` has not run."""
        if not self._door_refused:
            super().on_finish()


class DecidesBeforeExecute(GuardedPage):
    """Decides before an `_execute` of the handler's own, which need not call `prepare`."""

    async def _execute(self, transforms: Any, *args: Any, **kwargs: Any) -> None:
        """Decide about the request, and only then let the handler process it."""
        self._transforms = transforms
        try:
            self._door_allowed = await self._door_allows()
        except Exception as error:  # noqa: BLE001 - answered as Tornado does
            self._handle_request_exception(error)
        if self._door_allowed:
            executed: Any = super()._execute(transforms, *args, **kwargs)
            if executed is not None:
                await gen.convert_yielded(executed)
            return
        before_body: Any = self._prepared_future
        if before_body is not None:
            before_body.set_result(None)
