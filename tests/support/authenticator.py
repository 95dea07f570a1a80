"""A passkey in software: what a browser and a device do together, also when they do it wrongly.

It shares no code with the library that verifies.
"""

import base64
import hashlib
import json
import struct
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

__all__ = ["SoftPasskey"]

_UP, _UV, _AT = 0x01, 0x04, 0x40


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _cbor(value: Any) -> bytes:
    """As much of CBOR (RFC 8949) as a credential needs."""
    match value:
        case int():
            major, number = (0, value) if value >= 0 else (1, -1 - value)
            return _head(major, number)
        case bytes():
            return _head(2, len(value)) + value
        case str():
            return _head(3, len(value.encode())) + value.encode()
        case dict():
            return _head(5, len(value)) + b"".join(
                _cbor(key) + _cbor(item) for key, item in value.items()
            )
    raise TypeError(value)


def _head(major: int, number: int) -> bytes:
    if number < 24:
        return bytes([major << 5 | number])
    if number < 256:
        return bytes([major << 5 | 24, number])
    return bytes([major << 5 | 25]) + struct.pack(">H", number)


@dataclass
class SoftPasskey:
    """One credential.

    Attributes:
        origin: The page that the browser says it is on.
        counter: Of signatures; None for a device that does not count.
        verifies: Whether the device checks who uses it.
    """

    origin: str = "https://app.example"
    counter: int | None = 0
    verifies: bool = True
    id: bytes = b"credential-1"
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )
    user: str | None = None

    def create(self, options: dict[str, Any], **lies: Any) -> dict[str, Any]:
        """Return the result of `navigator.credentials.create()` for these options."""
        self.user = options["user"]["id"]
        numbers = self.key.public_key().public_numbers()
        cose = {
            1: 2,
            3: -7,
            -1: 1,
            -2: numbers.x.to_bytes(32, "big"),
            -3: numbers.y.to_bytes(32, "big"),
        }
        rp_id = lies.get("rp_id", options["rp"]["id"])
        attested = bytes(16) + struct.pack(">H", len(self.id)) + self.id + _cbor(cose)
        data = self._data(rp_id, _AT) + attested
        statement = {"fmt": "none", "attStmt": {}, "authData": data}
        return self._credential(
            {
                "clientDataJSON": self._client("webauthn.create", options, lies),
                "attestationObject": _b64(_cbor(statement)),
                "transports": ["internal"],
            }
        )

    def get(self, options: dict[str, Any], **lies: Any) -> dict[str, Any]:
        """Return the result of `navigator.credentials.get()` for these options."""
        if self.counter is not None:
            self.counter += 1
        data = self._data(lies.get("rp_id", options["rpId"]), 0)
        client = self._client("webauthn.get", options, lies)
        signed = data + hashlib.sha256(_unb64(client)).digest()
        return self._credential(
            {
                "clientDataJSON": client,
                "authenticatorData": _b64(data),
                "signature": _b64(self.key.sign(signed, ec.ECDSA(SHA256()))),
                "userHandle": lies.get("user", self.user),
            }
        )

    def _data(self, rp_id: str, flags: int) -> bytes:
        flags |= _UP | (_UV if self.verifies else 0)
        return hashlib.sha256(rp_id.encode()).digest() + struct.pack(
            ">BI", flags, self.counter or 0
        )

    def _client(self, kind: str, options: dict[str, Any], lies: dict[str, Any]) -> str:
        said = {
            "type": lies.get("type", kind),
            "challenge": lies.get("challenge", options["challenge"]),
            "origin": lies.get("origin", self.origin),
            "crossOrigin": lies.get("crossOrigin", False),
        }
        return _b64(json.dumps(said).encode())

    def _credential(self, response: dict[str, Any]) -> dict[str, Any]:
        id = _b64(self.id)
        return {
            "id": id,
            "rawId": id,
            "type": "public-key",
            "response": response,
            "clientExtensionResults": {},
        }
