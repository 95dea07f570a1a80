"""weak-token-verification: tokens that the server did not sign, or that lack a claim."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.attacks.twin import Chat, site
from tests.attacks.twin import visitor as comes_to
from tests.demo.running import Running
from tests.demo.visitor import Visitor, answer
from tests.support.tokens import b64, forge, hs256

pytestmark = pytest.mark.extended

Signer = Callable[[bytes], bytes]

GUESSED = "secret"


def nobody(signed: bytes) -> bytes:
    """Return an empty signature."""
    return b""


def claims(**changes: Any) -> dict[str, Any]:
    """Return the claims of a good token; a change to None removes a claim, and times are from now."""
    now = time.time()
    good: dict[str, Any] = {
        "iss": "stormdoor-demo",
        "aud": "stormdoor-demo",
        "sub": "ada",
        "iat": now - 1,
        "exp": now + 60,
        "jti": b64(hashlib.sha256(str(now).encode()).digest()),
    }
    for name, value in changes.items():
        good[name] = now + value.total_seconds() if isinstance(value, timedelta) else value
    return {name: value for name, value in good.items() if value is not None}


HEADER = {"alg": "HS256", "typ": "at+jwt"}
THEIRS = b"a key of the attacker, long enough for HS256"

# Tokens that an attacker can make without a key of the server.
FORGED: dict[str, Callable[[], str]] = {
    "no algorithm": lambda: forge({**HEADER, "alg": "none"}, claims(), nobody),
    "no algorithm, in capitals": lambda: forge({**HEADER, "alg": "NONE"}, claims(), nobody),
    "no algorithm, half in capitals": lambda: forge({**HEADER, "alg": "nOnE"}, claims(), nobody),
    "no algorithm, and a signature": lambda: forge(
        {**HEADER, "alg": "none"}, claims(), hs256(THEIRS)
    ),
    "a key that is guessed first": lambda: forge(HEADER, claims(), hs256(GUESSED)),
    "the key in the token": lambda: forge(
        {**HEADER, "jwk": {"kty": "oct", "k": b64(THEIRS)}}, claims(), hs256(THEIRS)
    ),
    "the key in a file of the server": lambda: forge(
        {**HEADER, "kid": "/dev/null"}, claims(), hs256(b"")
    ),
    "an empty key": lambda: forge({**HEADER, "kid": ""}, claims(), hs256(b"")),
}


class TrustsTheToken(Chat):
    """Careless chat that takes algorithm and key from the token."""

    def who(self) -> str | None:
        token = self.request.headers.get("Authorization", "").removeprefix("Bearer ")
        with suppress(ValueError, KeyError, OSError):
            return self.verified(token)["sub"]
        return None

    def verified(self, token: str) -> dict[str, Any]:
        """The claims."""
        signed, _, signature = token.rpartition(".")
        header, payload = (
            json.loads(base64.urlsafe_b64decode(part + "==")) for part in signed.split(".")
        )
        if header["alg"].lower() != "none":
            key = self.key(header)
            expected = hmac.digest(key, signed.encode(), "sha256")
            if base64.urlsafe_b64decode(signature + "==") != expected:
                raise ValueError(token)
        return payload

    def key(self, header: dict[str, Any]) -> bytes:
        """The key that the token names."""
        if "jwk" in header:
            return base64.urlsafe_b64decode(header["jwk"]["k"] + "==")
        if "kid" in header:
            return Path(header["kid"]).read_bytes() if header["kid"] else b""
        return GUESSED.encode()


async def speaks_as(visitor: Visitor, token: str, **options: Any) -> str | None:
    """Return the sender's name that the server shows for this token; None if it is refused."""
    async with await visitor.with_key(token, "/ws/chat", **options) as wire:
        if wire.status != 101:
            return None
        reply = await answer(wire, {"type": "say", "room": "lobby", "text": "hello"})
        return None if reply is None else str(reply["from"])


@pytest.mark.parametrize("how", FORGED)
async def test_a_token_that_nobody_signed(how: str, demo: Running) -> None:
    """The demo's key has one algorithm; a token chooses neither key nor algorithm."""
    async with site(TrustsTheToken) as (at, _):
        assert await speaks_as(comes_to(at), FORGED[how]()) == "ada"
    stranger = demo.visitor()
    assert await speaks_as(stranger, FORGED[how]()) is None
    entry = await demo.recorded("authn_login_fail", address=stranger.address)
    assert entry["cause"] == "bad-credential"
    assert "principal" not in entry


def key_of(demo: Running) -> Signer:
    """Return the demo's own key, for tokens that the demo could have signed for another purpose."""
    return hs256(bytes.fromhex(demo.secrets["token_key"]))


async def test_a_good_token_made_by_hand(demo: Running) -> None:
    """A token made by hand with the right key and claims is accepted."""
    assert await speaks_as(demo.visitor(), forge(HEADER, claims(), key_of(demo))) == "ada"


LATER, EARLIER = timedelta(minutes=10), timedelta(minutes=-10)

# What a token of ours lacks or says, times as seen from now, and what it is then.
LACKING: dict[str, tuple[dict[str, Any], str]] = {
    "another audience": ({"aud": "another service"}, "bad-credential"),
    "no audience": ({"aud": None}, "bad-credential"),
    "two other audiences": ({"aud": ["another", "service"]}, "bad-credential"),
    "another issuer": ({"iss": "somebody else"}, "bad-credential"),
    "no issuer": ({"iss": None}, "bad-credential"),
    "no end": ({"exp": None}, "bad-credential"),
    "over": ({"iat": 2 * EARLIER, "exp": EARLIER}, "expired"),
    "over before it began": ({"exp": EARLIER}, "bad-credential"),
    "an end in words": ({"exp": "9999999999"}, "bad-credential"),
    "an infinite end": ({"exp": 1e400}, "bad-credential"),
    "an end that is true": ({"exp": True}, "bad-credential"),
    "not yet": ({"nbf": LATER, "exp": 2 * LATER}, "bad-credential"),
    "from the future": ({"iat": LATER, "exp": 2 * LATER}, "bad-credential"),
    "about nobody": ({"sub": None}, "bad-credential"),
    "about somebody without a name": ({"sub": ""}, "bad-credential"),
    "about somebody unknown": ({"sub": "nobody"}, "bad-credential"),
    "about a list": ({"sub": ["ada"]}, "bad-credential"),
    "about a number": ({"sub": 0}, "bad-credential"),
    "of a session that never was": ({"sid": "0" * 64}, "expired"),
}


@pytest.mark.parametrize("what", LACKING)
async def test_a_token_that_says_too_little(what: str, demo: Running) -> None:
    """A token needs the right audience, issuer and times, and a known principal."""
    changes, cause = LACKING[what]
    changed = claims(**changes)
    async with site(TrustsTheToken) as (at, _):
        token = forge(HEADER, changed, hs256(GUESSED))
        async with await comes_to(at).with_key(token, "/ws/chat") as wire:
            assert wire.status == 101
    stranger = demo.visitor()
    assert await speaks_as(stranger, forge(HEADER, changed, key_of(demo))) is None
    name = "session_use_after_expire" if cause == "expired" else "authn_login_fail"
    await demo.recorded(name, address=stranger.address, cause=cause)


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "HS512", "typ": "at+jwt"},
        {"alg": "RS256", "typ": "at+jwt"},
        {"alg": "HS256", "typ": "at+jwt", "crit": ["exp"]},
        {"alg": "HS256", "typ": "at+jwt", "jku": "http://127.0.0.1:1/keys"},
        {"alg": "HS256", "typ": "at+jwt", "x5u": "http://127.0.0.1:1/certificate"},
        {"alg": "HS256", "typ": "at+jwt", "jwk": {"kty": "oct", "k": "AAAA"}},
        {"alg": ["HS256"], "typ": "at+jwt"},
        {"typ": "at+jwt"},
    ],
    ids=str,
)
async def test_a_header_that_wants_something(header: dict[str, Any], demo: Running) -> None:
    """A correctly signed token is refused if its header names another algorithm, key or key URL."""
    stranger = demo.visitor()
    assert await speaks_as(stranger, forge(header, claims(), key_of(demo))) is None
    await demo.recorded("authn_login_fail", address=stranger.address, cause="bad-credential")


async def test_another_payload_under_a_good_signature(demo: Running) -> None:
    """A good token with another payload is refused."""
    alice = await demo.visit("alice")
    token = await alice.token()
    header, payload, signature = token.split(".")
    said = json.loads(base64.urlsafe_b64decode(payload + "=="))
    changed = b64(json.dumps({**said, "sub": "ada"}))
    stranger = demo.visitor()
    assert await speaks_as(stranger, token) == "alice"
    for bad in (
        f"{header}.{changed}.{signature}",
        f"{header}.{payload}.",
        f"{header}.{payload}",
        f"{header}.{payload}.{signature[:-4]}",
        f"{header}.{payload}.{signature}.{signature}",
        f" {header}.{payload}.{signature[::-1]}",
    ):
        assert await speaks_as(stranger, bad) is None, bad
    await demo.recorded("authn_login_fail", address=stranger.address, cause="bad-credential")


async def test_roles_come_from_us(demo: Running) -> None:
    """Roles in a token have no effect; the store has the roles of its principal."""
    token = forge(
        HEADER,
        claims(sub="alice", roles=["administrator"], scope="*", permissions=["chat:announce"]),
        key_of(demo),
    )
    async with await demo.visitor().with_key(token, "/ws/chat") as wire:
        reply = await wire.ask({"type": "announce", "text": "mine"})
        assert reply == {"type": "error", "error": "forbidden"}
    async with await demo.visitor().with_key(token, "/ws/dashboard") as wire:
        assert wire.status == 403
