"""Decisions about messages by their types."""

from __future__ import annotations

from stormdoor import MessagePermissions, PolicySet, permit, role
from stormdoor.core.account import Account
from stormdoor.core.denial import Denial
from stormdoor.guard.connection import Connection
from stormdoor.guard.message_types import MessageTypes, TypeRefused
from tests.guard.fakes import bearer, make_guard, opened, settle

NOW = 1_767_225_600.0
CHAT = MessagePermissions(
    format="json", type="/type", permissions={"say": "chat:say", "kick": "chat:kick"}
)
BOKEH = MessagePermissions(
    format="bokeh", permissions={"PULL-DOC-REQ": "chat:connect", "PATCH-DOC": "chat:say"}
)


async def connection(token: str = "alice") -> Connection:
    """Return an open connection of a principal; alice is a member."""
    guard = await settle(make_guard())
    found, _ = await opened(guard, bearer(token))
    return found


def refusal(found: TypeRefused | None) -> tuple[Denial, str]:
    """Return the denial and its detail."""
    assert found is not None
    assert found.refusal is not None
    return found.refusal.denial, found.refusal.detail


async def test_permission_by_type() -> None:
    """The principal has the permission of one type, and not that of the other."""
    types = MessageTypes(CHAT, None, None)
    alice = await connection()
    assert types.check(alice, '{"type":"say"}', NOW) is None
    denied = types.check(alice, '{"type":"kick"}', NOW)
    assert refusal(denied)[0] is Denial.FORBIDDEN
    assert refusal(denied)[1].startswith("the message type 'kick': ")
    assert denied is not None
    assert (denied.permission, denied.fatal) == ("chat:kick", False)


async def test_undeclared_and_unreadable() -> None:
    """A type without an entry is refused without a default, and so is what has no certain type."""
    types = MessageTypes(CHAT, None, None)
    alice = await connection()
    assert refusal(types.check(alice, '{"type":"ban"}', NOW)) == (
        Denial.FORBIDDEN,
        "a message type of 3 characters is not declared, and there is no default",
    )
    for message in ("{", '{"type":"say","type":"say"}', '{"type":"SAY"}', b"\xff"):
        assert refusal(types.check(alice, message, NOW))[0] is Denial.INVALID_MESSAGE
    long = types.check(alice, f'{{"type":"{"x" * 5_000}"}}', NOW)
    assert "of 5000 characters" in refusal(long)[1]


async def test_roles_count_as_they_are_now() -> None:
    """A role that is withdrawn while the socket is open takes effect with the next message."""
    guard = await settle(make_guard(), Account(id="carol", roles=frozenset({"moderator"})))
    carol, _ = await opened(guard, bearer("carol"))
    types = MessageTypes(CHAT, None, None)
    assert types.check(carol, '{"type":"kick"}', NOW) is None
    await guard.admin.grant_role("carol", "member")
    await guard.admin.withdraw_role("carol", "moderator")
    await guard.tick()
    assert carol.open
    assert refusal(types.check(carol, '{"type":"kick"}', NOW))[0] is Denial.FORBIDDEN
    assert types.check(carol, '{"type":"say"}', NOW) is None


async def test_a_message_of_several_frames() -> None:
    """Further frames of a refused message are dropped without a record; the next message is decided anew."""
    types = MessageTypes(BOKEH, None, None)
    alice = await connection()
    alice.apply_policies(PolicySet([role("member", "chat:connect")]), alice.principal)
    patch = types.check(alice, '{"msgtype":"PATCH-DOC"}', NOW)
    assert refusal(patch)[0] is Denial.FORBIDDEN
    for frame in ("{}", "{}"):
        dropped = types.check(alice, frame, NOW)
        assert dropped is not None
        assert dropped.refusal is None
    alice.apply_policies(PolicySet([role("member", "chat:connect", "chat:say")]), alice.principal)
    for frame in ('{"msgtype":"PATCH-DOC"}', "{}", "{}"):
        assert types.check(alice, frame, NOW) is None


async def test_a_role_that_ends_within_a_message() -> None:
    """The host has a part of the message already and would misread the next one: the connection must end."""
    types = MessageTypes(BOKEH, None, None)
    alice = await connection()
    assert types.check(alice, '{"msgtype":"PATCH-DOC"}', NOW) is None
    assert types.check(alice, "{}", NOW) is None
    alice.apply_policies(PolicySet([role("member", "chat:connect")]), alice.principal)
    ended = types.check(alice, '{"events":[]}', NOW)
    assert refusal(ended)[0] is Denial.FORBIDDEN
    assert ended is not None
    assert ended.fatal


async def test_several_types_in_one_message() -> None:
    """An envelope is refused if one of its messages is; a body is decided as a whole."""
    declared = MessagePermissions(format="socketio", permissions={"say": "chat:say"})
    types = MessageTypes(declared, None, None)
    alice = await connection()
    assert types.check(alice, "3", NOW) is None
    assert types.check_body(alice, b'42["say"]\x1e3', NOW) is None
    assert refusal(types.check_body(alice, b'42["say"]\x1e42["kick"]', NOW))[0] is Denial.FORBIDDEN
    assert refusal(types.check_body(alice, b"\xff", NOW))[0] is Denial.INVALID_MESSAGE


async def test_the_resource_of_the_route() -> None:
    """A condition sees the kind and the id of the resource."""
    declared = MessagePermissions(format="json", type="/type", default="room:say", resource="room")
    alice = await connection()
    policies = PolicySet(
        [
            role("member", "chat:connect"),
            permit("room:say", roles=["member"], when='resource.id == "a"'),
        ]
    )
    alice.apply_policies(policies, alice.principal)
    assert MessageTypes(declared, None, "a").check(alice, '{"type":"x"}', NOW) is None
    assert MessageTypes(declared, None, "b").check(alice, '{"type":"x"}', NOW) is not None
    assert MessageTypes(declared, None, None).check(alice, '{"type":"x"}', NOW) is not None
