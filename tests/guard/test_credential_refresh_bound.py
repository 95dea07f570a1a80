"""Tokens that are bound to a key, on an open connection: with a proof of its own, and of the same key."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from stormdoor import (
    ApiKeyAuthenticator,
    Connection,
    Denial,
    DpopProof,
    Guard,
    JwtAuthenticator,
    JwtIssuer,
    JwtKey,
)
from stormdoor.auth.jose.public_jwk import jwk_thumbprint
from stormdoor.client import dpop_proof
from stormdoor.core.handshake import Handshake
from stormdoor.core.principal import Authentication
from tests.guard.fakes import CHAT, HANDSHAKE, admit, bearer, events, make_guard, opened, settle
from tests.support.clock import FakeClock

_ISSUER = JwtKey("HS256", b"k" * 32)
_URL = f"https://{HANDSHAKE.host}{HANDSHAKE.target}"
_MINE, _OTHER = (JwtKey("ES256", generate_private_key(SECP256R1())) for _ in range(2))


class Client:
    """Client with a key and tokens that are bound to the key."""

    def __init__(self, guard: Guard, key: JwtKey | None) -> None:
        self.guard, self.key = guard, key

    def token(self, principal: str = "carol") -> str:
        """A fresh one."""
        claims: dict[str, Any] = {"roles": ["member"]}
        if self.key is not None:
            claims["cnf"] = {"jkt": jwk_thumbprint(self.key)}
        issuer = JwtIssuer(_ISSUER, "here", "chat")
        return issuer.issue(principal, now=self.guard.clock.now(), claims=claims).token

    def proof(self, token: str, url: str = _URL, **changes: Any) -> str:
        """Return a proof for a token, made now."""
        assert self.key is not None
        given = {"now": self.guard.clock.now(), **changes}
        return dpop_proof(url, token, self.key, **given)

    def handshake(self) -> Handshake:
        """Return a handshake with a fresh token, and with a proof if there is a key."""
        token = self.token()
        if self.key is None:
            return bearer(token)
        headers = {"dpop": [self.proof(token)]}
        return replace(HANDSHAKE, authorization=[f"DPoP {token}"], headers=headers)

    def text(self, token: str | None = None, **changes: Any) -> str:
        """Return the message with token and proof for the open connection."""
        token = self.token() if token is None else token
        return f"stormdoor.dpop.{token}, stormdoor.proof.{self.proof(token, **changes)}"


async def _guard(**options: Any) -> Guard:
    tokens = JwtAuthenticator(
        keys=[_ISSUER], issuer="here", audience="chat", proofs=[DpopProof(**options)]
    )
    return await settle(make_guard(tokens, ApiKeyAuthenticator(), clock=FakeClock()))


async def test_a_bound_connection_goes_on_with_its_key() -> None:
    """A fresh token and a fresh proof; the deadline is that of the new token."""
    guard = await _guard()
    mine = Client(guard, _MINE)
    connection, _ = await opened(guard, mine.handshake())
    before = connection.authentication
    guard.clock.advance(100)  # type: ignore[attr-defined]
    assert await guard.refresh(connection, mine.text()) is None
    now = connection.authentication
    assert now.expires_at == guard.clock.now() + 300
    assert now.credential_id != before.credential_id
    assert now.proofs == before.proofs == {f"dpop:{jwk_thumbprint(_MINE)}"}
    assert "connection_renewed" in [one.name for one in await events(guard)]
    await guard.close()


STOLEN: dict[str, Any] = {
    # Messages of an attacker without the key who has seen the token, a proof, or both.
    "the token as a bearer token": lambda mine, _: mine.token(),
    "the token alone": lambda mine, _: f"stormdoor.dpop.{mine.token()}",
    "a proof that was used at a handshake": lambda _, seen: seen,
    "a proof for another token": lambda mine, _: (
        f"stormdoor.dpop.{mine.token()}, stormdoor.proof.{mine.proof('another')}"
    ),
    "a proof for another address": lambda mine, _: mine.text(url="https://app.example/other"),
    "a proof for another method": lambda mine, _: mine.text(method="POST"),
    "an old proof": lambda mine, _: mine.text(now=mine.guard.clock.now() - 61),
    "a proof from the future": lambda mine, _: mine.text(now=mine.guard.clock.now() + 6),
    "two proofs": lambda mine, _: f"{mine.text()}, stormdoor.proof.{mine.proof('x')}",
    "two tokens": lambda mine, _: f"{mine.text()}, stormdoor.dpop.{mine.token()}",
    "a proof and nothing else": lambda mine, _: f"stormdoor.proof.{mine.proof('x')}",
    "a proof of another key": lambda mine, _: (
        f"{(text := mine.text()).partition(',')[0]}, stormdoor.proof."
        + Client(mine.guard, _OTHER).proof(text.partition(",")[0].removeprefix("stormdoor.dpop."))
    ),
}


@pytest.mark.parametrize("how", STOLEN)
async def test_without_a_proof_of_the_moment_nothing_changes(how: str) -> None:
    """A token without a new proof is refused and counted; the connection is unchanged."""
    guard = await _guard()
    mine = Client(guard, _MINE)
    handshake = mine.handshake()
    connection, _ = await opened(guard, handshake)
    seen = (
        f"stormdoor.dpop.{handshake.authorization[0].removeprefix('DPoP ')}, "
        f"stormdoor.proof.{handshake.headers['dpop'][0]}"
    )
    was = connection.authentication
    refusal = await guard.refresh(connection, STOLEN[how](mine, seen))
    assert refusal is not None
    assert refusal.denial is Denial.BAD_CREDENTIAL
    assert connection.open
    assert connection.authentication is was
    await guard.close()


async def test_a_proof_counts_once_on_connections_as_well() -> None:
    """The text of one refresh, sent again on the same connection or on another."""
    guard = await _guard()
    mine = Client(guard, _MINE)
    connections = [(await opened(guard, mine.handshake()))[0] for _ in range(2)]
    text = mine.text()
    assert await guard.refresh(connections[0], text) is None
    for connection in connections:
        refusal = await guard.refresh(connection, text)
        assert refusal is not None
        assert "used before" in refusal.detail
    # And not at a handshake either.
    token, _, proof = text.partition(", stormdoor.proof.")
    offers = ["stormdoor.v1", token, f"stormdoor.proof.{proof}"]
    outcome = await guard.admission.admit(replace(HANDSHAKE, subprotocols=offers), CHAT)
    assert not isinstance(outcome, Connection)
    await guard.close()


@pytest.mark.parametrize("key", [_OTHER, None], ids=["another key", "no key"])
async def test_a_connection_does_not_change_its_key(key: JwtKey | None) -> None:
    """A token of the same principal that opens its own connection does not carry on that of another key."""
    guard = await _guard()
    mine, other = Client(guard, _MINE), Client(guard, key)
    connection, _ = await opened(guard, mine.handshake())
    assert isinstance((await admit(guard, other.handshake())).authentication, Authentication)
    text = other.text() if key is not None else other.token()
    refusal = await guard.refresh(connection, text)
    assert refusal is not None
    assert refusal.denial is Denial.FORBIDDEN
    assert "key that opened" in refusal.detail
    # Nor with an API key of the principal.
    issued = await guard.admin.issue_key("carol", name="k", scopes=["*"])
    refusal = await guard.refresh(connection, issued.secret)
    assert refusal is not None
    assert refusal.denial is Denial.FORBIDDEN
    # A connection that was opened without a key may go on with one.
    plain, _ = await opened(guard, Client(guard, None).handshake())
    assert await guard.refresh(plain, mine.text()) is None
    await guard.close()


async def test_another_principal_is_refused_with_a_sound_proof() -> None:
    """The key is the same, the person is not."""
    guard = await _guard()
    mine = Client(guard, _MINE)
    connection, _ = await opened(guard, mine.handshake())
    refusal = await guard.refresh(connection, mine.text(mine.token("mallory")))
    assert refusal is not None
    assert refusal.denial is Denial.FORBIDDEN
    await guard.close()


async def test_a_nonce_of_the_server_counts_here_too() -> None:
    """The nonce of the handshake is accepted while fresh; a proof without one is refused uncounted."""
    guard = await _guard(nonce_secret=b"n" * 32)
    mine = Client(guard, _MINE)
    first = await guard.admission.admit(mine.handshake(), CHAT)
    assert not isinstance(first, Connection)
    nonce = dict(first.headers)["DPoP-Nonce"]
    token = mine.token()
    headers = {"dpop": [mine.proof(token, nonce=nonce)]}
    handshake = replace(HANDSHAKE, authorization=[f"DPoP {token}"], headers=headers)
    connection, _ = await opened(guard, handshake)
    refusal = await guard.refresh(connection, mine.text())
    assert refusal is not None
    assert not refusal.charged
    assert await guard.refresh(connection, mine.text(nonce=nonce)) is None
    await guard.close()
