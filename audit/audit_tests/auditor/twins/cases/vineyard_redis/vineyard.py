import asyncio
import json
import os

from redis.asyncio import from_url
from tornado import web, websocket


class Parcels:
    """Parcels of a vineyard; the key of a parcel holds the name of its vintner."""

    def __init__(self, redis):
        self.redis = redis

    async def vintner_for(self, token):
        return await self.redis.get(f"token:{token}")

    async def belongs(self, parcel, vintner):
        return await self.redis.hget(f"parcel:{parcel}", "vintner") == vintner

    async def prune(self, parcel):
        await self.redis.hset(f"parcel:{parcel}", "pruned", "yes")

    async def harvest(self, parcel, kilos):
        await self.redis.hincrby(f"parcel:{parcel}", "kilos", kilos)


class ParcelSocket(websocket.WebSocketHandler):
    async def prepare(self):
        self.parcels = self.settings["parcels"]
        token = self.request.headers.get("X-Vineyard-Token", "")
        self.vintner = await self.parcels.vintner_for(token)
        if self.vintner is None:
            raise web.HTTPError(401)

    async def on_message(self, message):
        m = json.loads(message)
        match m:
            case {"task": "prune", "parcel": str(parcel)}:
                if await self.parcels.belongs(parcel, self.vintner):
                    await self.parcels.prune(parcel)
            case {"task": "harvest", "parcel": str(parcel), "kilos": int(kilos)}:
                if await self.parcels.belongs(parcel, self.vintner):
                    await self.parcels.harvest(parcel, kilos)
            case _:
                return await self.write_message({"error": "what?"})
        await self.write_message({"heard": m["task"]})


async def main():
    parcels = Parcels(from_url(os.environ["VINEYARD_REDIS"], decode_responses=True))
    web.Application([("/parcels", ParcelSocket)], parcels=parcels).listen(8405)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
