from __future__ import annotations

import asyncio
import os

import asyncpg
import msgspec
from tornado.web import Application, HTTPError
from tornado.websocket import WebSocketHandler


class Request(msgspec.Struct):
    op: str
    parcel: int = 0
    locker: str = ""


class NoSuchParcel(Exception):
    pass


class LockerSocket(WebSocketHandler):
    carrier: int

    def initialize(self, pool: asyncpg.Pool) -> None:
        self.pool = pool
        self.decoder = msgspec.json.Decoder(Request)

    async def prepare(self) -> None:
        token = self.request.headers.get("X-Carrier-Token", "")
        carrier = await self.pool.fetchval("SELECT carrier_id FROM tokens WHERE token = $1", token)
        if carrier is None:
            raise HTTPError(401)
        self.carrier = carrier

    async def own(self, parcel: int) -> int:
        """Return the number of a parcel of this carrier."""
        carrier = await self.pool.fetchval("SELECT carrier_id FROM parcels WHERE id = $1", parcel)
        if carrier != self.carrier:
            raise NoSuchParcel(parcel)
        return parcel

    async def on_message(self, message: str | bytes) -> None:
        try:
            await self.perform(self.decoder.decode(message))
        except NoSuchParcel as error:
            return await self.write_message(f"no parcel {error}")
        await self.write_message("ok")

    async def perform(self, request: Request) -> None:
        if request.op == "post":
            await self.pool.execute(
                "INSERT INTO parcels (carrier_id, locker) VALUES ($1, $2)", self.carrier, request.locker
            )
        elif request.op == "reroute":
            number = await self.own(request.parcel)
            await self.pool.execute("UPDATE parcels SET locker = $2 WHERE id = $1", number, request.locker)
        elif request.op == "release":
            parcel = await self.own(request.parcel)
            await self.pool.execute("UPDATE parcels SET released = now() WHERE id = $1", parcel)


async def main() -> None:
    async with asyncpg.create_pool(os.environ["LOCKERS_DSN"]) as pool:
        Application([(r"/lockers", LockerSocket, {"pool": pool})]).listen(8311)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
