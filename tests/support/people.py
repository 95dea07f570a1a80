"""Accounts, sessions and handshakes for tests of authentication."""

from dataclasses import replace

from stormdoor.core.account import Account
from stormdoor.core.credential import (
    BEARER_SUBPROTOCOL,
    TICKET_SUBPROTOCOL,
    Credential,
    Place,
    Source,
)
from stormdoor.core.handshake import Handshake
from stormdoor.stores.memory import MemoryStore

__all__ = [
    "ALICE",
    "BOB",
    "HANDSHAKE",
    "ORIGIN",
    "SENSOR",
    "bearer",
    "cookie",
    "offered",
    "populated",
    "ticket",
]

ORIGIN = "https://app.example"
ALICE = Account(id="alice", roles=frozenset({"member"}), tenant="acme", attributes={"floor": 2})
BOB = Account(id="bob", roles=frozenset({"member"}))
SENSOR = Account(id="sensor", roles=frozenset({"device"}))

HANDSHAKE = Handshake(
    path="/ws/chat",
    address="192.0.2.1",
    peer="192.0.2.1",
    scheme="https",
    host="app.example",
    origin=ORIGIN,
)


async def populated() -> MemoryStore:
    """A store with alice, bob and the sensor in it."""
    store = MemoryStore()
    await store.open()
    for account in (ALICE, BOB, SENSOR):
        await store.add_account(replace(account))
    return store


def bearer(secret: str) -> Credential:
    """A credential from `Authorization: Bearer`."""
    return Credential(Place(Source.AUTHORIZATION, "bearer"), secret)


def offered(secret: str) -> Credential:
    """A token from a subprotocol."""
    return Credential(Place(Source.SUBPROTOCOL, BEARER_SUBPROTOCOL), secret)


def ticket(secret: str) -> Credential:
    """A ticket from a subprotocol."""
    return Credential(Place(Source.SUBPROTOCOL, TICKET_SUBPROTOCOL), secret)


def cookie(secret: str) -> Credential:
    """A session cookie."""
    return Credential(Place(Source.COOKIE, "__Host-stormdoor"), secret)
