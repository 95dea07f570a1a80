"""Tokens of every kind, honest and forged, put together by hand so that nothing forbids a lie."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from functools import cache

from cryptography.hazmat.primitives.asymmetric import rsa

__all__ = ["b64", "forge", "hs256", "rsa_key"]


@cache
def rsa_key(name: str = "", bits: int = 2048) -> rsa.RSAPrivateKey:
    """Return a key of that name, made once in a process: to make one takes a tenth of a second."""
    return rsa.generate_private_key(65537, bits)


def b64(data: bytes | str) -> str:
    """Base64url without padding."""
    raw = data.encode() if isinstance(data, str) else data
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def hs256(secret: bytes | str) -> Callable[[bytes], bytes]:
    """A signer by HMAC with SHA-256."""
    key = secret.encode() if isinstance(secret, str) else secret
    return lambda signed: hmac.digest(key, signed, hashlib.sha256)


def _segment(part: Mapping[str, object] | str | bytes) -> str:
    return b64(json.dumps(part) if isinstance(part, Mapping) else part)


def forge(
    header: Mapping[str, object] | str | bytes,
    payload: Mapping[str, object] | str | bytes,
    sign: Callable[[bytes], bytes],
) -> str:
    """A token of any header and payload.

    Args:
        header: An object, or the exact text that stands for it.
        payload: Likewise.
        sign: Makes the signature.
    """
    signed = f"{_segment(header)}.{_segment(payload)}"
    return f"{signed}.{b64(sign(signed.encode()))}"
