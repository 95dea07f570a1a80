"""The stored state by capability, as the composition root combines them."""

from __future__ import annotations

from dataclasses import MISSING, dataclass, field, fields
from typing import Protocol

from stormdoor.core.epoch_start import EpochStart
from stormdoor.ports.accounts import Accounts
from stormdoor.ports.addresses import Addresses
from stormdoor.ports.broker import Broker
from stormdoor.ports.connections import Connections
from stormdoor.ports.engine import Engine
from stormdoor.ports.factors import Factors
from stormdoor.ports.guesses import Guesses
from stormdoor.ports.identities import Identities
from stormdoor.ports.keys import Keys
from stormdoor.ports.members import Members
from stormdoor.ports.rate_limits import RateLimits
from stormdoor.ports.revocation_log import RevocationLog
from stormdoor.ports.sessions import Sessions
from stormdoor.ports.single_use import Nonces, Pendings, RecoveryCodes, Tickets
from stormdoor.ports.trail import TrailStore

__all__ = ["Store", "StoredState"]


class Store(
    Accounts,
    Addresses,
    Guesses,
    Sessions,
    Tickets,
    Nonces,
    Pendings,
    RecoveryCodes,
    Keys,
    Identities,
    Factors,
    RevocationLog,
    Members,
    TrailStore,
    Connections,
    Engine,
    Protocol,
):
    """An engine with every capability, as in `stormdoor.stores`. All other code takes single capabilities."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredState:
    """The state of an installation, by capability.

    The nonces may belong to another engine than the rest, and so may the trail. All others belong to one
    engine, because their transactions span them.

    Attributes:
        engines: The engines, in the order in which they are opened.
        rate_limits: Limits that all nodes share; None if each process counts alone.
        broker: Carries messages of topics to other nodes; None if each process delivers to its own clients.
            `engines` contains the engines of both.
        epoch: The beginning of the present log, which the guard keeps. An earlier use of a value may be lost.
    """

    accounts: Accounts
    addresses: Addresses
    guesses: Guesses
    sessions: Sessions
    tickets: Tickets
    nonces: Nonces
    pendings: Pendings
    recovery_codes: RecoveryCodes
    keys: Keys
    identities: Identities
    factors: Factors
    revocations: RevocationLog
    members: Members
    trail: TrailStore
    connections: Connections
    engines: tuple[Engine, ...]
    rate_limits: RateLimits | None = None
    broker: Broker | None = None
    epoch: EpochStart = field(default_factory=EpochStart)

    @classmethod
    def of(cls, store: Store) -> StoredState:
        """Return the state of an installation in which one engine stores all parts."""
        stored = [
            one.name
            for one in fields(cls)
            if one.default is MISSING and one.default_factory is MISSING
        ]
        return cls(**dict.fromkeys(stored, store) | {"engines": (store,)})  # type: ignore[arg-type]

    async def open(self) -> None:
        """See `Engine.open`."""
        for engine in self.engines:
            await engine.open()

    async def close(self) -> None:
        """See `Engine.close`."""
        for engine in reversed(self.engines):
            await engine.close()

    async def purge(self, now: float) -> int:
        """See `Engine.purge`."""
        return sum([await engine.purge(now) for engine in self.engines])
