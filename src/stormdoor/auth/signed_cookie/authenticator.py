"""Tornado's own signed cookie, for applications that have a login already."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hmac import compare_digest

from tornado.escape import utf8
from tornado.web import decode_signed_value

from stormdoor.auth.authenticator import Rejected, bad_credential
from stormdoor.core.credential import Credential, Place, Source, fingerprint
from stormdoor.core.denial import Denial
from stormdoor.core.handshake import Handshake
from stormdoor.core.principal import Authentication, Principal
from stormdoor.errors import ConfigurationError
from stormdoor.ports import StoredState

__all__ = ["SignedCookieAuthenticator"]

_WEAK = 32
_DAY = 86_400.0


class SignedCookieAuthenticator:
    """Accepts the cookie that `set_signed_cookie` made; its value is the principal's id.

    A single cookie cannot be revoked. `revoke(PRINCIPAL, id)` revokes all cookies of a principal that were
    signed until then.

    Args:
        cookie: Its name.
        secret: The application's `cookie_secret`: a text, or a dictionary of key versions.
        max_age_days: Lifetime of a cookie in days.
        roles: Roles of every client with the cookie, if the principals are not in the store. None: the
            principal is looked up in the store, and refused if it is unknown or disabled.
        min_version: Least version of Tornado's format. Version 2 signs the time and the key version, too.

    Raises:
        ConfigurationError: A secret is too short, or a number is out of range.
    """

    kind: str = "signed-cookie"

    def __init__(
        self,
        cookie: str,
        secret: str | bytes | dict[int, str] | dict[int, bytes],
        *,
        max_age_days: float = 1.0,
        roles: Sequence[str] | None = None,
        min_version: int = 2,
    ) -> None:
        several = secret.values() if isinstance(secret, dict) else [secret]
        if not several or any(len(one) < _WEAK for one in several):
            raise ConfigurationError(
                f"the cookie_secret has fewer than {_WEAK} characters; make one with "
                "python -c 'import secrets; print(secrets.token_hex(32))'"
            )
        if min_version < 2:
            raise ConfigurationError("min_version=1 cookies can be forged across names; write 2")
        if not 0 < max_age_days <= 31:
            raise ConfigurationError(
                f"max_age_days must be above 0 and at most 31, not {max_age_days}"
            )
        self._cookie = cookie
        self._secret = secret
        self._max_age_days = max_age_days
        self._roles = None if roles is None else frozenset(roles)
        self.places: Sequence[Place] = (Place(Source.COOKIE, cookie),)

    @property
    def checks(self) -> tuple[str, ...]:
        """Describe the comparisons, for an explanation."""
        return (
            "the signature and the date that Tornado put into the cookie",
            f"it is at most {self._max_age_days:g} days old",
            "its value is the id of a principal; the store has it, not disabled"
            if self._roles is None
            else "its value is the id of a principal",
        )

    def uses(self, secrets: Iterable[str | bytes]) -> bool:
        """Return whether one of `secrets` verifies the cookies that this authenticator accepts."""
        own = self._secret.values() if isinstance(self._secret, dict) else [self._secret]
        return any(compare_digest(utf8(one), utf8(other)) for one in own for other in secrets)

    def recognises(self, credential: Credential) -> bool:
        """See `Authenticator`."""
        return credential.secret.startswith("2|")

    async def authenticate(
        self, credential: Credential, handshake: Handshake, *, state: StoredState, now: float
    ) -> Authentication | Rejected:
        """See `Authenticator`."""
        if not credential.secret.isascii():
            return bad_credential("the cookie is no signed value")
        value = decode_signed_value(
            self._secret,
            self._cookie,
            credential.secret,
            max_age_days=self._max_age_days,
            clock=lambda: now,
            min_version=2,
        )
        if not value:
            return bad_credential("the cookie's signature is wrong, or it is too old")
        try:
            id = value.decode()
        except UnicodeDecodeError:
            return bad_credential("the cookie's value is not text")
        # The signature covers it: `2|key version|length:timestamp|...`
        issued_at = float(credential.secret.split("|", 3)[2].partition(":")[2])
        expires_at = issued_at + self._max_age_days * _DAY
        if now >= expires_at:  # Tornado accepts the last moment
            return Rejected(Denial.EXPIRED, "the cookie is too old", principal_id=id)
        if self._roles is None:
            account = await state.accounts.account(id)
            if account is None or account.disabled:
                return bad_credential("the principal is unknown or disabled", id)
            principal = account.principal
        else:
            principal = Principal(id, self._roles)
        return Authentication(
            principal=principal,
            kind=self.kind,
            credential_id=fingerprint(credential.secret),
            ambient=True,
            authenticated_at=issued_at,
            issued_at=issued_at,
            expires_at=expires_at,
            live=self._roles is None,
        )
