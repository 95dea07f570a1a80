"""Signed requests on an open connection: a signature of its own, for the request that opened it."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from stormdoor import (
    AccountKeys,
    Connection,
    Denial,
    Guard,
    JwtKey,
    Principal,
    RequestKey,
    SignedRequestAuthenticator,
    Target,
)
from stormdoor.client import sign_offer, sign_request
from stormdoor.core.account import Account
from tests.guard.fakes import (
    CHAT,
    HANDSHAKE,
    FakeStore,
    Tokens,
    admit,
    authentication,
    events,
    make_guard,
    opened,
    refused,
    settle,
)
from tests.support.clock import FakeClock

URL = "wss://app.example/ws?room=1"
OPENING = replace(HANDSHAKE, target="/ws?room=1", origin=None, fetch_site=None, fetch_mode=None)
MEMBER = frozenset({"member"})
PREFIX = "stormdoor.signature."
START = FakeClock().now()


def key(keyid: str) -> JwtKey:
    """A key of its own."""
    return JwtKey("EdDSA", Ed25519PrivateKey.generate(), keyid)


OLD, NEW, FOREIGN, STRANGER = key("old"), key("new"), key("foreign"), key("old")


def known(signer: JwtKey, id: str = "boiler", **more: Any) -> RequestKey:
    """Return the server's entry for a device."""
    return RequestKey(key=signer, principal=Principal(id, MEMBER), **more)


KEYS = (
    known(OLD, expires_at=START + 100, issued_at=START - 100),
    known(NEW, expires_at=START + 900, issued_at=START - 10),
    known(FOREIGN, "pump"),
)


def offer(guard: Guard, signer: JwtKey = OLD, url: str = URL, **changes: Any) -> str:
    """Return the signed message of a device."""
    return sign_offer(url, signer, **{"created": guard.clock.now(), **changes})


async def world(
    *others: Any, store: FakeStore | None = None, **options: Any
) -> tuple[Guard, Connection]:
    """An open connection of the boiler, by a signature with its old key."""
    signed = SignedRequestAuthenticator(KEYS, **options)
    guard = await settle(make_guard(signed, *others, clock=FakeClock(), store=store))
    headers = sign_request(URL, OLD, created=START, tag=options.get("tag"))
    lower = {name.lower(): (value,) for name, value in headers.items()}
    connection, sink = await opened(guard, replace(OPENING, headers=lower))
    sink.facts = replace(OPENING, headers=lower)
    return guard, connection


async def test_a_device_goes_on_with_its_next_key() -> None:
    """Same principal: the socket has the time of the new key, and hangs on the old one no more."""
    guard, connection = await world()
    guard.clock.advance(50)  # type: ignore[attr-defined]
    assert connection.authentication.expires_at == START + 100
    assert await guard.refresh(connection, offer(guard, NEW)) is None
    now = connection.authentication
    assert (now.credential_id, now.expires_at) == ("new", START + 900)
    assert now.authenticated_at == guard.clock.now()  # for actions that want a fresh proof
    assert (await guard.admin.revoke(Target.CREDENTIAL, "old")).closed == 0
    assert connection.open
    assert (await guard.admin.revoke(Target.CREDENTIAL, "new")).closed == 1
    assert "connection_renewed" in [one.name for one in await events(guard)]
    await guard.close()


async def test_the_same_key_proves_itself_anew() -> None:
    """A new signature by the same key changes only the time of the authentication."""
    guard, connection = await world()
    was = connection.authentication
    guard.clock.advance(30)  # type: ignore[attr-defined]
    assert await guard.refresh(connection, offer(guard)) is None
    assert connection.authentication == replace(was, authenticated_at=START + 30)
    await guard.close()


def _resigned(text: str, change: Callable[[str], str], part: int) -> str:
    """The text with one of its two halves changed."""
    halves = text.removeprefix(PREFIX).split(".")
    plain = base64.urlsafe_b64decode(halves[part] + "==").decode()
    assert change(plain) != plain
    encoded = base64.urlsafe_b64encode(change(plain).encode()).rstrip(b"=").decode()
    halves[part] = encoded
    return PREFIX + ".".join(halves)


REFUSED: dict[str, Callable[[Guard], str]] = {
    "another key under that name": lambda guard: offer(guard, STRANGER),
    "another address": lambda guard: offer(guard, url="wss://app.example/admin?room=1"),
    "another query": lambda guard: offer(guard, url="wss://app.example/ws?room=2"),
    "another host": lambda guard: offer(guard, url="wss://evil.example/ws?room=1"),
    "another method": lambda guard: offer(guard, method="POST"),
    "too old": lambda guard: offer(guard, created=guard.clock.now() - 60),
    "from the future": lambda guard: offer(guard, created=guard.clock.now() + 11),
    "for another application": lambda guard: offer(guard, tag="another"),
    "a time that was not signed": lambda guard: _resigned(
        offer(guard, created=START - 60),
        lambda text: text.replace(str(int(START - 60)), str(int(START))),
        0,
    ),
    "a nonce that was not signed": lambda guard: _resigned(
        offer(guard, nonce="n" * 20), lambda text: text.replace("n" * 20, "m" * 20), 0
    ),
    "the name of another key": lambda guard: _resigned(
        offer(guard), lambda text: text.replace('keyid="old"', 'keyid="new"'), 0
    ),
    "nothing signed": lambda guard: offer(guard).rpartition(".")[0],
    "three parts": lambda guard: offer(guard) + ".AAAA",
    "empty parts": lambda guard: PREFIX + ".",
    "no base64url": lambda guard: PREFIX + "a+b.c/d",
    "half a byte": lambda guard: PREFIX + "A.AAAA",
    "with padding": lambda guard: offer(guard) + "=",
    "no ASCII": lambda guard: PREFIX + "4pyT.4pyT",
    "another spelling": lambda guard: offer(guard)[:-1] + "A-",
    "two signatures": lambda guard: f"{offer(guard)}, {offer(guard)}",
    "without the prefix": lambda guard: offer(guard).removeprefix(PREFIX),
    "another prefix": lambda guard: offer(guard).replace("signature", "bearer"),
}


@pytest.mark.parametrize("how", REFUSED)
async def test_whoever_has_no_key_changes_nothing(how: str) -> None:
    """A signature by another key is refused; afterwards a valid one is still accepted."""
    guard, connection = await world()
    was = connection.authentication
    refusal = await guard.refresh(connection, REFUSED[how](guard))
    assert refusal is not None
    assert refusal.denial is Denial.BAD_CREDENTIAL
    assert connection.open
    assert connection.authentication is was
    assert await guard.refresh(connection, offer(guard)) is None
    await guard.close()


async def test_a_signature_counts_once_wherever_it_is_used() -> None:
    """A signature is accepted once: at a handshake, on this connection, on another one, or in headers."""
    guard, connection = await world()
    other = await admit(guard, replace(OPENING, subprotocols=[offer(guard, NEW)]))
    assert other.authentication.credential_id == "new"
    headers = sign_request(URL, OLD, created=START, nonce="n" * 20)
    text = offer(guard, nonce="n" * 20)
    lower = {name.lower(): (value,) for name, value in headers.items()}
    assert await guard.refresh(connection, text) is None
    refusal = await guard.refresh(connection, text)
    assert refusal is not None
    assert "used before" in refusal.detail
    for handshake in (
        replace(OPENING, headers=lower),
        replace(OPENING, subprotocols=["stormdoor.v1", text]),
    ):
        assert "used before" in (await refused(guard, handshake, CHAT)).detail
    assert [one.name for one in await events(guard)].count("authn_token_reuse") == 3
    await guard.close()


async def test_of_two_at_once_one_wins() -> None:
    """The same text, on two connections of the same device, while the store is slow."""
    store = FakeStore()
    guard, connection = await world(store=store)
    other, sink = await opened(guard, replace(OPENING, subprotocols=[offer(guard)]))
    sink.facts = OPENING
    text, was = offer(guard, NEW), other.authentication
    pause = store.pause("use_nonce", after=False)
    first = asyncio.create_task(guard.refresh(connection, text))
    await pause.reached.wait()
    assert await guard.refresh(other, text) is None
    pause.go()
    refusal = await first
    assert refusal is not None
    assert "used before" in refusal.detail
    assert other.authentication is not was
    assert connection.authentication.credential_id == "old"
    await guard.close()


@pytest.mark.parametrize(
    ("target", "value"),
    [(Target.CREDENTIAL, "new"), (Target.DEVICE, "new"), (Target.PRINCIPAL, "boiler")],
    ids=str,
)
async def test_what_is_revoked_meanwhile_is_revoked(target: Target, value: str) -> None:
    """While the nonce is used up, the new key or the whole principal is revoked."""
    store = FakeStore()
    guard, connection = await world(store=store)
    pause = store.pause("use_nonce")
    asked = asyncio.create_task(guard.refresh(connection, offer(guard, NEW)))
    await pause.reached.wait()
    await guard.admin.revoke(target, value)
    pause.go()
    refusal = await asked
    assert refusal is not None
    assert refusal.denial is Denial.REVOKED
    assert connection.open is (target is not Target.PRINCIPAL)
    assert connection.authentication.credential_id == "old"
    await guard.close()


async def test_somebody_else_is_refused() -> None:
    """The guard refuses a valid signature of another device on the connection."""
    guard, connection = await world()
    refusal = await guard.refresh(connection, offer(guard, FOREIGN))
    assert refusal is not None
    assert refusal.denial is Denial.FORBIDDEN
    assert connection.principal.id == "boiler"
    await guard.close()


async def test_nobody_else_is_shown_a_signature() -> None:
    """The guard never passes a signature to an authenticator that accepts any text as a token."""
    tokens = Tokens({})
    guard, connection = await world(tokens)
    assert await guard.refresh(connection, offer(guard)) is None
    assert tokens.asked == []
    await guard.close()
    tokens = Tokens({"t": authentication("boiler")})
    guard = await settle(make_guard(tokens, clock=FakeClock()))
    connection, _ = await opened(guard, replace(HANDSHAKE, authorization=["Bearer t"]))
    refusal = await guard.refresh(connection, offer(guard))
    assert refusal is not None
    assert "no authenticator recognises" in refusal.detail
    assert tokens.asked == ["t"]
    await guard.close()


async def test_what_must_be_signed_and_is_not_there() -> None:
    """A refresh is refused if signatures must cover a header, because a message has no headers."""
    signed = SignedRequestAuthenticator(KEYS, headers=["X-Firmware"])
    guard = await settle(make_guard(signed, clock=FakeClock()))
    firmware = {"X-Firmware": "7"}
    headers = {**firmware, **sign_request(URL, OLD, created=START, headers=firmware)}
    lower = {name.lower(): (value,) for name, value in headers.items()}
    connection, sink = await opened(guard, replace(OPENING, headers=lower))
    sink.facts = replace(OPENING, headers=lower)
    refusal = await guard.refresh(connection, offer(guard))
    assert refusal is not None
    assert "does not cover x-firmware" in refusal.detail
    await guard.close()


async def test_a_handshake_with_both_forms_has_two_credentials() -> None:
    """The guard refuses a handshake with both forms of a signature as ambiguous."""
    guard, _ = await world()
    headers = sign_request(URL, OLD, created=START)
    lower = {name.lower(): (value,) for name, value in headers.items()}
    both = replace(OPENING, headers=lower, subprotocols=[offer(guard, NEW)])
    assert (await refused(guard, both)).denial is Denial.AMBIGUOUS_CREDENTIAL
    await guard.close()


async def test_a_device_of_the_store() -> None:
    """The device's account is read again: present permissions apply, and a disabled device is refused."""
    signer, store = key("boiler"), FakeStore()
    assert signer.public_key is not None
    public = signer.public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    held = {"request_keys": {"": public.decode()}}
    account = Account(id="boiler", roles=MEMBER, attributes=held)
    guard = make_guard(SignedRequestAuthenticator(AccountKeys()), clock=FakeClock(), store=store)
    await settle(guard, account)
    connection, sink = await opened(guard, replace(OPENING, subprotocols=[offer(guard, signer)]))
    sink.facts = OPENING
    assert await guard.refresh(connection, offer(guard, signer)) is None
    pause = store.pause("use_nonce")
    asked = asyncio.create_task(guard.refresh(connection, offer(guard, signer)))
    await pause.reached.wait()
    await guard.admin.set_disabled("boiler", True)
    pause.go()
    assert await asked is not None
    assert not connection.open
    await guard.close()
