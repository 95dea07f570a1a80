"""Parse a token strictly: three segments, canonical base64url, JSON with unique names.

A token is parsed once, so that no two parsers can disagree about the signed data. Nothing is verified here.
Header parameters such as `jku`, which tell the server where to find keys, are never followed (RFC 7515 §4.1,
RFC 8725 §3.10).
"""

from __future__ import annotations

import binascii
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NoReturn

from stormdoor.core.credential import MAX_SECRET
from stormdoor.core.malformed import Malformed
from stormdoor.core.value import value

__all__ = ["Jws", "json_object", "parse_jws"]

_SEGMENT = re.compile(rb"[A-Za-z0-9_-]+")
_URL_TO_STANDARD = bytes.maketrans(b"-_", b"+/")
# Only two or four bits of the last character are used, if it does not complete a group of four: the others
# are 0.
_LAST = {0: None, 2: frozenset(b"AQgw"), 3: frozenset(b"AEIMQUYcgkosw048")}

_COMMON = 128
"""Number of cached headers. An issuer uses the same header for all tokens, or one for each key."""
_COMMON_BYTES = 512

_REFUSED = {
    "jku": "names an address to fetch keys from",
    "jwk": "brings its own key",
    "x5u": "names an address to fetch a certificate from",
    "x5c": "brings its own certificate",
    "crit": "demands an extension",
    "b64": "demands an extension",
    "zip": "is compressed",
    "enc": "is encrypted",
}
"""Header parameters that refuse a token by their presence."""


@value
@dataclass(frozen=True, slots=True)
class Jws:
    """The parts of a signed token. They are not trustworthy before the signature is verified.

    Attributes:
        algorithm: `alg` of the header.
        kid: `kid` of the header, or None.
        typ: `typ` of the header, lower case and without `application/`, or None.
        payload: The signed payload.
        signed: The bytes that the signature covers.
        signature: The signature.
        jwk: `jwk` of the header, if requested, or None.
    """

    algorithm: str
    kid: str | None
    typ: str | None
    payload: bytes
    signed: bytes
    signature: bytes
    jwk: Mapping[str, object] | None = None


class _NotStrictError(ValueError):
    """The JSON has a form that different parsers read differently."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _NotStrictError("a name comes twice")
    return members


def _no_constant(name: str) -> NoReturn:
    raise _NotStrictError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise _NotStrictError("a number is out of range")
    return number


_MAX_DEPTH = 32
_TOO_DEEP = f"arrays and objects nest deeper than {_MAX_DEPTH}"

_decode = json.JSONDecoder(
    object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_finite
).decode


def _deep(value: object) -> bool:
    """Return whether arrays and objects are nested too deeply for a token."""
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(_MAX_DEPTH):
        level = [
            inner
            for one in level
            for inner in (one.values() if isinstance(one, dict) else one)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True


def json_object(data: bytes) -> dict[str, Any] | Malformed:
    """Read one JSON object (RFC 8259) that all parsers read in the same way."""
    try:
        value = _decode(data.decode("utf-8"))
        if b"\\u" in data:
            # An escape may spell half a surrogate pair, which no log, trail or database can store.
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except _NotStrictError as error:
        return Malformed(str(error))
    except RecursionError:
        return Malformed(_TOO_DEEP)
    except ValueError:
        return Malformed("it is not JSON in UTF-8")
    # Checked here, because each version of Python stops at another depth.
    if data.count(b"[") + data.count(b"{") > _MAX_DEPTH and _deep(value):
        return Malformed(_TOO_DEEP)
    if not isinstance(value, dict):
        return Malformed("it is not a JSON object")
    return value


def _bytes(segment: bytes) -> bytes | None:
    """Return the bytes of a segment; None unless it has the canonical spelling (RFC 7515 §2)."""
    over = len(segment) % 4
    if _SEGMENT.fullmatch(segment) is None or over == 1:
        return None
    last = _LAST[over]
    if last is not None and segment[-1] not in last:
        return None
    return binascii.a2b_base64(segment.translate(_URL_TO_STANDARD) + b"=" * (-over % 4))


def _header(
    header: Mapping[str, object], *, own_key: bool
) -> tuple[str, str | None, str | None] | Malformed:
    for name, what in _REFUSED.items():
        if name in header and not (own_key and name == "jwk"):
            return Malformed(f"the token {what} ({name})")
    algorithm = header.get("alg")
    kid = header.get("kid")
    typ = header.get("typ")
    if not isinstance(algorithm, str):
        return Malformed("alg is not a text")
    if "kid" in header and not isinstance(kid, str):
        return Malformed("kid is not a text")
    if "typ" in header and not isinstance(typ, str):
        return Malformed("typ is not a text")
    if isinstance(typ, str):
        typ = typ.lower().removeprefix("application/")  # RFC 7515 §4.1.9
    return algorithm, kid if isinstance(kid, str) else None, typ if isinstance(typ, str) else None


Header = tuple[str, str | None, str | None, Mapping[str, object] | None]


def _read_header(segment: bytes, own_key: bool) -> Header | Malformed:  # noqa: FBT001 - for the cache
    head = _bytes(segment)
    if head is None:
        return _NOT_CANONICAL
    members = json_object(head)
    if isinstance(members, Malformed):
        return Malformed(f"the header: {members.reason}")
    header = _header(members, own_key=own_key)
    if isinstance(header, Malformed):
        return header
    jwk = members.get("jwk")
    if own_key and not isinstance(jwk, dict):
        return Malformed("the token does not bring its key (jwk)")
    return (*header, jwk if isinstance(jwk, dict) else None)


_NOT_CANONICAL = Malformed("a segment is not canonical base64url")
_remembered_header = lru_cache(maxsize=_COMMON)(_read_header)


def parse_jws(token: str, *, own_key: bool = False) -> Jws | Malformed:
    """Parse `token`. Never raises, for any input.

    Args:
        token: The compact serialisation (RFC 7515 §7.1).
        own_key: Whether the token must contain its own key (`jwk`). True only for proofs of possession (RFC
            9449 §4.2), where the key is compared with a value that the issuer has signed.
    """
    if len(token) > MAX_SECRET:
        return Malformed(f"the token is longer than {MAX_SECRET} characters")
    if not token.isascii():
        return Malformed("the token is not ASCII")
    segments = token.encode("ascii").split(b".")
    if len(segments) != 3:
        return Malformed(f"a token has three segments, not {len(segments)}")
    if not segments[2]:
        return Malformed("the token has no signature")
    first, second, third = segments
    payload, signature = _bytes(second), _bytes(third)
    if payload is None or signature is None:
        return _NOT_CANONICAL
    # Each proof contains its key, so its header is unique.
    read = _read_header if own_key or len(first) > _COMMON_BYTES else _remembered_header
    header = read(first, own_key)
    if isinstance(header, Malformed):
        return header
    algorithm, kid, typ, jwk = header
    return Jws(algorithm, kid, typ, payload, first + b"." + second, signature, jwk)
