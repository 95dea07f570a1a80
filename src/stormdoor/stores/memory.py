"""A store in memory: for tests, and for one process without persistent state."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from stormdoor.core.account import Account
from stormdoor.core.apikey import ApiKey
from stormdoor.core.backoff import FAMILIAR_SECONDS
from stormdoor.core.log_position import LogPosition
from stormdoor.core.revocation import Revocation, Target
from stormdoor.core.session import Session
from stormdoor.core.ticket import Ticket
from stormdoor.errors import NodeNameTaken, NotAMember
from stormdoor.ports import Changed, LiveConnection, Member, NodeStatus, SystemClock
from stormdoor.stores.grace import PURGE_GRACE_SECONDS, REVOKED_SECONDS
from stormdoor.stores.memory_factors import MemoryFactors, copy_account, refuse_duplicate
from stormdoor.stores.memory_log import LOOKED_UP
from stormdoor.stores.rows import json_text

__all__ = ["MemoryStore"]


_FORGETTABLE = LOOKED_UP | {Target.CONNECTION}


class MemoryStore(MemoryFactors):
    """`stormdoor.ports.Store` in dictionaries.

    INVARIANT: no method awaits between its first read and its last write. Only this makes a ticket
    single-use here.

    Args:
        trail_key: Secret of the trail's chain, or None.
    """

    lease_seconds = float("inf")
    needs_task = False
    """No look-up waits."""

    def __init__(self, trail_key: bytes | None = None) -> None:
        super().__init__(trail_key)
        self._sessions: dict[str, Session] = {}
        self._former_ids: dict[str, str] = {}
        """The ids that sessions once had, each with the present one."""
        self._tickets: dict[str, Ticket] = {}
        self._keys: dict[str, ApiKey] = {}
        self._nonces: dict[tuple[str, str], float] = {}
        self._nodes: dict[str, Member] = {}
        """The nodes; `age` is the monotonic seconds of the beat."""
        self._connections: dict[tuple[str, str], LiveConnection] = {}

    async def purge(self, now: float) -> int:
        """See `Engine.purge`."""
        self._answer()
        over = now - PURGE_GRACE_SECONDS
        # Not the idle ones: a connection of a receive-only endpoint may still belong to one.
        sessions = [s.id for s in self._sessions.values() if s.expires_at < over]
        tickets = [ticket.id for ticket in self._tickets.values() if ticket.expires_at < over]
        nonces = [nonce for nonce, expires_at in self._nonces.items() if expires_at < over]
        for id in sessions:
            del self._sessions[id]
        self._drop_former_ids()
        for id in tickets:
            del self._tickets[id]
        for nonce in nonces:
            del self._nonces[nonce]
        kept = [
            one
            for one in self._revocations
            if one.at >= now - REVOKED_SECONDS or one.target not in _FORGETTABLE
        ]
        forgotten = len(self._revocations) - len(kept)
        self._revocations = kept
        forgotten += self._purge_pendings(over) + self._purge_addresses(now - FAMILIAR_SECONDS)
        forgotten += self._purge_guesses(over)
        return len(sessions) + len(tickets) + len(nonces) + forgotten

    # Accounts

    async def account(self, id: str) -> Account | None:
        """See `Accounts.account`."""
        self._answer()
        account = self._accounts.get(id)
        return None if account is None else account.with_own_attributes()

    async def accounts(self) -> list[Account]:
        """See `Accounts.accounts`."""
        self._answer()
        return [self._accounts[id].with_own_attributes() for id in sorted(self._accounts)]

    async def tenants(
        self, *, role: str | None = None, device: str | None = None
    ) -> set[str | None]:
        """See `Accounts.tenants`."""
        self._answer()
        users = {one.principal_id for one in self._sessions.values() if one.device_id == device}
        return {
            one.tenant
            for one in self._accounts.values()
            if (role is None or role in one.roles) and (device is None or one.id in users)
        }

    async def accounts_named(
        self, target: Target, value: str, *, after: str = "", limit: int
    ) -> list[tuple[str, str | None]]:
        """See `Accounts.accounts_named`."""
        self._answer()
        naming = Revocation(target, value, 0.0)
        named = (id for id, one in self._accounts.items() if id > after and _has(one, naming))
        return [(id, self._accounts[id].tenant) for id in sorted(named)[:limit]]

    async def add_account(self, account: Account) -> None:
        """See `Accounts.add_account`."""
        self._answer()
        refuse_duplicate(account.id, self._accounts, "account")
        self._accounts[account.id] = copy_account(account)

    async def remove_account(self, id: str, *, entry: Revocation | None = None) -> Changed:
        """See `Accounts.remove_account`."""
        self._answer()
        if self._accounts.pop(id, None) is None:
            return False
        self._sessions = {k: s for k, s in self._sessions.items() if s.principal_id != id}
        self._drop_former_ids()
        self._tickets = {k: t for k, t in self._tickets.items() if t.principal_id != id}
        self._keys = {k: a for k, a in self._keys.items() if a.principal_id != id}
        self._forget_account(id)
        return self._note_change(entry)

    async def set_password_hash(
        self, id: str, password_hash: str | None, *, entry: Revocation | None = None
    ) -> Changed:
        """See `Accounts.set_password_hash`."""
        return self._change_account(id, lambda _: {"password_hash": password_hash}, entry)

    async def replace_password_hash(self, id: str, old: str, new: str) -> bool:
        """See `Accounts.replace_password_hash`."""
        self._answer()
        account = self._accounts.get(id)
        if account is None or account.password_hash != old:
            return False
        self._accounts[id] = replace(account, password_hash=new)
        return True

    async def set_disabled(
        self,
        id: str,
        disabled: bool,  # noqa: FBT001 - says itself
        *,
        entry: Revocation | None = None,
    ) -> Changed:
        """See `Accounts.set_disabled`."""
        return self._change_account(id, lambda _: {"disabled": disabled}, entry)

    async def add_role(self, id: str, role: str, *, entry: Revocation | None = None) -> Changed:
        """See `Accounts.add_role`."""
        return self._change_account(id, lambda now: {"roles": now.roles | {role}}, entry)

    async def remove_role(self, id: str, role: str, *, entry: Revocation | None = None) -> Changed:
        """See `Accounts.remove_role`."""
        return self._change_account(id, lambda now: {"roles": now.roles - {role}}, entry)

    async def set_attributes(
        self, id: str, attributes: Mapping[str, object], *, entry: Revocation | None = None
    ) -> Changed:
        """See `Accounts.set_attributes`."""
        copied = msgspec.json.decode(json_text(attributes))
        return self._change_account(id, lambda _: {"attributes": copied}, entry)

    def _change_account(
        self,
        id: str,
        change: Callable[[Account], Mapping[str, Any]],
        entry: Revocation | None,
    ) -> Changed:
        self._answer()
        if (account := self._accounts.get(id)) is None:
            return False
        self._accounts[id] = replace(account, **change(account))
        return self._note_change(entry)

    # Sessions

    async def session(self, id: str) -> tuple[Session, Account] | None:
        """See `Sessions.session`."""
        self._answer()
        if (session := self._sessions.get(id)) is None:
            return None
        return session, self._accounts[session.principal_id].with_own_attributes()

    async def current_session(self, id: str) -> Session | None:
        """See `Sessions.current_session`."""
        self._answer()
        return self._sessions.get(id) or self._sessions.get(self._former_ids.get(id, id))

    async def former_ids(self) -> dict[str, str]:
        """See `Sessions.former_ids`."""
        self._answer()
        return dict(sorted(self._former_ids.items()))

    async def sessions(self, principal_id: str) -> list[Session]:
        """See `Sessions.sessions`."""
        self._answer()
        own = [s for s in self._sessions.values() if s.principal_id == principal_id]
        return sorted(own, key=lambda session: (-session.created_at, session.id))

    async def sessions_of_provider(
        self, issuer: str, *, subject: str | None = None, sid: str | None = None
    ) -> list[Session]:
        """See `Sessions.sessions_of_provider`."""
        self._answer()
        if subject is None and sid is None:
            raise ValueError("name the subject, the session, or both")
        found = [
            session
            for session in self._sessions.values()
            if session.issuer == issuer
            and subject in (None, session.provider_subject)
            and sid in (None, session.provider_session)
        ]
        return sorted(found, key=lambda session: (-session.created_at, session.id))

    async def add_session(self, session: Session) -> Session:
        """See `Sessions.add_session`."""
        self._answer()
        self._require_account(session.principal_id)
        refuse_duplicate(session.id, self._sessions, "session")
        stored = self._sessions[session.id] = replace(session, position=self._position)
        return stored

    async def replace_session(
        self,
        old_id: str,
        session: Session,
        *,
        entry: Revocation | None = None,
        reauthenticated: bool = False,
    ) -> Session | None:
        """See `Sessions.replace_session`."""
        self._answer()
        if old_id not in self._sessions:
            return None
        self._require_account(session.principal_id)
        if session.id != old_id:
            refuse_duplicate(session.id, self._sessions, "session")
        former = {k: session.id if v == old_id else v for k, v in self._former_ids.items()}
        self._remove_session(old_id)
        if reauthenticated:
            session = replace(session, position=self._position)
        self._sessions[session.id] = session
        self._former_ids = former if session.id == old_id else former | {old_id: session.id}
        self._note_change(entry)
        return session

    async def touch_sessions(self, last_seen_at: Mapping[str, float]) -> None:
        """See `Sessions.touch_sessions`."""
        self._answer()
        for id, at in last_seen_at.items():
            session = self._sessions.get(id)
            if session is not None and session.last_seen_at < at:
                self._sessions[id] = replace(session, last_seen_at=at)

    async def remove_session(self, id: str, *, entry: Revocation | None = None) -> Changed:
        """See `Sessions.remove_session`."""
        self._answer()
        return self._remove_session(id) and self._note_change(entry)

    async def remove_sessions(self, principal_id: str, *, keep: str | None = None) -> list[str]:
        """See `Sessions.remove_sessions`."""
        self._answer()
        return self._remove_sessions(principal_id, keep)

    def _remove_sessions(self, principal_id: str, keep: str | None) -> list[str]:
        removed = sorted(
            s.id for s in self._sessions.values() if s.principal_id == principal_id and s.id != keep
        )
        for id in removed:
            del self._sessions[id]
        self._drop_former_ids()
        self._tickets = {
            id: ticket
            for id, ticket in self._tickets.items()
            if ticket.principal_id != principal_id or ticket.session_id == keep
        }
        self._forget_other_pendings(principal_id, keep)
        return removed

    async def remove_reached_sessions(
        self, entry: Revocation, *, skew: float, limit: int = 1_000
    ) -> int:
        """See `Sessions.remove_reached_sessions`."""
        self._answer()
        if not entry.by_time and entry.target is not Target.DEVICE:
            accounts = {id for id, one in self._accounts.items() if _has(one, entry)}
            self._forget_pendings_without_session(accounts, entry.at + skew)
        reached = await self.reached_sessions(entry, skew=skew, limit=limit)
        for one, _ in reached:
            self._remove_session(one.id)
        return len(reached)

    async def reached_sessions(
        self, entry: Revocation, *, skew: float, after: str = "", limit: int
    ) -> list[tuple[Session, str | None]]:
        """See `Sessions.reached_sessions`."""
        self._answer()
        reached = [
            (one, account.tenant)
            for id, one in sorted(self._sessions.items())
            if id > after
            and (one.device_id == entry.value or entry.target is not Target.DEVICE)
            and _has(account := self._accounts[one.principal_id], entry)
            and entry.reaches(one.born_at, one.position, skew=skew)
        ]
        return reached[:limit]

    # Tickets and nonces

    async def add_ticket(self, ticket: Ticket) -> Ticket:
        """See `Tickets.add_ticket`."""
        self._answer()
        self._require_account(ticket.principal_id)
        refuse_duplicate(ticket.id, self._tickets, "ticket")
        stored = self._tickets[ticket.id] = replace(ticket, position=self._position)
        return stored

    async def redeem_ticket(self, id: str) -> tuple[Ticket, Account] | None:
        """See `Tickets.redeem_ticket`."""
        self._answer()
        if (ticket := self._tickets.pop(id, None)) is None:
            return None
        return ticket, self._accounts[ticket.principal_id].with_own_attributes()

    async def use_nonce(self, purpose: str, value: str, expires_at: float) -> bool:
        """See `Nonces.use_nonce`."""
        self._answer()
        if (purpose, value) in self._nonces:
            return False
        self._nonces[purpose, value] = expires_at
        return True

    # API keys

    async def key(self, id: str) -> tuple[ApiKey, Account] | None:
        """See `Keys.key`."""
        self._answer()
        if (key := self._keys.get(id)) is None:
            return None
        return key, self._accounts[key.principal_id].with_own_attributes()

    async def keys(self, principal_id: str | None = None) -> list[ApiKey]:
        """See `Keys.keys`."""
        self._answer()
        found = [k for k in self._keys.values() if principal_id in (None, k.principal_id)]
        return sorted(found, key=lambda key: (-key.created_at, key.id))

    async def add_key(self, key: ApiKey) -> ApiKey:
        """See `Keys.add_key`."""
        self._answer()
        self._require_account(key.principal_id)
        refuse_duplicate(key.id, self._keys, "API key")
        stored = self._keys[key.id] = replace(key, position=self._position)
        return stored

    async def replace_key(
        self, id: str, key: ApiKey, *, expires_at: float | None, entry: Revocation
    ) -> ApiKey | None:
        """See `Keys.replace_key`."""
        self._answer()
        self._require_account(key.principal_id)
        refuse_duplicate(key.id, self._keys, "API key")
        old = self._keys.get(id)
        if old is None or old.successor is not None:
            return None
        if expires_at is None:
            del self._keys[id]
        else:
            at = expires_at if old.expires_at is None else min(expires_at, old.expires_at)
            self._keys[id] = replace(old, expires_at=at, successor=key.id)
        stored = self._keys[key.id] = replace(key, position=self._position)
        self._note_change(entry)
        return stored

    async def remove_key(self, id: str, *, entry: Revocation | None = None) -> Changed:
        """See `Keys.remove_key`."""
        self._answer()
        return self._keys.pop(id, None) is not None and self._note_change(entry)

    async def touch_key(self, id: str, at: float, address: str) -> None:
        """See `Keys.touch_key`."""
        self._answer()
        key = self._keys.get(id)
        if key is not None and (key.last_used_at is None or key.last_used_at <= at):
            self._keys[id] = replace(key, last_used_at=at, last_used_from=address)

    # Revocations

    async def restore_revocations(self, entries: Sequence[Revocation]) -> int:
        """See `RevocationLog.restore_revocations`."""
        self._answer()
        missing = [
            one for one in entries if not any(one.included_in(known) for known in self._revocations)
        ]
        epoch, seq = self._position
        seq = max([seq, *(one.seq for one in missing)])
        for one in missing:
            seq += 1
            self._revocations.append(one.placed(LogPosition(one.epoch, seq)))
            if one.target is Target.SESSION:
                self._remove_session(one.value)
        self._position = LogPosition(epoch, seq)
        return len(missing)

    # Members and connections

    async def beat(
        self,
        node: str,
        status: NodeStatus,
        *,
        joining: bool = False,
        replacing: Member | None = None,
    ) -> LogPosition:
        """See `Members.beat`."""
        self._answer()
        known = self._nodes.get(node)
        own = known is not None and known.status.instance == status.instance
        if joining:
            if known is not None and not own and not _is_declared(known, replacing):
                raise NodeNameTaken(node)
        elif known is None or known.declared or not own:
            raise NotAMember
        self._nodes[node] = Member(
            node=node,
            beat=1 if known is None else known.beat + 1,
            age=SystemClock.monotonic(),
            declared=False,
            status=status,
        )
        return self._position

    async def members(self) -> list[Member]:
        """See `Members.members`."""
        self._answer()
        now = SystemClock.monotonic()
        return [replace(one, age=now - one.age) for _, one in sorted(self._nodes.items())]

    async def declare_lapsed(self, node: str, seen: int) -> bool:
        """See `Members.declare_lapsed`."""
        self._answer()
        known = self._nodes.get(node)
        if known is None or known.beat != seen:
            return False
        self._nodes[node] = replace(known, declared=True)
        return True

    async def remove_member(self, node: str, instance: str = "") -> None:
        """See `Members.remove_member`."""
        self._answer()
        known = self._nodes.get(node)
        if known is not None and known.status.instance == instance:
            self._remove_member(node)

    async def remove_lapsed(self, seen: Member) -> None:
        """See `Members.remove_lapsed`."""
        self._answer()
        known = self._nodes.get(seen.node)
        if known is not None and _is_declared(known, seen):
            self._remove_member(seen.node)

    def _remove_member(self, node: str) -> None:
        self._nodes.pop(node, None)
        self._connections = {k: c for k, c in self._connections.items() if k[0] != node}

    async def remove_factor(
        self,
        id: str,
        principal_id: str,
        *,
        entry: Revocation | None = None,
        change: Revocation | None = None,
    ) -> list[Revocation] | None:
        """See `Factors.remove_factor`."""
        self._answer()
        if not self._remove_factor(id, principal_id):
            return None
        entries = [] if change is None else [change]
        if entry is not None:
            ended = self._remove_sessions(principal_id, None)
            entries = [*(replace(entry, value=one) for one in ended), *entries]
        return [self._note_revocation(one) for one in entries]

    async def sync_connections(
        self, node: str, opened: Iterable[LiveConnection], closed: Iterable[str]
    ) -> None:
        """See `Connections.sync_connections`."""
        self._answer()
        for connection in opened:
            self._connections[node, connection.id] = replace(connection, node=node)
        for id in closed:
            self._connections.pop((node, id), None)

    async def live_connections(self, nodes: Iterable[str]) -> list[LiveConnection]:
        """See `Connections.live_connections`."""
        self._answer()
        known = frozenset(nodes)
        found = [one for one in self._connections.values() if one.node in known]
        return sorted(found, key=lambda one: (one.opened_at, one.node, one.id))

    async def connections_after(
        self, place: tuple[str, str], *, limit: int
    ) -> list[LiveConnection]:
        """See `Connections.connections_after`."""
        self._answer()
        following = sorted(key for key in self._connections if key > place)[:limit]
        return [self._connections[key] for key in following]

    async def tenants_of_connections(self, target: Target, value: str) -> set[str | None]:
        """See `Connections.tenants_of_connections`."""
        self._answer()
        naming = Revocation(target, value, 0.0)
        found = self._connections.values()
        return {one.tenant for one in found if naming.names(one.authentication, one.id)}

    def _remove_session(self, id: str) -> bool:
        self._tickets = {k: t for k, t in self._tickets.items() if t.session_id != id}
        self._forget_pendings_of(id)
        removed = self._sessions.pop(id, None) is not None
        self._drop_former_ids()
        return removed

    def _drop_former_ids(self) -> None:
        """Drop the former ids of sessions that were removed."""
        self._former_ids = {k: v for k, v in self._former_ids.items() if v in self._sessions}


def _is_declared(known: Member, seen: Member | None) -> bool:
    """Return whether the node was declared lapsed, and is the instance with the beat that was seen."""
    return (
        seen is not None
        and known.declared
        and (known.status.instance, known.beat) == (seen.status.instance, seen.beat)
    )


def _has(account: Account, entry: Revocation) -> bool:
    """Return whether a revocation of a role or a tenant names the account; one of a device may."""
    match entry.target:
        case Target.ROLE:
            return entry.value in account.roles
        case Target.TENANT:
            return entry.value == account.tenant
        case _:
            return True
