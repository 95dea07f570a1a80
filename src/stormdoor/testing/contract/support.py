"""Values to store, and ways to look at a store from outside."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Protocol, TypeVar

from stormdoor.core.account import Account
from stormdoor.core.apikey import ApiKey
from stormdoor.core.event import GENESIS, Event
from stormdoor.core.factor import Factor, FactorKind
from stormdoor.core.log_position import LogPosition
from stormdoor.core.pending import Pending
from stormdoor.core.session import Session
from stormdoor.core.ticket import Ticket
from stormdoor.core.trail_root import ROOT
from stormdoor.guard.trail_verification import verify_trail
from stormdoor.ports import LiveConnection, NodeStatus, Store, TrailChain, TrailStore

__all__ = [
    "NOW",
    "STATUS",
    "NewStore",
    "account",
    "connection",
    "event",
    "eventually",
    "factor",
    "key",
    "opened",
    "pending",
    "placed",
    "session",
    "ticket",
    "trail_anchor",
    "trail_head",
    "with_accounts",
    "wrong_with_trail",
]

NOW = 1_767_225_600.0
STATUS = NodeStatus(
    applied=LogPosition("an epoch", 3), lease=0.4, version="1.2", policies="9f", connections=2
)

_Store = TypeVar("_Store", bound=Store)
_Issued = TypeVar("_Issued", Session, Ticket, ApiKey)


class NewStore(Protocol):
    """Interface of the function that makes an empty store, not open."""

    def __call__(self, trail_key: bytes | None = None) -> Store:
        """Return a new store at each call."""
        ...


async def eventually(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait until `condition` returns True.

    Raises:
        TimeoutError: It does not within half a minute.
    """
    for _ in range(3_000):
        if await condition():
            return
        await asyncio.sleep(0.01)
    raise TimeoutError


@asynccontextmanager
async def opened(store: _Store) -> AsyncIterator[_Store]:
    """Open a store, and close it at the end."""
    await store.open()
    try:
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def with_accounts(new_store: NewStore, *ids: str) -> AsyncIterator[Store]:
    """Open a new store with accounts of these ids."""
    async with opened(new_store()) as store:
        for id in ids:
            await store.add_account(account(id))
        yield store


def account(id: str, **changes: Any) -> Account:
    """Return an account with a value in each field."""
    values: dict[str, Any] = {
        "roles": frozenset({"member", "moderator"}),
        "tenant": "acme",
        "attributes": {"department": "sales", "level": 3, "tags": ["a", "b"], "lead": None},
        "password_hash": "$argon2id$...",
        "created_at": NOW,
    }
    return Account(id=id, **(values | changes))


def session(id: str, principal_id: str, **changes: Any) -> Session:
    """Return a session with a value in each field."""
    values: dict[str, Any] = {
        "created_at": NOW,
        "born_at": NOW - 7.75,
        "authenticated_at": NOW - 5.25,
        "last_seen_at": NOW + 1.5,
        "expires_at": NOW + 86_400.0,
        "idle_seconds": 1_800.0,
        "address": "2001:db8::1",
        "user_agent": "Mozilla/5.0 (é)",
        "strength": 2,
        "device_id": "laptop-1",
        "acr": "urn:example:mfa",
        "issuer": "https://id.example",
        "provider_subject": "248289761001",
        "provider_session": "08a5019c-17e1",
    }
    return Session(id=id, principal_id=principal_id, **(values | changes))


def ticket(id: str, principal_id: str, **changes: Any) -> Ticket:
    """Return a ticket with a value in each field."""
    values: dict[str, Any] = {
        "session_id": "s1",
        "origin": "https://app.example",
        "endpoint": "/ws/chat",
        "issued_at": NOW,
        "expires_at": NOW + 30.0,
        "authenticated_at": NOW - 60.5,
        "strength": 2,
    }
    return Ticket(id=id, principal_id=principal_id, **(values | changes))


def factor(id: str, principal_id: str, **changes: Any) -> Factor:
    """Return a passkey with a value in each field, not used yet."""
    values: dict[str, Any] = {
        "kind": FactorKind.PASSKEY,
        "name": "the phone, “blue”",
        "secret": "pQECAyYg",
        "handle": f"handle-{id}",
        "counter": 5,
        "created_at": NOW,
        "details": {"transports": ["internal", "hybrid"], "backed_up": True},
    }
    return Factor(id=id, principal_id=principal_id, **(values | changes))


def pending(id: str, principal_id: str | None = None, **changes: Any) -> Pending:
    """Return a pending entry with a value in each field."""
    values: dict[str, Any] = {
        "purpose": "second-factor",
        "session_id": "s1",
        "data": {"challenge": "abc", "factors": ["f1"], "n": 1},
        "created_at": NOW,
        "expires_at": NOW + 300.0,
    }
    return Pending(id=id, principal_id=principal_id, **(values | changes))


def key(id: str, principal_id: str, **changes: Any) -> ApiKey:
    """Return an API key with a value in each field, not used yet."""
    values: dict[str, Any] = {
        "hash": "ab" * 32,
        "name": "the sensor, “roof”",
        "scopes": frozenset({"reading:send", "reading:*"}),
        "networks": ("192.0.2.0/24", "2001:db8::/32"),
        "created_at": NOW,
        "expires_at": NOW + 1_000.0,
    }
    return ApiKey(id=id, principal_id=principal_id, **(values | changes))


def connection(id: str, node: str, **changes: Any) -> LiveConnection:
    """Return an open connection."""
    values: dict[str, Any] = {
        "principal_id": "alice",
        "kind": "session",
        "endpoint": "/ws/chat",
        "address": "192.0.2.1",
        "opened_at": NOW,
    }
    return LiveConnection(id=id, node=node, **(values | changes))


def event(principal: str = "alice", **changes: Any) -> Event:
    """Return an event with a public and a personal part."""
    values: dict[str, Any] = {
        "time": NOW,
        "name": "authz_fail",
        "cause": "forbidden",
        "policies": ("role:member",),
        "address": "192.0.2.1",
        "detail": "it is said that…",
    }
    return Event(principal=principal, **(values | changes))


async def placed(store: Store, issued: _Issued) -> _Issued:
    """Return a credential as `store` would store it now, with the head of the log as its position."""
    return replace(issued, position=await store.log_position())


async def wrong_with_trail(store: TrailStore, trail_key: bytes | None = None) -> str | None:
    """Return the first problem of the trail, or None."""
    return next(iter((await verify_trail(store, key=trail_key)).faults), None)


async def trail_anchor(store: TrailStore) -> tuple[int, str]:
    """Return `seq` and hash of the last dropped entry of the only chain beside a root chain."""
    return (await _only_chain(store)).anchor


async def trail_head(store: TrailStore) -> tuple[int, str]:
    """Return `seq` and hash of the last entry of the only chain beside a root chain."""
    return (await _only_chain(store)).head


async def _only_chain(store: TrailStore) -> TrailChain:
    chains = [one for one in await store.trail_chains() if one.number != ROOT]
    assert len(chains) <= 1
    return chains[0] if chains else TrailChain(1, (0, GENESIS), (0, GENESIS))
