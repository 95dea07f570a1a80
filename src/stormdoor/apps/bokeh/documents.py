"""Bind the documents of a Bokeh server to logins: a token or session id of another login opens none."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from hashlib import sha256
from importlib import import_module
from sys import modules
from typing import Any
from urllib.parse import urlsplit

from tornado.httputil import HTTPServerRequest
from tornado.web import Application, Finish, HTTPError, RequestHandler, create_signed_value

from stormdoor.apps.host_class import is_instance_of
from stormdoor.core.credential import Source
from stormdoor.core.denial import Denial, Refusal
from stormdoor.runtime.guard import Guard
from stormdoor.tornado.answers import finish_forbidden
from stormdoor.tornado.foreign_request import refuse_foreign
from stormdoor.tornado.interception import upgrades
from stormdoor.tornado.pages import login_address
from stormdoor.tornado.session_handler import account_of, session_parser
from stormdoor.tornado.socket.handler import connection_of

__all__ = [
    "ASKING",
    "PRINCIPAL",
    "LoginHooks",
    "bind_context",
    "bind_documents",
    "is_bokeh",
    "owner_of",
]

PRINCIPAL = "stormdoor_principal"
"""Key in the payload of a session token: the id of the principal that the token was made for."""

ASKING = "_stormdoor_principal"
"""Attribute of a request: the id of the principal that sent it."""


def is_bokeh(application: Application) -> bool:
    """Return whether `application` is a Bokeh server."""
    return is_instance_of(application, "bokeh.server.tornado", "BokehTornado")


def bind_documents(
    application: Any, guard: Guard, permission: str, key: bytes, login: str = "/auth"
) -> LoginHooks:
    """Let only the principal that a document was made for open it, by page or by socket.

    - Session ids and tokens are signed, so that no client can make one. The key is that of
      `BOKEH_SECRET_KEY`, or else `key`.
    - A token names the principal that it was made for. Another principal's request with it is refused.
    - Credentials of the guard are removed from the request that the application sees. Bokeh copies headers
      and cookies into the token, which every script of the page can read.
    - The application finds the principal in `session_context.token_payload["stormdoor_principal"]`, and that
      of Panel in `pn.state.user`.
    - A page of another origin gets no token, as from `autoload.js`.

    Args:
        application: A `bokeh.server.tornado.BokehTornado`.
        guard: The guard.
        permission: The permission that pages with a document need.
        key: Secret that all processes of the server share.
        login: Prefix of the routes of the login.

    Returns:
        The hooks, for `check_documents`.
    """
    application._sign_sessions = True  # noqa: SLF001 - Bokeh has no public name for it after the start
    application._secret_key = application.secret_key or key  # noqa: SLF001
    application._websocket_origins = application.websocket_origins | _hosts(guard)  # noqa: SLF001
    hooks = application.auth_provider = LoginHooks(application, guard, permission, login)
    for context in application.applications.values():
        bind_context(context, hooks)
    if "panel" in modules:
        _share_cookie_secret(key)
    return hooks


class LoginHooks:
    """The hooks of Bokeh's `AuthProvider`, with the guard's login in front of the application's own hooks.

    Args:
        application: The Bokeh server.
        guard: The guard.
        permission: The permission that pages need.
        login: Prefix of the routes of the login.
    """

    def __init__(self, application: Any, guard: Guard, permission: str, login: str) -> None:
        self._application = application
        self._guard = guard
        self._permission = permission
        self._login = f"{login}/login"
        self._own = application.auth_provider
        self.get_user = None
        self.login_url = None
        self.login_handler = self._own.login_handler
        self.logout_handler = self._own.logout_handler
        self.logout_url = self._own.logout_url or f"{login}/logout"
        self.endpoints = self._own.endpoints

    async def get_user_async(self, handler: RequestHandler) -> object:
        """Return the user of a request: that of the application's own hooks, or the principal's id.

        Raises:
            HTTPError: 403, a page of another origin asks for a document.
        """
        principal = await self._principal(handler)
        if principal is None:
            return None
        setattr(handler.request, ASKING, principal)
        if self._own.get_user_async is not None:
            return await self._own.get_user_async(handler)
        return principal if self._own.get_user is None else self._own.get_user(handler)

    def get_login_url(self, handler: RequestHandler) -> str:
        """Return the page of the login that is missing: the guard's, or the application's own."""
        if getattr(handler.request, ASKING, None) is None:
            return self._login
        if self._own.get_login_url is not None:
            return str(self._own.get_login_url(handler))
        return str(self._own.login_url or self._login)

    async def _principal(self, handler: RequestHandler) -> str | None:
        connection = connection_of(handler)
        if connection is not None:
            principal = connection.principal.id
            if not self._may_use(_offered_token(handler.request), principal):
                why = Refusal(Denial.FORBIDDEN, "the token belongs to no document of this login")
                self._guard.registry.end(connection, why)
                return None
            return principal
        self._refuse_foreign_page(handler.request)
        account = await account_of(self._guard, handler.request, self._permission)
        if account is None:
            await self._refuse_without_permission(handler)
            return None
        _remove_credentials(handler.request, self._guard)
        if "panel" in modules and self._own.get_user_async is self._own.get_user is None:
            _tell_panel(handler.request, account.id)
        return account.id

    async def _refuse_without_permission(self, handler: RequestHandler) -> None:
        """Refuse an account that has logged in: Bokeh would lead it to the login, which leads it back.

        Raises:
            Finish: It may not open documents, and has got an answer.
        """
        account = await account_of(self._guard, handler.request)
        if account is None:
            return
        setattr(handler.request, ASKING, account.id)
        why = f"nothing grants {self._permission} to {account.id}"
        refusal = self.record(handler.request, Denial.FORBIDDEN, why)
        login = login_address(self._login, handler.request, error="forbidden")
        finish_forbidden(handler, account.id, login, self._guard.appearance, refusal.ref)
        raise Finish

    def _may_use(self, token: str | None, principal: str) -> bool:
        """Return whether `token` has this server's signature and was made for `principal`."""
        if token is None:
            return False
        checked = import_module("bokeh.util.token")
        key = self._application.secret_key
        try:
            valid = checked.check_token_signature(token, secret_key=key, signed=True)
            return bool(valid) and owner_of(token) == principal
        except Exception:  # noqa: BLE001 - any error of a reader of bytes that the client chose
            return False

    def _refuse_foreign_page(self, request: HTTPServerRequest) -> None:
        """Refuse a script of another origin: its page would get the token of the user's document."""
        handshake = session_parser(self._guard).parse(request)
        refusal = refuse_foreign(self._guard, request, handshake)
        if refusal is not None:
            raise _forbidden(self._guard.admission.refused(handshake, refusal))

    def record(self, request: HTTPServerRequest, denial: Denial, detail: str) -> Refusal:
        """Note a refused request in the trail and in the log, and return the refusal with its reference.

        Args:
            request: The request.
            denial: The cause.
            detail: For the operator.
        """
        principal = getattr(request, ASKING, "")
        handshake = session_parser(self._guard).parse(request)
        refusal = Refusal(denial, detail)
        return self._guard.admission.refused(handshake, refusal, principal=principal)


def owner_of(token: str) -> str | None:
    """Return the principal that a token was made for; None if it names none.

    Args:
        token: A token with a valid signature.
    """
    found = import_module("bokeh.util.token").get_token_payload(token).get(PRINCIPAL)
    return found if isinstance(found, str) else None


def bind_context(context: Any, hooks: LoginHooks) -> None:
    """Check the owner of each document that `context` makes or finds, and name it in new tokens.

    Args:
        context: A `bokeh.server.contexts.ApplicationContext`.
        hooks: Record refusals.
    """
    context.application.add(_principal_handler())
    own_session: Callable[..., Awaitable[Any]] = context.create_session_if_needed

    async def create_session_if_needed(
        session_id: str, request: HTTPServerRequest | None = None, token: str | None = None
    ) -> Any:
        if request is None:
            return await own_session(session_id, request, token)
        principal = getattr(request, ASKING, None)
        if token is None or principal is None or owner_of(token) != principal:
            raise _refused(hooks, request)
        session = await own_session(session_id, request, token)
        if session.token is None or owner_of(session.token) != principal:
            raise _refused(hooks, request)
        return session

    context.create_session_if_needed = create_session_if_needed
    if context._logout_url is None:  # noqa: SLF001
        context._logout_url = hooks.logout_url  # noqa: SLF001


def _principal_handler() -> Any:
    """Return a handler of Bokeh that adds the principal of a page to the payload of its token.

    Bokeh asks the handlers of an application in their order, and the last one decides.
    """
    handler: Any = import_module("bokeh.application.handlers.handler").Handler

    class PrincipalHandler(handler):  # type: ignore[misc]
        def process_request(self, request: HTTPServerRequest) -> dict[str, Any]:
            # The token of a socket was made with its page, and keeps that owner.
            return {} if upgrades(request) else {PRINCIPAL: getattr(request, ASKING, None)}

        def modify_document(self, doc: Any) -> None:
            pass

    return PrincipalHandler()


def _refused(hooks: LoginHooks, request: HTTPServerRequest) -> Exception:
    detail = "a session id or token of a document that another login has begun"
    refusal = hooks.record(request, Denial.FORBIDDEN, detail)
    if upgrades(request):
        error: Exception = import_module("bokeh.protocol.exceptions").ProtocolError(detail)
        return error
    return _forbidden(refusal)


def _forbidden(refusal: Refusal) -> HTTPError:
    return HTTPError(403, reason=f"Forbidden; reference {refusal.ref}")


def _offered_token(request: HTTPServerRequest) -> str | None:
    """Return the token that a client of Bokeh offers as its second subprotocol."""
    offered = ",".join(request.headers.get_list("Sec-WebSocket-Protocol")).split(",")
    return offered[1].strip() if len(offered) == 2 else None


def _hosts(guard: Guard) -> set[str]:
    """Return the hosts of the guard's origins in Bokeh's form; Bokeh writes 80 where no port is given."""
    hosts = [urlsplit(one).netloc for one in guard.handshake_policy.origins.entries]
    return {one if ":" in one.rpartition("]")[2] else f"{one}:80" for one in hosts}


def _remove_credentials(request: HTTPServerRequest, guard: Guard) -> None:
    """Remove the guard's credentials from a request that has been authenticated."""
    cookies = {guard.sessions.cookie.name}
    for place in guard.credentials.places:
        if place.source is Source.COOKIE:
            cookies.add(place.name)
        elif place.source is Source.HEADER and place.name in request.headers:
            del request.headers[place.name]
        elif place.source is Source.AUTHORIZATION and "Authorization" in request.headers:
            del request.headers["Authorization"]
    _set_cookies(request, [one for one in _cookies(request) if one[0] not in cookies])


def _tell_panel(request: HTTPServerRequest, principal: str) -> None:
    """Name the principal in Panel's signed cookie, which `pn.state.user` reads."""
    secret = import_module("panel.config").config.cookie_secret
    told = create_signed_value(secret, "user", principal).decode()
    kept = [one for one in _cookies(request) if one[0] not in ("user", "is_guest")]
    _set_cookies(request, [*kept, ("user", told)])


def _share_cookie_secret(key: bytes) -> None:
    config = import_module("panel.config").config
    if not config.cookie_secret:
        config.cookie_secret = hmac.new(key, b"cookies of Panel", sha256).hexdigest()


def _cookies(request: HTTPServerRequest) -> list[tuple[str, str]]:
    parts = "; ".join(request.headers.get_list("Cookie")).split(";")
    pairs = [one.partition("=") for one in parts if "=" in one]
    return [(name.strip(), said.strip()) for name, _, said in pairs]


def _set_cookies(request: HTTPServerRequest, cookies: list[tuple[str, str]]) -> None:
    request.headers.pop("Cookie", None)
    if cookies:
        request.headers["Cookie"] = "; ".join(f"{name}={said}" for name, said in cookies)
    vars(request).pop("_cookies", None)
