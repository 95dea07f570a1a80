"""Forge tokens in the format of a server's own ones, without a key: JSON, pairs, pickles, plain or in base64.

Nothing is unpickled: the texts in a pickle are replaced by others of the same length.
"""

from __future__ import annotations

import base64
import binascii
import json
import pickletools
import re
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, unquote

from stormdoor_audit.prober.made_up import alike
from stormdoor_audit.prober.peer_json import read_object

__all__ = ["LIFETIME", "encoded", "forgeries"]

LIFETIME = 900
"""Seconds that a forged token claims to be valid."""
_ID = re.compile(r"id$|^sub$|^jti$|nonce|session|user|name|login|mail", re.IGNORECASE)
_ENDS = re.compile(r"exp|until|valid", re.IGNORECASE)
_SIGNATURE = re.compile(r"^(sig|sign|signature|hmac|mac|hash|digest|checksum)$", re.IGNORECASE)
_CHANCE = re.compile(r"(?=.*\d)(?=.*[A-Za-z])[\w+/=.-]{10,}|[\w+/=-]{24,}|\d{12,}")
"""A value that another client cannot guess."""
_PAIRS = re.compile(r"[\w.-]{1,40}=[^=&;|,]*([&;|,][\w.-]{1,40}=[^=&;|,]*)*")
_TEXTS = frozenset({"SHORT_BINUNICODE", "BINUNICODE", "UNICODE"})
_COUNTED = 12
"""Digits of a number that another client can count to."""
_MARK = "stormdoor_probe"
"""Field that is added, so that the token is none that the server has issued."""


def forgeries(token: str) -> Iterator[str]:
    """Yield tokens of the same format that nothing has signed; none where the format is not known.

    Of a number they are its neighbours. Otherwise the first has other ids, and an end in the future. The
    second says the same as the token, with a field more. It is left out where the token holds a value that
    another client cannot guess: then that is the credential. A signature is left out. JSON Web Tokens are
    another probe's.
    """
    text = unquote(token)
    if text.isdecimal() and len(text) <= _COUNTED:
        # The number of another user: clients can count.
        near = (int(text) - 1, int(text) + 1)
        yield from (str(one).zfill(len(text)) for one in near if one >= 0)
        return
    for made in _of_text(text):
        yield quote(made, safe="") if text != token else made


def encoded(value: dict[str, Any]) -> str:
    """Return JSON in base64 for addresses, without its padding."""
    return _base64(json.dumps(value).encode())


def _base64(data: bytes, *, alike_to: str = "") -> str:
    standard = "+" in alike_to or "/" in alike_to
    made = base64.b64encode(data) if standard else base64.urlsafe_b64encode(data)
    return (made if alike_to.endswith("=") else made.rstrip(b"=")).decode()


def _of_text(text: str) -> Iterator[str]:
    if (found := read_object(text)) is not None:
        for changed in _changes(found):
            yield json.dumps(changed, separators=(",", ":"))
        return
    if _PAIRS.fullmatch(text):
        yield from _of_pairs(text)
        return
    payload, _, signature = text.partition(".")
    if signature.count(".") == 1:
        return
    try:
        data = base64.b64decode(
            payload.translate(_STANDARD) + "=" * (-len(payload) % 4), validate=True
        )
    except (ValueError, binascii.Error):
        return
    if data[:1] == b"\x80":
        made = _pickle(data)
        yield from ([_base64(made, alike_to=payload)] if made else [])
        return
    try:
        inner = data.decode("utf-8")
    except ValueError:
        return
    # A format in base64 is either JSON or pairs: base64 in base64 is not looked for.
    if (found := read_object(inner)) is not None:
        if "alg" not in found:
            yield from (
                _base64(json.dumps(one).encode(), alike_to=payload) for one in _changes(found)
            )
    elif _PAIRS.fullmatch(inner):
        yield from (_base64(one.encode(), alike_to=payload) for one in _of_pairs(inner))


_STANDARD = str.maketrans("-_", "+/")


def _of_pairs(text: str) -> Iterator[str]:
    separator = next((one for one in text if one in "&;|,"), "&")
    pairs = dict(one.partition("=")[::2] for one in text.split(separator))
    for changed in _changes(pairs):
        yield separator.join(f"{name}={value}" for name, value in changed.items())


def _changes(found: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The content without its signature: with other ids; and as it is, with a field more."""
    bare = {name: one for name, one in found.items() if not _SIGNATURE.match(name)}
    later = int(time.time()) + LIFETIME
    other = dict(bare)
    for name, value in bare.items():
        if _ENDS.search(name) and str(value).partition(".")[0].isdecimal():
            other[name] = type(value)(later)
        elif isinstance(value, str) and _ID.search(name):
            other[name] = alike(value)
    if other != bare:
        yield other
    if not any(isinstance(one, str) and _CHANCE.fullmatch(one) for one in _values(bare)):
        yield {**bare, _MARK: "1"}


def _values(found: Any) -> Iterator[Any]:
    inner = found.values() if isinstance(found, dict) else found if isinstance(found, list) else ()
    for one in inner:
        yield one
        yield from _values(one)


def _pickle(data: bytes) -> bytes:
    """Return the pickle with the value of each id replaced by another of its length; b"" without any."""
    made, name = data, ""
    try:
        for code, value, _ in pickletools.genops(data):
            if code.name not in _TEXTS or not isinstance(value, str):
                continue
            if name and _ID.search(name):
                made = made.replace(value.encode(), alike(value).encode(), 1)
                name = ""
            else:
                name = value
    except (ValueError, IndexError, UnicodeError):
        return b""
    return made if made != data else b""
