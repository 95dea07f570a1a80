"""Scripted authenticators and a scripted store for tests of the guard."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from stormdoor import (
    Authentication,
    Guard,
    Limits,
    PolicySet,
    Principal,
    SessionAuthenticator,
    TicketAuthenticator,
    role,
)
from stormdoor.auth.authenticator import Authenticator, Rejected
from stormdoor.core.account import Account
from stormdoor.core.credential import Credential, Place, Source
from stormdoor.core.denial import Denial, Refusal
from stormdoor.core.event import Event
from stormdoor.core.frame import Prepared
from stormdoor.core.handshake import Handshake
from stormdoor.errors import StoreInDoubt, StoreUnavailable
from stormdoor.guard.connection import Connection
from stormdoor.guard.endpoint import Endpoint
from stormdoor.ports import Store, StoredState
from stormdoor.ports.clock import readings
from stormdoor.stores import MemoryStore
from tests.support.clock import FakeClock
from tests.support.references import without_reference

__all__ = [
    "CHAT",
    "HANDSHAKE",
    "ORIGIN",
    "FakeSink",
    "FakeStore",
    "Tokens",
    "admit",
    "authentication",
    "bearer",
    "events",
    "give_lease",
    "make_guard",
    "of_account",
    "opened",
    "refused",
    "settle",
    "stop_maintenance",
]

ORIGIN = "https://app.example"
CHAT = Endpoint("tests.Chat", "chat:connect")

HANDSHAKE = Handshake(
    path="/ws",
    address="192.0.2.1",
    peer="192.0.2.1",
    scheme="https",
    host="app.example",
    origin=ORIGIN,
    fetch_site="same-origin",
    fetch_mode="websocket",
    user_agent="test",
)

POLICIES = PolicySet(
    [
        role("member", "chat:connect", "chat:say"),
        role("moderator", "chat:kick", inherits=["member"]),
        role("reader", "chat:connect"),
    ]
)


def bearer(token: str, **changes: Any) -> Handshake:
    """A handshake with `Authorization: Bearer`."""
    return replace(HANDSHAKE, authorization=[f"Bearer {token}"], **changes)


def authentication(id: str = "alice", *roles: str, **changes: Any) -> Authentication:
    """Return an authentication of the principal `id` with these roles and changed fields."""
    principal = changes.pop("principal", Principal(id, frozenset(roles or ("member",))))
    facts: dict[str, Any] = {
        "kind": "token",
        "credential_id": f"credential-of-{id}",
        "ambient": False,
        "authenticated_at": 1_767_225_600.0,
        "issued_at": 1_767_225_600.0 - 60,
        **changes,
    }
    return Authentication(principal, **facts)


class Tokens:
    """Accepts the tokens that it was given, from `Authorization: Bearer`.

    Attributes:
        known: What each token stands for. A function is called with the state and may wait.
        asked: Every token that was verified, in order.
    """

    needs_task = False

    kind: str = "token"

    def __init__(self, known: Mapping[str, Any] | None = None) -> None:
        self.known: dict[str, Any] = dict(known or {})
        self.asked: list[str] = []
        self.places: Sequence[Place] = (Place(Source.AUTHORIZATION, "bearer"),)

    def recognises(self, credential: Credential) -> bool:
        """Return True for every credential that is not empty."""
        return credential.secret != "?"

    async def authenticate(
        self, credential: Credential, handshake: Handshake, *, state: StoredState, now: float
    ) -> Authentication | Rejected:
        """Look the token up."""
        self.asked.append(credential.secret)
        found = self.known.get(credential.secret)
        if callable(found):
            found = await found(state)
        if found is None:
            return Rejected(Denial.BAD_CREDENTIAL, "no such token")
        assert isinstance(found, Authentication | Rejected)
        return found


def of_account(id: str) -> Callable[[StoredState], Any]:
    """Return a verifier of a token that reads the principal's roles from the store."""

    async def look(state: StoredState) -> Authentication | Rejected:
        account = await state.accounts.account(id)
        if account is None or account.disabled:
            return Rejected(Denial.BAD_CREDENTIAL, "no such principal", id)
        return authentication(id, principal=account.principal, live=True)

    return look


class Pause:
    """A point at which a call of the store stands still until the test lets it go on."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.released = asyncio.Event()

    def go(self) -> None:
        """Let it go on."""
        self.released.set()


class FakeStore(MemoryStore):
    """A store in memory that can be slow, down, or broken at a chosen method."""

    needs_task = False

    def __init__(self) -> None:
        super().__init__()
        self.down = False
        self.broken: dict[str, BaseException] = {}
        self.in_doubt: set[str] = set()
        """Methods that do their work and lose the answer."""
        self.calls: list[str] = []
        self._pauses: dict[str, list[tuple[str, Pause]]] = {}

    def pause(self, method: str, *, after: bool = True) -> Pause:
        """The next call of `method` stands still: after it has its answer, or before it asks."""
        pause = Pause()
        self._pauses.setdefault(method, []).append(("after" if after else "before", pause))
        return pause

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name.startswith("_") or name in {
            "down",
            "broken",
            "in_doubt",
            "calls",
            "pause",
            "open",
            "close",
            "lease_seconds",
            "needs_task",
        }:
            return found

        async def call(*args: Any, **kwargs: Any) -> Any:
            self.calls.append(name)
            if name in self.broken:
                raise self.broken[name]
            if self.down:
                raise StoreUnavailable("the fake store is down")
            waiting = self._pauses.get(name, [])
            when, pause = waiting.pop(0) if waiting else ("", None)
            if pause is not None and when == "before":
                pause.reached.set()
                await pause.released.wait()
            answer = await found(*args, **kwargs)
            if name in self.in_doubt:
                raise StoreInDoubt(f"the answer of {name} was lost")
            if pause is not None and when == "after":
                pause.reached.set()
                await pause.released.wait()
            return answer

        return call


def store_of(guard: Guard) -> Any:
    """Return the store object of a guard that has one engine."""
    return guard.state.engines[0]


class FakeSink:
    """The adapter's side of a connection: what was sent, and how it was shut."""

    def __init__(self) -> None:
        self.sent: list[bytes | str] = []
        self.closed: tuple[int, str] | None = None
        self.stalled_at: float | None = None
        self.last_sent = 0.0
        self.dropped = self.withdrawn = False
        self.resumed = 0
        self.fault: Exception | None = None
        self.told: list[float] = []
        self.facts = HANDSHAKE

    def deliver(self, payload: bytes | str | Prepared) -> bool:
        """See `Sink`."""
        self.sent.append(payload.payload if isinstance(payload, Prepared) else payload)
        return True

    def shut(self, code: int, reason: str) -> None:
        """See `Sink`."""
        self.closed, self.reason = (code, without_reference(reason)), reason
        if self.fault is not None:
            raise self.fault

    def withdraw(self) -> None:
        """See `Sink`."""
        self.withdrawn = True

    def drop(self) -> None:
        """See `Sink`."""
        self.dropped = True

    def resume(self) -> None:
        """See `Sink`."""
        self.resumed += 1

    def stalled(self) -> float | None:
        """See `Sink`."""
        return self.stalled_at

    def sent_at(self) -> float:
        """See `Sink`."""
        return self.last_sent

    def expiring(self, seconds: float) -> None:
        """See `Sink`."""
        self.told.append(seconds)

    def handshake(self) -> Handshake:
        """See `Sink`."""
        return self.facts


def make_guard(
    *authenticators: Authenticator,
    clock: FakeClock | None = None,
    store: Store | None = None,
    limits: Mapping[str, Any] | None = None,
    **options: Any,
) -> Guard:
    """A guard on fakes. Without authenticators: tokens `alice`, `bob`, `eve`, sessions and tickets."""
    given: dict[str, Any] = {
        "origins": [ORIGIN],
        "authenticators": authenticators
        or (
            Tokens(
                {
                    "alice": authentication("alice"),
                    "bob": authentication("bob"),
                    "mia": authentication("mia", "moderator"),
                    "eve": authentication("eve", "nobody"),
                    "carol": of_account("carol"),
                }
            ),
            SessionAuthenticator(),
            TicketAuthenticator(),
        ),
        "policies": POLICIES,
        "limits": Limits(**{"handshakes_per_address": "1000/s", **(limits or {})}),
        "store": FakeStore() if store is None else store,
        "clock": clock or FakeClock(),
        **options,
    }
    return Guard(**given)


async def stop_maintenance(guard: Guard) -> None:
    """Cancel the maintenance loop of a guard, which does not start again."""
    if guard._maintenance is not None and guard._stopping is not None:
        guard._stopping.set()
        guard._maintenance.cancel()
        await asyncio.wait([guard._maintenance])
        guard._maintenance = None


async def settle(guard: Guard, *accounts: Account) -> Guard:
    """Start `guard`, stop its heart, and store accounts; by default carol, a member."""
    await guard.start()
    await stop_maintenance(guard)
    for account in accounts or (Account(id="carol", roles=frozenset({"member"})),):
        await guard.state.accounts.add_account(account)
    return guard


async def admit(guard: Guard, handshake: Handshake, endpoint: Endpoint = CHAT) -> Connection:
    """Admit what must be admitted."""
    outcome = await guard.admission.admit(handshake, endpoint)
    assert isinstance(outcome, Connection), outcome
    return outcome


async def refused(guard: Guard, handshake: Handshake, endpoint: Endpoint = CHAT) -> Refusal:
    """Try what must be refused."""
    outcome = await guard.admission.admit(handshake, endpoint)
    assert isinstance(outcome, Refusal), outcome
    return outcome


async def opened(
    guard: Guard, handshake: Handshake, endpoint: Endpoint = CHAT
) -> tuple[Connection, FakeSink]:
    """Admit, give it a sink, and say that the 101 has been sent."""
    connection = await admit(guard, handshake, endpoint)
    connection.sink = sink = FakeSink()
    assert guard.registry.opened(connection)
    return connection, sink


async def events(guard: Guard) -> list[Event]:
    """The trail so far."""
    await guard.trail.flush()
    return [entry.event for entry in await guard.state.trail.entries()]


def give_lease(guard: Guard, seconds: float, *, renewed: bool = True) -> None:
    """Give the guard a lease of this length, as with a store that other processes use; renewed just now."""
    guard.lease.seconds, guard.lease.until = seconds, float("-inf")
    guard.lease.readings = readings(guard.clock)
    guard.fence._had_lease = False
    if renewed:
        guard.lease.renew(guard.clock.monotonic())
