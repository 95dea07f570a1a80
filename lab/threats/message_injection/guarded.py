"""The same budget behind stormdoor: a message is decoded and validated in one pass, or is none."""

from typing import Annotated

from msgspec import Meta
from tornado.web import Application

from stormdoor import (
    Command,
    ErrorReply,
    Guard,
    GuardedHandler,
    Identifier,
    PolicySet,
    Reply,
    SessionAuthenticator,
    Topic,
    action,
    login_routes,
    protect,
    role,
)

USERS = {"owner": "owner pays for the summer party", "guest": "guest brings the salad along"}
READERS = Topic("sheet", "sheet:read")
LIMIT = 1000


class Set(Command, tag="set"):
    line: Identifier
    amount: Annotated[float, Meta(ge=0, le=LIMIT)]


class Contents(Reply, tag="sheet"):
    title: str
    limit: int
    lines: dict[str, float]


def sheet_handler(guard: Guard) -> type[GuardedHandler]:
    lines: dict[str, float] = {"music": 400}

    def contents() -> Contents:
        return Contents(title="Party", limit=LIMIT, lines=dict(lines))

    class Sheet(GuardedHandler):
        permission = "sheet:read"

        def open(self, *args: str, **kwargs: str) -> None:
            guard.channels.subscribe(self.connection, READERS)
            self.send(contents())

        @action("sheet:write", limit="5/s")
        def set(self, command: Set) -> ErrorReply | None:
            others = sum(amount for line, amount in lines.items() if line != command.line)
            if others + command.amount > LIMIT:
                return ErrorReply(error="invalid", detail="over the limit")
            lines[command.line] = command.amount
            guard.channels.publish(READERS, contents())
            return None

    return Sheet


async def make(origin: str) -> Application:
    guard = Guard(
        origins=[origin],
        authenticators=[SessionAuthenticator()],
        policies=PolicySet([role("planner", "sheet:*")]),
        production=False,
    )
    await guard.start()
    for name, password in USERS.items():
        await guard.admin.add_principal(name, password=password, roles=["planner"])
    routes = login_routes(guard, endpoint="/ws/sheet")
    return protect(
        Application([*routes, ("/ws/sheet", sheet_handler(guard))], websocket_ping_interval=20),
        guard,
    )
