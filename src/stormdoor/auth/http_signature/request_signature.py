"""Sign a request, and encode the signature: in two headers, a subprotocol, or a message."""

from __future__ import annotations

import base64
import binascii
import re
import secrets
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from stormdoor.auth.http_signature.message_signature import signature_base, write_inner_list
from stormdoor.auth.http_signature.request_key import SIGNATURE_ALGORITHMS, RequestKey
from stormdoor.auth.jose.jwt_key import JwtKey
from stormdoor.core.malformed import Malformed
from stormdoor.errors import ConfigurationError

__all__ = [
    "COVERED",
    "SIGNATURE_SUBPROTOCOL",
    "facts_of",
    "read_offer",
    "sign_offer",
    "sign_request",
]

COVERED = ("@method", "@authority", "@path", "@query")
"""Components that each signature must cover."""

SIGNATURE_SUBPROTOCOL = "stormdoor.signature."
"""Prefix of a signature, for clients that cannot set headers, and on an open connection."""

_DEFAULT_PORT = {"http": ":80", "https": ":443"}
_PART = re.compile(r"[A-Za-z0-9_-]{1,5464}", re.ASCII)


def facts_of(method: str, scheme: str, authority: str, target: str) -> Iterator[tuple[str, str]]:
    """Return the derived components (RFC 9421 §2.2) of a request, by name."""
    authority = authority.lower().removesuffix(_DEFAULT_PORT.get(scheme, ":"))
    path, mark, query = target.partition("?")
    yield "@method", method
    yield "@authority", authority
    yield "@scheme", scheme
    yield "@path", path or "/"
    yield "@query", f"?{query}"
    yield "@request-target", f"{path or '/'}{mark}{query}"
    yield "@target-uri", f"{scheme}://{authority}{path or '/'}{mark}{query}"


def sign_request(
    url: str,
    key: JwtKey,
    *,
    created: float,
    nonce: str | None = None,
    headers: Mapping[str, str] | None = None,
    tag: str | None = None,
    method: str = "GET",
) -> dict[str, str]:
    """Return the two headers that sign a handshake, for clients.

    Args:
        url: Address of the socket: `wss://app.example/feed?room=1`.
        key: The private key or secret; its `kid` is the `keyid`.
        created: Unix seconds: now.
        nonce: A text that was never used before; random by default.
        headers: Further headers that the signature covers. Send them as well.
        tag: The server's setting `tag`.
        method: The method of the request.

    Raises:
        ConfigurationError: The key is public or has no name, or the address is malformed.
    """
    parts = urlsplit(url)
    scheme = {"ws": "http", "wss": "https"}.get(parts.scheme, parts.scheme)
    if scheme not in _DEFAULT_PORT or not parts.hostname or "@" in parts.netloc:
        raise ConfigurationError(
            "a request is signed for an address such as wss://app.example/feed"
        )
    RequestKey(key=key, principal="")  # rejects an address that no server could verify
    target = parts.path or "/"
    if parts.query:
        target += f"?{parts.query}"
    facts = dict(facts_of(method, scheme, parts.netloc, target))
    covered = {name: facts[name] for name in COVERED}
    covered |= {name.lower(): value.strip() for name, value in (headers or {}).items()}
    parameters: dict[str, str | int] = {
        "created": int(created),
        "nonce": secrets.token_urlsafe(24) if nonce is None else nonce,
        "keyid": key.kid or "",
        "alg": SIGNATURE_ALGORITHMS[key.algorithm],
    }
    if tag is not None:
        parameters["tag"] = tag
    try:
        text = write_inner_list(covered, parameters)
        base = signature_base(covered.items(), text)
    except ValueError as error:
        raise ConfigurationError(f"the request cannot be signed: {error}") from None
    signature = base64.b64encode(key.sign_bytes(base)).decode("ascii")
    return {"Signature-Input": f"stormdoor={text}", "Signature": f"stormdoor=:{signature}:"}


def sign_offer(
    url: str,
    key: JwtKey,
    *,
    created: float,
    nonce: str | None = None,
    tag: str | None = None,
    method: str = "GET",
) -> str:
    """Sign a handshake, as one text for a subprotocol or the `token` of a message (for clients).

    In a message it signs the request that opened the connection, again: `created` is now.

    Args:
        url: Address of the socket: `wss://app.example/feed?room=1`.
        key: The private key or secret; its `kid` is the `keyid`.
        created: Unix seconds: now.
        nonce: A text that was never used before; random by default.
        tag: The server's setting `tag`.
        method: The method of the request.

    Raises:
        ConfigurationError: The key is public or has no name, or the address is malformed.
    """
    made = sign_request(url, key, created=created, nonce=nonce, tag=tag, method=method)
    parts = (made["Signature-Input"], made["Signature"])
    return SIGNATURE_SUBPROTOCOL + ".".join(
        base64.urlsafe_b64encode(part.encode("ascii")).rstrip(b"=").decode("ascii")
        for part in parts
    )


def read_offer(text: str) -> tuple[str, str] | Malformed:
    """Return `Signature-Input` and `Signature` from the text after the prefix. Never raises."""
    parts = [_plain(part) for part in text.split(".", 2)]
    if len(parts) != 2 or parts[0] is None or parts[1] is None:
        return Malformed("the signature is not two texts in base64url with a dot between them")
    return parts[0], parts[1]


def _plain(part: str) -> str | None:
    """Decode base64url without padding, in the canonical spelling, to ASCII."""
    if _PART.fullmatch(part) is None:
        return None
    try:
        data = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
        text = data.decode("ascii")
    except (binascii.Error, UnicodeError):
        return None
    again = base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
    return text if again == part else None
