"""Passkeys: the two ceremonies of WebAuthn, as far as they need no store.

A browser signs for one relying party id and says from which origin. Both are compared here with what
the guard was told, so that a signature that a page of somebody else obtained is worth nothing.
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

__all__ = ["Assertion", "NotProved", "Passkeys", "Registration", "challenge_of", "handle_of"]

_CHALLENGE_BYTES = 32
_MAX_HANDLE = 1400  # characters: a credential id has 1023 bytes at most (WebAuthn §4)

T = TypeVar("T")


class NotProved(Exception):
    """The credential does not prove what it should. The message is for the operator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """A new credential, verified.

    Attributes:
        handle: Its id, base64url.
        public_key: COSE, base64url.
        counter: Its signature counter.
        user_verified: Whether the device had checked who uses it.
        details: What is kept beside it.
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
        counter: The signature counter that it carries.
        user_verified: Whether the device had checked who uses it.
    """

    counter: int
    user_verified: bool


def _webauthn() -> Any:
    try:
        import webauthn  # noqa: PLC0415 - an extra, and it loads a lot
    except ImportError:
        raise ConfigurationError(
            'passkeys need the extra "second-factor"; run pip install "stormdoor[second-factor]"'
        ) from None
    return webauthn


class Passkeys:
    """Makes options for `navigator.credentials` and verifies what comes back.

    Args:
        name: What the browser calls the application.
        rp_id: The domain that passkeys belong to; left out, the host of the page that asks. Give a
            common parent to share them among its subdomains, all of which can then use them.
    """

    __slots__ = ("_name", "_rp_id")

    def __init__(self, name: str = "", rp_id: str | None = None) -> None:
        if rp_id is not None and parse_origin(f"https://{rp_id}") is None:
            raise ConfigurationError(f'rp_id is a host such as "example.com", not {rp_id!r}')
        self._name = name
        self._rp_id = rp_id

    def relying_party(self, origin: str) -> str:
        """The relying party id for a page of `origin`.

        Raises:
            NotProved: The page has no origin of its own, or one outside the `rp_id`.
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
        """256 random bits (WebAuthn §13.4.3 asks for 128)."""
        return secrets.token_bytes(_CHALLENGE_BYTES)

    def registration_options(
        self, *, origin: str, challenge: bytes, user: str, account: str, known: Iterable[Factor]
    ) -> dict[str, Any]:
        """The argument of `navigator.credentials.create()`, as JSON.

        Args:
            origin: The page that asks.
            challenge: What is to be signed.
            user: The account's opaque handle, base64url: the device keeps it, and it says nothing.
            account: What the device shows.
            known: Passkeys that the account has: their devices are not enrolled twice.
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
        """The argument of `navigator.credentials.get()`, as JSON.

        Args:
            origin: The page that asks.
            challenge: What is to be signed.
            known: The passkeys that would do; none lets the user choose.
            alone: Nothing else will be asked for, so the device must check who uses it.
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
    ) -> Registration:
        """Verify a new credential.

        Raises:
            NotProved: It is not one for this challenge, origin and relying party.
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
        return Registration(
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
        """Verify a signature of a known passkey. Its counter is judged by the store.

        Raises:
            NotProved: It is not one for this challenge, origin, relying party and user.
        """
        library = _webauthn()
        _not_in_a_frame(credential)
        said = _response(credential).get("userHandle")
        if said and said != factor.details.get("user"):
            raise NotProved("the passkey says that it is somebody else's")
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
                # The store compares, in one step with noting the new value.
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
    """Refuse what our page was made to do inside of somebody else's (WebAuthn §13.4.2)."""
    if _client_data(credential).get("crossOrigin"):
        raise NotProved("the page was in a frame of another origin")


def challenge_of(credential: Mapping[str, object]) -> bytes:
    """The challenge that a credential answers, as it says itself: only good to look it up.

    Raises:
        NotProved: It says none.
    """
    library = _webauthn()
    data = _client_data(credential)
    return _tried(lambda: bytes(library.base64url_to_bytes(data["challenge"])))


def handle_of(credential: Mapping[str, object]) -> str:
    """The id of a credential, as it says itself.

    Raises:
        NotProved: It says none.
    """
    id = credential.get("id")
    if not isinstance(id, str) or not 0 < len(id) <= _MAX_HANDLE:
        raise NotProved("the credential has no id")
    return id
