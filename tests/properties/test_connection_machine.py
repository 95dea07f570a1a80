"""No sequence of events delivers a message before *open* or after the end, or forgets to count.

A machine drives the guard itself, on a clock that it moves and a store in memory that it may break:
handshakes, openings, messages both ways, changes of roles and policies, revocations here and from
another process, expiry, ends from every side. A model beside it knows only what was taken away and
when; after every step the two must agree.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)

from stormdoor import (
    Command,
    Connection,
    Guard,
    Limits,
    PolicySet,
    SessionAuthenticator,
    StoreUnavailable,
    Target,
    TicketAuthenticator,
    forbid,
    role,
)
from stormdoor.core.account import Account
from stormdoor.core.denial import Denial, Refusal
from stormdoor.core.revocation import Revocation
from stormdoor.guard.actions import Action, Actions
from stormdoor.guard.endpoint import Endpoint
from tests.guard.fakes import HANDSHAKE, ORIGIN, FakeSink, FakeStore
from tests.support.clock import FakeClock

T = TypeVar("T")

PEOPLE = ("ann", "ben")
people = st.sampled_from(PEOPLE)
ROLES = ("member", "speaker")
SECONDS = st.sampled_from([0.0, 0.5, 60.0, 400.0])
IDLE, ABSOLUTE, LONGEST = 900.0, 3000.0, 700.0

ROLE_SETS: tuple[PolicySet, ...] = (
    PolicySet([role("member", "chat:connect"), role("speaker", "chat:say")]),
    PolicySet([role("member", "chat:connect", "chat:say"), role("speaker")]),
    PolicySet([role("member", "chat:connect"), role("speaker", "chat:say"), forbid("chat:say")]),
    PolicySet([role("member"), role("speaker", "chat:say")]),
)


class Say(Command, tag="say"):
    text: str


SAY = '{"type":"say","text":"hi"}'
ACTIONS = Actions("Chat", [Action(command=Say, method=lambda *_: None, permission="chat:say")])
CHAT = Endpoint("tests.Chat", "chat:connect")


@dataclass(eq=False)
class Login:
    """What the model knows of a session."""

    who: str
    secret: str
    id: str
    began: float
    gone: bool = False


@dataclass(eq=False)
class Live:
    """What the model knows of a connection."""

    connection: Connection
    login: Login
    began: float
    sink: FakeSink = field(default_factory=FakeSink)
    opened: bool = False
    over: bool = False
    """It must have ended: the guard has had its chance to notice."""
    delivered: int = 0
    used: float = 0.0

    def __post_init__(self) -> None:
        self.used = self.began


class Machine(RuleBasedStateMachine):
    """See the text of this module."""

    logins: Bundle[Login] = Bundle("logins")
    lives: Bundle[Live] = Bundle("lives")

    def __init__(self) -> None:
        super().__init__()
        # Thousands of refusals: a test that fails should show what it did, not what was logged.
        logging.getLogger("stormdoor").setLevel(logging.CRITICAL + 1)
        self.runner = asyncio.Runner()
        self.clock = FakeClock()
        self.store = FakeStore()
        self.known: list[Live] = []
        self.sessions: list[Login] = []
        self.roles = {who: {"member", "speaker"} for who in PEOPLE}
        self.policies = ROLE_SETS[0]
        self.set_back = False
        self.late: list[tuple[Target, str]] = []
        """Written to the feed by another process, and not followed yet."""
        self.guard = Guard(
            origins=[ORIGIN],
            authenticators=[SessionAuthenticator(), TicketAuthenticator()],
            policies=self.policies,
            limits=Limits(
                handshakes_per_address="1000/s",
                failures_per_address="1000/s",
                connections_per_principal=2,
                connections_per_address=3,
                connection_seconds=LONGEST,
                messages_per_connection="3/s burst 5",
                offences=4,
            ),
            store=self.store,
            clock=self.clock,
            node="test",
            sessions={"idle_seconds": IDLE, "absolute_seconds": ABSOLUTE},
        )

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(coroutine)

    @initialize()
    def start(self) -> None:
        """The guard starts, without a heart: ticks are events, too."""

        async def begin() -> None:
            await self.guard.start()
            assert self.guard._heart is not None
            self.guard._heart.cancel()
            await asyncio.wait([self.guard._heart])
            self.guard._heart = None
            for who in PEOPLE:
                await self.store.add_account(Account(id=who, roles=frozenset(self.roles[who])))

        self.run(begin())

    def teardown(self) -> None:
        """Whatever was left open ends with the guard, and then nothing counts."""
        self.store.down = False
        self.store.broken.clear()
        self.run(self.guard.close())
        assert len(self.guard.registry) == 0
        assert self.guard.registry._addresses == {}
        self.guard.registry.forget_idle(self.clock.monotonic() + 1e6)
        assert self.guard.registry._principals == {}
        for live in self.known:
            assert not live.connection.open
        self.runner.close()
        logging.getLogger("stormdoor").setLevel(logging.NOTSET)

    # -- the model ---------------------------------------------------------------------------------

    def _may(self, who: str, permission: str) -> bool:
        granted = {
            one
            for name in self.roles[who]
            for one in self.policies.roles[name].grants
            if name in self.policies.roles
        }
        forbidden = any(
            policy.effect == "forbid" and permission in policy.patterns
            for policy in self.policies.policies
        )
        return permission in granted and not forbidden

    def _end(self, *, who: str | None = None, login: Login | None = None) -> None:
        for live in self.known:
            if (who is None or live.login.who == who) and login in (None, live.login):
                live.over = True

    def _void(self, who: str | None) -> None:
        for login in self.sessions:
            if who in (None, login.who):
                login.gone = True

    # -- coming in ---------------------------------------------------------------------------------

    @rule(target=logins, who=people)
    def log_in(self, who: str) -> Login:
        """Somebody logs in. A moment passes: nobody logs in at the very time of a revocation."""
        self.clock.advance(0.01)
        issued = self.run(self.guard.sessions.create(who))
        login = Login(who, issued.secret, issued.session.id, self.clock.monotonic())
        self.sessions.append(login)
        return login

    async def _by_ticket(self, login: Login) -> Connection | Refusal:
        found = await self.guard.sessions.find(login.secret)
        if found is None:
            return Refusal(Denial.BAD_CREDENTIAL, "no session")
        ticket = await self.guard.tickets.issue(found[0], origin=ORIGIN, endpoint="/ws")
        assert ticket is not None
        offer = ["stormdoor.v1", f"stormdoor.ticket.{ticket.secret}"]
        handshake = replace(HANDSHAKE, subprotocols=offer)
        outcome = await self.guard.admission.admit(handshake, CHAT)
        again = await self.guard.admission.admit(handshake, CHAT)
        assert isinstance(again, Refusal), "a ticket counted twice"
        return outcome

    @rule(target=lives, login=logins, by_ticket=st.booleans())
    def connect(self, login: Login, by_ticket: bool) -> Any:
        """A handshake. Whoever must not come in does not."""
        handshake = replace(HANDSHAKE, cookies={"__Host-stormdoor": [login.secret]})
        coming = (
            self._by_ticket(login) if by_ticket else self.guard.admission.admit(handshake, CHAT)
        )
        outcome = self.run(coming)
        if isinstance(outcome, Refusal):
            return multiple()
        assert not login.gone
        assert self._may(login.who, "chat:connect")
        live = Live(outcome, login, self.clock.monotonic())
        outcome.sink = live.sink
        self.known.append(live)
        return live

    @rule()
    def open(self) -> None:
        """The 101 has been sent, to everybody who waits for it, whatever has become of him."""
        for live in self.known:
            if not live.opened:
                self._open(live)

    def _open(self, live: Live) -> None:
        live.opened = self.guard.registry.opened(live.connection)
        assert not (live.opened and live.over), "opened although it had been ended"

    @rule(target=lives, who=people)
    def come(self, who: str) -> Any:
        """All of that at once, which is what mostly happens."""
        live = self.connect(login=self.log_in(who=who), by_ticket=False)
        if isinstance(live, Live):
            self._open(live)
        return live

    # -- messages ----------------------------------------------------------------------------------

    @rule(raw=st.sampled_from([SAY, SAY, SAY, "?"]), way=st.integers(0, 2))
    def talk(self, raw: str, way: int) -> None:
        """Everybody who ever came in sends a message or a ping, whatever has become of it."""
        for live in self.known:
            if self._delivered(live, raw, way):
                self._must_be_allowed(live, way)

    def _delivered(self, live: Live, raw: str, way: int) -> bool:
        inbound = self.guard.inbound
        if way == 0:
            return isinstance(inbound.receive(live.connection, raw, ACTIONS), tuple)
        if way == 1:
            return inbound.receive_raw(live.connection, raw, "chat:say") is True
        return inbound.receive_control(live.connection, len(raw))

    def _must_be_allowed(self, live: Live, way: int) -> None:
        live.delivered += 1
        now = self.clock.monotonic()
        assert live.opened, "delivered before open"
        assert not live.over, "delivered after the end"
        assert now < live.began + LONGEST
        assert now < live.login.began + ABSOLUTE
        if way < 2:
            assert now < live.used + IDLE
            live.used = now
            assert self._may(live.login.who, "chat:say") or live.login.who in self._unheard()

    def _unheard(self) -> set[str]:
        """Whose roles another process has changed since the last tick."""
        return {value for target, value in self.late if target is Target.CHANGED}

    # -- taking away -------------------------------------------------------------------------------

    @rule(who=people)
    def revoke_principal(self, who: str) -> None:
        """Everything of one principal ends, here and at once."""
        self.run(self.guard.admin.revoke(Target.PRINCIPAL, who))
        self._end(who=who)
        self._void(who)

    @rule()
    def revoke_everything(self) -> None:
        """Everybody is out."""
        self.run(self.guard.admin.revoke(Target.EVERYTHING))
        self._end()
        self._void(None)

    @rule(login=consumes(logins))
    def log_out(self, login: Login) -> None:
        """A session ends with its connections."""
        self.run(self.guard.admin.end_session(login.id))
        login.gone = True
        self._end(login=login)

    @rule(live=lives)
    def kick(self, live: Live) -> None:
        """One connection."""
        self.run(self.guard.admin.revoke(Target.CONNECTION, live.connection.id))
        live.over = True

    @rule(who=people)
    def revoke_elsewhere(self, who: str) -> None:
        """Another process wrote it into the feed."""
        revocation = Revocation(Target.PRINCIPAL, who, self.clock.now())
        self.run(self.store.add_revocation(revocation))
        self.late.append((Target.PRINCIPAL, who))
        self.late += [(Target.SESSION, one.id) for one in self.sessions if one.who == who]

    @rule(who=people, name=st.sampled_from(ROLES))
    def change_role(self, who: str, name: str) -> None:
        """Given if it was not there, else taken."""
        if name in self.roles[who]:
            self.roles[who].discard(name)
            self.run(self.guard.admin.withdraw_role(who, name))
        else:
            self.roles[who].add(name)
            self.run(self.guard.admin.grant_role(who, name))
        if not self._may(who, "chat:connect"):
            self._end(who=who)

    @rule(who=people, name=st.sampled_from(ROLES))
    def change_role_elsewhere(self, who: str, name: str) -> None:
        """Another process did."""
        self.roles[who] ^= {name}
        self.run(self.store.set_roles(who, frozenset(self.roles[who])))
        self.run(self.store.add_revocation(Revocation(Target.CHANGED, who, self.clock.now())))
        self.late.append((Target.CHANGED, who))

    @rule(who=people)
    def disable_and_enable(self, who: str) -> None:
        """Disabled ends everything; enabled again brings nothing back."""
        self.run(self.guard.admin.set_disabled(who, True))
        self._end(who=who)
        self._void(who)
        self.run(self.guard.admin.set_disabled(who, False))

    @rule(policies=st.sampled_from(ROLE_SETS))
    def reload(self, policies: PolicySet) -> None:
        """Other policies are in force."""
        self.policies = policies
        self.guard.reload(policies)
        for who in PEOPLE:
            if not self._may(who, "chat:connect") and who not in self._unheard():
                self._end(who=who)

    # -- ends --------------------------------------------------------------------------------------

    @rule(live=lives, why=st.sampled_from([None, Denial.INTERNAL, Denial.SLOW_CONSUMER]))
    def end(self, live: Live, why: Denial | None) -> None:
        """The client, the application or a fault ends it, perhaps for the second time."""
        self.guard.registry.end(live.connection, Refusal(why) if why else None)
        live.over = True

    @rule(live=lives)
    def stall(self, live: Live) -> None:
        """It stops reading."""
        live.sink.stalled_at = self.clock.monotonic()

    # -- time and trouble --------------------------------------------------------------------------

    @rule(seconds=SECONDS)
    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.clock.advance(seconds)

    @precondition(lambda self: not self.set_back)
    @rule(seconds=st.sampled_from([-7200.0, -60.0, 60.0]))
    def set_clock(self, seconds: float) -> None:
        """Somebody sets the wall clock, back or forth."""
        self.set_back = True
        self.clock.set_wall(self.clock.now() + seconds)

    @rule()
    def tick(self) -> None:
        """The heart beats: what had been written elsewhere takes effect, what is over ends."""
        self.run(self.guard.tick())
        if "revocations" in self.store.broken:
            return
        for target, value in self.late:
            if target is Target.PRINCIPAL:
                for live in self.known:
                    if live.login.who == value and not live.connection.open:
                        live.over = live.over or live.opened
            elif target is Target.CHANGED and not self._may(value, "chat:connect"):
                self._end(who=value)
        self.late.clear()
        for live in self.known:
            now = self.clock.monotonic()
            if now >= live.began + LONGEST or now >= live.login.began + ABSOLUTE:
                live.over = True

    @rule(method=st.sampled_from(["revocations", "append_events", "sync_connections"]))
    def break_store(self, method: str) -> None:
        """A part of the store fails."""
        self.store.broken[method] = StoreUnavailable("the machine broke it")

    @precondition(lambda self: self.store.broken)
    @rule()
    def mend_store(self) -> None:
        """And answers again."""
        self.store.broken.clear()

    # -- what always holds -------------------------------------------------------------------------

    @invariant()
    def what_is_over_is_over(self) -> None:
        """No connection that must have ended is open, and none that ended is registered."""
        registered = {connection.id for connection in self.guard.registry}
        for live in self.known:
            connection = live.connection
            if live.over:
                assert not connection.open
                assert connection.id not in registered
            if connection.open:
                assert live.opened
                assert connection.id in registered
                assert live.sink.closed is None

    @invariant()
    def everything_is_counted_once(self) -> None:
        """The three counts agree, and keep to their caps."""
        registry = self.guard.registry
        assert len(registry) == sum(registry._addresses.values())
        assert len(registry) == sum(len(one.connections) for one in registry._principals.values())
        assert len(registry) <= 3
        assert all(len(one.connections) <= 2 for one in registry._principals.values())
        assert all(count > 0 for count in registry._addresses.values())


TestConnectionMachine = Machine.TestCase
TestConnectionMachine.settings = settings(max_examples=150, stateful_step_count=60)
