from __future__ import annotations

import asyncio
import dataclasses
import json
import os

from service import Caller, Device, DeviceService, Forbidden
from tornado.web import Application, HTTPError
from tornado.websocket import WebSocketHandler


class FleetHandler(WebSocketHandler):
    caller: Caller

    def initialize(self, service: DeviceService, tokens: dict[str, Caller]) -> None:
        self.service = service
        self.tokens = tokens

    async def prepare(self) -> None:
        token = self.request.headers.get("X-Fleet-Token")
        caller = self.tokens.get(token) if token else None
        if caller is None:
            raise HTTPError(401)
        self.caller = caller

    async def on_message(self, message: str | bytes) -> None:
        body = json.loads(message)
        try:
            if body["cmd"] == "switch":
                device = await self.service.switch(self.caller, body["serial"], body["on"] is True)
            elif body["cmd"] == "upgrade":
                device = await self.service.upgrade(self.caller, body["serial"], str(body["version"]))
            else:
                return await self.write_message({"error": "unknown command"})
        except (Forbidden, KeyError):
            return await self.write_message({"error": "no such device"})
        await self.write_message(dataclasses.asdict(device))


def make_app(devices: dict[str, Device] | None = None, tokens: dict[str, Caller] | None = None) -> Application:
    service = DeviceService(devices or {})
    return Application([("/fleet", FleetHandler, {"service": service, "tokens": tokens or load_tokens()})])


def load_tokens() -> dict[str, Caller]:
    with open(os.environ["FLEET_TOKENS"]) as lines:
        return {row["token"]: Caller(row["name"], row["tenant"]) for row in map(json.loads, lines)}


async def main() -> None:
    make_app().listen(8080)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
