"""Find the principals, sessions, sockets and nodes that a revocation would end, and change nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, replace
from itertools import islice
from typing import TypeVar

from stormdoor.core.revocation import UNTIL, Revocation, Target
from stormdoor.core.session import Session
from stormdoor.guard.connection_ender import ConnectionEnder
from stormdoor.guard.named_connections import named_by
from stormdoor.ports import LiveConnection, StoredState, as_listed

__all__ = ["DryRun", "look_ahead"]

_PAGE = 1_000
_SILENT_SECONDS = 15.0
"""Seconds after its last beat after which the list of a node may be out of date."""
_ALWAYS_LISTED = frozenset({Target.PRINCIPAL, Target.CONNECTION, Target.EVERYTHING})
"""Targets that a node of any release lists with a socket."""

_LATER = (
    "Nodes list their sockets once a second. A socket that opens after that and before the revocation ends, "
    "too."
)
_NOT_LISTED = (
    "API keys, tokens, tickets and logins under way end, too, and are not listed. Principals of other "
    "issuers without an open socket are not known."
)
_ONLY_VISIBLE = "Only principals of the tenants that you may see are listed."
_SILENT = "{} has not reported for {:g} s. Sockets that it has opened since are not listed."
_OLDER = (
    "A node of an older release lists neither roles nor tenants, sessions, credentials and devices. Its "
    "sockets are not listed, and may end."
)
_MORE = "There are more {} than the {} that are listed."

_Row = TypeVar("_Row")
_Place = TypeVar("_Place")


@dataclass(frozen=True, slots=True)
class DryRun:
    """The effect that a revocation would have now.

    Attributes:
        target: Kind of the target.
        value: Id of the target.
        before: As of `Administration.revoke`.
        principals: Ids of the named principals, and of the owners of `sessions` and `sockets`.
        sessions: Login sessions that would be removed.
        sockets: Open connections that would end.
        nodes: Names of the nodes that hold `sockets`.
        known: As of `Acknowledgement`.
        complete: False if a list is cut off at the limit, or the sockets of a node are not known.
        notes: Sentences about the effects that the lists do not have.
    """

    target: Target
    value: str
    before: float | None
    principals: tuple[str, ...]
    sessions: tuple[Session, ...]
    sockets: tuple[LiveConnection, ...]
    nodes: tuple[str, ...]
    known: bool | None
    complete: bool
    notes: tuple[str, ...]

    def as_json(self) -> dict[str, object]:
        """Return the lists for a program, without what only the store needs."""
        return {
            "dry_run": True,
            "principals": [as_listed(one) for one in self.principals],
            "sessions": [
                {"id": one.id, "principal": one.principal_id, "address": one.address}
                for one in self.sessions
            ],
            "sockets": [
                {
                    "id": one.id,
                    "node": one.node,
                    "principal": as_listed(one.principal_id),
                    "endpoint": as_listed(one.endpoint),
                    "address": one.address,
                }
                for one in self.sockets
            ],
            "nodes": self.nodes,
            "known": self.known,
            "complete": self.complete,
            "notes": self.notes,
        }


class _Look:
    """One look at the store and at this process.

    Args:
        entry: The revocation, with a position after all entries of the log.
        state: The stored state.
        ender: Has the connections of this process.
        tenants: The tenants that the caller may see; None for all.
        limit: The greatest number of entries in each list.
    """

    def __init__(
        self,
        entry: Revocation,
        *,
        state: StoredState,
        ender: ConnectionEnder,
        tenants: Collection[str | None] | None,
        limit: int,
    ) -> None:
        self._entries = [entry]
        self._entry = entry
        self._state = state
        self._ender = ender
        self._tenants = tenants
        self._limit = limit
        self.older = False
        """Whether a node of an older release lists sockets that may end."""

    def _visible(self, tenant: str | None) -> bool:
        return self._tenants is None or tenant in self._tenants

    async def _walk(
        self,
        page: Callable[[_Place], Awaitable[list[_Row]]],
        place: _Place,
        place_of: Callable[[_Row], _Place],
        keep: Callable[[_Row], bool],
    ) -> list[_Row]:
        """Return rows of all pages, until there are more of them than the limit."""
        found: list[_Row] = []
        while len(found) <= self._limit and (rows := await page(place)):
            found += filter(keep, rows)
            place = place_of(rows[-1])
        return found

    async def accounts(self) -> set[str]:
        """Return the accounts that the revocation names, also those without a session and a socket."""
        target, value = self._entry.target, self._entry.value
        match target:
            case Target.PRINCIPAL:
                account = await self._state.accounts.account(value)
                return {value} if account is None or self._visible(account.tenant) else set()
            case Target.CREDENTIAL:
                key = await self._state.keys.key(value)
                return {key[1].id} if key is not None and self._visible(key[1].tenant) else set()
            case Target.ROLE | Target.TENANT | Target.EVERYTHING:
                found = await self._walk(
                    lambda after: self._state.accounts.accounts_named(
                        target, value, after=after, limit=_PAGE
                    ),
                    "",
                    lambda one: one[0],
                    lambda one: self._visible(one[1]),
                )
                return {id for id, _ in found}
            case _:
                return set()

    async def sessions(self) -> list[Session]:
        """Return the login sessions that would be removed. Call it before `sockets`."""
        entry, sessions = self._entry, self._state.sessions
        skew = self._ender.clock_skew_seconds
        match entry.target:
            case Target.PRINCIPAL:
                found = [
                    one
                    for one in await sessions.sessions(entry.value)
                    if entry.until_now or entry.reaches(one.born_at, one.position, skew=skew)
                ]
            case Target.SESSION | Target.CREDENTIAL:
                one = await sessions.current_session(entry.value)
                if one is None or (entry.target is Target.CREDENTIAL and one.id != entry.value):
                    return []
                found = [one]
                if one.id != entry.value:
                    # Some nodes may not have read yet that the session has another id.
                    self._entries.append(replace(entry, value=one.id))
            case Target.ROLE | Target.TENANT | Target.DEVICE | Target.EVERYTHING:
                pairs = await self._walk(
                    lambda after: sessions.reached_sessions(
                        entry, skew=skew, after=after, limit=_PAGE
                    ),
                    "",
                    lambda one: one[0].id,
                    lambda one: self._visible(one[1]),
                )
                return [one for one, _ in pairs]
            case _:
                return []
        if self._tenants is not None and found:
            owner = await self._state.accounts.account(found[0].principal_id)
            if owner is None or not self._visible(owner.tenant):
                return []
        return found

    async def sockets(self) -> list[LiveConnection]:
        """Return the open connections that would end: those of this process, and those of the list."""
        here = (
            self._ender.registry.listed(one)
            for entry in self._entries
            for one in named_by(entry, self._ender.registry)
        )
        found = list(islice(filter(self._ends, here), self._limit + 1))
        entries = [replace(one, value=as_listed(one.value)) for one in self._entries]
        return found + await self._walk(
            lambda place: self._state.connections.connections_after(place, limit=_PAGE),
            ("", ""),
            lambda one: (one.node, one.id),
            lambda one: self._ends_elsewhere(one, entries),
        )

    def _ends(self, one: LiveConnection) -> bool:
        """Return whether the revocation ends a connection that it names.

        INVARIANT: true in doubt. A revocation until now ends all that is open now.
        """
        skew = self._ender.clock_skew_seconds
        issued_at = float("-inf") if one.issued_at is None else one.issued_at
        return self._visible(one.tenant) and (
            self._entry.until_now or self._entry.reaches(issued_at, None, skew=skew)
        )

    def _ends_elsewhere(self, one: LiveConnection, entries: list[Revocation]) -> bool:
        if one.node == self._ender.registry.node:
            return False  # this process knows them itself
        if one.issued_at is None and (
            self._tenants is not None or self._entry.target not in _ALWAYS_LISTED
        ):
            self.older = True
            return False
        authentication = one.authentication
        named = any(entry.names(authentication, one.id) for entry in entries)
        return named and self._ends(one)

    async def silent(self) -> list[str]:
        """Return the notes about nodes of which the list may be out of date."""
        return [
            _SILENT.format("A node" if self._tenants is not None else f"Node {one.node}", one.age)
            for one in await self._state.members.members()
            if one.node != self._ender.registry.node and (one.declared or one.age > _SILENT_SECONDS)
        ]


async def look_ahead(
    entry: Revocation,
    *,
    before: float | None,
    known: bool | None,
    state: StoredState,
    ender: ConnectionEnder,
    tenants: Collection[str | None] | None,
    limit: int,
) -> DryRun:
    """Return the effect of a revocation. It reads only.

    Args:
        entry: The revocation, with a position after all entries of the log.
        before: See `DryRun`.
        known: See `DryRun`.
        state: The stored state.
        ender: Has the connections of this process.
        tenants: The tenants that the caller may see; None for all.
        limit: The greatest number of entries in each list.

    Raises:
        StoreUnavailable: The store does not answer.
    """
    look = _Look(
        entry,
        state=state,
        ender=ender,
        tenants=tenants,
        limit=limit,
    )
    silent, sessions = await look.silent(), await look.sessions()
    sockets = await look.sockets()
    owners = {one.principal_id for one in sessions} | {one.principal_id for one in sockets}
    principals = sorted(await look.accounts() | owners)
    lengths = {
        "principals": len(principals),
        "sessions": len(sessions),
        "sockets": len(sockets),
    }
    doubts = [
        *silent,
        *([_OLDER] if look.older else []),
        *(_MORE.format(what, limit) for what, length in lengths.items() if length > limit),
    ]
    notes = list(doubts)
    if entry.target is not Target.CONNECTION:
        notes.append(_LATER)
    if entry.target in UNTIL or entry.target is Target.SESSION:
        notes.append(_NOT_LISTED)
    if tenants is not None:
        notes.append(_ONLY_VISIBLE)
    sockets = sockets[:limit]
    return DryRun(
        entry.target,
        entry.value,
        before,
        tuple(principals[:limit]),
        tuple(sessions[:limit]),
        tuple(sockets),
        tuple(sorted({one.node for one in sockets})),
        known,
        not doubts,
        tuple(notes),
    )
