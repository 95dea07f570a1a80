"""Game lobby: hosts start and kick in the matches that they have opened."""

import asyncio
import json
import os

import redis.asyncio as redis
from tornado import web, websocket


class LobbyHandler(websocket.WebSocketHandler):
    @property
    def r(self) -> redis.Redis:
        return self.settings["redis"]

    async def prepare(self) -> None:
        bearer = self.request.headers.get("Authorization", "")[7:]
        player = await self.r.get(f"session:{bearer}") if bearer else None
        if not player:
            raise web.HTTPError(401)
        self.player = player.decode()

    async def on_message(self, message: str | bytes) -> None:
        data = json.loads(message)
        verb = data.pop("verb", "")
        handler = getattr(self, f"do_{verb}", None) if verb in ("open", "start", "kick") else None
        if handler is None:
            await self.write_message({"error": "unknown verb"})
            return
        data.update(player=str(data.get("player", self.player)))
        await handler(data)

    async def do_open(self, data: dict) -> None:
        number = await self.r.incr("matches")
        await self.r.sadd(f"hosted:{self.player}", number)
        await self.r.hset(f"match:{number}", mapping={"state": "open"})
        await self.write_message({"match": number})

    async def hosted(self, data: dict) -> bool:
        return bool(await self.r.sismember(f"hosted:{self.player}", int(data["match"])))

    async def do_start(self, data: dict) -> None:
        if not await self.hosted(data):
            await self.write_message({"error": "not your match"})
            return
        await self.r.hset(f"match:{int(data['match'])}", "state", "running")

    async def do_kick(self, data: dict) -> None:
        if not await self.hosted(data):
            await self.write_message({"error": "not your match"})
            return
        await self.r.srem(f"players:{int(data['match'])}", data["player"])


async def main() -> None:
    app = web.Application([(r"/lobby", LobbyHandler)], redis=redis.from_url(os.environ["REDIS_URL"]))
    app.listen(8700)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
