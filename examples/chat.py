"""A chat with JSON Web Tokens that guards every connection and message."""

import asyncio
import secrets
import time

from tornado.web import Application

from stormdoor import (
    Command,
    Guard,
    GuardedHandler,
    Identifier,
    JwtAuthenticator,
    JwtIssuer,
    JwtKey,
    Line,
    PolicySet,
    Reply,
    action,
    protect,
    role,
)

KEY = JwtKey("HS256", secrets.token_bytes(32))


class Say(Command, tag="say"):
    room: Identifier
    text: Line


class Said(Reply, tag="said"):
    room: str
    text: str


class Chat(GuardedHandler):
    permission = "chat:connect"

    @action[Say]("chat:say", resource=lambda say: ("room", say.room), limit="5/s")
    async def say(self, command: Say) -> Said:
        return Said(room=command.room, text=command.text)


guard = Guard(
    origins=["http://127.0.0.1:8888"],
    authenticators=[JwtAuthenticator(keys=[KEY], issuer="example", audience="chat")],
    policies=PolicySet([role("member", "chat:*")]),
)
app = protect(Application([(r"/chat", Chat)], websocket_ping_interval=20), guard)


async def main() -> None:
    issuer = JwtIssuer(KEY, "example", "chat")
    alice = issuer.issue("alice", now=time.time(), claims={"roles": ["member"]})
    print(f"export TOKEN={alice.token}")
    app.listen(8888, "127.0.0.1")
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
