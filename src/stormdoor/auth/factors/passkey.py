"""Passkeys: registration and authentication of WebAuthn, without the store.

A browser signs the relying party id and the origin of the page. Both are compared with the guard's settings,
so that a signature for a page of another site is refused.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from stormdoor.core.factor import Factor
from stormdoor.core.origin import parse_origin
from stormdoor.errors import ConfigurationError
from stormdoor.settings.installation import install_command

__all__ = ["Assertion", "NotProved", "PasskeyRegistration", "Passkeys", "challenge_of", "handle_of"]

_CHALLENGE_BYTES = 32
_MAX_HANDLE = 1400  # characters: a credential id has 1023 bytes at most (WebAuthn §4)

T = TypeVar("T")


class NotProved(Exception):
    """The credential is not a valid proof. The message is for the operator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PasskeyRegistration:
    """A new credential, verified.

    Attributes:
        handle: Its id, base64url.
        public_key: COSE, base64url.
        counter: Its signature counter.
        user_verified: Whether the device verified the user.
        details: Further data of the credential.
    """

    handle: str
    public_key: str
    counter: int
    user_verified: bool
    details: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Assertion:
    """A signature, verified.

    Attributes:
        counter: Its signature counter.
        user_verified: Whether the device verified the user.
    """

    counter: int
    user_verified: bool


def _webauthn() -> Any:
    try:
        import webauthn  # noqa: PLC0415 - an extra, and slow to import
    except ImportError:
        raise ConfigurationError(
            'passkeys need the extra "second-factor"; run '
            + install_command("'stormdoor[second-factor]'")
        ) from None
    return webauthn


class Passkeys:
    """Makes options for `navigator.credentials` and verifies the results.

    Args:
        name: Name of the application in the browser.
        rp_id: The domain of the passkeys; by default, the host of the requesting page. Set a common parent
            to share them among its subdomains, all of which can then use them.
    """

    __slots__ = ("_name", "_rp_id")

    def __init__(self, name: str = "", rp_id: str | None = None) -> None:
        if rp_id is not None and parse_origin(f"https://{rp_id}") is None:
            raise ConfigurationError(f'rp_id is a host such as "example.com", not {rp_id!r}')
        self._name = name
        self._rp_id = rp_id

    def relying_party(self, origin: str) -> str:
        """Return the relying party id for a page of `origin`.

        Raises:
            NotProved: The page has an opaque origin, or one outside the `rp_id`.
        """
        parsed = parse_origin(origin)
        if parsed is None:
            raise NotProved(f"{origin!r:.100} is no origin")
        if self._rp_id is None:
            return parsed.host
        if parsed.host != self._rp_id and not parsed.host.endswith("." + self._rp_id):
            raise NotProved(f"{parsed.host} is not below the rp_id {self._rp_id}")
        return self._rp_id

    @staticmethod
    def new_challenge() -> bytes:
        """Return 256 random bits (WebAuthn §13.4.3 asks for 128)."""
        return secrets.token_bytes(_CHALLENGE_BYTES)

    def registration_options(
        self, *, origin: str, challenge: bytes, user: str, account: str, known: Iterable[Factor]
    ) -> dict[str, Any]:
        """Return the argument of `navigator.credentials.create()`, as JSON.

        Args:
            origin: Origin of the page.
            challenge: The challenge to sign.
            user: The account's opaque handle, base64url: the device stores it, and it reveals nothing.
            account: Name that the device shows.
            known: Passkeys of the account: their devices are not enrolled twice.
        """
        library = _webauthn()
        structs = library.helpers.structs
        rp_id = self.relying_party(origin)
        options = library.generate_registration_options(
            rp_id=rp_id,
            rp_name=self._name or rp_id,
            user_id=library.base64url_to_bytes(user),
            user_name=account,
            user_display_name=account,
            challenge=challenge,
            exclude_credentials=_descriptors(library, known),
            authenticator_selection=structs.AuthenticatorSelectionCriteria(
                resident_key=structs.ResidentKeyRequirement.PREFERRED,
                user_verification=structs.UserVerificationRequirement.PREFERRED,
            ),
        )
        return dict(json.loads(library.options_to_json(options)))

    def request_options(
        self, *, origin: str, challenge: bytes, known: Iterable[Factor], alone: bool = False
    ) -> dict[str, Any]:
        """Return the argument of `navigator.credentials.get()`, as JSON.

        Args:
            origin: Origin of the page.
            challenge: The challenge to sign.
            known: The acceptable passkeys; if empty, the user chooses.
            alone: Whether the passkey is the only factor; the device must then verify the user.
        """
        library = _webauthn()
        wanted = library.helpers.structs.UserVerificationRequirement
        options = library.generate_authentication_options(
            rp_id=self.relying_party(origin),
            challenge=challenge,
            allow_credentials=_descriptors(library, known),
            user_verification=wanted.REQUIRED if alone else wanted.PREFERRED,
        )
        return dict(json.loads(library.options_to_json(options)))

    def register(
        self, credential: Mapping[str, object], *, origin: str, challenge: bytes, user: str
    ) -> PasskeyRegistration:
        """Verify a new credential.

        Raises:
            NotProved: It is not valid for this challenge, origin and relying party.
        """
        library = _webauthn()
        _not_in_a_frame(credential)
        rp_id = self.relying_party(origin)
        verified = _tried(
            lambda: library.verify_registration_response(
                credential=dict(credential),
                expected_challenge=challenge,
                expected_rp_id=rp_id,
                expected_origin=origin,
            )
        )
        handle = library.helpers.bytes_to_base64url(verified.credential_id)
        if len(handle) > _MAX_HANDLE:
            raise NotProved("the credential id is too long to be one")
        return PasskeyRegistration(
            handle=handle,
            public_key=library.helpers.bytes_to_base64url(verified.credential_public_key),
            counter=verified.sign_count,
            user_verified=verified.user_verified,
            details={
                "rp_id": rp_id,
                "user": user,
                "aaguid": verified.aaguid,
                "backed_up": verified.credential_backed_up,
                "transports": _transports(credential),
            },
        )

    def verify(
        self,
        credential: Mapping[str, object],
        *,
        factor: Factor,
        origin: str,
        challenge: bytes,
        alone: bool = False,
    ) -> Assertion:
        """Verify a signature of a known passkey. The store checks its counter.

        Raises:
            NotProved: It is not valid for this challenge, origin, relying party and user.
        """
        library = _webauthn()
        _not_in_a_frame(credential)
        said = _response(credential).get("userHandle")
        if said and said != factor.details.get("user"):
            raise NotProved("the passkey belongs to another principal")
        rp_id = self.relying_party(origin)
        if rp_id != factor.details.get("rp_id"):
            raise NotProved(f"the passkey is not for {rp_id}")
        verified = _tried(
            lambda: library.verify_authentication_response(
                credential=dict(credential),
                expected_challenge=challenge,
                expected_rp_id=rp_id,
                expected_origin=origin,
                credential_public_key=library.base64url_to_bytes(factor.secret),
                # The store compares it, in one step with storing the new value.
                credential_current_sign_count=0,
                require_user_verification=alone,
            )
        )
        return Assertion(counter=verified.new_sign_count, user_verified=verified.user_verified)


def _tried(verify: Callable[[], T]) -> T:
    try:
        return verify()
    except Exception as error:
        raise NotProved(f"{type(error).__name__}: {error}"[:300]) from error


def _response(credential: Mapping[str, object]) -> Mapping[str, object]:
    response = credential.get("response")
    return response if isinstance(response, Mapping) else {}


def _transports(credential: Mapping[str, object]) -> list[str]:
    found = _response(credential).get("transports")
    known = ("ble", "cable", "hybrid", "internal", "nfc", "smart-card", "usb")
    return [one for one in known if isinstance(found, list) and one in found]


def _descriptors(library: Any, factors: Iterable[Factor]) -> list[Any]:
    structs = library.helpers.structs
    return [
        structs.PublicKeyCredentialDescriptor(
            id=library.base64url_to_bytes(factor.handle),
            transports=[
                structs.AuthenticatorTransport(one)
                for one in _transports(
                    {"response": {"transports": factor.details.get("transports")}}
                )
            ]
            or None,
        )
        for factor in factors
        if factor.handle is not None
    ]


def _client_data(credential: Mapping[str, object]) -> dict[str, Any]:
    library = _webauthn()

    def read() -> dict[str, Any]:
        text = _response(credential)["clientDataJSON"]
        return dict(json.loads(library.base64url_to_bytes(text)))

    return _tried(read)


def _not_in_a_frame(credential: Mapping[str, object]) -> None:
    """Refuse a credential from our page inside a frame of another site (WebAuthn §13.4.2)."""
    if _client_data(credential).get("crossOrigin"):
        raise NotProved("the page was in a frame of another origin")


def challenge_of(credential: Mapping[str, object]) -> bytes:
    """Return the challenge that a credential names. It is not verified; use it only to find the challenge.

    Raises:
        NotProved: It names none.
    """
    library = _webauthn()
    data = _client_data(credential)
    return _tried(lambda: bytes(library.base64url_to_bytes(data["challenge"])))


def handle_of(credential: Mapping[str, object]) -> str:
    """Return the id that a credential names, unverified.

    Raises:
        NotProved: It names none.
    """
    id = credential.get("id")
    if not isinstance(id, str) or not 0 < len(id) <= _MAX_HANDLE:
        raise NotProved("the credential has no id")
    return id
