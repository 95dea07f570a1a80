"""Two processes, one log, clocks that jump: what counts is the order in which things happened.

The model knows the true order of every issue and every revocation. It looks at no clock, except where the
log began another epoch in between: there both times decide, as they stand in the store.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from stormdoor import ApiKeyAuthenticator, Connection, Guard, Target
from stormdoor.core.account import Account
from stormdoor.core.handshake import Handshake
from stormdoor.stores import MemoryStore
from tests.guard.fakes import CHAT, Tokens, authentication, bearer, make_guard, settle
from tests.support.clock import FakeClock

T = TypeVar("T")

PEOPLE = ("alice", "bob")
SKEW = 0.5


@dataclass
class Issued:
    """An API key, or a token of another issuer, and what became of it."""

    principal: str
    handshake: Handshake
    moment: int
    epoch: int | None
    at: float
    connection: Connection | None = None
    opened: int = 0


@dataclass
class Made:
    """A revocation: of one principal, or of everything (None)."""

    principal: str | None
    moment: int
    epoch: int
    at: float
    here: bool


class Processes(RuleBasedStateMachine):
    """A server that holds sockets, and a command that only knows the store."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.store = MemoryStore()
        self.tokens = Tokens()
        self.clock, self.other_clock = FakeClock(), FakeClock()
        self.server: Guard = self.run(
            settle(
                self.guard(self.clock),
                *(Account(id=one, roles=frozenset({"member"})) for one in PEOPLE),
            )
        )
        self.command = self.guard(self.other_clock)
        self.issued: list[Issued] = []
        self.made: list[Made] = []
        self.moment = self.epoch = 0
        self.follows = [0]

    def guard(self, clock: FakeClock) -> Guard:
        """One process."""
        return make_guard(
            ApiKeyAuthenticator(),
            self.tokens,
            clock=clock,
            store=self.store,
            clock_skew_seconds=SKEW,
            limits={"connections_per_principal": 1000, "connections_per_address": 1000},
        )

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end."""
        return self.loop.run_until_complete(work)

    def teardown(self) -> None:
        self.run(self.server.close())
        self.loop.close()

    def next(self) -> int:
        """A moment of the true order."""
        self.moment += 1
        return self.moment

    @rule(seconds=st.sampled_from([-3600.0, -1.0, -0.2, 0.1, 1.0, 3600.0]), both=st.booleans())
    def the_clock_is_set(self, seconds: float, *, both: bool) -> None:
        self.other_clock.set_wall(self.other_clock.now() + seconds)
        if both:
            self.clock.set_wall(self.clock.now() + seconds)
            self.run(self.server.deadlines.expire())

    @rule(seconds=st.sampled_from([0.001, 0.25, 60.0]))
    def time_passes(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.other_clock.advance(seconds)

    @rule(who=st.sampled_from(PEOPLE), here=st.booleans())
    def a_key_is_issued(self, who: str, *, here: bool) -> None:
        process = self.server if here else self.command
        issued = self.run(process.admin.issue_key(who, name="k", scopes=["*"]))
        self.issued.append(
            Issued(who, bearer(issued.secret), self.next(), self.epoch, issued.key.created_at)
        )

    @rule(who=st.sampled_from(PEOPLE))
    def another_issuer_makes_a_token(self, who: str) -> None:
        name = f"token{self.moment}"
        # Its clock is right, which here means: the one that was never set.
        at = 1_767_225_600.0 + self.clock.monotonic() - 1_000.0
        self.tokens.known[name] = authentication(who, issued_at=at)
        self.issued.append(Issued(who, bearer(name), self.next(), None, at))

    @rule(who=st.none() | st.sampled_from(PEOPLE), here=st.booleans())
    def something_is_revoked(self, who: str | None, *, here: bool) -> None:
        admin = (self.server if here else self.command).admin
        target = Target.EVERYTHING if who is None else Target.PRINCIPAL
        self.run(admin.revoke(target, who or ""))
        [*_, entry] = self.run(self.store.revocations())
        self.made.append(Made(who, self.next(), self.epoch, entry.at, here))

    @rule()
    def another_epoch_begins(self) -> None:
        """Begin another epoch, as after the restore of an up-to-date backup."""
        self.run(self.store.begin_epoch(self.run(self.store.log_position()).epoch))
        self.epoch += 1

    @rule(number=st.integers(0, 20))
    def a_socket_is_opened(self, number: int) -> None:
        if not self.issued:
            return
        one = self.issued[number % len(self.issued)]
        if one.connection is not None and one.connection.open:
            return
        outcome = self.run(self.server.admission.admit(one.handshake, CHAT))
        # The server may not have heard of the last revocations yet.
        known = [made for made in self.made if made.here or made.moment < self.follows[-1]]
        if one.epoch is not None:
            if any(self.covers(made, one) for made in known):
                assert not isinstance(outcome, Connection)
            elif self.exact(one) and not any(self.covers(made, one) for made in self.made):
                assert isinstance(outcome, Connection), outcome
        if isinstance(outcome, Connection):
            outcome.sink = None
            assert self.server.registry.opened(outcome)
            one.connection, one.opened = outcome, self.next()

    @rule()
    def the_server_follows(self) -> None:
        self.run(self.server.follower.follow())
        assert not self.server.follower.behind
        for one in self.issued:
            if one.connection is None:
                continue
            if one.epoch is None:
                # Without a position, a socket that was open before the revocation is closed, at any clock.
                assert not (one.connection.open and self.was_open(one)), one
            elif any(self.covers(made, one) for made in self.made):
                assert not one.connection.open, one
            elif self.exact(one):
                assert one.connection.open, one
        self.follows.append(self.next())

    def was_open(self, one: Issued) -> bool:
        """Return whether a socket was open before a revocation that names its principal."""
        return any(one.opened < made.moment for made in self.names(one))

    def exact(self, one: Issued) -> bool:
        """Return whether positions alone decide about it."""
        return all(made.epoch == one.epoch for made in self.names(one))

    def names(self, one: Issued) -> list[Made]:
        """The revocations that are about `one`, whenever made."""
        return [made for made in self.made if made.principal in (None, one.principal)]

    def covers(self, made: Made, one: Issued) -> bool:
        """Return whether `made` came after the issue of `one`; by time, if they stand in two epochs."""
        if made.principal not in (None, one.principal):
            return False
        if made.epoch == one.epoch:
            return made.moment > one.moment
        return one.at <= made.at + SKEW

    @invariant()
    def nothing_waits(self) -> None:
        assert len(self.server.admin.unfinished) == 0


TestProcesses = Processes.TestCase
TestProcesses.settings = settings(stateful_step_count=40)
