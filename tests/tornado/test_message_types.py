"""Messages by type in front of a handler of its own protocol, on the fast protocol and on Tornado's."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

import pytest
from tornado.web import Application
from tornado.websocket import WebSocketHandler

from stormdoor import (
    Command,
    ConfigurationError,
    Guard,
    GuardedHandler,
    MessagePermissions,
    PolicySet,
    Reply,
    StartupRefused,
    action,
    protect,
    role,
)
from stormdoor.config.protection import Protection
from stormdoor.core.account import Account
from stormdoor.core.readers.jupyter import V1
from tests.core.readers.kernel_messages import header, legacy, v1
from tests.guard.fakes import events, make_guard
from tests.support.clock import FakeClock
from tests.tornado.wire import connect, serving, settled, until

ALICE = ("Authorization", "Bearer alice")
CAROL = ("Authorization", "Bearer carol")
TYPES = MessagePermissions(
    format="json", type="/type", permissions={"say": "chat:say", "kick": "chat:kick"}
)
SAY, KICK = '{"type":"say"}', '{"type":"kick"}'


@pytest.fixture(autouse=True, params=["fast", "tornado"])
def _protocol(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "tornado":
        monkeypatch.setattr("stormdoor.tornado.guarded_class.fits_handler", lambda *_: False)


def door(messages: MessagePermissions | None = TYPES, **options: Any) -> Guard:
    """A guard with these permissions of messages at `/ws`."""
    protection = Protection(
        permission="chat:connect", messages={} if messages is None else {"/ws": messages}
    )
    return make_guard(insecure_allow_any_host=True, protection=protection, **options)


class Say(Command):
    """A command of a chat."""

    text: str


class Echo(WebSocketHandler):
    """Answers each message with itself, and notes it."""

    heard: list[str | bytes]

    def initialize(self) -> None:
        self.heard = self.settings["heard"]

    def on_message(self, message: str | bytes) -> Awaitable[None] | None:
        self.heard.append(message)
        return self.write_message(message, binary=isinstance(message, bytes))


async def test_a_type_without_its_permission() -> None:
    """Without `messages`, the handler gets each message. With them, it gets those that are permitted."""
    heard: list[str | bytes] = []
    async with serving([("/ws", Echo)], door(None), heard=heard) as at:
        async with await connect(at.port, "/ws", ALICE) as ws:
            for text in (KICK, SAY):
                ws.send(text)
                assert await ws.text() == text
    assert heard == [KICK, SAY]
    heard.clear()
    guard = door()
    async with serving([("/ws", Echo)], guard, heard=heard) as at:
        async with await connect(at.port, "/ws", ALICE) as ws:
            for one in (KICK, '{"type":"ban"}', '{"type":"say","type":"kick"}', b"\xff", SAY):
                ws.send(one)
            assert await ws.text() == SAY
            ws.send(SAY.encode())
            assert (await ws.receive()).payload == SAY.encode()
        noted = await events(guard)
    assert heard == [SAY, SAY.encode()]
    refused = [one for one in noted if one.cause in {"forbidden", "invalid-message"}]
    assert [(one.cause, one.permission, one.principal) for one in refused] == [
        ("forbidden", "chat:kick", "alice"),
        ("forbidden", "", "alice"),
        ("invalid-message", "", "alice"),  # the trail has one entry for both
    ]
    assert sum(guard.statistics.rejected.values()) == 4


async def test_too_many_refused_messages() -> None:
    """The connection ends (1008) after as many unreadable ones as `limits.offences` allows."""
    async with serving([("/ws", Echo)], door(limits={"offences": 3}), heard=[]) as at:
        async with await connect(at.port, "/ws", ALICE) as ws:
            for _ in range(6):
                ws.send("no JSON")
            assert await ws.close_code() == 1008


async def test_a_viewer_who_moves_a_slider_stays_connected() -> None:
    """Forbidden types are dropped without an end, and the trail names the cause. The socket was closed."""
    heard: list[str | bytes] = []
    guard = door(limits={"offences": 3})
    async with serving([("/ws", Echo)], guard, heard=heard) as at:
        async with await connect(at.port, "/ws", ALICE) as ws:
            for _ in range(12):
                ws.send(KICK)
            ws.send(SAY)
            assert await ws.text() == SAY
        noted = await events(guard)
    assert heard == [SAY]
    causes = {one.cause for one in noted if one.connection and one.name == "authz_fail"}
    assert causes == {"forbidden"}


@pytest.mark.parametrize("refused", ["drop", "close"])
async def test_the_answer(refused: Any) -> None:
    """The client gets the declared text; or the connection is closed at the first refused message."""
    declared = MessagePermissions(
        format="json", type="/type", default="chat:kick", answer='{"no":1}', refused=refused
    )
    heard: list[str | bytes] = []
    async with serving([("/ws", Echo)], door(declared), heard=heard) as at:
        async with await connect(at.port, "/ws", ALICE) as ws:
            ws.send(SAY)
            if refused == "drop":
                assert await ws.text() == '{"no":1}'
            else:
                assert await ws.close_code() == 3003
    assert heard == []


class Kernel(Echo):
    """Speaks the subprotocol of Jupyter's kernels."""

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        return V1 if V1 in subprotocols else None


@pytest.mark.parametrize("subprotocol", [None, V1])
async def test_the_answer_of_a_kernel(subprotocol: str | None) -> None:
    """A viewer who executes gets the error of a kernel, in the form of its subprotocol, and no execution."""
    declared = MessagePermissions(
        format="jupyter", permissions={"kernel_info_request": "chat:say"}, default="chat:kick"
    )
    heard: list[str | bytes] = []
    execute, info = (
        (legacy(), legacy("shell", header("kernel_info_request")))
        if subprotocol is None
        else (v1(), v1("shell", header("kernel_info_request")))
    )
    named = [] if subprotocol is None else [("Sec-WebSocket-Protocol", subprotocol)]
    async with serving([("/ws", Kernel)], door(declared), heard=heard) as at:
        async with await connect(at.port, "/ws", ALICE, *named) as ws:
            ws.send(execute)
            answers = [(await ws.receive()).payload for _ in range(3)]
            ws.send(info)
            await ws.receive()
    assert heard == [info]
    assert [b"execute_reply" in one for one in answers] == [False, True, False]
    assert b"your roles do not permit messages of this type" in answers[0]


async def test_a_role_that_changes() -> None:
    """A role counts from the next message on, in both directions, while the socket stays open."""
    guard = door()
    heard: list[str | bytes] = []
    async with serving([("/ws", Echo)], guard, heard=heard) as at:
        await guard.state.accounts.add_account(Account(id="carol", roles=frozenset({"member"})))
        async with await connect(at.port, "/ws", CAROL) as ws:
            ws.send(KICK)
            await until(lambda: sum(guard.statistics.rejected.values()) == 1)
            await guard.admin.grant_role("carol", "moderator")
            await guard.tick()
            ws.send(KICK)
            assert await ws.text() == KICK
            await guard.admin.withdraw_role("carol", "moderator")
            await guard.tick()
            ws.send(KICK)
            ws.send(SAY)
            assert await ws.text() == SAY
    assert heard == [KICK, SAY]


async def test_a_message_of_bokeh_that_loses_its_permission() -> None:
    """The rest of a message that has begun is not delivered, and the connection ends."""
    declared = MessagePermissions(
        format="bokeh", permissions={"PATCH-DOC": "chat:say", "PULL-DOC-REQ": "chat:connect"}
    )
    guard = door(declared)
    heard: list[str | bytes] = []
    async with serving([("/ws", Echo)], guard, heard=heard) as at:
        async with await connect(at.port, "/ws", ALICE) as ws:
            ws.send('{"msgtype":"PATCH-DOC"}')
            assert await ws.text()
            guard.reload(PolicySet([role("member", "chat:connect")]))
            ws.send("{}")
            assert await ws.close_code() == 3003
    assert heard == ['{"msgtype":"PATCH-DOC"}']


async def test_another_path_to_the_handler() -> None:
    """A route of the same handler that no pattern names has the same permissions of messages."""
    heard: list[str | bytes] = []
    async with serving([("/ws", Echo), ("/other", Echo)], door(), heard=heard) as at:
        async with await connect(at.port, "/other", ALICE) as ws:
            ws.send(KICK)
            ws.send(SAY)
            assert await ws.text() == SAY


async def test_the_resource_of_the_route() -> None:
    """The groups of the route are the id of the resource."""
    declared = MessagePermissions(format="json", type="/type", default="room:say", resource="room")
    text = 'resource.id == "a"'
    from stormdoor import permit

    policies = PolicySet(
        [role("member", "chat:connect"), permit("room:say", roles=["member"], when=text)]
    )
    guard = make_guard(
        insecure_allow_any_host=True,
        policies=policies,
        protection=Protection(permission="chat:connect", messages={"/room/.*": declared}),
    )

    class Room(Echo):
        def open(self, name: str) -> None:
            pass

    heard: list[str | bytes] = []
    async with serving([("/room/(.*)", Room)], guard, heard=heard) as at:
        for room in ("b", "a"):
            async with await connect(at.port, f"/room/{room}", ALICE) as ws:
                ws.send(SAY)
                await settled()
                if room == "a":
                    assert await ws.text() == SAY
    assert heard == [SAY]


async def test_a_handler_that_fails() -> None:
    """Its error ends the connection, as without permissions of messages."""

    class Broken(Echo):
        async def on_message(self, message: str | bytes) -> None:
            raise RuntimeError("as told")

    async with serving([("/ws", Broken)], door(), heard=[]) as at:
        async with await connect(at.port, "/ws", ALICE) as ws:
            ws.send(SAY)
            assert await ws.close_code() == 1011


def test_a_handler_of_commands() -> None:
    """Its actions have permissions already, so that `messages` are a mistake."""

    class Chat(GuardedHandler):
        permission = "chat:connect"

        @action("chat:say")
        def say(self, command: Say) -> Reply:
            return Reply()

    with pytest.raises(ConfigurationError, match="write the permission into each @action"):
        protect(Application([("/ws", Chat)]), door())


def test_a_guarded_handler_without_actions() -> None:
    """A `GuardedHandler` that decodes its messages itself may have them."""

    class Raw(GuardedHandler):
        permission = "chat:connect"
        actions = None

        def on_message(self, message: str | bytes) -> None:
            pass

    protect(Application([("/ws", Raw)]), door())


async def test_a_refused_message_does_not_prolong_the_login() -> None:
    """Only a delivered one does, as for commands (ASVS 7.3.1)."""
    clock = FakeClock()
    guard = door(clock=clock)
    async with serving([("/ws", Echo)], guard, heard=[]) as at:
        async with await connect(at.port, "/ws", ALICE) as ws:
            (connection,) = guard.registry
            opened_at = connection.last_message
            for message, refused, used_at in (
                (KICK, 1, opened_at),
                (SAY, 1, opened_at + 20),
                (KICK, 2, opened_at + 20),
            ):
                clock.advance(10)
                ws.send(message)
                if message is SAY:
                    assert await ws.text() == SAY
                await until(lambda most=refused: sum(guard.statistics.rejected.values()) == most)
                assert connection.last_message == used_at


def test_a_path_without_a_route() -> None:
    """A mistyped path would leave the messages unchecked, so the application does not start."""
    with pytest.raises(StartupRefused, match="messages names /ws, and no route of that name"):
        protect(Application([("/wss", Echo)]), door())


async def test_an_escaped_path() -> None:
    """A path that matches a declaration only once it is decoded admits no client."""
    from tests.tornado.wire import request

    async with serving([("/ws", Echo), ("/(.*)", Echo)], door(), heard=[]) as at:
        async with await request(at.port, "/%77s", ALICE) as ws:
            assert ws.status != 101
