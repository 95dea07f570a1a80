"""Changes by operators and principals, and their immediate effects.

Every change is written to the store and to the trail. It affects open connections of this process before the
method returns, and those of other processes when they next read the log of revocations. A revocation or a
logout takes effect in this process first. If the store does not answer, the change is stored later, when it
answers again.
"""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal, TypeVar

from stormdoor.auth.apikey.service import IssuedKey, KeyService
from stormdoor.auth.password.passwords import Busy, Passwords
from stormdoor.auth.session.service import SECRET_LENGTH, SessionService
from stormdoor.core.account import Account
from stormdoor.core.account_change import DISABLED, REMOVED, AccountChange, Right, quoted
from stormdoor.core.credential import fingerprint
from stormdoor.core.event import Event
from stormdoor.core.log_position import LogPosition
from stormdoor.core.policy import PolicySet
from stormdoor.core.revocation import UNTIL, Revocation, Target
from stormdoor.core.session import Session
from stormdoor.errors import (
    ConfigurationError,
    RevocationUnfinished,
    StoreError,
    StoreUnavailable,
)
from stormdoor.guard.acknowledgement import (
    ANOTHER_EPOCH,
    Acknowledgement,
    Nodes,
    wait_for_nodes,
)
from stormdoor.guard.connection_ender import ConnectionEnder
from stormdoor.guard.dry_run import DryRun, look_ahead
from stormdoor.guard.heartbeat import Heartbeat
from stormdoor.guard.known_principal import is_known
from stormdoor.guard.named_connections import of_session, revocation_time, sessions_of
from stormdoor.guard.observed_rows import ObservedRows
from stormdoor.guard.trail import Trail
from stormdoor.guard.unfinished import Unfinished
from stormdoor.ports import Changed, Clock, StoredState

__all__ = ["Administration"]

_T = TypeVar("_T")

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Administration:
    """Changes principals, roles, sessions and keys.

    Methods that end connections return how many of this process they ended. `actor` is the operator or
    principal that requests the change.
    """

    state: StoredState
    trail: Trail
    ender: ConnectionEnder
    sessions: SessionService
    keys: KeyService
    passwords: Passwords
    clock: Clock
    unfinished: Unfinished = field(default_factory=Unfinished)
    """Changes that have taken effect in this process, and are not stored yet."""
    heartbeat: Heartbeat | None = None
    """The heartbeat of this node; None in a program that is no node."""
    rows: ObservedRows = field(default_factory=ObservedRows)
    """The rows of the nodes, as this process has seen them."""

    def _note(
        self,
        name: str,
        principal: str,
        actor: str,
        detail: str = "",
        *,
        connection: str = "",
        tenant: str | None = None,
    ) -> None:
        self.trail.note(
            Event(
                time=self.clock.now(),
                name=name,
                principal=principal,
                tenant=tenant,
                actor=actor,
                connection=connection,
                detail=detail,
                proven=True,
            )
        )

    async def on_every_node(self, change: Callable[[], Awaitable[_T]]) -> tuple[_T, Nodes]:
        """Make a change, and wait until every live node has applied it, or is declared lapsed.

        From then on, no node sends to a principal, or accepts from one, what the change has ended::

            done, nodes = await admin.on_every_node(lambda: admin.withdraw_role("bob", "member"))

        Args:
            change: Calls one or several methods of this class that end connections or lower rights.

        Returns:
            The result of the change, and the nodes.

        Raises:
            StoreUnavailable: As for the change itself; or the change is stored, and not all nodes are known
                to have applied it: repeat it. Any other exception of the change is raised as well.
        """
        try:
            before = await self.state.revocations.log_position()
        except StoreUnavailable:
            before = None  # a store that is down must not keep a socket open
        result = await change()
        # In one epoch, a head that is read after a change is not before its entry.
        head = await self.state.revocations.log_position()
        if before is None or head.epoch != before.epoch:
            raise StoreUnavailable(ANOTHER_EPOCH)
        return result, await self._wait_for_nodes(head)

    async def _wait_for_nodes(self, position: LogPosition) -> Nodes:
        here = "" if self.heartbeat is None else await self.heartbeat.follow_up_to(position)
        return await wait_for_nodes(self.state, position, self.rows, here)

    async def revoke(
        self,
        target: Target,
        value: str = "",
        *,
        before: float | None = None,
        actor: str = "",
        reason: str = "",
        wait: Literal["log", "cluster"] = "log",
        tenants: Collection[str | None] | None = None,
    ) -> Acknowledgement:
        """Revoke a principal, device, tenant, role, session, token, key or connection; or everything.

        Login sessions that it covers end, too. Otherwise a principal could be logged in on a page and refused
        at its socket. API keys and tokens of a revoked principal are revoked as well.

        A principal need not be in the store: tokens of that subject are revoked, too. `known` of the result
        is False if the store has no trace of the name, which may be misspelt.

        Args:
            target: Kind of the target.
            value: Id of the target; empty for everything.
            before: Unix seconds. Revokes only credentials issued until then, instead of until now. Not
                allowed for a single session, token, key or connection, which ends as a whole.
            actor: The operator or principal that revokes.
            reason: For the trail.
            wait: "log" returns when the revocation is stored. "cluster" returns when every live node has
                applied it, or is declared lapsed; from then on, no node sends to what it names.
            tenants: The tenants that decide about `known`; None for all. Pass those of an `actor` that may
                not learn the names in others.

        Returns:
            The number of connections that this process closed, and `known`; with "cluster", also the nodes.

        Raises:
            ConfigurationError: The target or its value is not valid, or takes no `before`; or `before` is in
                the future (to keep a principal out, disable it).
            RevocationUnfinished: It took effect in this process. Its `outcome` says if it is stored, or is
                kept to be stored when the store answers again.
        """
        _must_make_sense(target, value, before, self.clock.now())
        entry = self._entry(target, value, quoted(reason), before)
        ended, stored = await self._revoke(entry, actor)
        nodes = Nodes(0, 0)
        if wait == "cluster":
            try:
                nodes = await self._wait_for_nodes(LogPosition(stored.epoch, stored.seq))
            except StoreUnavailable as error:
                raise RevocationUnfinished(str(error), "stored") from error
        known = None
        if target is Target.PRINCIPAL:
            # INVARIANT: after the write, so that this question delays no revocation.
            known = ended > 0 or await is_known(value, self.state, tenants=tenants)
        return Acknowledgement(ended, *nodes, known)

    async def dry_run(
        self,
        target: Target,
        value: str = "",
        *,
        before: float | None = None,
        tenants: Collection[str | None] | None = None,
        limit: int = 1_000,
    ) -> DryRun:
        """Return the principals, sessions, sockets and nodes that `revoke` would end. Nothing changes.

        Sockets of this process are those that are open now. Other nodes list theirs in the store once a
        second. Sockets that open between this call and the revocation end, too.

        Args:
            target: Kind of the target.
            value: Id of the target; empty for everything.
            before: As of `revoke`.
            tenants: Only principals of these tenants are in the result; None for all.
            limit: The greatest number of principals, of sessions and of sockets in the result.

        Raises:
            ConfigurationError: As for `revoke`.
            StoreUnavailable: The store does not answer.
        """
        _must_make_sense(target, value, before, self.clock.now())
        head = await self.state.revocations.log_position()
        known = None
        if target is Target.PRINCIPAL:
            known = await is_known(value, self.state, tenants=tenants)
        return await look_ahead(
            self._entry(target, value, "", before).placed(head._replace(seq=head.seq + 1)),
            before=before,
            known=known,
            state=self.state,
            ender=self.ender,
            tenants=tenants,
            limit=limit,
        )

    def _entry(
        self, target: Target, value: str, reason: str, before: float | None = None
    ) -> Revocation:
        at = (
            revocation_time(target, value, self.ender.registry, self.clock.now())
            if before is None
            else before
        )
        return Revocation(target, value, at, reason=reason, by_time=before is not None)

    async def _revoke(
        self,
        revocation: Revocation,
        actor: str,
        stored: Revocation | None = None,
        *,
        add: Callable[[], Awaitable[Revocation]] | None = None,
    ) -> tuple[int, Revocation]:
        """Let a revocation take effect, and store it.

        Args:
            revocation: The revocation.
            actor: As `revoke`.
            stored: Its entry, if it is stored already.
            add: The change that adds the entry; by default, the entry is added alone.

        Returns:
            The number of connections that it ended here, and the entry.
        """
        # INVARIANT: it takes effect in this process first: a store that is down must not keep a socket
        # open.
        ended = await self.ender.apply(revocation)
        target, value = revocation.target, revocation.value
        named = target in (Target.PRINCIPAL, Target.CONNECTION)
        what = f"{target.value} {value}".strip() if not named else target.value
        if revocation.by_time:
            until = datetime.fromtimestamp(revocation.at, UTC)
            what += f" until {until.isoformat(timespec='seconds')}"
        self._note(
            "authn_token_revoked",
            value if target is Target.PRINCIPAL else "",
            actor,
            ": ".join(filter(None, (what, revocation.reason))) + f" ({ended} closed here)",
            connection=value if target is Target.CONNECTION else "",
        )
        closed = [ended]
        stored = await self._write(
            revocation, stored, add or (lambda: self._add(revocation, actor, closed))
        )
        return sum(closed), stored

    async def _add(self, revocation: Revocation, actor: str, closed: list[int]) -> Revocation:
        """Add a revocation to the log, and remove its session in the same transaction.

        Args:
            revocation: The revocation.
            actor: As `revoke`.
            closed: Gets the number of connections here that end with a later id of the session.
        """
        if revocation.target is Target.SESSION:
            # INVARIANT: no crash leaves a revoked session in the store. A node that starts reads no entries
            # about sessions, and would admit it.
            removed = await self.state.sessions.remove_session(revocation.value, entry=revocation)
            if isinstance(removed, Revocation):
                return removed
            # A rotation came first, or the store has never had it.
            ended = await self._end_session(revocation.value, None, actor, revocation.reason)
            closed += [] if ended is None else [ended[1]]
        return await self.state.revocations.add_revocation(revocation)

    async def _write(
        self,
        revocation: Revocation,
        stored: Revocation | None,
        add: Callable[[], Awaitable[Revocation]],
    ) -> Revocation:
        """Store a revocation that has taken effect here, and remove the sessions that it covers."""
        counted = False

        async def work() -> Revocation:
            nonlocal stored, counted
            if stored is None:
                try:
                    stored = await add()
                except StoreError:
                    self.ender.unstorable(revocation)
                    raise
            if not counted:
                await self.ender.stored(revocation, stored)
                counted = True
            await self._end_sessions(stored)
            return stored

        try:
            return await work()
        except StoreError:
            raise
        except BaseException as error:
            # The name is unique, since each revocation is held until it is stored.
            name = (
                f"the revocation {next(_numbers)} of {revocation.target.value} {revocation.value}"
            )
            kept = self.unfinished.add(name, work, error)
            if not kept and stored is None:
                self.ender.unstorable(revocation)
            if not isinstance(error, StoreUnavailable):
                raise
            raise RevocationUnfinished(
                str(error), "kept" if kept else "here" if stored is None else "stored"
            ) from error

    async def _end_sessions(self, revocation: Revocation) -> None:
        """Remove the login sessions that a revocation covers, so that no page continues to use one."""
        target, value = revocation.target, revocation.value
        match target:
            case Target.PRINCIPAL:
                await self._end_sessions_of(value, revocation)
            case Target.ROLE | Target.TENANT | Target.DEVICE | Target.EVERYTHING:
                skew = self.ender.clock_skew_seconds
                while await self.state.sessions.remove_reached_sessions(revocation, skew=skew):
                    pass
            case _:
                pass

    async def _end_sessions_of(self, principal_id: str, revocation: Revocation) -> None:
        if revocation.until_now:
            await self.state.sessions.remove_sessions(principal_id)
            return
        overtaken = True
        # A missing session may have moved to a new id: then it is in the next list.
        while overtaken:
            overtaken = False
            for session in await self.state.sessions.sessions(principal_id):
                reached = revocation.reaches(
                    session.born_at, session.position, skew=self.ender.clock_skew_seconds
                )
                if reached:
                    overtaken |= not await self.state.sessions.remove_session(session.id)

    async def _gone(self, target: Target, value: str, reason: str) -> int:
        """Apply the end of a session or key in this process, without waiting for the log of revocations.

        Returns:
            The number of connections that it closed.
        """
        return await self.ender.apply(Revocation(target, value, self.clock.now(), reason=reason))

    async def _read_log(self) -> None:
        """Follow the log to the own change, so that a message after it is held by nodes that lack it."""
        if self.heartbeat is not None:
            await self.heartbeat.read_log()

    def _changed(self, principal_id: str) -> Revocation:
        return Revocation(Target.CHANGED, principal_id, self.clock.now())

    async def add_principal(
        self,
        id: str,
        *,
        password: str | None = None,
        roles: Iterable[str] = (),
        tenant: str | None = None,
        attributes: Mapping[str, object] | None = None,
        actor: str = "",
    ) -> Account:
        """Store a new principal.

        Raises:
            StoreError: The id is taken, or is not one.
            ConfigurationError: The password is too short or too long.
        """
        if not id or len(id) > 128 or not id.isprintable() or id != id.strip():
            raise StoreError(
                f"{id!r} is not a name for a principal; use 1 to 128 printable characters"
            )
        account = Account(
            id=id,
            roles=frozenset(roles),
            tenant=tenant,
            attributes=dict(attributes or {}),
            password_hash=None if password is None else await self._hash(password, id),
            created_at=self.clock.now(),
        )
        await self.state.accounts.add_account(account)
        self._note(
            "user_created",
            id,
            actor,
            f"roles: {', '.join(sorted(account.roles)) or 'none'}",
            tenant=tenant,
        )
        return account

    async def _hash(self, password: str, id: str) -> str:
        hashed = await self.passwords.hash(password, id)
        if isinstance(hashed, Busy):
            raise StoreUnavailable("too many passwords are being hashed; try again")
        return hashed

    async def remove_principal(self, id: str, *, actor: str = "") -> int:
        """Remove a principal; end its sessions, credentials and connections.

        Raises:
            StoreError: There is no such principal.
        """
        account = await self.state.accounts.account(id)
        _must_exist(account is not None, id)
        ended, _ = await self._revoke(self._entry(Target.PRINCIPAL, id, REMOVED), actor)
        entry = self._changed(id)
        _must_exist(await self.state.accounts.remove_account(id, entry=entry), id)
        self._note("user_deleted", id, actor, tenant=account.tenant if account else None)
        # A principal that logged in between the two steps has a connection, and no account any more.
        return ended + await self.ender.apply(entry)

    async def set_disabled(
        self,
        id: str,
        disabled: bool,  # noqa: FBT001 - it is what is set
        *,
        actor: str = "",
    ) -> int:
        """Disable a principal and end its sessions and connections, or enable it again (ASVS 7.4.2).

        Raises:
            StoreError: There is no such principal.
        """
        if not disabled:
            enabling = AccountChange(id, Right.ACCOUNT, lowers=False).entry(self.clock.now())
            changed = await self.state.accounts.set_disabled(id, False, entry=enabling)
            self._note("user_updated", id, actor, "enabled")
            return await self.ender.apply(_entry_of(changed, id))

        revocation = self._entry(Target.PRINCIPAL, id, DISABLED)

        async def disable() -> Revocation:
            changed = await self.state.accounts.set_disabled(id, True, entry=revocation)
            stored = _entry_of(changed, id)
            self._note("user_updated", id, actor, "disabled")
            return stored

        try:
            stored = await disable()
        except StoreUnavailable:
            # Its connections here end now. It is disabled when the store answers again.
            return (await self._revoke(revocation, actor, add=disable))[0]
        return (await self._revoke(revocation, actor, stored))[0]

    async def set_password(self, id: str, password: str, *, actor: str = "") -> int:
        """Change a password and end all sessions and connections of the principal (ASVS 7.4.3).

        Raises:
            StoreError: There is no such principal.
            ConfigurationError: The password is too short or too long.
        """
        _must_exist(await self.state.accounts.account(id) is not None, id)
        hashed = await self._hash(password, id)
        revocation = self._entry(Target.PRINCIPAL, id, Right.PASSWORD.value)
        changed = await self.state.accounts.set_password_hash(id, hashed, entry=revocation)
        stored = _entry_of(changed, id)
        self._note("authn_password_change", id, actor)
        return (await self._revoke(revocation, actor, stored))[0]

    async def grant_role(self, id: str, role: str, *, actor: str = "") -> None:
        """Give a role to a principal. It takes effect with the next message of every open connection.

        Raises:
            StoreError: There is no such principal.
        """
        await self._set_role(AccountChange(id, Right.ROLE, role, lowers=False), actor)

    async def withdraw_role(self, id: str, role: str, *, actor: str = "") -> int:
        """Remove a role from a principal, and end its connections that are no longer permitted.

        Raises:
            StoreError: There is no such principal.
        """
        return await self._set_role(AccountChange(id, Right.ROLE, role), actor)

    async def _set_role(self, change: AccountChange, actor: str) -> int:
        # The store does this in one step, so that a simultaneous change by another process is not lost.
        accounts, id, role = self.state.accounts, change.principal_id, change.name
        step = accounts.remove_role if change.lowers else accounts.add_role
        entry = _entry_of(await step(id, role, entry=change.entry(self.clock.now())), id)
        self._note("privilege_permissions_changed", id, actor, change.reason)
        return await self.ender.apply(entry)

    async def set_attributes(
        self, id: str, attributes: Mapping[str, object], *, actor: str = ""
    ) -> int:
        """Replace the attributes of a principal, which conditions of policies use.

        Raises:
            StoreError: There is no such principal.
        """
        change = AccountChange(id, Right.ATTRIBUTES)
        changed = await self.state.accounts.set_attributes(
            id, attributes, entry=change.entry(self.clock.now())
        )
        entry = _entry_of(changed, id)
        self._note("privilege_permissions_changed", id, actor, change.reason)
        return await self.ender.apply(entry)

    async def end_session(
        self, session_id: str, *, owner: str | None = None, actor: str = "", reason: str = "logout"
    ) -> bool:
        """End a login session and its connections. Returns whether there was one.

        Args:
            session_id: Its public id, or one that it had before a rotation.
            owner: End the session only if it belongs to this principal.
            actor: The operator or principal that ends it.
            reason: For the trail.

        Raises:
            StoreUnavailable: The session is over in this process, and its connections are closed, if this
                process knows that it is the owner's. It is removed when the store answers again.
        """
        known = of_session(session_id, self.ender.registry)
        if owner is None or (known and all(one.principal.id == owner for one in known)):
            # INVARIANT: it takes effect in this process first: a store that is down must not keep a socket
            # open.
            await self._gone(Target.SESSION, session_id, reason)
        ended = await self.unfinished.do(
            _end_of(session_id), lambda: self._end_session(session_id, owner, actor, reason)
        )
        return ended is not None

    async def _end_session(
        self, session_id: str, owner: str | None, actor: str | None, reason: str
    ) -> tuple[Session, int] | None:
        """End a session in the store, and under its last id in this process.

        Args:
            session_id: As `end_session`.
            owner: As `end_session`.
            actor: As `end_session`; None for the owner.
            reason: For the trail.

        Returns:
            The session, and the number of connections that this closed; None if there was no session.
        """
        session = await self.sessions.end(session_id, owner=owner, reason=reason)
        if session is None:
            return None
        who = session.principal_id
        self._note("session_ended", who, who if actor is None else actor, reason)
        closed = await self._gone(Target.SESSION, session.id, reason)
        await self._read_log()
        return session, closed

    async def log_out(self, secret: str) -> Session | None:
        """End the session of a cookie, and its connections. Returns the session, if there was one.

        Args:
            secret: The value of the cookie, or one from before a rotation; it proves that the session is the
                client's.

        Raises:
            StoreUnavailable: The session is over in this process, and its connections are closed. It is
                removed when the store answers again.
        """
        if len(secret) != SECRET_LENGTH:
            return None
        session_id = fingerprint(secret)
        known = bool(of_session(session_id, self.ender.registry))
        if known:
            # INVARIANT: first in this process, as in `end_session`.
            await self._gone(Target.SESSION, session_id, "logout")

        async def work() -> tuple[Session, int] | None:
            return await self._end_session(session_id, None, None, "logout")

        try:
            session = await self.state.sessions.current_session(session_id)
        except StoreUnavailable as error:
            # The session is not known to exist, unless it has a connection here.
            if self.unfinished.add(_end_of(session_id), work, error, proved=known):
                await self._gone(Target.SESSION, session_id, "logout")
            raise
        if session is None:
            return None
        await self._gone(Target.SESSION, session.id, "logout")
        await self.unfinished.do(_end_of(session_id), work)
        return session

    async def end_other_sessions(
        self, principal_id: str, *, keep: str | None = None, actor: str = ""
    ) -> int:
        """End all sessions of a principal but one, with their connections. Returns how many sessions.

        Raises:
            StoreUnavailable: The connections of this process are closed. The sessions are removed when the
                store answers again.
        """
        now = self.clock.now()
        for session_id in sessions_of(principal_id, self.ender.registry) - {keep}:
            await self._gone(Target.SESSION, session_id, "logout")
        # INVARIANT: all that the store has now, so that no clock of another node keeps a session. Only a
        # repetition, after the store was down, spares later logins.
        until = float("inf")

        async def work() -> int:
            nonlocal until
            bound, until = until, min(until, now)
            ended = await self.sessions.end_others(principal_id, keep=keep, until=bound)
            if ended:
                self._note("session_ended", principal_id, actor, f"{len(ended)} other sessions")
                for session_id in ended:
                    await self._gone(Target.SESSION, session_id, "logout")
                await self._read_log()
            return len(ended)

        return await self.unfinished.do(f"the end of other sessions of {principal_id}", work)

    async def remove_factor(self, principal_id: str, factor_id: str, *, actor: str = "") -> bool:
        """Remove a second factor, and end all login sessions that may depend on it.

        After the last one is removed, the password alone is enough again, and the recovery codes are
        deleted.

        Returns:
            Whether there was one.
        """
        now = self.clock.now()
        entries = await self.state.factors.remove_factor(
            factor_id,
            principal_id,
            entry=Revocation(Target.SESSION, "", now, reason="factor removed"),
            change=AccountChange(principal_id, Right.FACTOR, factor_id).entry(now),
        )
        if entries is None:
            return False
        self._note("authn_factor_removed", principal_id, actor, factor_id)
        for one in entries:
            await self.ender.apply(one)
        ended = sum(one.target is Target.SESSION for one in entries)
        if ended:
            self._note("session_ended", principal_id, actor, f"{ended} other sessions")
        return True

    async def issue_key(
        self,
        principal_id: str,
        *,
        name: str,
        scopes: Iterable[str],
        networks: Iterable[str] = (),
        seconds: float | None = None,
        actor: str = "",
    ) -> IssuedKey:
        """Issue an API key. See `KeyService.issue` for arguments and errors."""
        issued = await self.keys.issue(
            principal_id, name=name, scopes=scopes, networks=networks, seconds=seconds
        )
        self._note("authn_token_created", principal_id, actor, f"key {issued.key.id} ({name})")
        return issued

    async def rotate_key(
        self, id: str, *, overlap_seconds: float = 86_400.0, actor: str = ""
    ) -> IssuedKey:
        """Replace an API key; both are valid for a while. See `KeyService.rotate`."""
        issued = await self.keys.rotate(id, overlap_seconds=overlap_seconds)
        self._note(
            "authn_token_created",
            issued.key.principal_id,
            actor,
            f"key {issued.key.id} replaces {id}",
        )
        if overlap_seconds <= 0:
            await self._gone(Target.CREDENTIAL, id, "rotated")
            await self._read_log()
        else:
            # The old key has a deadline now, and so have the connections that it opened.
            await self.ender.apply(self._changed(issued.key.principal_id))
        return issued

    async def revoke_key(self, id: str, *, actor: str = "") -> bool:
        """Revoke an API key and end its connections. Returns whether the key existed."""
        # INVARIANT: it takes effect in this process first: a store that is down must not keep a socket
        # open.
        await self._gone(Target.CREDENTIAL, id, "revoked")

        async def work() -> bool:
            revoked = await self.keys.revoke(id)
            if revoked:
                await self._read_log()
                self._note("authn_token_revoked", "", actor, f"key {id}")
            return revoked

        return await self.unfinished.do(f"the revocation of the key {id}", work)

    async def erase(self, principal_id: str, *, actor: str = "") -> int:
        """Erase a principal's personal data from the trail. Returns the number of entries."""
        await self.trail.flush()
        erased = await self.state.trail.erase_personal(principal_id)
        self._note("user_data_erased", "", actor, f"{erased} entries")
        return erased

    async def retain(self, since: float, *, actor: str = "") -> int:
        """Drop the entries of the trail that are older than `since` (Unix seconds). Returns how many."""
        await self.trail.flush()
        dropped = await self.state.trail.drop_entries(since)
        if dropped:
            self._note("trail_retention", "", actor, f"{dropped} entries dropped")
        return dropped

    def adopt(self, policies: PolicySet, *, actor: str = "") -> int:
        """Replace the policies, and end connections that are no longer permitted. Returns how many."""
        self._note(
            "authz_change",
            "",
            actor,
            f"{len(policies.roles)} roles, {len(policies.policies)} policies",
        )
        return self.ender.rights.adopt(policies)


def _end_of(session_id: str) -> str:
    return f"the end of the session {session_id[:16]}"


def _entry_of(changed: Changed, id: str) -> Revocation:
    _must_exist(changed, id)
    if not isinstance(changed, Revocation):
        raise StoreError(
            "the store did not return the entry of a change; see stormdoor.ports.Changed"
        )
    return changed


def _must_exist(found: Changed, id: str) -> None:
    if not found:
        raise StoreError(f"there is no principal {id!r}")


def _must_make_sense(target: Target, value: str, before: float | None, now: float) -> None:
    if target in {Target.CHANGED, Target.MOVED}:
        raise ConfigurationError("a change is no revocation; change the principal instead")
    if bool(value) is (target is Target.EVERYTHING):
        raise ConfigurationError(
            "everything has no name; leave out the value"
            if value
            else f"which {target.value}? Say its name"
        )
    if before is None:
        return
    if target not in UNTIL:
        raise ConfigurationError(
            f"a {target.value} is over as a whole; leave out before, or revoke its principal"
        )
    if not before <= now:
        raise ConfigurationError("before is in the future; to keep a principal out, disable it")
    if before < 0.0:
        raise ConfigurationError("before is in Unix seconds, from 0")
