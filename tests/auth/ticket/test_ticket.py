"""Tickets: one use, seconds long, tied to a session, a page and an endpoint."""

import asyncio
from dataclasses import replace

import pytest

from stormdoor.auth.authenticator import Rejected
from stormdoor.auth.session.service import IssuedSession, SessionService
from stormdoor.auth.ticket.authenticator import TicketAuthenticator
from stormdoor.auth.ticket.service import IssuedTicket, TicketService
from stormdoor.core.account import Account
from stormdoor.core.denial import Denial
from stormdoor.core.handshake import Handshake
from stormdoor.core.principal import Authentication
from stormdoor.core.ticket import Ticket
from stormdoor.errors import ConfigurationError, StoreUnavailable
from stormdoor.ports import StoredState
from stormdoor.stores.memory import MemoryStore
from tests.support.clock import FakeClock
from tests.support.people import ALICE, HANDSHAKE, ORIGIN, populated, ticket


class Room:
    """Alice is logged in, and may ask for tickets."""

    def __init__(self, store: MemoryStore) -> None:
        self.clock = FakeClock()
        self.store = store
        self.sessions = SessionService(StoredState.of(store), self.clock)
        self.service = TicketService(StoredState.of(store), self.clock)
        self.authenticator = TicketAuthenticator()

    async def login(self) -> IssuedSession:
        """A session of alice."""
        return await self.sessions.create("alice", strength=2)

    async def ask(self, session: IssuedSession) -> IssuedTicket:
        """A ticket for the chat."""
        issued = await self.service.issue(session.session, origin=ORIGIN, endpoint="/ws/chat")
        assert issued is not None
        return issued

    async def show(
        self, secret: str, handshake: Handshake = HANDSHAKE
    ) -> Authentication | Rejected:
        """Come to the door with the ticket."""
        return await self.authenticator.authenticate(
            ticket(secret), handshake, state=StoredState.of(self.store), now=self.clock.now()
        )


async def room() -> Room:
    """A store without tickets."""
    return Room(await populated())


def reason(outcome: Authentication | Rejected) -> tuple[Denial, bool, str]:
    """Return the denial, the reuse and the principal of the refusal."""
    assert isinstance(outcome, Rejected)
    return outcome.denial, outcome.reused, outcome.principal_id


async def test_a_ticket_stands_for_its_session() -> None:
    """A connection by ticket ends with its session, and a ticket is not ambient."""
    here = await room()
    session = await here.login()
    begun = here.clock.now()
    here.clock.advance(100)
    issued = await here.ask(session)
    assert issued.expires_in == 20.0
    here.clock.advance(5)
    assert await here.show(issued.secret) == Authentication(
        ALICE.principal,
        "ticket",
        credential_id=issued.ticket.id,
        ambient=False,
        authenticated_at=begun,
        issued_at=begun,
        expires_at=begun + 43_200,
        idle_seconds=1800.0,
        strength=2,
        session_id=session.session.id,
        live=True,
        position=await here.store.log_position(),
    )


async def test_only_the_hash_is_stored() -> None:
    """The store contains only the hash of a ticket."""
    here = await room()
    issued = await here.ask(await here.login())
    assert issued.secret.startswith("sdt_")
    assert len(issued.secret) == 47
    assert issued.secret not in repr(issued) + repr(here.store._tickets)
    assert isinstance(await here.show(issued.ticket.id), Rejected)


async def test_a_second_use_is_refused_and_reported() -> None:
    """The operator learns the principal of a ticket that came twice."""
    here = await room()
    issued = await here.ask(await here.login())
    assert isinstance(await here.show(issued.secret), Authentication)
    for _ in range(2):
        assert reason(await here.show(issued.secret)) == (Denial.BAD_CREDENTIAL, True, "alice")


async def test_another_process_refuses_a_second_use() -> None:
    """The store alone decides, for every process; only this process can name the principal."""
    here = await room()
    issued = await here.ask(await here.login())
    assert isinstance(await here.show(issued.secret), Authentication)
    here.authenticator = TicketAuthenticator()
    assert reason(await here.show(issued.secret)) == (Denial.BAD_CREDENTIAL, False, "")


class SlowStore(MemoryStore):
    """A store that lets others run before and after it has redeemed a ticket."""

    async def redeem_ticket(self, id: str) -> tuple[Ticket, Account] | None:
        await asyncio.sleep(0)
        found = await super().redeem_ticket(id)
        await asyncio.sleep(0)
        return found


@pytest.mark.parametrize("slow", [False, True])
async def test_of_many_uses_at_once_one_wins(slow: bool) -> None:
    """Of many simultaneous uses one is accepted, and each of the others is reported."""
    store = SlowStore() if slow else MemoryStore()
    await store.open()
    await store.add_account(ALICE)
    here = Room(store)
    issued = await here.ask(await here.login())
    outcomes = await asyncio.gather(*(here.show(issued.secret) for _ in range(10)))
    lost = [one for one in outcomes if isinstance(one, Rejected)]
    assert len(lost) == 9
    assert all(one.reused for one in lost)
    assert here.authenticator._in_flight == {}


@pytest.mark.parametrize(
    "secret",
    ["", "x" * 43, "sdt_" + "x" * 42, "sdt_" + "x" * 44, "sdt_" + "\ud800" * 43, "x" * 10**6],
)
async def test_a_made_up_ticket_is_refused(secret: str) -> None:
    """An invented ticket is refused, and not reported as a theft."""
    here = await room()
    assert reason(await here.show(secret)) == (Denial.BAD_CREDENTIAL, False, "")


async def test_an_unknown_ticket_is_no_alarm() -> None:
    """A client that guesses cannot raise a false alarm about theft."""
    here = await room()
    for _ in range(3):
        assert reason(await here.show("sdt_" + "x" * 43)) == (Denial.BAD_CREDENTIAL, False, "")


@pytest.mark.parametrize(
    ("change", "after", "denial"),
    [
        ({"path": "/ws/dashboard"}, 0, Denial.BAD_CREDENTIAL),
        ({"origin": "https://evil.example"}, 0, Denial.BAD_CREDENTIAL),
        ({"origin": None}, 0, Denial.BAD_CREDENTIAL),
        ({}, 20, Denial.EXPIRED),
    ],
)
async def test_a_wrong_use_spends_the_ticket(
    change: dict[str, str | None], after: float, denial: Denial
) -> None:
    """A wrong use also uses up the ticket, and is recorded."""
    here = await room()
    issued = await here.ask(await here.login())
    here.clock.advance(after)
    wrong = replace(HANDSHAKE, **change)  # type: ignore[arg-type]
    assert reason(await here.show(issued.secret, wrong)) == (denial, False, "alice")
    assert reason(await here.show(issued.secret)) == (Denial.BAD_CREDENTIAL, True, "alice")


async def test_it_lasts_its_seconds() -> None:
    """A ticket is accepted until its expiry."""
    here = await room()
    issued = await here.ask(await here.login())
    here.clock.advance(19.9)
    assert isinstance(await here.show(issued.secret), Authentication)


async def test_a_ticket_ends_with_its_session() -> None:
    """A logout between the asking and the use is found."""
    here = await room()
    session = await here.login()
    issued = await here.ask(session)
    await here.sessions.end(session.session.id)
    assert isinstance(await here.show(issued.secret), Rejected)


async def test_a_ticket_of_a_dead_session_is_refused() -> None:
    """A ticket of an ended session is refused, also if the store still has it."""
    here = await room()
    session = await here.login()
    issued = await here.ask(session)
    here.store._sessions.clear()
    assert reason(await here.show(issued.secret)) == (Denial.EXPIRED, False, "alice")


async def test_a_ticket_of_somebody_elses_session_is_refused() -> None:
    """A row that was tampered with opens nothing."""
    here = await room()
    session = await here.login()
    issued = await here.ask(session)
    id = session.session.id
    here.store._sessions[id] = replace(session.session, principal_id="bob")
    assert reason(await here.show(issued.secret)) == (Denial.EXPIRED, False, "alice")


async def test_a_disabled_principal_is_refused() -> None:
    """A ticket is refused if its principal has been disabled after the issue."""
    here = await room()
    issued = await here.ask(await here.login())
    await here.store.set_disabled("alice", True)
    assert reason(await here.show(issued.secret)) == (Denial.BAD_CREDENTIAL, False, "alice")


async def test_a_ticket_counts_as_use_of_the_session() -> None:
    """A handshake with a ticket keeps its session alive."""
    here = await room()
    session = await here.login()
    here.clock.advance(1790)
    issued = await here.ask(session)
    await here.show(issued.secret)
    (stored,) = await here.store.sessions("alice")
    assert stored.last_seen_at == here.clock.now()


async def test_no_ticket_for_a_dead_session() -> None:
    """A session that timed out is told to log in again; one about to end gets a shorter ticket."""
    here = await room()
    session = await here.login()
    here.clock.advance(1799)
    almost = replace(session.session, expires_at=here.clock.now() + 3)
    issued = await here.service.issue(almost, origin=ORIGIN, endpoint="/ws/chat")
    assert issued is not None
    assert issued.expires_in == 3.0
    here.clock.advance(1)
    assert await here.service.issue(session.session, origin=ORIGIN, endpoint="/ws/chat") is None


@pytest.mark.parametrize("seconds", [0, 0.5, -1, 30.1, 3600, float("nan")])
def test_no_ticket_lives_longer_than_thirty_seconds(seconds: float) -> None:
    """A longer one is refused when the door is set up."""
    with pytest.raises(ConfigurationError, match="1 to 30 seconds"):
        TicketService(StoredState.of(MemoryStore()), FakeClock(), seconds)


def test_the_memory_of_used_tickets_is_bounded() -> None:
    """The oldest go first."""
    authenticator = TicketAuthenticator()
    for n in range(5000):
        authenticator._remember(str(n), "alice")
    assert len(authenticator._redeemed) == 4096
    assert "4999" in authenticator._redeemed


async def test_a_store_that_is_down_is_no_yes() -> None:
    """The handshake is refused, and the ticket is not spent."""
    here = await room()
    issued = await here.ask(await here.login())
    await here.store.close()
    with pytest.raises(StoreUnavailable):
        await here.show(issued.secret)
    assert here.authenticator._in_flight == {}
    await here.store.open()
    assert isinstance(await here.show(issued.secret), Authentication)


def test_recognises_its_place() -> None:
    """Every text after the prefix is checked as a ticket."""
    assert TicketAuthenticator().recognises(ticket("anything"))
