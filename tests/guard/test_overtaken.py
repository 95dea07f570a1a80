"""Sessions that move, feeds that cannot be read, and proofs that are mixed: nothing slips through between."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from stormdoor import (
    ConfigurationError,
    Denial,
    Guard,
    JwtAuthenticator,
    JwtIssuer,
    JwtKey,
    SessionAuthenticator,
    Target,
    TicketAuthenticator,
)
from stormdoor.auth.session.service import IssuedSession
from stormdoor.core.denial import Refusal
from stormdoor.core.handshake import Handshake
from stormdoor.core.revocation import Revocation
from stormdoor.core.session import Session
from tests.guard.fakes import (
    HANDSHAKE,
    FakeStore,
    Tokens,
    authentication,
    bearer,
    make_guard,
    opened,
    refused,
    settle,
)
from tests.guard.test_token_revalidation import Oracle

_KEY = JwtKey("HS256", b"k" * 32)

# What another process said --------------------------------------------------------------------


@pytest.mark.parametrize("fault", [ValueError("'frozen' is not a valid Target"), TypeError("?")])
async def test_a_feed_that_cannot_be_understood_lets_nobody_in(fault: Exception) -> None:
    """A newer process may write what this one cannot read: it does not know any more who is revoked."""
    store = FakeStore()
    guard = await settle(make_guard(store=store))
    await store.add_revocation(Revocation(Target.ROLE, "none", 1.0))
    store.broken["revocations"] = fault
    await guard.tick()
    assert (await refused(guard, bearer("alice"))).denial is Denial.UNAVAILABLE
    del store.broken["revocations"]
    await guard.tick()
    await opened(guard, bearer("alice"))
    await guard.close()


# A secret moves during the handshake -----------------------------------------------------------


async def _others(guard: Guard) -> object:
    return await guard.admin.end_other_sessions("carol")


async def _device(guard: Guard) -> object:
    return await guard.admin.revoke(Target.DEVICE, "phone")


@pytest.mark.parametrize("moving", [True, False], ids=["moving", "rotating"])
@pytest.mark.parametrize(
    ("end", "method"), [(_others, "sessions"), (_device, "remove_reached_sessions")]
)
async def test_a_session_that_gets_a_new_id_meanwhile_ends_too(
    end: Callable[[Guard], Awaitable[object]], method: str, moving: bool
) -> None:
    """A session on the list of those to be ended also ends if it has got a new id meanwhile."""
    store = FakeStore()
    guard = await settle(make_guard(store=store))
    stolen = await guard.sessions.create("carol", device_id="phone")
    pause = store.pause(method, after=method == "sessions")
    ending = asyncio.create_task(asyncio.wait_for(end(guard), 60))
    await pause.reached.wait()
    guard.clock.advance(1)  # type: ignore[attr-defined]
    assert await guard.sessions.rotate(stolen.session, moving=moving) is not None
    pause.go()
    await ending
    assert await guard.sessions.sessions("carol") == []
    await guard.close()


@pytest.mark.parametrize("how", ["moving", "rotating", "authenticated"])
async def test_session_that_gets_a_new_id_during_its_logout_ends(how: str) -> None:
    """A logout that is acknowledged leaves no successor of its session, and no other session ends."""
    store = FakeStore()
    guard = await settle(make_guard(store=store))
    other = await guard.sessions.create("carol")
    guard.clock.advance(1)  # type: ignore[attr-defined]
    issued = await guard.sessions.create("carol")
    guard.clock.advance(1)  # type: ignore[attr-defined]
    pause = store.pause("current_session", after=True)
    leaving = asyncio.create_task(asyncio.wait_for(guard.admin.log_out(issued.secret), 60))
    await pause.reached.wait()
    successor = await guard.sessions.rotate(
        issued.session, moving=how == "moving", authenticated=how == "authenticated"
    )
    assert successor is not None
    pause.go()
    assert await leaving is not None
    assert [one.id for one in await guard.sessions.sessions("carol")] == [other.session.id]
    await refused(guard, await _own(guard, successor.secret, successor.session))
    await guard.close()


async def test_a_token_of_a_session_belongs_to_the_device_of_the_session() -> None:
    """Revoking a device ends what was issued from a session on it, and its sockets."""
    key = JwtKey("HS256", b"k" * 32)
    tokens = JwtAuthenticator(keys=[key], issuer="here", audience="chat", types=["at+jwt"])
    guard = await settle(make_guard(tokens))
    issued: IssuedSession = await guard.sessions.create("carol", device_id="phone", acr="gold")
    token = JwtIssuer(key, "here", "chat").issue(
        "carol",
        now=guard.clock.now(),
        session=issued.session,
        claims={"roles": ["member"]},
    )
    connection, sink = await opened(guard, bearer(token.token))
    assert (connection.authentication.device_id, connection.authentication.acr) == ("phone", "gold")
    assert (await guard.admin.revoke(Target.DEVICE, "phone")).closed == 1
    assert sink.closed is not None
    await guard.close()


async def _own(guard: Guard, secret: str, session: Session) -> Handshake:
    return replace(HANDSHAKE, cookies={"__Host-stormdoor": [secret]})


async def _ticket(guard: Guard, secret: str, session: Session) -> Handshake:
    issued = await guard.tickets.issue(session, origin=None, endpoint=HANDSHAKE.path)
    assert issued is not None
    offers = ("stormdoor", f"stormdoor.ticket.{issued.secret}")
    return replace(HANDSHAKE, subprotocols=offers)


async def _token(guard: Guard, secret: str, session: Session) -> Handshake:
    issuer = JwtIssuer(_KEY, "here", "chat")
    claims = {"roles": ["member"]}
    token = issuer.issue("carol", now=guard.clock.now(), session=session, claims=claims)
    return bearer(token.token)


@pytest.mark.parametrize("moving", [True, False], ids=["moving", "rotating"])
@pytest.mark.parametrize("shown", [_own, _ticket, _token])
async def test_a_new_secret_is_no_new_login(
    shown: Callable[[Guard, str, Session], Awaitable[Handshake]], moving: bool
) -> None:
    """A revocation after a theft ends sessions and tokens that were rotated or issued since then.

    The attack: the thief rotates the secret of the stolen session, and presents the younger credential.
    """
    tokens = JwtAuthenticator(keys=[_KEY], issuer="here", audience="chat", types=["at+jwt"])
    guard = make_guard(SessionAuthenticator(), TicketAuthenticator(), tokens)
    await settle(guard)
    stolen = await guard.sessions.create("carol")
    guard.clock.advance(10)  # type: ignore[attr-defined]
    noticed = guard.clock.now()
    guard.clock.advance(10)  # type: ignore[attr-defined]
    rotated = await guard.sessions.rotate(stolen.session, moving=moving)
    assert rotated is not None
    assert rotated.session.created_at > noticed
    kept, _ = await opened(guard, await shown(guard, rotated.secret, rotated.session))
    late = await shown(guard, rotated.secret, rotated.session)
    proved = await guard.sessions.create("carol")  # the owner, with the password
    renewed = await guard.sessions.rotate(proved.session, authenticated=True)
    assert renewed is not None
    mine, _ = await opened(guard, await shown(guard, renewed.secret, renewed.session))

    assert (await guard.admin.revoke(Target.PRINCIPAL, "carol", before=noticed)).closed == 1
    assert (kept.open, mine.open) == (False, True)
    assert await guard.state.sessions.sessions("carol") == [renewed.session]
    # As if another process had rotated it at the same time, once more.
    await guard.state.sessions.add_session(rotated.session)
    refusal = await refused(guard, late)
    # A ticket goes with its session; the others are told by their age.
    expected = Denial.BAD_CREDENTIAL if shown is _ticket else Denial.REVOKED
    assert refusal.denial is expected
    await guard.close()


# Two proofs are not one ------------------------------------------------------------------------


class _Factors:
    async def prove(self, principal_id: str, *, totp: str) -> bool:
        """See `SecondFactors`."""
        return True


async def test_a_code_does_not_make_somebody_elses_proof_fresh() -> None:
    """A provider vouched for three factors of its class hours ago; a code now is two factors, no class."""
    guard = await settle(make_guard())
    connection, _ = await opened(guard, bearer("alice"))
    connection.authentication = replace(connection.authentication, strength=3, acr="gold")
    guard.credential_refresh._factors = _Factors()
    guard.clock.advance(3600)  # type: ignore[attr-defined]
    assert await guard.prove(connection, "123456") is None
    now = connection.authentication
    assert (now.authenticated_at, now.strength, now.acr) == (guard.clock.now(), 2, None)
    await guard.close()


# Orders that mean nothing ----------------------------------------------------------------------


@pytest.mark.parametrize("before", [-1e300, -1.0, float("-inf"), float("nan"), float("inf")])
async def test_a_time_that_is_none(before: float) -> None:
    """An invalid time is refused, and no credential is revoked."""
    guard = await settle(make_guard())
    with pytest.raises(ConfigurationError):
        await guard.admin.revoke(Target.PRINCIPAL, "carol", before=before)
    assert await guard.state.revocations.revocations() == []
    await guard.close()


async def test_a_refusal_is_one_line_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """A refused client cannot write lines of its own into the operator's log."""
    guard = await settle(make_guard())
    detail = "passkey: origin\n2026-01-01 00:00 admitted root\x1b[2J\u2028"
    with caplog.at_level(logging.INFO, "stormdoor"):
        guard.admission.refused(HANDSHAKE, Refusal(Denial.BAD_CREDENTIAL, detail))
        connection, _ = await opened(guard, bearer("alice"))
        guard.inbound.reject(connection, Refusal(Denial.INVALID_MESSAGE, detail))
        guard.registry.end(connection, Refusal(Denial.INVALID_MESSAGE, detail))
    said = [record.getMessage() for record in caplog.records]
    assert sum("admitted root" in one for one in said) == 3
    assert all(one.isprintable() for one in said)
    await guard.close()


async def test_asking_again_does_not_mix_proofs() -> None:
    """The token says again what it said hours ago, and a code was proved since: that stays as it is."""
    oracle = Oracle()
    alice = authentication("alice", recheck=oracle, strength=3, acr="gold")
    oracle.says = alice
    guard = await settle(make_guard(Tokens({"alice": alice})))
    connection, _ = await opened(guard, bearer("alice"))
    guard.credential_refresh._factors = _Factors()
    await guard.revalidation.look()
    guard.clock.advance(60)  # type: ignore[attr-defined]
    assert await guard.prove(connection, "123456") is None
    await guard.revalidation.look()
    for _ in range(5):
        await asyncio.sleep(0)
    assert oracle.asked == 1
    now = connection.authentication
    assert (now.authenticated_at, now.strength, now.acr) == (guard.clock.now(), 2, None)
    await guard.close()
