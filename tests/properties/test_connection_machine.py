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
    initialize,
    invariant,
    multiple,
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
from tests.guard.fakes import HANDSHAKE, ORIGIN, FakeSink, FakeStore, stop_maintenance
from tests.support.clock import FakeClock

T = TypeVar("T")

PEOPLE = ("ann", "ben")
people = st.sampled_from(PEOPLE)
ROLES = ("member", "speaker")
SECONDS = st.sampled_from([0.0, 0.5, 60.0, 400.0])
IDLE, ABSOLUTE, LONGEST = 900.0, 3000.0, 700.0

_USUAL = PolicySet([role("member", "chat:connect"), role("speaker", "chat:say")])
ROLE_SETS: tuple[PolicySet, ...] = (
    *(_USUAL, _USUAL, _USUAL),
    PolicySet([role("member", "chat:connect", "chat:say"), role("speaker")]),
    PolicySet([role("member", "chat:connect"), role("speaker", "chat:say"), forbid("chat:say")]),
    PolicySet([role("member"), role("speaker", "chat:say")]),
)


TAKEN = ("principal", "everything", "disabled", "elsewhere", "session", "connection")
OFTEN = st.sampled_from([True, True, False])


class Say(Command, tag="say"):
    text: str


SAY = '{"type":"say","text":"hi"}'
ACTIONS = Actions("Chat", [Action(command=Say, method=lambda *_: None, permission="chat:say")])
CHAT = Endpoint("tests.Chat", "chat:connect")


@dataclass(eq=False)
class Login:
    """A session in the model."""

    who: str
    secret: str
    id: str
    began: float
    issued: float
    gone: bool = False


@dataclass(eq=False)
class Live:
    """A connection in the model."""

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
        self.late: list[tuple[str, Any]] = []
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
            await stop_maintenance(self.guard)
            for who in PEOPLE:
                await self.store.add_account(Account(id=who, roles=frozenset(self.roles[who])))

        self.run(begin())

    def teardown(self) -> None:
        """End all connections with the guard, and assert that all counters are zero."""
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
        """Create a session a moment later, so that no login has the time of a revocation."""
        self.clock.advance(0.01)
        issued = self.run(self.guard.sessions.create(who))
        login = Login(
            who,
            issued.secret,
            issued.session.id,
            began=self.clock.monotonic(),
            issued=issued.session.born_at,
        )
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
        """Connect with a session or a ticket, and assert that a client without permission is refused."""
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
        """Open every connection that waits for its 101."""
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

    # -- another credential ------------------------------------------------------------------------

    @rule(login=logins, data=st.data())
    def refresh(self, login: Login, data: st.DataObject) -> None:
        """Refresh any connection with a ticket of any login."""
        if not self.known:
            return
        live = data.draw(st.sampled_from(self.known))
        if self.run(self._refreshed(live, login)):
            assert live.opened, "refreshed before open"
            assert not live.over, "refreshed after the end"
            assert not login.gone
            assert login.who == live.login.who
            now = self.clock.monotonic()
            assert now < live.began + LONGEST
            assert now < live.login.began + ABSOLUTE
            live.login, live.used = login, now

    async def _refreshed(self, live: Live, login: Login) -> bool:
        found = await self.guard.sessions.find(login.secret)
        if found is None:
            return await self.guard.refresh(live.connection, "sdt_" + "x" * 43) is None
        ticket = await self.guard.tickets.issue(found[0], origin=ORIGIN, endpoint="/ws")
        assert ticket is not None
        return await self.guard.refresh(live.connection, ticket.secret) is None

    # -- messages ----------------------------------------------------------------------------------

    @rule(raw=st.sampled_from([SAY, SAY, SAY, "?"]), way=st.integers(0, 2))
    def talk(self, raw: str, way: int) -> None:
        """Send a message or a ping on every connection, also on ended ones."""
        for live in self.known:
            if self._delivered(live, raw, way):
                self._must_be_allowed(live, way)

    def _delivered(self, live: Live, raw: str, way: int) -> bool:
        inbound = self.guard.inbound
        if way == 0:
            return isinstance(inbound.receive(live.connection, raw, ACTIONS), tuple)
        if way == 1:
            return inbound.receive_raw(live.connection, raw, "chat:say") is True
        return inbound.receive_control(live.connection, len(raw)) is not False

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
        """Return the principals with roles that another process has changed since the last tick."""
        return {value for what, value in self.late if what == "changed"}

    @rule()
    def talk_again(self) -> None:
        """Mostly, what clients do is talk."""
        self.talk(raw=SAY, way=0)

    # -- taking away -------------------------------------------------------------------------------

    @rule(kind=st.sampled_from(TAKEN), who=people, data=st.data())
    def take(self, kind: str, who: str, data: st.DataObject) -> None:
        """One of the ways to end something early, here and at once, or in another process."""
        admin = self.guard.admin
        match kind:
            case "principal":
                self.run(admin.revoke(Target.PRINCIPAL, who))
                self._end(who=who)
                self._void(who)
            case "everything":
                self.run(admin.revoke(Target.EVERYTHING))
                self._end()
                self._void(None)
            case "disabled":
                self.run(admin.set_disabled(who, True))
                self._end(who=who)
                self._void(who)
                self.run(admin.set_disabled(who, False))
            case "elsewhere":
                revocation = Revocation(Target.PRINCIPAL, who, self.clock.now())
                self.run(self.store.add_revocation(revocation))
                # A clock that was set back says a time before the login: only then may it stay.
                covered = [one for one in self.known if one.login.who == who and not self.set_back]
                self.late += [("gone", (one, revocation.at)) for one in covered]
            case "session" if self.sessions:
                login = data.draw(st.sampled_from(self.sessions))
                self.run(admin.end_session(login.id))
                login.gone = True
                self._end(login=login)
            case "connection" if self.known:
                live = data.draw(st.sampled_from(self.known))
                self.run(admin.revoke(Target.CONNECTION, live.connection.id))
                live.over = True

    @rule(who=people, name=st.sampled_from(ROLES), given=OFTEN, elsewhere=st.booleans())
    def change_role(self, who: str, name: str, given: bool, elsewhere: bool) -> None:
        """A role is given or taken, here or in another process."""
        self.roles[who] = (self.roles[who] | {name}) if given else (self.roles[who] - {name})
        if elsewhere:
            change = self.store.add_role if given else self.store.remove_role
            self.run(change(who, name))
            self.run(self.store.add_revocation(Revocation(Target.CHANGED, who, self.clock.now())))
            self.late.append(("changed", who))
            return
        admin = self.guard.admin
        self.run(admin.grant_role(who, name) if given else admin.withdraw_role(who, name))
        self.late = [one for one in self.late if one != ("changed", who)]  # they are read anew
        if not self._may(who, "chat:connect"):
            self._end(who=who)

    @rule(policies=st.sampled_from(ROLE_SETS))
    def reload(self, policies: PolicySet) -> None:
        """Other policies are in force."""
        self.policies = policies
        self.guard.reload(policies)
        for who in PEOPLE:
            if not self._may(who, "chat:connect") and who not in self._unheard():
                self._end(who=who)

    @rule(why=st.sampled_from([None, Denial.INTERNAL, Denial.SLOW_CONSUMER]), data=st.data())
    def end(self, why: Denial | None, data: st.DataObject) -> None:
        """The client, the application or a fault ends one, perhaps for the second time."""
        if self.known:
            live = data.draw(st.sampled_from(self.known))
            self.guard.registry.end(live.connection, Refusal(why) if why else None)
            live.over = True

    # -- time and trouble --------------------------------------------------------------------------

    @rule(seconds=SECONDS)
    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.clock.advance(seconds)

    @rule()
    def tick(self) -> None:
        """The heart beats: what was written elsewhere takes effect, and what is over ends."""
        self.run(self.guard.tick())
        for live in self.known:
            now = self.clock.monotonic()
            if now >= live.began + LONGEST or now >= live.login.began + ABSOLUTE:
                live.over = True
        if "revocations" in self.store.broken:
            return
        for _, value in self.late:
            if isinstance(value, tuple):
                live, at = value
                # A connection that has presented a younger login depends on that login, which is not
                # covered.
                live.over |= live.login.issued <= at
            elif not self._may(value, "chat:connect"):
                self._end(who=value)
        self.late.clear()

    @rule(kind=st.sampled_from(["mend", "mend", "revocations", "append_events", "clock"]))
    def trouble(self, kind: str) -> None:
        """Break or repair a part of the store, or set the wall clock back, once."""
        if kind == "mend":
            self.store.broken.clear()
        elif kind != "clock":
            self.store.broken[kind] = StoreUnavailable("the machine broke it")
        elif not self.set_back:
            self.set_back = True
            self.clock.set_wall(self.clock.now() - 60)

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
TestConnectionMachine.settings = settings(
    max_examples=2 * settings().max_examples, stateful_step_count=60
)
