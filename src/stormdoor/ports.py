"""What the guard needs from the world: protocols, and nothing else.

Every method of a store is a coroutine, may raise `StoreUnavailable` when the store does not answer,
and must then have changed nothing. Callers fail closed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from stormdoor.core.account import Account
from stormdoor.core.apikey import ApiKey
from stormdoor.core.event import Entry, Event
from stormdoor.core.revocation import Revocation
from stormdoor.core.session import Session
from stormdoor.core.ticket import Ticket

__all__ = [
    "Accounts",
    "Clock",
    "Connections",
    "Keys",
    "LiveConnection",
    "Nonces",
    "Revocations",
    "Sessions",
    "Store",
    "Tickets",
    "TrailStore",
]


class Clock(Protocol):
    """Time, injected."""

    def now(self) -> float:
        """Unix seconds; may be set back or forth."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back; from an arbitrary start."""
        ...


class Accounts(Protocol):
    """Principals that the store knows."""

    async def account(self, id: str) -> Account | None:
        """The account of that id."""
        ...

    async def accounts(self) -> list[Account]:
        """All accounts, by id."""
        ...

    async def add_account(self, account: Account) -> None:
        """Store a new account with its roles.

        Raises:
            StoreError: The id is taken.
        """
        ...

    async def remove_account(self, id: str) -> bool:
        """Remove it with its roles, sessions, tickets and keys. Returns whether it was there."""
        ...

    async def set_password_hash(self, id: str, password_hash: str | None) -> bool:
        """Replace the password hash. Returns whether the account is there."""
        ...

    async def set_disabled(self, id: str, disabled: bool) -> bool:  # noqa: FBT001 - says itself
        """Disable or enable the account. Returns whether it is there."""
        ...

    async def set_roles(self, id: str, roles: frozenset[str]) -> bool:
        """Replace the assigned roles. Returns whether the account is there."""
        ...

    async def set_attributes(self, id: str, attributes: Mapping[str, object]) -> bool:
        """Replace the attributes. Returns whether the account is there."""
        ...


class Sessions(Protocol):
    """Login sessions, by the hash of their secret. A session's tickets go when it goes."""

    async def session(self, id: str) -> tuple[Session, Account] | None:
        """The session and its account, in one look-up. Liveness is judged by the caller."""
        ...

    async def sessions(self, principal_id: str) -> list[Session]:
        """All sessions of a principal, newest first."""
        ...

    async def add_session(self, session: Session) -> None:
        """Store a new session.

        Raises:
            StoreError: The id is taken, or there is no such account.
        """
        ...

    async def replace_session(self, old_id: str, session: Session) -> bool:
        """Store `session` in place of `old_id`, in one step. Returns whether `old_id` was there."""
        ...

    async def touch_session(self, id: str, last_seen_at: float) -> None:
        """Move `last_seen_at` forward, never back."""
        ...

    async def remove_session(self, id: str) -> bool:
        """Remove one. Returns whether it was there: of two at once, one gets True."""
        ...

    async def remove_sessions(self, principal_id: str, *, keep: str | None = None) -> list[str]:
        """Remove all of a principal but `keep`. Returns the ids removed."""
        ...


class Tickets(Protocol):
    """Single-use tickets, by the hash of their secret."""

    async def add_ticket(self, ticket: Ticket) -> None:
        """Store a new ticket.

        Raises:
            StoreError: The id is taken, or there is no such account.
        """
        ...

    async def redeem_ticket(self, id: str) -> tuple[Ticket, Account] | None:
        """Take the ticket out of the store. INVARIANT: of any number at once, one gets it."""
        ...


class Keys(Protocol):
    """API keys, by their public id."""

    async def key(self, id: str) -> tuple[ApiKey, Account] | None:
        """The key and its account, in one look-up."""
        ...

    async def keys(self, principal_id: str | None = None) -> list[ApiKey]:
        """All keys, or all of one principal, newest first."""
        ...

    async def add_key(self, key: ApiKey) -> None:
        """Store a new key.

        Raises:
            StoreError: The id is taken, or there is no such account.
        """
        ...

    async def expire_key(self, id: str, at: float, successor: str | None = None) -> bool:
        """Let it expire at `at` (never later than it would). Returns whether it is there."""
        ...

    async def remove_key(self, id: str) -> bool:
        """Remove it. Returns whether it was there."""
        ...

    async def touch_key(self, id: str, at: float, address: str) -> None:
        """Note its last use; an earlier one than is known changes nothing."""
        ...


class Nonces(Protocol):
    """Values that may be used once until they expire (`jti`)."""

    async def use_nonce(self, purpose: str, value: str, expires_at: float) -> bool:
        """Use it. INVARIANT: of any number at once, exactly one gets True."""
        ...


class Revocations(Protocol):
    """The feed of revocations that every process follows."""

    async def add_revocation(self, revocation: Revocation) -> int:
        """Append it. Returns its `seq`."""
        ...

    async def revocations(self, after: int = 0) -> list[Revocation]:
        """Those with a `seq` greater than `after`, in order. Cheap when there is none."""
        ...


class TrailStore(Protocol):
    """The append-only, hash-chained record.

    An entry is *about* its `principal` and about its `actor`.
    """

    async def append_events(self, events: Sequence[Event]) -> None:
        """Seal and store `events` after the last entry, all or none."""
        ...

    async def entries(
        self,
        *,
        after: int = 0,
        limit: int = 1000,
        principal: str | None = None,
        name: str | None = None,
        newest_first: bool = False,
    ) -> list[Entry]:
        """Entries with a `seq` greater than `after`: about `principal`, and with that `name`."""
        ...

    async def trail_anchor(self) -> tuple[int, str]:
        """`seq` and hash of the last entry that retention dropped; (0, GENESIS) if none was."""
        ...

    async def trail_head(self) -> tuple[int, str]:
        """`seq` and hash of the last entry appended: a trail that ends before it was cut off."""
        ...

    async def drop_entries(self, before: float) -> int:
        """Retention: drop the entries before the first that is younger than `before`.

        The anchor moves along. A store may work in steps; a failure then undoes the last one only.

        Args:
            before: Unix seconds; an entry of that very time is kept.

        Returns:
            How many.
        """
        ...

    async def erase_personal(self, principal_id: str) -> int:
        """Erase the personal part of every entry about a principal. Returns how many it found."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveConnection:
    """An open connection as operators see it.

    Attributes:
        id: Its id.
        node: The process that holds it.
        principal_id: Who.
        kind: Kind of credential.
        endpoint: Path of the endpoint.
        address: The client's address.
        opened_at: Unix seconds.
    """

    id: str
    node: str
    principal_id: str
    kind: str
    endpoint: str
    address: str
    opened_at: float


class Connections(Protocol):
    """Which connections are open, on all nodes. Written in batches, never per handshake."""

    async def sync_connections(
        self, node: str, now: float, opened: Iterable[LiveConnection], closed: Iterable[str]
    ) -> None:
        """Note what this node opened and closed since last time, and that it is alive at `now`."""
        ...

    async def live_connections(self, alive_since: float) -> list[LiveConnection]:
        """All open connections of nodes that were alive at `alive_since` or later."""
        ...

    async def forget_node(self, node: str) -> None:
        """Remove everything of a node that shuts down."""
        ...


class Store(
    Accounts,
    Sessions,
    Tickets,
    Keys,
    Nonces,
    Revocations,
    TrailStore,
    Connections,
    Protocol,
):
    """Everything in one place: what `stormdoor.stores` implements."""

    async def open(self) -> None:
        """Connect, and bring the schema to the current version."""
        ...

    async def close(self) -> None:
        """Let go of everything. Safe to call twice."""
        ...

    async def purge(self, now: float) -> int:
        """Remove sessions, tickets, nonces and nodes that ended an hour ago. Returns how many."""
        ...
