"""Read principals and keys again after a change, and check open connections with their present rights."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from stormdoor.auth.apikey.authenticator import ApiKeyAuthenticator
from stormdoor.core.account import Account
from stormdoor.core.denial import Denial, Refusal
from stormdoor.core.policy import PolicySet
from stormdoor.core.principal import Principal
from stormdoor.core.revocation import RevocationIndex
from stormdoor.errors import StoreUnavailable
from stormdoor.guard.active_policies import ActivePolicies
from stormdoor.guard.connection import Connection
from stormdoor.guard.registry import Registry
from stormdoor.guard.timeout import ANSWER_SECONDS, run_with_timeout
from stormdoor.ports import Accounts, Clock, StoredState

__all__ = ["PresentRights", "read_account"]

_log = logging.getLogger("stormdoor.supervisor")


async def read_account(
    accounts: Accounts, revocations: RevocationIndex, principal_id: str
) -> Account | None:
    """Read the account in its present state, after every known change.

    A change is noted in `revocations` after it was stored. If one is noted during the read, the result may
    be older than the change: applying it would restore roles that were removed.

    Raises:
        StoreUnavailable: The store does not answer.
    """
    while True:
        changes = revocations.changes
        try:
            account = await run_with_timeout(ANSWER_SECONDS, accounts.account(principal_id))
        except TimeoutError:
            raise StoreUnavailable(f"no answer within {ANSWER_SECONDS:g} s") from None
        if changes == revocations.changes:
            return account


class PresentRights:
    """Ends connections that have lost their permission.

    Args:
        registry: The open connections.
        revocations: Index of revocations; shared with the admission.
        policies: Present policies; open connections are checked again with them when roles change.
        state: State of accounts and keys.
        clock: Source of the time.
    """

    def __init__(
        self,
        *,
        registry: Registry,
        revocations: RevocationIndex,
        policies: ActivePolicies,
        state: StoredState,
        clock: Clock,
    ) -> None:
        self._registry = registry
        self._revocations = revocations
        self._policies = policies
        self._state = state
        self._clock = clock

    async def check_principal(self, principal_id: str, *, again: bool) -> int:
        """Read a principal again, and check its open connections with its present roles.

        Args:
            principal_id: Id of the principal.
            again: See `ConnectionEnder.apply`.

        Returns:
            How many connections ended.

        Raises:
            StoreUnavailable, TimeoutError: With `again`, the store does not answer.
        """
        connections = [
            connection
            for connection in self._registry.of_principal(principal_id)
            if connection.authentication.live
        ]
        if not connections:
            return 0
        # The keys first: the account must not become outdated during another await.
        ended = await self._read_keys(connections, again=again)
        try:
            account = await read_account(self._state.accounts, self._revocations, principal_id)
        except Exception as error:  # one account must not stop the feed for all
            if again and isinstance(error, StoreUnavailable):
                raise
            # An unknown change was made, so no former permission can be relied on.
            _log.error("the account %r cannot be read: %r", principal_id, error)
            why = Refusal(Denial.UNAVAILABLE, f"its roles changed and cannot be read: {error}")
            return ended + self._registry.end_all(connections, why)
        if account is None or account.disabled:
            why = Refusal(Denial.REVOKED, "the account was disabled or removed")
            return ended + self._registry.end_all(connections, why)
        return ended + sum(
            self._check(connection, account.principal)
            for connection in connections
            # A connection that was refreshed meanwhile may have the roles of its new token.
            if connection.authentication.live
        )

    async def _read_keys(self, connections: Iterable[Connection], *, again: bool) -> int:
        """Read rotated keys, and give the connections that they opened the keys' new deadlines."""
        ended = 0
        for connection in connections:
            if connection.authentication.kind != ApiKeyAuthenticator.kind:
                continue
            authentication = connection.authentication
            try:
                found = await run_with_timeout(
                    ANSWER_SECONDS, self._state.keys.key(authentication.credential_id)
                )
            except Exception as error:  # one key must not stop the feed for all
                if again and isinstance(error, StoreUnavailable | TimeoutError):
                    raise
                why = Refusal(Denial.UNAVAILABLE, f"its key cannot be read: {error}")
                ended += self._registry.end(connection, why)
                continue
            if connection.authentication is not authentication:
                continue  # it was refreshed meanwhile, and has another credential
            if found is None:
                why = Refusal(Denial.REVOKED, "the key was revoked")
                ended += self._registry.end(connection, why)
            elif found[0].expires_at is not None:
                connection.expire(found[0].expires_at, self._clock.now(), self._clock.monotonic())
        return ended

    def _check(self, connection: Connection, principal: Principal | None = None) -> bool:
        connection.apply_policies(self._policies.current, principal)
        permission = connection.endpoint.permission
        if connection.awaiting_authentication:
            return False  # it has no permissions, and is evaluated after its first message
        if permission is None or connection.may(permission, None, self._clock.now()):
            return False
        why = Refusal(Denial.FORBIDDEN, f"{permission} is no longer granted")
        return self._registry.end(connection, why)

    def adopt(self, policies: PolicySet) -> int:
        """Replace the policies. Returns the number of connections that this ended."""
        self._policies.current = policies
        return sum(self._check(connection) for connection in self._registry)
