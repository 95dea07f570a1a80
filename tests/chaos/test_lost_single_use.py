"""A lagging standby becomes the primary: values that are accepted once, and that were used, stay used."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from stormdoor import (
    DpopProof,
    Guard,
    JwtAuthenticator,
    JwtKey,
    RequestKey,
    SessionAuthenticator,
    SignedRequestAuthenticator,
    TicketAuthenticator,
)
from stormdoor.auth.authenticator import Authenticator
from stormdoor.auth.factors.presented import PasskeyProof
from stormdoor.auth.jose.public_jwk import jwk_thumbprint
from stormdoor.client import dpop_proof, sign_request
from stormdoor.core.account import Account
from stormdoor.core.credential import presented
from stormdoor.core.epoch_start import EpochStart
from stormdoor.core.handshake import Handshake
from stormdoor.core.principal import Authentication
from stormdoor.ports import SystemClock
from stormdoor.stores.postgresql.store import PostgresqlStore
from tests.chaos.test_lost_factor import answer, enrol_passkey, proves
from tests.chaos.test_lost_password import hold, lagging_pair, promote
from tests.guard.fakes import HANDSHAKE, ORIGIN, make_guard
from tests.support.tokens import forge, hs256

pytestmark = [pytest.mark.extended, pytest.mark.slow, pytest.mark.xdist_group("chaos-servers")]

_URL = "wss://app.example/ws"
_SECRET = b"a secret of thirty-two bytes or more"
_KEY = JwtKey("EdDSA", Ed25519PrivateKey.generate(), "device")
_JWT = {"keys": [JwtKey("HS256", _SECRET)], "issuer": "i", "audience": "a"}
_REQUEST = replace(HANDSHAKE, target="/ws")
_AUTHENTICATORS: dict[str, Authenticator] = {
    "ticket": TicketAuthenticator(),
    "token": JwtAuthenticator(**_JWT, single_use=True),  # type: ignore[arg-type]
    "proof": JwtAuthenticator(**_JWT, proofs=[DpopProof(ahead=1.0)]),  # type: ignore[arg-type]
    "signature": SignedRequestAuthenticator([RequestKey(key=_KEY, principal="carol")], ahead=1.0),
}


def _token(guard: Guard, **claims: object) -> str:
    now = guard.clock.now()
    claims = {"iss": "i", "aud": "a", "sub": "carol", "iat": now, "exp": now + 900, **claims}
    return forge({"alg": "HS256", "typ": "JWT"}, claims, hs256(_SECRET))


async def _new(kind: str, guard: Guard) -> Handshake:
    """Return a handshake with a new credential of a kind."""
    now = guard.clock.now()
    match kind:
        case "ticket":
            session = (await guard.sessions.create("carol")).session
            issued = await guard.tickets.issue(session, origin=ORIGIN, endpoint="/ws")
            assert issued is not None
            return replace(_REQUEST, subprotocols=(f"stormdoor.ticket.{issued.secret}",))
        case "token":
            token = _token(guard, jti=f"t-{now}")
            return replace(_REQUEST, authorization=(f"Bearer {token}",))
        case "proof":
            # An old token: only its proofs are new.
            bound = _token(guard, iat=now - 300, cnf={"jkt": jwk_thumbprint(_KEY)})
            proof = dpop_proof(_URL, bound, _KEY, now=now)
            headers = {"dpop": (proof,)}
            return replace(_REQUEST, authorization=(f"DPoP {bound}",), headers=headers)
        case _:
            signed = sign_request(_URL, _KEY, created=now)
            headers = {name.lower(): (value,) for name, value in signed.items()}
            return replace(_REQUEST, headers=headers)


async def _accepts(guard: Guard, kind: str, handshake: Handshake) -> bool:
    authenticator = _AUTHENTICATORS[kind]
    [credential] = presented(handshake, authenticator.places)
    return isinstance(
        await answer(
            lambda: authenticator.authenticate(
                credential, handshake, state=guard.state, now=guard.clock.now()
            )
        ),
        Authentication,
    )


async def _challenge(guard: Guard) -> dict[str, object]:
    options = await answer(
        lambda: guard.factors.challenge(origin=ORIGIN, binding="login", principal_id="dave")
    )
    assert isinstance(options, dict)
    return options


@pytest.mark.parametrize("acting", [True, False], ids=["nodes", "without the comparison"])
async def test_promotion_of_a_lagging_standby(
    acting: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each value that was used just before the failover is presented again, to each node.

    Without the comparison with the beginning of the present log, the promoted server accepts all of them, on
    one node and on a node that starts afterwards. Values that are issued after the failover are accepted.
    """
    if not acting:
        monkeypatch.setattr(EpochStart, "may_have_lost", lambda *_: False)
        monkeypatch.setattr(EpochStart, "is_later_than", lambda *_: False)
    async with lagging_pair() as (pair, one, other):
        await one.state.accounts.add_account(Account(id="dave", roles=frozenset({"member"})))
        # A passkey without a counter, as synchronised ones are.
        passkey = await enrol_passkey(one, "dave", counter=None)
        used = [(kind, await _new(kind, one)) for kind in _AUTHENTICATORS for _ in range(2)]
        answers = [
            PasskeyProof(
                credential=passkey.get(await _challenge(one)),
                origin=ORIGIN,
                binding="login",
            )
            for _ in range(2)
        ]
        await hold(pair)
        for kind, handshake in used:
            assert await _accepts(one, kind, handshake), kind
            assert not await _accepts(other, kind, handshake), kind
        for proof in answers:
            assert await proves(one, "dave", proof)
            assert not await proves(other, "dave", proof)
        await promote(pair, one, other)
        late = make_guard(
            SessionAuthenticator(),
            store=PostgresqlStore(pair.primary.url("stormdoor")),
            clock=SystemClock(),  # type: ignore[arg-type]
            node="late",
            secrets_key=b"k" * 32,
        )
        await late.start()
        try:
            for n, (kind, handshake) in enumerate(used):
                node = (other, late)[n % 2]
                assert await _accepts(node, kind, handshake) is not acting, (kind, node)
            for node, proof in zip((other, late), answers, strict=True):
                assert await proves(node, "dave", proof) is not acting
            await asyncio.sleep(2.0)  # `ahead`, and a part of a second that dates leave out
            for kind in _AUTHENTICATORS:
                fresh = await _new(kind, one)
                assert await _accepts(late, kind, fresh), kind
            renewed = passkey.get(await _challenge(late))
            assert await proves(
                other, "dave", PasskeyProof(credential=renewed, origin=ORIGIN, binding="login")
            )
        finally:
            await late.close()
