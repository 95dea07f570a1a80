"""Interfaces of the guard to the outside, such as stores and clocks, as Protocols.

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
from stormdoor.core.factor import Factor
from stormdoor.core.identity import Identity
from stormdoor.core.log_position import LogPosition
from stormdoor.core.pending import Pending
from stormdoor.core.revocation import Revocation
from stormdoor.core.session import Session
from stormdoor.core.ticket import Ticket

__all__ = [
    "Accounts",
    "Clock",
    "Connections",
    "Factors",
    "FamiliarAddresses",
    "Identities",
    "Keys",
    "LiveConnection",
    "Nonces",
    "Pendings",
    "Revocations",
    "SecondFactors",
    "Sessions",
    "Space",
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
        """Return the account of that id."""
        ...

    async def accounts(self) -> list[Account]:
        """Return all accounts, by id."""
        ...

    async def add_account(self, account: Account) -> None:
        """Store a new account with its roles.

        Raises:
            StoreError: The id is taken.
        """
        ...

    async def remove_account(self, id: str) -> bool:
        """Remove it with its roles, sessions, tickets, keys, identities and factors.

        Returns:
            Whether it was there.
        """
        ...

    async def set_password_hash(self, id: str, password_hash: str | None) -> bool:
        """Replace the password hash. Returns whether the account exists."""
        ...

    async def replace_password_hash(self, id: str, old: str, new: str) -> bool:
        """Replace the password hash if it is still `old`, in one step. Returns whether it was."""
        ...

    async def set_disabled(self, id: str, disabled: bool) -> bool:  # noqa: FBT001 - says itself
        """Disable or enable the account. Returns whether it exists."""
        ...

    async def set_roles(self, id: str, roles: frozenset[str]) -> bool:
        """Replace the assigned roles. Returns whether the account exists."""
        ...

    async def add_role(self, id: str, role: str) -> bool:
        """Add one role to the present ones, in one step. Returns whether the account exists."""
        ...

    async def remove_role(self, id: str, role: str) -> bool:
        """Remove one role from the present ones, in one step. Returns whether the account exists."""
        ...

    async def set_attributes(self, id: str, attributes: Mapping[str, object]) -> bool:
        """Replace the attributes. Returns whether the account exists."""
        ...


class Sessions(Protocol):
    """Login sessions, by the hash of their secret.

    A session's tickets and pending entries are removed with it.
    """

    async def session(self, id: str) -> tuple[Session, Account] | None:
        """Return the session and its account, in one look-up. The caller checks whether it has expired."""
        ...

    async def sessions(self, principal_id: str) -> list[Session]:
        """Return all sessions of a principal, newest first."""
        ...

    async def sessions_of_provider(
        self, issuer: str, *, subject: str | None = None, sid: str | None = None
    ) -> list[Session]:
        """Return the sessions that came from a provider's user or session there, newest first.

        Args:
            issuer: The provider.
            subject: The user there; None for any.
            sid: The session there; None for any.

        Raises:
            ValueError: Neither is given: no logout ends the sessions of all users of a provider.
        """
        ...

    async def add_session(self, session: Session) -> Session:
        """Store a new session, and in the same step the head of the log of revocations as its position.

        Returns:
            The session as it is stored.

        Raises:
            StoreError: The id is taken, or there is no such account.
        """
        ...

    async def replace_session(
        self,
        old_id: str,
        session: Session,
        *,
        moved: Revocation | None = None,
        reauthenticated: bool = False,
    ) -> Session | None:
        """Store `session` in place of `old_id`, in one step.

        Args:
            old_id: The session that it replaces.
            session: The new one; it keeps the position that it has, unless it is `reauthenticated`.
            moved: Entry added to the log of revocations in the same step, so that open connections of the old
                session always belong to a session.
            reauthenticated: Whether the principal has authenticated again: the position is the head of the
                log, as for a new session.

        Returns:
            The session as it is stored; None if `old_id` was not there, and nothing changed.
        """
        ...

    async def touch_session(self, id: str, last_seen_at: float) -> None:
        """Move `last_seen_at` forward, never back."""
        ...

    async def remove_session(self, id: str) -> bool:
        """Remove one. Returns whether it was there: of two at once, one gets True."""
        ...

    async def remove_sessions(self, principal_id: str, *, keep: str | None = None) -> list[str]:
        """Remove all of a principal but `keep`, and pending entries outside it. Returns the ids."""
        ...


class Tickets(Protocol):
    """Single-use tickets, by the hash of their secret."""

    async def add_ticket(self, ticket: Ticket) -> Ticket:
        """Store a new ticket, with its position as `Sessions.add_session`.

        Returns:
            The ticket as it is stored.

        Raises:
            StoreError: The id is taken, or there is no such account.
        """
        ...

    async def redeem_ticket(self, id: str) -> tuple[Ticket, Account] | None:
        """Take the ticket out of the store. INVARIANT: of several simultaneous calls, one gets it."""
        ...


class Keys(Protocol):
    """API keys, by their public id."""

    async def key(self, id: str) -> tuple[ApiKey, Account] | None:
        """Return the key and its account, in one look-up."""
        ...

    async def keys(self, principal_id: str | None = None) -> list[ApiKey]:
        """Return all keys, or all of one principal, newest first."""
        ...

    async def add_key(self, key: ApiKey) -> ApiKey:
        """Store a new key, with its position as `Sessions.add_session`.

        Returns:
            The key as it is stored.

        Raises:
            StoreError: The id is taken, or there is no such account.
        """
        ...

    async def expire_key(self, id: str, at: float, successor: str | None = None) -> bool:
        """Let it expire at `at`, unless it expires earlier. Returns whether it exists."""
        ...

    async def remove_key(self, id: str) -> bool:
        """Remove it. Returns whether it was there."""
        ...

    async def touch_key(self, id: str, at: float, address: str) -> None:
        """Note its last use, unless a later one is known."""
        ...


class Nonces(Protocol):
    """Values that may be used once until they expire (`jti`)."""

    async def use_nonce(self, purpose: str, value: str, expires_at: float) -> bool:
        """Use it. INVARIANT: of several simultaneous calls, exactly one gets True."""
        ...


class Pendings(Protocol):
    """Unfinished steps of logins and enrolments, by the hash of the client's secret."""

    async def add_pending(
        self, pending: Pending, *, max_unauthenticated: int | None = None
    ) -> bool:
        """Store it.

        Args:
            pending: The entry.
            max_unauthenticated: Limit of entries of its purpose without a principal. Entries that have
                expired when it begins do not count, and are removed. No limit by default.

        Returns:
            Whether it was stored. INVARIANT: the limit holds for simultaneous calls, too.

        Raises:
            StoreError: The id is taken, or there is no such account.
        """
        ...

    async def pending(self, id: str, purpose: str) -> Pending | None:
        """Return it. The caller checks whether it has expired."""
        ...

    async def take_pending(self, id: str, purpose: str) -> Pending | None:
        """Take it out of the store. INVARIANT: of several simultaneous calls, one gets it."""
        ...


class Identities(Protocol):
    """Links between principals and users of providers."""

    async def identity(self, issuer: str, subject: str) -> Account | None:
        """Return the account that it is linked to."""
        ...

    async def identities(self, principal_id: str) -> list[Identity]:
        """Return all links of a principal, oldest first."""
        ...

    async def link_identity(self, issuer: str, subject: str, principal_id: str, at: float) -> None:
        """Link it.

        Raises:
            StoreError: It is linked already, or there is no such account.
        """
        ...

    async def unlink_identity(self, issuer: str, subject: str) -> bool:
        """Remove the link. Returns whether it was there."""
        ...


class FamiliarAddresses(Protocol):
    """Addresses from which a principal has logged in, stored as fingerprints only."""

    async def address_seen(self, principal_id: str, address: str) -> float | None:
        """Return the latest login of the principal from there, in Unix seconds; None if it never did."""
        ...

    async def remember_address(
        self, principal_id: str, address: str, at: float, *, most: int
    ) -> None:
        """Remember a login; nothing happens if there is no such account.

        Args:
            principal_id: The principal that logged in.
            address: Fingerprint of the address.
            at: Unix seconds.
            most: Addresses of one principal that are kept, the latest ones.
        """
        ...


class Factors(Protocol):
    """Second factors, recovery codes, and the number of consecutive wrong codes."""

    async def factors(self, principal_id: str) -> list[Factor]:
        """Return all factors of a principal, oldest first."""
        ...

    async def factor_by_handle(self, handle: str) -> tuple[Factor, Account] | None:
        """Return the passkey of that credential id, and its account."""
        ...

    async def add_factor(self, factor: Factor) -> None:
        """Store a confirmed factor.

        Raises:
            StoreError: The id or the handle is taken, or there is no such account.
        """
        ...

    async def remove_factor(self, id: str, principal_id: str) -> bool:
        """Remove a factor of that principal; its recovery codes are removed with the last factor.

        Returns:
            Whether it was there.
        """
        ...

    async def use_factor(self, id: str, *, counter: int, at: float) -> bool:
        """Move its counter forward and note the use (`Factor.accepts`).

        INVARIANT: of several simultaneous calls with one counter, exactly one gets True.
        """
        ...

    async def reseal_factor(self, id: str, old: str, new: str) -> bool:
        """Replace its secret if it is still `old`, in one step. Returns whether it was."""
        ...

    async def set_recovery_codes(self, principal_id: str, hashes: Iterable[str]) -> None:
        """Replace all recovery codes.

        Raises:
            StoreError: There is no such account.
        """
        ...

    async def use_recovery_code(self, principal_id: str, code_hash: str) -> bool:
        """Use one up. INVARIANT: of several simultaneous calls, exactly one gets True."""
        ...

    async def recovery_codes(self, principal_id: str) -> int:
        """Return the number of unused ones."""
        ...

    async def factor_failures(self, principal_id: str) -> tuple[int, float]:
        """Return the number of consecutive wrong codes, and the time of the last one (Unix seconds).

        (0, 0.0) without wrong codes.
        """
        ...

    async def set_factor_failures(
        self, principal_id: str, count: int, at: float, *, expected: int
    ) -> bool:
        """Set the number, if it is still `expected`, in one step; 0 removes it.

        INVARIANT: of several simultaneous calls that expect the same, exactly one gets True.

        Returns:
            Whether it was, and the account exists.
        """
        ...


class SecondFactors(Protocol):
    """Interface of the service that verifies second factors."""

    async def prove(self, principal_id: str, *, totp: str) -> bool:
        """Return whether `totp` is a present, unused code of this principal; it is used up then.

        Raises:
            StoreUnavailable: The store does not answer.
        """
        ...


class Revocations(Protocol):
    """The log of revocations that every process follows."""

    async def add_revocation(self, revocation: Revocation) -> LogPosition:
        """Append it. The `at` of an `until_now` entry is never before that of an earlier such entry.

        Returns:
            Its position, which is the new head of the log.
        """
        ...

    async def revocations(self, after: int = 0) -> list[Revocation]:
        """Return those with a `seq` greater than `after`, in order. Cheap if there is none."""
        ...

    async def log_position(self) -> LogPosition:
        """Return the head of the log. Must be cheap: every process reads it several times a second."""
        ...

    async def begin_epoch(self, after: str) -> LogPosition:
        """Start another epoch of the log, unless one has begun after `after` already.

        A process calls it if the head of the log has gone back: a backup has been restored, and the log may
        give positions a second time.

        Returns:
            The head of the log.
        """
        ...


@dataclass(frozen=True, slots=True)
class Space:
    """Room that a store uses, and has left.

    Attributes:
        used: Bytes of its files.
        free: Bytes of their disk that this process may still write.
    """

    used: int
    free: int


class TrailStore(Protocol):
    """The append-only, hash-chained audit trail.

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
        """Return the entries with a `seq` greater than `after`: about `principal`, and with that `name`."""
        ...

    async def trail_anchor(self) -> tuple[int, str]:
        """Return `seq` and hash of the last entry that retention dropped; (0, GENESIS) if none was."""
        ...

    async def trail_head(self) -> tuple[int, str]:
        """Return `seq` and hash of the last appended entry: a trail that ends before it was truncated."""
        ...

    async def pay_entries(self, now: float, sizes: Sequence[int], *, at_least: int = 0) -> int:
        """Charge entries to the budget of unauthenticated clients, in one step for all processes.

        The state outlives a restart: see `stormdoor.core.trail_budget.take`.

        Args:
            now: Unix seconds.
            sizes: Bytes of each entry that is to be written.
            at_least: Number of entries that are paid for in any case.

        Returns:
            The number of entries that may be written, from the first.
        """
        ...

    async def trail_faults(self) -> list[str]:
        """Return the faults of the trail's tables that `stormdoor.core.event.verify` does not find.

        An example is an index that lacks an entry, so that no search finds it.
        """
        ...

    async def space(self) -> Space | None:
        """Return the room that the whole store uses and has left; None if it has no file."""
        ...

    async def drop_entries(self, before: float) -> int:
        """Retention: drop the entries before the first that is younger than `before`.

        The anchor moves to the last dropped entry. A store may work in steps; a failure then undoes the
        last one only.

        Args:
            before: Unix seconds; an entry of exactly that time is kept.

        Returns:
            The number of dropped entries.
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
        principal_id: Its principal.
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
    """The open connections on all nodes. Written in batches, never per handshake."""

    async def sync_connections(
        self, node: str, now: float, opened: Iterable[LiveConnection], closed: Iterable[str]
    ) -> None:
        """Record what this node opened and closed since the last call, and that it is alive at `now`."""
        ...

    async def live_connections(self, alive_since: float) -> list[LiveConnection]:
        """Return all open connections of nodes that were alive at `alive_since` or later."""
        ...

    async def forget_node(self, node: str) -> None:
        """Remove the connections of a node that shuts down."""
        ...


class Store(
    Accounts,
    Sessions,
    Tickets,
    Keys,
    Nonces,
    Pendings,
    Identities,
    FamiliarAddresses,
    Factors,
    Revocations,
    TrailStore,
    Connections,
    Protocol,
):
    """All ports of a store together, as `stormdoor.stores` implements them."""

    async def open(self) -> None:
        """Connect, and bring the schema to the current version."""
        ...

    async def close(self) -> None:
        """Close everything. Safe to call twice."""
        ...

    async def purge(self, now: float) -> int:
        """Remove sessions, tickets, nonces, pending logins and nodes that ended an hour ago.

        An idle session stays until its `expires_at`: connections of receive-only endpoints may belong to
        it. Addresses are removed after `FAMILIAR_SECONDS` without a login.

        Returns:
            The number of removed entries.
        """
        ...
