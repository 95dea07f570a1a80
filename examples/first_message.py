"""A client that can set no header and no subprotocol: it says who it is in its first message.

    python first_message.py

The first client shows an API key, and gets a new one in time on the open socket. The second one says
something else first, and is sent away.
"""

import asyncio
import json
from typing import Any

from tornado.web import Application
from tornado.websocket import WebSocketClientConnection, websocket_connect

from stormdoor import (
    ApiKeyAuthenticator,
    Command,
    Guard,
    GuardedHandler,
    Number,
    PolicySet,
    Reply,
    action,
    protect,
    role,
)

ADDRESS = "ws://127.0.0.1:8888/sensors"


class Report(Command, tag="report"):
    temperature: Number


class Noted(Reply, tag="noted"):
    temperature: float


class Sensors(GuardedHandler):
    permission = "sensor:connect"
    first_message = True

    @action("sensor:report")
    def report(self, command: Report) -> Noted:
        return Noted(temperature=command.temperature)


guard = Guard(
    origins=[],
    hosts=["127.0.0.1"],
    authenticators=[ApiKeyAuthenticator()],
    policies=PolicySet([role("device", "sensor:*")]),
)
app = protect(Application([("/sensors", Sensors)], websocket_ping_interval=20), guard)


async def ask(socket: WebSocketClientConnection, **message: Any) -> str:
    await socket.write_message(json.dumps(message))
    return str(await socket.read_message())


async def main() -> None:
    async with guard:
        app.listen(8888, "127.0.0.1")
        await guard.admin.add_principal("boiler", roles=["device"])
        key = await guard.keys.issue("boiler", name="first", scopes=["sensor:*"])
        socket = await websocket_connect(ADDRESS)
        print(await ask(socket, type="stormdoor.authenticate", token=key.secret))
        print(await ask(socket, type="report", temperature=81.5))
        new = await guard.keys.issue("boiler", name="second", scopes=["sensor:*"])
        print(await ask(socket, type="stormdoor.refresh", token=new.secret, id=1))
        await guard.keys.revoke(key.key.id)
        print(await ask(socket, type="report", temperature=82.0))

        other = await websocket_connect(ADDRESS)
        await other.write_message('{"type":"report","temperature":20}')
        await other.read_message()
        print(f"something else first: closed with {other.close_code}")
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
