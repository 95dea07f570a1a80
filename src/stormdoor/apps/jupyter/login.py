"""The user that Jupyter finds in a request, and the credential behind it."""

from __future__ import annotations

import inspect
import re
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tornado.httputil import HTTPServerRequest
from tornado.web import Application, HTTPError

from stormdoor.apps.jupyter.request import asking_handler, kept
from stormdoor.auth.authenticator import Rejected, bad_credential
from stormdoor.core.credential import fingerprint
from stormdoor.core.denial import Denial, Refusal
from stormdoor.core.principal import Authentication, Principal
from stormdoor.ports import StoredState

__all__ = ["JupyterLogin", "JupyterRecheck", "UserLogin"]

_RANDOM_NAME = re.compile(r"[0-9a-f]{32}")
"""The user of a token or password: Jupyter makes a new name at each login."""

_TOKEN = re.compile(r"(?:token|bearer)\s+(\S.*)", re.IGNORECASE)
_SIGNED = re.compile(r"2\|[0-9]+:[0-9]+\|[0-9]+:([0-9]{1,12})\|")
_DAY = 86_400.0
_COOKIE_DAYS = 31
"""Tornado's default for the greatest age of a signed cookie."""

_OTHER_COOKIES = re.compile(r"_xsrf|.*-oauth-state.*")
_MOST_SEEN = 10_000


@dataclass(frozen=True, slots=True)
class UserLogin:
    """A user of Jupyter, and the credential that proved it.

    Attributes:
        user: Jupyter's `User`.
        principal_id: Its name; for a token without a name, one that is made from the token.
        credential_id: SHA-256 of the cookie or token.
        token_hash: SHA-256 of the token, if there is one.
        issued_at: Unix seconds of the login; 0 for a token of unknown age.
        expires_at: Unix seconds when the cookie expires, or None.
        by_token: Whether a token proved it, which no browser attaches by itself.
        one_login: Whether the name stands for this login alone.
        generation: The generation before Jupyter was asked.
        carried: Attributes that the identity provider set on the handler.
    """

    user: Any
    principal_id: str
    credential_id: str
    token_hash: str | None
    issued_at: float
    expires_at: float | None
    by_token: bool
    one_login: bool
    generation: int
    carried: Mapping[str, Any] = field(default_factory=dict, repr=False)


class JupyterLogin:
    """Asks the identity provider of a Jupyter server: `ApplicationLogin` for Jupyter.

    Args:
        application: The application of the server.
        roles: Roles by user name, for users that the store does not have.
        default_roles: Roles of all other users that the store does not have.
        recheck_seconds: Interval, in seconds, in which the provider is asked again about each open socket.
    """

    def __init__(
        self,
        application: Application,
        *,
        roles: Mapping[str, Sequence[str]],
        default_roles: Sequence[str],
        recheck_seconds: float,
    ) -> None:
        self._application = application
        self._provider = application.settings["identity_provider"]
        self._get_user = self._provider.get_user
        self._roles = {name: frozenset(several) for name, several in roles.items()}
        self._default_roles = frozenset(default_roles)
        self._first_seen: OrderedDict[str, float] = OrderedDict()
        self.recheck_seconds = recheck_seconds
        self.generation = 0
        """Grows when every open socket must be checked at once."""
        hub = self._hub
        if hub is not None:
            # Its answers are cached for five minutes; a logout at the Hub must end sockets sooner.
            hub.cache_max_age = hub.cache.max_age = min(
                hub.cache_max_age, max(1, int(recheck_seconds))
            )

    @property
    def _hub(self) -> Any:
        """The client of JupyterHub, if the provider has one."""
        return getattr(self._provider, "hub_auth", None)

    # -- asking ------------------------------------------------------------------------------------

    def tokens(self, request: object) -> Sequence[str]:
        """See `ApplicationLogin`."""
        assert isinstance(request, HTTPServerRequest)  # noqa: S101 - for type checkers
        found = _TOKEN.match(request.headers.get("Authorization", ""))
        in_query = request.query_arguments.get("token", [])
        several = [] if found is None else [found[1].strip()]
        return [*several, *(one.decode("latin-1") for one in in_query)]

    async def authenticate(
        self, request: object, *, state: StoredState, now: float
    ) -> Authentication | Rejected:
        """See `ApplicationLogin`."""
        assert isinstance(request, HTTPServerRequest)  # noqa: S101 - for type checkers
        login = await self.ask(request)
        if login is None:
            charged = bool(self.tokens(request)) or "Cookie" in request.headers
            return Rejected(
                Denial.BAD_CREDENTIAL, "Jupyter finds no user in the request", charged=charged
            )
        return await self.accept(login, kept(request), state=state, now=now)

    async def ask(self, request: HTTPServerRequest) -> UserLogin | None:
        """Return the login in `request`, or None. Nothing is answered, and no cookie is set."""
        handler = asking_handler(self._application, request)
        before = set(vars(handler))
        login = await self.read(handler)
        if login is None:
            return None
        carried = {
            name: value
            for name, value in vars(handler).items()
            if name not in before and name != "_new_cookie" and not hasattr(type(handler), name)
        }
        return replace(login, carried=carried)

    async def read(self, handler: Any) -> UserLogin | None:
        """Return the login in the request of `handler`, or None, as Jupyter's own `get_user` would."""
        generation = self.generation
        user = self._get_user(handler)
        if inspect.isawaitable(user):
            user = await user
        if user is None:
            return None
        handler.current_user = user
        return self._login(handler, user, generation)

    async def accept(
        self, login: UserLogin, request: HTTPServerRequest | None, *, state: StoredState, now: float
    ) -> Authentication | Rejected:
        """Return the authentication of a login.

        Args:
            login: The login.
            request: The request, to ask again later; None for one that opens no socket.
            state: The state of the installation.
            now: Unix seconds.
        """
        account = await state.accounts.account(login.principal_id)
        if account is not None and account.disabled:
            return bad_credential("the principal is disabled", login.principal_id)
        if account is None:
            roles = self._roles.get(login.user.username, self._default_roles)
            principal = Principal(login.principal_id, roles)
        else:
            principal = account.principal
        return Authentication(
            principal=principal,
            kind="application",
            credential_id=login.credential_id,
            ambient=not login.by_token,
            authenticated_at=login.issued_at or now,
            issued_at=login.issued_at,
            expires_at=login.expires_at,
            live=account is not None,
            token_hash=login.token_hash,
            recheck=None
            if request is None
            else JupyterRecheck(self, login, request, state, login.generation),
        )

    # -- the credential ----------------------------------------------------------------------------

    def _login(self, handler: Any, user: Any, generation: int) -> UserLogin:
        """Find the cookie or token behind `user`."""
        provider, hub = self._provider, self._hub
        by_token = bool(provider.is_token_authenticated(handler))
        name = provider.get_cookie_name(handler) if hub is None else hub.cookie_name
        cookie = handler.get_cookie(name)
        token = provider.get_token(handler) if hub is None else hub.get_token(handler)
        if not by_token and hub is None:
            token = None
        if cookie is not None and not self._proves(handler, name, token):
            cookie = None
        issued_at: float | None = None
        expires_at: float | None = None
        if cookie is not None:
            found = _SIGNED.match(cookie)
            if found is not None:
                issued_at = float(found[1])
                days = provider.get_secure_cookie_kwargs.get("max_age_days", _COOKIE_DAYS)
                expires_at = issued_at + days * _DAY
        elif token:
            issued_at = 0.0  # of unknown age: it counts as older than each revocation
        if hub is not None and token:
            secret = token  # the cookie contains it
        elif cookie is not None:
            secret = cookie
        else:
            secret = token or _all_credentials(handler.request)
        id = fingerprint(secret)
        if issued_at is None:
            issued_at = self._seen(id)
        random = _RANDOM_NAME.fullmatch(user.username) is not None
        return UserLogin(
            user=user,
            principal_id=f"token:{id[:16]}" if random and cookie is None else user.username,
            credential_id=id,
            token_hash=fingerprint(token) if token else None,
            issued_at=issued_at,
            expires_at=expires_at,
            by_token=by_token,
            one_login=random and cookie is not None,
            generation=generation,
        )

    def _proves(self, handler: Any, name: str, token: str | None) -> bool:
        """Return whether the cookie is a login. A client may send any cookie beside a valid token."""
        signed = handler.get_secure_cookie(name, **self._provider.get_secure_cookie_kwargs)
        if signed is None or self._hub is None:
            return signed is not None
        return bool(token) and signed.decode("ascii", "replace") == token

    def _seen(self, id: str) -> float:
        """Return when this process first saw a credential that does not say when it was issued."""
        at = self._first_seen.setdefault(id, time.time())
        if len(self._first_seen) > _MOST_SEEN:
            self._first_seen.popitem(last=False)
        return at


@dataclass(frozen=True, slots=True)
class JupyterRecheck:
    """Asks Jupyter again about the login of an open socket (see `stormdoor.core.principal.Recheck`)."""

    logins: JupyterLogin = field(repr=False)
    login: UserLogin = field(repr=False)
    request: HTTPServerRequest = field(repr=False)
    state: StoredState = field(repr=False)
    accepted_generation: int
    """See `Recheck`."""

    @property
    def seconds(self) -> float:
        """See `Recheck`."""
        return self.logins.recheck_seconds

    @property
    def grace_seconds(self) -> float:
        """Return how long a Hub may be unreachable before the socket is closed."""
        return 4 * self.logins.recheck_seconds

    @property
    def source(self) -> JupyterLogin:
        """See `Recheck`."""
        return self.logins

    async def ask(self, now: float) -> Authentication | Refusal:
        """See `Recheck`."""
        try:
            login = await self.logins.ask(self.request)
        except HTTPError as error:
            return Refusal(Denial.UNAVAILABLE, f"the identity provider answers {error.status_code}")
        if login is None or login.principal_id != self.login.principal_id:
            return Refusal(Denial.REVOKED, "Jupyter no longer accepts the login")
        outcome = await self.logins.accept(login, self.request, state=self.state, now=now)
        if isinstance(outcome, Rejected):
            return Refusal(outcome.denial, outcome.detail)
        return outcome


def _all_credentials(request: HTTPServerRequest) -> str:
    """Return all that may be the login in a request of a provider that reads neither of Jupyter's two."""
    cookies = sorted(
        f"{name}={morsel.value}"
        for name, morsel in request.cookies.items()
        if not _OTHER_COOKIES.fullmatch(name)
    )
    return "\n".join([request.headers.get("Authorization", ""), *cookies])
