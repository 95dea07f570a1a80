"""Sensor hub of a greenhouse: values in, valves out."""

import asyncio
import json
import os
from dataclasses import dataclass, field

import tornado.web
import tornado.websocket


@dataclass
class Settings:
    port: int = 8123
    token: str | None = field(default_factory=lambda: os.environ["HUB_TOKEN"])


class Hub(tornado.web.Application):
    def __init__(self, settings: Settings) -> None:
        self.valves = {"north": False, "south": False}
        super().__init__([(r"/hub", HubSocket)], hub=settings)


class HubSocket(tornado.websocket.WebSocketHandler):
    @property
    def hub(self) -> Settings:
        return self.settings["hub"]

    async def prepare(self) -> None:
        if self.hub.token is None:
            return
        if self.request.headers.get("Authorization") != f"Bearer {self.hub.token}":
            raise tornado.web.HTTPError(401)

    async def on_message(self, message: str | bytes) -> None:
        order = json.loads(message)
        name = order.get("valve")
        if name in self.application.valves:
            self.application.valves[name] = order["open"] is True
        await self.write_message(self.application.valves)


async def main() -> None:
    settings = Settings()
    Hub(settings).listen(settings.port)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
