"""On the wire: told before the end, refreshed, proved, and let in by a first message."""

from __future__ import annotations

import asyncio
import json
import secrets
from typing import Any, ClassVar

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from stormdoor import (
    Command,
    ConfigurationError,
    DpopProof,
    Guard,
    GuardedHandler,
    JwtAuthenticator,
    JwtIssuer,
    JwtKey,
    Principal,
    Reply,
    RequestKey,
    SignedRequestAuthenticator,
    StartupRefused,
    Target,
    Topic,
    action,
    connection_of,
    forbid,
    protect,
    require,
    role,
)
from stormdoor.auth.jose.public_jwk import jwk_thumbprint
from stormdoor.client import dpop_proof, sign_offer
from stormdoor.core.credential import Place, Source
from stormdoor.core.policy import PolicySet
from stormdoor.ports import StoredState
from tests.guard.fakes import Tokens, authentication, make_guard
from tests.support.clock import FakeClock
from tests.tornado.wire import (
    BINARY,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    connect,
    request,
    serving,
    settled,
    until,
)

START = FakeClock().now()
OLD = ("Authorization", "Bearer old")
TOPIC = Topic("news", "chat:say")


class Say(Command, tag="say"):
    text: str


class Listen(Command, tag="listen"):
    pass


class Slow(Command, tag="slow"):
    pass


class Open(Command, tag="open"):
    pass


class Said(Reply, tag="said"):
    text: str


gates: dict[str, asyncio.Event] = {}


class Chat(GuardedHandler):
    permission = "chat:connect"
    compression: ClassVar[dict[str, Any] | None] = {}

    @action("chat:say")
    def say(self, command: Say) -> Said:
        return Said(text=command.text)

    @action("chat:say")
    def listen(self, command: Listen) -> Said:
        heard = self.settings["stormdoor_guard"].channels.subscribe(self.connection, TOPIC)
        return Said(text=str(heard.allowed))

    @action("chat:say")
    async def slow(self, command: Slow) -> Said:
        gates["reached"].set()
        await gates["go"].wait()
        return Said(text="slow")

    @action("vault:open", strength=2, fresh="5min")
    def unlock(self, command: Open) -> Said:
        return Said(text="unlocked")


class Late(Chat):
    first_message = True
    ran: ClassVar[list[str]] = []

    async def prepare(self) -> None:
        await asyncio.sleep(0)
        self.ran.append(f"prepare {self.principal.id}")

    def open(self, *args: str) -> None:
        self.ran.append(f"open {self.principal.id} {args}")
        self.send({"type": "hello"})

    def on_close(self) -> None:
        self.ran.append("close")


class Raw(WebSocketHandler):
    ran: ClassVar[list[Any]] = []

    def open(self) -> None:
        self.ran.append("open")

    def on_message(self, message: str | bytes) -> None:
        self.ran.append(message)
        self.write_message(f"echo {message!r}")

    def on_ping(self, data: bytes) -> None:
        self.ran.append(data)


class Told(GuardedHandler):
    permission = "chat:connect"
    told: ClassVar[list[float]] = []

    def on_message(self, message: str | bytes) -> None:
        self.write_message("echo")

    async def on_credential_expiring(self, seconds: float) -> None:
        await asyncio.sleep(0)
        self.told.append(seconds)
        await self.write_message("hurry")


class Factors:
    async def prove(self, principal_id: str, *, totp: str) -> bool:
        """See `SecondFactors`."""
        return (principal_id, totp) == ("alice", "123456")


KEEPER = Principal("alice", frozenset({"keeper"}))


def door(clock: FakeClock | None = None, **options: Any) -> Guard:
    """A guard that knows four tokens of alice and one of bob."""
    clock = clock or FakeClock()
    tokens = Tokens(
        {
            "old": authentication("alice", principal=KEEPER, expires_at=START + 100),
            "new": authentication(
                "alice", principal=KEEPER, credential_id="new", expires_at=START + 500
            ),
            "strong": authentication(
                "alice",
                principal=KEEPER,
                strength=2,
                authenticated_at=START,
                expires_at=START + 500,
            ),
            "narrow": authentication("alice", principal=KEEPER, scopes=frozenset({"chat:connect"})),
            "bob": authentication("bob", "keeper"),
        }
    )
    policies = PolicySet([role("keeper", "chat:*", "vault:*")])
    given = {"policies": policies, "insecure_allow_any_host": True, **options}
    guard = make_guard(tokens, clock=clock, **given)
    guard.credential_refresh._factors = Factors()
    return guard


def chats(guard: Guard, handler: Any = Chat, **more: Any) -> Any:
    """Serve it at /ws."""
    Late.ran.clear()
    Raw.ran.clear()
    Told.told.clear()
    return serving([("/ws", handler), ("/in/([a-z]+)", handler)], guard, **more)


def refresh(token: str, id: int = 1) -> dict[str, Any]:
    """The command."""
    return {"type": "stormdoor.refresh", "token": token, "id": id}


# Refresh ----------------------------------------------------------------------------------------


async def test_a_client_is_told_and_refreshes() -> None:
    """The socket lives on, with its subscriptions, up to the end of the new token."""
    clock = FakeClock()
    guard = door(clock)
    async with chats(guard) as served, await connect(served.port, "/ws", OLD) as wire:
        assert await wire.ask({"type": "listen"}) == {"type": "said", "text": "True"}
        clock.advance(80)
        await guard.tick()
        assert await wire.json() == {"type": "stormdoor.expiring", "expires_in": 20}
        answer = await wire.ask(refresh("new"))
        assert answer == {"type": "stormdoor.refreshed", "id": 1, "expires_in": 420}
        clock.advance(100)
        await guard.tick()
        assert guard.channels.publish(TOPIC, {"n": 1}) == 1
        assert await wire.json() == {"n": 1}
        clock.advance(320)
        assert guard.channels.publish(TOPIC, {"n": 2}) == 0
        assert await wire.close_code() == 3000


@pytest.mark.parametrize(
    ("message", "error"),
    [
        (refresh("forged"), "unauthenticated"),
        (refresh("bob"), "forbidden"),
        ({**refresh("new"), "more": 1}, "invalid"),
        ({"type": "stormdoor.refresh", "id": 1}, "invalid"),
        ({"type": "stormdoor.other", "id": 1}, "invalid"),
        ({"type": "stormdoor.authenticate", "token": "new", "id": 1}, "invalid"),
        ({"type": "stormdoor.prove", "totp": "000000", "id": 1}, "unauthenticated"),
        ({"type": "stormdoor.prove", "totp": "abc", "id": 1}, "invalid"),
    ],
)
async def test_a_refused_one_is_answered(message: dict[str, Any], error: str) -> None:
    """In the words of any other refusal, and the socket goes on."""
    guard = door()
    async with chats(guard) as served, await connect(served.port, "/ws", OLD) as wire:
        assert await wire.ask(message) == {"type": "error", "error": error, "id": 1}
        assert await wire.ask({"type": "say", "text": "x"}) == {"type": "said", "text": "x"}


async def test_messages_go_on_meanwhile() -> None:
    """Neither those that come nor those that are being carried out wait for the refresh, or are lost."""
    gates.update(reached=asyncio.Event(), go=asyncio.Event())
    reached, go = asyncio.Event(), asyncio.Event()
    guard = door()

    async def verify(state: StoredState) -> Any:
        reached.set()
        await go.wait()
        return authentication("alice", principal=KEEPER, credential_id="later")

    guard.authenticators[0].known["later"] = verify  # type: ignore[attr-defined]
    async with chats(guard) as served, await connect(served.port, "/ws", OLD) as wire:
        wire.send(refresh("later"))
        await reached.wait()
        assert await wire.ask({"type": "say", "text": "a", "id": 2}) == {
            "type": "said",
            "text": "a",
            "id": 2,
        }
        busy = await wire.ask(refresh("new", 3))
        assert busy == {"type": "error", "error": "unavailable", "id": 3}
        wire.send({"type": "slow", "id": 4})
        await gates["reached"].wait()
        go.set()
        assert (await wire.json())["type"] == "stormdoor.refreshed"
        gates["go"].set()
        assert await wire.json() == {"type": "said", "text": "slow", "id": 4}
        [connection] = guard.registry.of_principal("alice")
        assert connection.authentication.credential_id == "later"
        await guard.admin.revoke(Target.CREDENTIAL, "credential-of-alice")
        assert await wire.ask({"type": "say", "text": "b"}) == {"type": "said", "text": "b"}
        await guard.admin.revoke(Target.CREDENTIAL, "later")
        assert await wire.close_code() == 3000


async def test_scopes_shrink_at_once() -> None:
    """The next message is judged by the new token, and so is the next delivery."""
    guard = door()
    async with chats(guard) as served, await connect(served.port, "/ws", OLD) as wire:
        await wire.ask({"type": "listen"})
        assert (await wire.ask(refresh("narrow")))["type"] == "stormdoor.refreshed"
        assert (await wire.ask({"type": "say", "text": "x"}))["error"] == "forbidden"
        assert guard.channels.publish(TOPIC, {}) == 0


async def test_a_client_that_leaves_meanwhile() -> None:
    """Nothing is left, nothing is logged as an error."""
    reached, go = asyncio.Event(), asyncio.Event()
    guard = door()

    async def verify(state: StoredState) -> Any:
        reached.set()
        await go.wait()
        return authentication("alice", principal=KEEPER)

    guard.authenticators[0].known["later"] = verify  # type: ignore[attr-defined]
    async with chats(guard) as served:
        async with await connect(served.port, "/ws", OLD) as wire:
            wire.send(refresh("later"))
            await reached.wait()
        await until(lambda: len(guard.registry) == 0)
        go.set()
        await settled()
        assert len(guard.registry) == 0


async def test_a_command_may_not_be_called_so() -> None:
    """The application cannot use a reserved command name, also with another tag field."""

    class Mine(Command, tag="stormdoor.refresh", tag_field="action"):
        pass

    with pytest.raises(ConfigurationError, match="reserved"):

        class Handler(GuardedHandler):
            permission = "chat:connect"

            @action("chat:say")
            def mine(self, command: Mine) -> None:
                """Never."""

            mine.__annotations__["command"] = Mine


# Step-up ----------------------------------------------------------------------------------------


async def test_a_step_up_on_the_same_socket() -> None:
    """Refused with what lacks, proved, done; a subscription of before still hears."""
    guard = door()
    async with chats(guard) as served, await connect(served.port, "/ws", OLD) as wire:
        await wire.ask({"type": "listen"})
        refused = await wire.ask({"type": "open", "id": 7})
        assert refused == {
            "type": "error",
            "error": "step-up",
            "id": 7,
            "needs": {"strength": 2},
        }
        proved = await wire.ask({"type": "stormdoor.prove", "totp": "123456", "id": 8})
        assert proved == {"type": "stormdoor.refreshed", "id": 8, "expires_in": 100}
        assert await wire.ask({"type": "open", "id": 9}) == {
            "type": "said",
            "text": "unlocked",
            "id": 9,
        }
        assert guard.channels.publish(TOPIC, {"n": 1}) == 1


async def test_a_step_up_by_another_token() -> None:
    """It may come from wherever the client has proved itself; when it is old, it lacks again."""
    clock = FakeClock()
    guard = door(clock)
    async with chats(guard) as served, await connect(served.port, "/ws", OLD) as wire:
        assert (await wire.ask({"type": "open"}))["error"] == "step-up"
        await wire.ask(refresh("strong"))
        assert (await wire.ask({"type": "open"}))["text"] == "unlocked"
        clock.advance(301)
        assert await wire.ask({"type": "open"}) == {
            "type": "error",
            "error": "step-up",
            "needs": {"max_age": 300},
        }


async def test_who_may_not_anyway_gets_no_hint() -> None:
    """Forbidden is forbidden."""
    policies = PolicySet([role("keeper", "chat:*")])
    guard = door(policies=policies)
    async with chats(guard) as served, await connect(served.port, "/ws", OLD) as wire:
        assert await wire.ask({"type": "open"}) == {"type": "error", "error": "forbidden"}


async def test_a_policy_may_require_it() -> None:
    """And what the policy and the action need is asked for one after the other, or at once."""
    policies = PolicySet(
        [role("keeper", "chat:*", "vault:*"), forbid("vault:*", unless=require(acr="gold"))]
    )
    guard = door(policies=policies)
    async with chats(guard) as served, await connect(served.port, "/ws", OLD) as wire:
        refused = await wire.ask({"type": "open"})
        assert (refused["error"], refused["needs"]) == ("step-up", {"acr": "gold"})


# The notice for other handlers ------------------------------------------------------------------


async def test_a_handler_of_its_own_protocol_is_told() -> None:
    """By a method, if it has one; it says it to its client in its own words."""
    clock = FakeClock()
    guard = door(clock)
    async with chats(guard, Told) as served, await connect(served.port, "/ws", OLD) as wire:
        clock.advance(75)
        await guard.tick()
        assert await wire.text() == "hurry"
        assert Told.told == [pytest.approx(25)]
        [connection] = guard.registry.of_principal("alice")
        assert await guard.refresh(connection, "new") is None
        clock.advance(100)
        wire.send("x")
        assert await wire.text() == "echo"


async def test_a_handler_that_raises_when_told() -> None:
    """Is over, like one that raises anywhere else."""

    class Broken(GuardedHandler):
        permission = "chat:connect"

        def on_message(self, message: str | bytes) -> None:
            """Nothing."""

        def on_credential_expiring(self, seconds: float) -> None:
            raise RuntimeError("odd")

    clock = FakeClock()
    guard = door(clock)
    async with chats(guard, Broken) as served, await connect(served.port, "/ws", OLD) as wire:
        clock.advance(80)
        await guard.tick()
        assert await wire.close_code() == 1011


async def test_data_in_a_ping_do_not_get_out_either() -> None:
    """A ping of the application is a message like another."""
    seen: list[Any] = []

    class Pinging(GuardedHandler):
        permission = "chat:connect"

        def on_message(self, message: str | bytes) -> None:
            """Nothing."""

        def open(self, *args: str) -> None:
            seen.append(self)

    clock = FakeClock()
    guard = door(clock)
    async with chats(guard, Pinging) as served, await connect(served.port, "/ws", OLD) as wire:
        seen[0].ping(b"secret")
        assert (await wire.receive()).opcode == PING
        clock.advance(100)
        with pytest.raises(WebSocketClosedError):
            seen[0].ping(b"secret")
        with pytest.raises(WebSocketClosedError):
            seen[0].write_message("secret")
        assert await wire.close_code() == 3000


# The first message ------------------------------------------------------------------------------

HELLO = {"type": "stormdoor.authenticate", "token": "old"}


async def test_a_first_message_opens() -> None:
    """Nothing of the handler has run before, and then everything as usual."""
    guard = door()
    async with chats(guard, Late) as served, await connect(served.port, "/in/lobby") as wire:
        await settled()
        assert Late.ran == []
        assert await wire.ask(HELLO) == {"type": "stormdoor.authenticated", "expires_in": 100}
        assert await wire.json() == {"type": "hello"}
        assert Late.ran == ["prepare alice", "open alice ('lobby',)"]
        assert await wire.ask({"type": "say", "text": "x"}) == {"type": "said", "text": "x"}
        await wire.close()
        await until(lambda: Late.ran[-1] == "close")


async def test_a_bound_token_comes_in_a_message_with_its_proof() -> None:
    """First to open, then to go on: both for the address of the handshake, and of one key."""
    clock, key = FakeClock(), JwtKey("ES256", generate_private_key(SECP256R1()))
    secret = JwtKey("HS256", secrets.token_bytes(32))
    guard = make_guard(
        JwtAuthenticator(
            keys=[secret], issuer="here", audience="chat", proofs=[DpopProof(required=True)]
        ),
        clock=clock,
        insecure_allow_any_host=True,
    )

    def both(port: int) -> str:
        claims = {"roles": ["member"], "cnf": {"jkt": jwk_thumbprint(key)}}
        token = JwtIssuer(secret, "here", "chat").issue("ann", now=clock.now(), claims=claims).token
        url = f"ws://127.0.0.1:{port}/in/lobby?not=part"
        proof = dpop_proof(url, token, key, now=clock.now())
        return f"stormdoor.dpop.{token}, stormdoor.proof.{proof}"

    async with chats(guard, Late) as served, await connect(served.port, "/in/lobby?x=1") as wire:
        opened = await wire.ask({**HELLO, "token": both(served.port)})
        assert opened == {"type": "stormdoor.authenticated", "expires_in": 300}
        assert await wire.json() == {"type": "hello"}
        clock.advance(200)
        answer = await wire.ask(refresh(both(served.port)))
        assert answer == {"type": "stormdoor.refreshed", "id": 1, "expires_in": 300}
        stolen = both(served.port).partition(",")[0]
        assert (await wire.ask(refresh(stolen)))["error"] == "unauthenticated"
        assert await wire.ask({"type": "say", "text": "x"}) == {"type": "said", "text": "x"}


async def test_a_signature_comes_in_a_message() -> None:
    """First to open, then to be fresh: both for the address of the handshake, and each once."""
    clock, key = FakeClock(), JwtKey("HS256", secrets.token_bytes(32), kid="boiler")
    boiler = Principal("boiler", frozenset({"member"}))
    known = RequestKey(key=key, principal=boiler, expires_at=START + 600)
    fresh = forbid("chat:say", unless=require(fresh="1min"))
    guard = make_guard(
        SignedRequestAuthenticator([known]),
        clock=clock,
        policies=PolicySet([role("member", "chat:*"), fresh]),
        insecure_allow_any_host=True,
    )

    def signed(port: int) -> str:
        return sign_offer(f"ws://127.0.0.1:{port}/in/lobby?x=1", key, created=clock.now())

    async with chats(guard, Late) as served, await connect(served.port, "/in/lobby?x=1") as wire:
        first = signed(served.port)
        opened = await wire.ask({**HELLO, "token": first})
        assert opened == {"type": "stormdoor.authenticated", "expires_in": 600}
        assert await wire.json() == {"type": "hello"}
        say, said = {"type": "say", "text": "x"}, {"type": "said", "text": "x"}
        assert await wire.ask(say) == said
        clock.advance(61)
        assert (await wire.ask(say))["error"] == "step-up"
        answer = await wire.ask(refresh(signed(served.port)))
        assert answer == {"type": "stormdoor.refreshed", "id": 1, "expires_in": 539}
        assert await wire.ask(say) == said
        assert (await wire.ask(refresh(first)))["error"] == "unauthenticated"
        assert await wire.ask(say) == said


async def test_an_offer_of_another_kind_comes_in_a_message() -> None:
    """A kind with a subprotocol of its own is accepted there, as in a handshake, and opens nothing else."""
    tokens = Tokens({"old": authentication("alice", expires_at=START + 100)})
    tokens.places = (Place(Source.SUBPROTOCOL, "acme."),)
    guard = make_guard(tokens, clock=FakeClock(), insecure_allow_any_host=True)
    async with chats(guard, Late) as served:
        async with await connect(served.port, "/in/lobby") as wire:
            opened = await wire.ask({**HELLO, "token": "acme.old"})
            assert opened["type"] == "stormdoor.authenticated"
        for token in ("old", "stormdoor.bearer.old", "acme.other"):
            async with await connect(served.port, "/in/lobby") as wire:
                wire.send({**HELLO, "token": token})
                assert await wire.close_code() == 3000


async def test_messages_may_grow_afterwards() -> None:
    """After authentication, the limits for messages are those of any other connection."""
    guard = door()
    async with chats(guard, Late) as served:
        async with await connect(served.port) as wire:
            await wire.ask(HELLO)
            await wire.json()
            text = "x" * 60_000
            assert (await wire.ask({"type": "say", "text": text}))["text"] == text
        async with await connect(served.port) as wire:
            wire.send("x" * 30_000)
            assert await wire.close_code() == 1009


async def test_compressed_messages_may_grow_afterwards() -> None:
    """The limit of what is unpacked moves as well."""
    import zlib

    def packed(text: str) -> bytes:
        packer = zlib.compressobj(wbits=-15)
        return (packer.compress(text.encode()) + packer.flush(zlib.Z_SYNC_FLUSH))[:-4]

    guard = door()
    ask = ("Sec-WebSocket-Extensions", "permessage-deflate; client_no_context_takeover")
    async with chats(guard, Late) as served:
        async with await connect(served.port, "/ws", ask) as wire:
            wire.frame(TEXT, packed(json.dumps(HELLO)), rsv=0x40)
            await wire.receive()
            await wire.receive()
            wire.frame(TEXT, packed(json.dumps({"type": "say", "text": "x" * 60_000})), rsv=0x40)
            assert (await wire.receive()).opcode == TEXT
        async with await connect(served.port, "/ws", ask) as wire:
            wire.frame(TEXT, packed("x" * 100_000), rsv=0x40)  # a hundred bytes on the wire
            assert await wire.close_code() == 1009


async def test_a_handler_that_raises_before_it_opens() -> None:
    """Its `prepare` runs late, and is as fatal as ever."""

    class Broken(Late):
        async def prepare(self) -> None:
            raise RuntimeError("odd")

    guard = door()
    async with chats(guard, Broken) as served, await connect(served.port) as wire:
        assert (await wire.ask(HELLO))["type"] == "stormdoor.authenticated"
        assert await wire.close_code() == 1011
        assert Late.ran in ([], ["close"])


async def test_a_raw_handler_waits_as_well() -> None:
    """By `protect`, by class and by path; the handler sees neither the first message nor a ping before."""
    guard = door()
    async with raw(guard) as served, await connect(served.port) as wire:
        wire.frame(PING, b"early")
        assert (await wire.receive()).opcode == PONG
        assert (await wire.ask(HELLO))["type"] == "stormdoor.authenticated"
        wire.send("later")
        assert await wire.text() == "echo 'later'"
        assert Raw.ran == ["open", "later"]


def raw(guard: Guard, first: Any = (Raw,)) -> Any:
    """Serve `Raw` at /ws."""
    from tornado.web import Application

    Raw.ran.clear()
    application = Application([("/ws", Raw)])
    protect(application, guard, "chat:connect", first_message=first)
    return serving(application, guard)


@pytest.mark.parametrize(
    ("first", "status"), [({Raw}, 101), ({"/ws"}, 101), ({"/w."}, 101), ({"/w"}, 401), ((), 401)]
)
async def test_only_named_handlers_wait_for_a_first_message(first: Any, status: int) -> None:
    """Only the named handlers accept handshakes without a credential."""
    async with raw(door(), first) as served, await request(served.port, "/ws") as wire:
        assert wire.status == status


async def test_a_name_alone_is_a_mistake() -> None:
    """A text would be taken letter by letter."""
    from tornado.web import Application

    with pytest.raises(ConfigurationError, match="first_message"):
        protect(Application([("/ws", Raw)]), door(), "chat:connect", first_message="/ws")


async def test_it_is_no_declaration_of_who_may_connect() -> None:
    """Without a permission the application does not start."""
    from tornado.web import Application

    with pytest.raises(StartupRefused):
        protect(Application([("/ws", Raw)]), door(), first_message=[Raw])


async def test_a_credential_in_the_handshake_is_enough() -> None:
    """Then the first message is one like another."""
    guard = door()
    async with chats(guard, Late) as served, await connect(served.port, "/ws", OLD) as wire:
        assert await wire.json() == {"type": "hello"}
        assert await wire.ask({**HELLO, "id": 1}) == {"type": "error", "error": "invalid", "id": 1}


async def test_it_ends_after_its_time() -> None:
    """The client says nothing."""
    clock = FakeClock()
    guard = door(clock)
    async with chats(guard, Late) as served, await connect(served.port) as wire:
        clock.advance(5)
        await guard.tick()
        assert await wire.close_code() == 3000
        assert Late.ran == []


async def test_a_message_in_parts_is_one_message() -> None:
    """A proxy may have cut it."""
    guard = door()
    first = json.dumps(HELLO).encode()
    async with chats(guard, Late) as served, await connect(served.port) as wire:
        wire.frame(TEXT, first[:10], final=False)
        wire.frame(CONTINUATION, first[10:])
        assert (await wire.json())["type"] == "stormdoor.authenticated"


async def test_what_is_sent_behind_it_waits_for_the_verdict() -> None:
    """Frames in the same packet are not looked at before, and not at all if it is refused."""
    guard = door()
    async with raw(guard) as served:
        async with await connect(served.port) as wire:
            wire.send({**HELLO, "token": "forged"})
            wire.send("behind it")
            wire.frame(BINARY, b"behind it")
            assert await wire.close_code() == 3000
            assert Raw.ran == []
        async with await connect(served.port) as wire:
            wire.send(HELLO)
            wire.send("behind it")
            await wire.json()
            assert await wire.text() == "echo 'behind it'"
            assert Raw.ran == ["open", "behind it"]


async def test_a_ping_flood_ends() -> None:
    """Eleven pings, and it is over."""
    guard = door()
    async with chats(guard, Late) as served, await connect(served.port) as wire:
        for _ in range(50):
            wire.frame(PING, b"x")
        assert await wire.close_code() == 3000
        assert len(guard.pending) == 0


async def test_a_handler_finds_its_connection() -> None:
    """Also one that knows nothing of stormdoor; without a guard there is none."""

    class Refreshing(WebSocketHandler):
        async def on_message(self, message: str | bytes) -> None:
            connection = connection_of(self)
            assert connection is not None
            refusal = await self.settings["stormdoor_guard"].refresh(connection, str(message))
            self.write_message("NO" if refusal else "OK")

    class Open(WebSocketHandler):
        def on_message(self, message: str | bytes) -> None:
            self.write_message(str(connection_of(self)))

    async with serving([("/ws", Refreshing)], door(), "chat:connect") as served:
        async with await connect(served.port, "/ws", OLD) as wire:
            wire.send("forged")
            assert await wire.text() == "NO"
            wire.send("new")
            assert await wire.text() == "OK"
    async with serving([("/ws", Open)]) as served, await connect(served.port) as wire:
        wire.send("x")
        assert await wire.text() == "None"
