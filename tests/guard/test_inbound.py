"""One message: the steps of the hot path, each refusal, and what a refused message costs."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, Meta

from stormdoor import Command, Connection, Denial, Guard, PolicySet, Resource, forbid, permit, role
from stormdoor.core.bucket import Rate, spend
from stormdoor.guard.actions import Action, Actions
from stormdoor.guard.inbound import Inbound, Refused
from tests.guard.fakes import (
    FakeSink,
    Tokens,
    authentication,
    bearer,
    events,
    make_guard,
    opened,
    settle,
)
from tests.support.clock import FakeClock


class Say(Command, tag="say"):
    room: str
    text: Annotated[str, Meta(max_length=20)]


class Kick(Command, tag="kick"):
    who: str


class Shout(Command, tag="shout"):
    text: str


def _nothing(handler: Any, command: Any) -> None:
    """Execute a command without an effect."""


def actions(**of_say: Any) -> Actions:
    """Say, kick and shout; options for the first."""
    return Actions(
        "Chat",
        [
            Action(command=Say, method=_nothing, permission="chat:say", **of_say),
            Action(command=Kick, method=_nothing, permission="chat:kick"),
            Action(command=Shout, method=_nothing, permission="chat:say", rate=Rate.parse("1/min")),
        ],
    )


ACTIONS = actions()
SAY = '{"type":"say","room":"lobby","text":"hi","id":7}'


async def _alice(**limits: Any) -> tuple[Guard, Connection, FakeSink, FakeClock]:
    clock = FakeClock()
    guard = await settle(make_guard(clock=clock, limits=limits))
    connection, sink = await opened(guard, bearer("alice"))
    return guard, connection, sink, clock


def _refused(outcome: object, denial: Denial) -> Refused:
    assert isinstance(outcome, Refused), outcome
    assert outcome.refusal.denial is denial, outcome.refusal
    return outcome


async def test_an_allowed_message_is_delivered() -> None:
    """Decoded, with its action."""
    guard, connection, _, _ = await _alice()
    outcome = guard.inbound.receive(connection, SAY, ACTIONS)
    assert outcome == (ACTIONS.table[Say], Say(room="lobby", text="hi", id=7))
    assert guard.statistics.messages == 1


REFUSALS: list[tuple[str, str | bytes, Denial, object]] = [
    ("not JSON", "hello", Denial.INVALID_MESSAGE, UNSET),
    ("half", '{"type":"say","id":7', Denial.INVALID_MESSAGE, UNSET),
    ("not an object", "[1]", Denial.INVALID_MESSAGE, UNSET),
    ("no tag", '{"room":"lobby","text":"hi","id":7}', Denial.INVALID_MESSAGE, 7),
    ("unknown tag", '{"type":"wipe","id":7}', Denial.INVALID_MESSAGE, 7),
    ("missing field", '{"type":"say","room":"lobby","id":7}', Denial.INVALID_MESSAGE, 7),
    ("wrong type", '{"type":"say","room":1,"text":"hi","id":"x"}', Denial.INVALID_MESSAGE, "x"),
    ("too long a text", SAY.replace("hi", "h" * 21), Denial.INVALID_MESSAGE, 7),
    ("unknown field", SAY.replace('"id"', '"admin":true,"id"'), Denial.INVALID_MESSAGE, 7),
    ("odd id", SAY.replace("7", "[7]"), Denial.INVALID_MESSAGE, UNSET),
    ("id too long", SAY.replace("7", f'"{"x" * 65}"'), Denial.INVALID_MESSAGE, UNSET),
    ("too deep", "[" * 17 + "]" * 17, Denial.INVALID_MESSAGE, UNSET),
    ("very deep", '{"a":' * 10_000, Denial.INVALID_MESSAGE, UNSET),
    ("too large", SAY.replace("hi", "h" * 100_000), Denial.MESSAGE_TOO_LARGE, UNSET),
    ("binary", SAY.encode(), Denial.INVALID_MESSAGE, UNSET),
    ("lone surrogate", SAY.replace("hi", "\ud800"), Denial.INVALID_MESSAGE, UNSET),
    ("NaN", SAY.replace("7", "NaN"), Denial.INVALID_MESSAGE, UNSET),
    ("empty", "", Denial.INVALID_MESSAGE, UNSET),
    ("forbidden", '{"type":"kick","who":"bob","id":7}', Denial.FORBIDDEN, 7),
    ("the tag of no command", '{"type":"\\u0000","never":""}', Denial.INVALID_MESSAGE, UNSET),
]


@pytest.mark.parametrize(
    ("raw", "denial", "id"), [case[1:] for case in REFUSALS], ids=[case[0] for case in REFUSALS]
)
async def test_each_bad_message_is_refused_with_its_cause(
    raw: str | bytes, denial: Denial, id: object
) -> None:
    """The action is not reached, the answer has the id if one can be read, and the trail knows."""
    guard, connection, sink, _ = await _alice(bytes_per_connection="999999/s burst 999999")
    outcome = _refused(guard.inbound.receive(connection, raw, ACTIONS), denial)
    assert outcome.id == id
    assert not outcome.fatal
    assert connection.open
    assert sink.closed is None
    assert guard.statistics.rejected[denial] == 1
    assert guard.statistics.messages == 0
    assert [event.cause for event in await events(guard)][-1] == denial.value


async def test_too_large_is_too_large_whatever_the_bytes_of_a_connection() -> None:
    """A message beyond the burst is not "too many messages": trying again later would not help."""
    guard, connection, _, _ = await _alice(
        message_bytes=1000, bytes_per_connection="1/s burst 1000"
    )
    raw = SAY.replace("hi", "h" * 1500)
    _refused(guard.inbound.receive(connection, raw, ACTIONS), Denial.MESSAGE_TOO_LARGE)


async def test_offences_close_the_connection() -> None:
    """After `offences` refused messages in a minute, the next one closes the connection with 1008."""
    guard, connection, sink, _ = await _alice(offences=3)
    outcomes = [
        _refused(guard.inbound.receive(connection, "?", ACTIONS), Denial.INVALID_MESSAGE).fatal
        for _ in range(4)
    ]
    assert outcomes == [False, False, False, True]
    assert sink.closed is not None
    assert sink.closed[0] == 1008
    assert not connection.open
    assert guard.inbound.receive(connection, SAY, ACTIONS) is None


async def test_offences_are_forgiven_in_time() -> None:
    """A client that errs now and then is never closed."""
    guard, connection, _, clock = await _alice(offences=3)
    for _ in range(50):
        outcome = guard.inbound.receive(connection, "?", ACTIONS)
        assert not _refused(outcome, Denial.INVALID_MESSAGE).fatal
        clock.advance(21)


RATES: list[tuple[str, dict[str, Any], int]] = [
    ("connection", {"messages_per_connection": "3/min burst 3"}, 3),
    ("principal", {"messages_per_principal": "4/min burst 4"}, 4),
    ("bytes", {"bytes_per_connection": f"{len(SAY)}/min burst 65536"}, 65536 // len(SAY)),
]


@pytest.mark.parametrize(
    ("limits", "allowed"), [case[1:] for case in RATES], ids=[case[0] for case in RATES]
)
async def test_rates(limits: dict[str, Any], allowed: int) -> None:
    """One message more than the limit is refused with its id, and allowed again later."""
    given = {"messages_per_connection": "99999/s", "messages_per_principal": "99999/s", **limits}
    guard, connection, _, clock = await _alice(**given)
    for _ in range(allowed):
        assert isinstance(guard.inbound.receive(connection, SAY, ACTIONS), tuple)
    outcome = _refused(guard.inbound.receive(connection, SAY, ACTIONS), Denial.MESSAGE_RATE)
    assert outcome.id == 7
    clock.advance(60)
    assert isinstance(guard.inbound.receive(connection, SAY, ACTIONS), tuple)


async def test_bytes_are_bytes() -> None:
    """A text of characters that take four bytes costs four times as much."""
    guard, connection, _, _ = await _alice(
        bytes_per_connection="65536/min burst 65536", message_bytes=65536
    )
    raw = '{"x":"' + "\U0001f600" * 10_000 + '"}'
    guard.inbound.receive(connection, raw, ACTIONS)
    assert connection.byte_tat - guard.clock.monotonic() == pytest.approx(
        len(raw.encode()) * 60 / 65536
    )


async def test_connections_of_one_principal_share_its_limit() -> None:
    """All connections of a principal share one rate limit for messages."""
    guard, first, _, _ = await _alice(messages_per_principal="4/min burst 4")
    second, _ = await opened(guard, bearer("alice"))
    other, _ = await opened(guard, bearer("bob"))
    for connection in (first, second) * 2:
        assert isinstance(guard.inbound.receive(connection, SAY, ACTIONS), tuple)
    for connection in (first, second):
        _refused(guard.inbound.receive(connection, SAY, ACTIONS), Denial.MESSAGE_RATE)
    assert isinstance(guard.inbound.receive(other, SAY, ACTIONS), tuple)


async def test_a_new_connection_does_not_refill_the_limit_of_a_principal() -> None:
    """The limit of a principal stays used up after its last connection ends."""
    guard, first, _, clock = await _alice(messages_per_principal="2/min burst 2")
    for _ in range(2):
        assert isinstance(guard.inbound.receive(first, SAY, ACTIONS), tuple)
    guard.registry.end(first)
    guard.registry.forget_idle(clock.monotonic())
    second, _ = await opened(guard, bearer("alice"))
    _refused(guard.inbound.receive(second, SAY, ACTIONS), Denial.MESSAGE_RATE)
    guard.registry.end(second)
    clock.advance(61)
    guard.registry.forget_idle(clock.monotonic())
    assert guard.registry._principals == {}


async def test_the_limit_of_an_action_is_that_action_s_alone() -> None:
    """Two actions of one permission have separate rate limits."""
    guard, connection, _, clock = await _alice()
    with_limit = actions(rate=Rate.parse("5/s"))
    shout = '{"type":"shout","text":"!"}'
    assert isinstance(guard.inbound.receive(connection, shout, with_limit), tuple)
    _refused(guard.inbound.receive(connection, shout, with_limit), Denial.MESSAGE_RATE)
    for _ in range(5):
        assert isinstance(guard.inbound.receive(connection, SAY, with_limit), tuple)
    _refused(guard.inbound.receive(connection, SAY, with_limit), Denial.MESSAGE_RATE)
    clock.advance(1)
    assert isinstance(guard.inbound.receive(connection, SAY, with_limit), tuple)
    _refused(guard.inbound.receive(connection, shout, with_limit), Denial.MESSAGE_RATE)


async def test_a_costly_action_counts_for_several_messages() -> None:
    """Ten at once with a cost of four: two and a half."""
    guard, connection, _, _ = await _alice(messages_per_connection="10/min burst 10")
    dear = actions(cost=4.0)
    for _ in range(2):
        assert isinstance(guard.inbound.receive(connection, SAY, dear), tuple)
    _refused(guard.inbound.receive(connection, SAY, dear), Denial.MESSAGE_RATE)


# -- the gate ---------------------------------------------------------------------------------------


async def test_nothing_is_delivered_before_open() -> None:
    """A pending connection takes no message, in either way of receiving."""
    guard = await settle(make_guard())
    connection = await guard.admission.admit(bearer("alice"), _endpoint())
    assert isinstance(connection, Connection)
    assert guard.inbound.receive(connection, SAY, ACTIONS) is None
    assert guard.inbound.receive_raw(connection, SAY, None) is False
    assert guard.inbound.receive_control(connection, 3) is False


def _endpoint() -> Any:
    from tests.guard.fakes import CHAT

    return CHAT


async def test_nothing_is_delivered_after_the_end() -> None:
    """Messages after the end are not delivered, counted or recorded, so they cannot fill the trail."""
    guard, connection, _, _ = await _alice()
    guard.registry.end(connection)
    before = len(await events(guard))
    for _ in range(100):
        assert guard.inbound.receive(connection, SAY, ACTIONS) is None
        assert guard.inbound.receive(connection, "?", ACTIONS) is None
        assert guard.inbound.receive_raw(connection, b"?", None) is False
        assert guard.inbound.receive_control(connection, 3) is False
    assert len(await events(guard)) == before
    assert guard.statistics.messages == 0


@pytest.mark.parametrize("way", ["command", "raw", "control"])
async def test_the_credential_expires_between_two_messages(way: str) -> None:
    """No tick is needed: the message itself finds out, and the close says 3000."""
    clock = FakeClock()
    tokens = Tokens({"t": authentication("alice", expires_at=clock.now() + 10)})
    guard = await settle(make_guard(tokens, clock=clock))
    connection, sink = await opened(guard, bearer("t"))
    clock.advance(9.99)
    assert isinstance(guard.inbound.receive(connection, SAY, ACTIONS), tuple)
    clock.advance(0.01)
    if way == "command":
        assert guard.inbound.receive(connection, SAY, ACTIONS) is None
    elif way == "raw":
        assert guard.inbound.receive_raw(connection, SAY, None) is False
    else:
        assert guard.inbound.receive_control(connection, 3) is False
    assert sink.closed is not None
    assert sink.closed[0] == 3000


async def test_a_wall_clock_set_back_does_not_prolong_a_credential() -> None:
    """A deadline uses the monotonic clock, so a changed wall clock does not move it."""
    clock = FakeClock()
    tokens = Tokens({"t": authentication("alice", expires_at=clock.now() + 10)})
    guard = await settle(make_guard(tokens, clock=clock))
    connection, _ = await opened(guard, bearer("t"))
    clock.advance(10)
    clock.set_wall(clock.now() - 3600)
    assert guard.inbound.receive(connection, SAY, ACTIONS) is None
    assert not connection.open


# -- permissions ------------------------------------------------------------------------------------


async def test_a_role_change_counts_for_the_next_message() -> None:
    """A granted and a withdrawn role both apply to the next message of an open connection."""
    guard = await settle(make_guard())
    connection, _ = await opened(guard, bearer("carol"))
    kick = '{"type":"kick","who":"bob"}'
    _refused(guard.inbound.receive(connection, kick, ACTIONS), Denial.FORBIDDEN)
    await guard.admin.grant_role("carol", "moderator")
    assert isinstance(guard.inbound.receive(connection, kick, ACTIONS), tuple)
    await guard.admin.withdraw_role("carol", "moderator")
    _refused(guard.inbound.receive(connection, kick, ACTIONS), Denial.FORBIDDEN)
    assert isinstance(guard.inbound.receive(connection, SAY, ACTIONS), tuple)


async def test_reloaded_policies_count_for_the_next_message() -> None:
    """A reload changes permissions both ways, and ends connections that may no longer connect."""
    guard, connection, sink, _ = await _alice()
    assert isinstance(guard.inbound.receive(connection, SAY, ACTIONS), tuple)
    guard.reload(PolicySet([role("member", "chat:connect", "chat:kick"), role("moderator")]))
    _refused(guard.inbound.receive(connection, SAY, ACTIONS), Denial.FORBIDDEN)
    kick = '{"type":"kick","who":"bob"}'
    assert isinstance(guard.inbound.receive(connection, kick, ACTIONS), tuple)
    assert guard.reload(PolicySet([role("member", "chat:kick"), role("moderator")])) == 1
    assert sink.closed is not None
    assert sink.closed[0] == 3003


async def test_a_condition_is_asked_for_each_message() -> None:
    """Allowed once is not allowed always."""
    open_rooms = {"lobby"}
    guard = await settle(
        make_guard(
            policies=PolicySet(
                [
                    role("member", "chat:connect"),
                    permit("chat:say", when=lambda r: r.resource.id in open_rooms),  # type: ignore[union-attr]
                ]
            )
        )
    )
    connection, _ = await opened(guard, bearer("alice"))
    in_room = actions(resource=lambda say: ("room", say.room))
    for _ in range(2):
        assert isinstance(guard.inbound.receive(connection, SAY, in_room), tuple)
        elsewhere = SAY.replace("lobby", "vault")
        _refused(guard.inbound.receive(connection, elsewhere, in_room), Denial.FORBIDDEN)
    open_rooms.clear()
    _refused(guard.inbound.receive(connection, SAY, in_room), Denial.FORBIDDEN)


async def test_a_forbid_counts_although_the_role_was_allowed_a_moment_ago() -> None:
    """A cached permission does not apply to a resource that a forbid names."""
    guard = await settle(
        make_guard(
            policies=PolicySet(
                [
                    role("member", "chat:*"),
                    forbid("chat:say", when=lambda r: r.resource.id == "vault"),  # type: ignore[union-attr]
                ]
            )
        )
    )
    connection, _ = await opened(guard, bearer("alice"))
    in_room = actions(resource=lambda say: ("room", say.room))
    assert isinstance(guard.inbound.receive(connection, SAY, in_room), tuple)
    vault = SAY.replace("lobby", "vault")
    _refused(guard.inbound.receive(connection, vault, in_room), Denial.FORBIDDEN)


async def test_a_resource_of_another_tenant_is_refused_after_one_of_ones_own() -> None:
    """A resource of another tenant is refused, also after one of the principal's own tenant."""
    guard, connection, _, _ = await _alice()
    tenants = {"lobby": None, "vault": "umbrella"}
    in_room = actions(resource=lambda say: Resource("room", say.room, tenant=tenants[say.room]))
    assert isinstance(guard.inbound.receive(connection, SAY, in_room), tuple)
    vault = SAY.replace("lobby", "vault")
    _refused(guard.inbound.receive(connection, vault, in_room), Denial.FORBIDDEN)


def _raises(command: Say) -> Any:
    raise KeyError(command.room)


ODD_RESOURCES: list[tuple[str, Any]] = [
    ("raises", _raises),
    ("nothing", lambda say: None),
    ("a text", lambda say: "room"),
    ("three", lambda say: ("room", "a", "b")),
    ("true", lambda say: True),
]


@pytest.mark.parametrize(
    "name", [case[1] for case in ODD_RESOURCES], ids=[c[0] for c in ODD_RESOURCES]
)
async def test_a_resource_that_cannot_be_told_denies(name: Any) -> None:
    """If the function for the resource raises, the message is refused."""
    guard, connection, _, _ = await _alice()
    outcome = guard.inbound.receive(connection, SAY, actions(resource=name))
    assert _refused(outcome, Denial.FORBIDDEN).id == 7


async def test_scopes_of_a_credential_restrict_its_messages() -> None:
    """A key with the scope for reading sends no messages, also if its owner may send them."""
    scopes = frozenset({"chat:connect", "chat:kick"})
    guard = await settle(
        make_guard(Tokens({"t": authentication("mia", "moderator", scopes=scopes)}))
    )
    connection, _ = await opened(guard, bearer("t"))
    _refused(guard.inbound.receive(connection, SAY, ACTIONS), Denial.FORBIDDEN)
    assert isinstance(
        guard.inbound.receive(connection, '{"type":"kick","who":"bob"}', ACTIONS), tuple
    )


# -- raw messages and control frames ----------------------------------------------------------------


@pytest.mark.parametrize("raw", ["text", b"\x00\xff", "", b"", "\U0001f600"])
async def test_raw_messages_pass_untouched(raw: str | bytes) -> None:
    """The guard does not decode raw messages."""
    guard, connection, _, _ = await _alice()
    assert guard.inbound.receive_raw(connection, raw, "chat:say") is True


async def test_raw_messages_are_limited_and_permitted() -> None:
    """Raw messages are subject to the rates and to the permission of the handler."""
    guard, connection, _, _ = await _alice(messages_per_connection="2/min burst 2")
    outcome = guard.inbound.receive_raw(connection, "x", "chat:kick")
    _refused(outcome, Denial.FORBIDDEN)
    assert guard.inbound.receive_raw(connection, b"x", "chat:say") is True
    _refused(guard.inbound.receive_raw(connection, b"x", "chat:say"), Denial.MESSAGE_RATE)


async def test_pings_are_charged_and_are_no_sign_of_use() -> None:
    """A flood of them closes; a few do not keep a session from timing out."""
    guard, connection, sink, clock = await _alice(
        messages_per_connection="5/min burst 5", offences=3
    )
    clock.advance(5)
    before = connection.last_message
    assert [guard.inbound.receive_control(connection, 1) for _ in range(6)] == [True] * 5 + [False]
    assert connection.last_message == before
    for _ in range(10):
        guard.inbound.receive_control(connection, 1)
    assert sink.closed is not None
    assert sink.closed[0] == 1008


# -- the arithmetic ---------------------------------------------------------------------------------

_RATES = st.sampled_from(["5/s", "20/s burst 40", "7/min", "1/h", "1000/s burst 1", "3/s burst 7"])
_STEPS = st.lists(
    st.tuples(
        st.floats(min_value=0, max_value=100, allow_nan=False),
        st.integers(min_value=0, max_value=100_000),
    ),
    max_size=60,
)


@given(_RATES, _RATES, st.sampled_from(["65536/s", "100000/min burst 200000"]), _STEPS)
async def test_the_written_out_arithmetic_is_that_of_the_core(
    messages: str, shared: str, size: str, steps: list[tuple[float, int]]
) -> None:
    """`_spend` allows what three calls of `core.bucket.spend` allow, and stores what they return."""
    clock = FakeClock()
    guard = make_guard(
        clock=clock,
        limits={
            "messages_per_connection": messages,
            "messages_per_principal": shared,
            "bytes_per_connection": size,
        },
    )
    await settle(guard)
    connection, _ = await opened(guard, bearer("alice"))
    inbound: Inbound = guard.inbound
    rates = [Rate.parse(text) for text in (messages, shared, size)]
    tats = [0.0, 0.0, 0.0]
    for seconds, length in steps:
        clock.advance(seconds)
        now = clock.monotonic()
        expected = [
            spend(tat, now, rate, cost)
            for tat, rate, cost in zip(tats, rates, (1.0, 1.0, float(length)), strict=True)
        ]
        allowed = all(tat is not None for tat in expected)
        assert (inbound._spend(connection, length, now) is None) is allowed
        if allowed:
            tats = [tat for tat in expected if tat is not None]
        assert [connection.message_tat, connection.usage.message_tat, connection.byte_tat] == tats
