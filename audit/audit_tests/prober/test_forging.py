"""Tokens that a client writes in the server's own format; servers that take them, and that verify them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import pickle
import pickletools
import time
from collections.abc import Callable
from typing import Any, ClassVar
from urllib.parse import quote, unquote

import pytest

from audit_tests.prober.servers import Feed, probed, serving, slugs
from stormdoor_audit.prober.forging import forgeries
from stormdoor_audit.prober.identity import Identity

pytestmark = pytest.mark.sampled(5)

KEY = b"a-key-that-is-in-no-list"
STORE = {"9f81c02e6d4475aa31": "ada"}


def sign(text: str) -> str:
    """The signature of the server's key."""
    return hmac.new(KEY, text.encode(), hashlib.sha256).hexdigest()


def b64(data: bytes) -> str:
    """Base64 for addresses."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    """The bytes again."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def as_pairs(text: str) -> dict[str, str]:
    """`a=1&b=2` as a dictionary."""
    return dict(one.partition("=")[::2] for one in text.split("&"))


def as_pickle(data: bytes) -> dict[str, str]:
    """The texts of a pickled dictionary, without running it."""
    texts = [str(value) for code, value, _ in pickletools.genops(data) if "UNICODE" in code.name]
    return dict(zip(texts[::2], texts[1::2], strict=True))


UNSIGNED: dict[str, tuple[str, Callable[[str], Any]]] = {
    "json": (quote('{"user":"ada","role":"staff"}'), lambda text: json.loads(unquote(text))),
    "base64": (b64(b'{"user": "ada", "exp": 1}'), lambda text: json.loads(unb64(text))),
    "pairs": ("user=ada&role=staff", as_pairs),
    "pairs in base64": (b64(b"user=ada&role=staff"), lambda text: as_pairs(unb64(text).decode())),
    "pickle": (b64(pickle.dumps({"user": "ada9"}, 4)), lambda text: as_pickle(unb64(text))),
}


class ReadsCookie(Feed):
    """Lets every client in that names a user in its cookie."""

    read: ClassVar[Callable[[str], Any]]

    def allowed(self) -> bool:
        try:
            return bool(type(self).read(self.get_cookie("login") or "")["user"])
        except (ValueError, KeyError, IndexError, TypeError):
            return False


class Verifies(ReadsCookie):
    """The same, with a signature after a dot."""

    def allowed(self) -> bool:
        text, _, signature = (self.get_cookie("login") or "").rpartition(".")
        return hmac.compare_digest(signature, sign(text)) and bool(text)


@pytest.mark.parametrize("name", UNSIGNED)
@pytest.mark.parametrize("base", [ReadsCookie, Verifies])
async def test_cookies(name: str, base: type[ReadsCookie]) -> None:
    """A cookie that nothing has signed keeps no client out; its twin with a signature does."""
    token, reads = UNSIGNED[name]
    if base is Verifies:
        token = f"{token}.{sign(token)}"

    class Here(base):  # type: ignore[misc, valid-type]
        read = staticmethod(reads)

    async with serving(Here) as port:
        report = await probed(port, owner=Identity("ada", cookies=(("login", token),)))
    assert ("no-credential" in slugs(report)) is (base is ReadsCookie)


class KnownUser(Feed):
    """Asks for a user that exists, in the pairs of a header."""

    def allowed(self) -> bool:
        return as_pairs(self.request.headers.get("X-Session", "")).get("user") == "ada"


class KnownSession(Feed):
    """Looks a session up that no other client can guess, in a cookie of JSON."""

    def allowed(self) -> bool:
        try:
            return json.loads(unquote(self.get_cookie("login") or ""))["sid"] in STORE
        except (ValueError, KeyError, TypeError):
            return False


async def test_a_name_that_exists_is_no_secret() -> None:
    """The user's own name, with a field that the server has not written, gets in."""
    owner = Identity("ada", headers=(("X-Session", "user=ada&tab=1"),))
    async with serving(KnownUser) as port:
        assert "no-credential" in slugs(await probed(port, owner=owner))


async def test_a_session_of_chance_is_a_secret() -> None:
    """Another session id is refused, and the owner's own is not tried with another field."""
    cookie = quote(json.dumps({"sid": next(iter(STORE))}))
    async with serving(KnownSession) as port:
        report = await probed(port, owner=Identity("ada", cookies=(("login", cookie),)))
    [one] = [one for one in report.tried if one.rule_id == "SP101"]
    assert one.outcome == "closed"


def test_forgeries() -> None:
    """Other ids and an end in the future, without the signature; then the same with a field more."""
    body = b64(json.dumps({"session_id": "Xk29sPq4LmZ7", "session_expiry": 7, "a": [1]}).encode())
    [other] = forgeries(f"{body}.{sign(body)}")
    read = json.loads(unb64(other))
    assert read["session_id"] != "Xk29sPq4LmZ7"
    assert read["session_expiry"] > time.time() + 600
    pairs = list(forgeries("user=ada|exp=1764430000|sig=ff00"))
    assert [one.count("|") for one in pairs] == [1, 2]
    assert pairs[1].startswith("user=ada|exp=1764430000|")
    assert not any("sig" in one for one in pairs)


@pytest.mark.parametrize(
    "token",
    [
        "opaque-token-0123",
        "eyJhbGciOiJIUzI1NiJ9.e30.x",
        "w8zuAOiZxMK3gFEOg740gxaXu1nWXQ0dBbSk5q_-uYw",
        b64(b"\x80\x04damaged"),
        b64(b"\xff\xfe\xfd"),
        b64(b'{"alg": "none"}'),
        "",
    ],
)
def test_unknown_formats(token: str) -> None:
    """A token of an unknown format gets no forgeries."""
    assert list(forgeries(token)) == []
