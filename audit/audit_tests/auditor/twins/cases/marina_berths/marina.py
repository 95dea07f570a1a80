"""Berths of a marina, kept in Redis."""

import asyncio
import json
import os

from redis.asyncio import Redis
from tornado.web import Application, HTTPError
from tornado.websocket import WebSocketHandler

COMMANDS = {}


class Refused(Exception):
    pass


def command(name):
    def register(function):
        COMMANDS[name] = function
        return function

    return register


@command("tide")
async def tide(redis, skipper, args):
    return await redis.get("tide")


@command("relocate")
async def relocate(redis, skipper, args):
    berth = f"berth:{int(args['berth'])}"
    if await redis.hget(berth, "skipper") != skipper:
        raise Refused("not your berth")
    await redis.hset(berth, "pier", str(args["pier"]))


@command("vacate")
async def vacate(redis, skipper, args):
    berth = f"berth:{int(args['berth'])}"
    if await redis.hget(berth, "skipper") != skipper:
        raise Refused("not your boat")
    await redis.delete(berth)


@command("claim")
async def claim(redis, skipper, args):
    number = await redis.incr("berths")
    await redis.hset(f"berth:{number}", mapping={"skipper": skipper, "pier": "A"})
    return number


class MarinaHandler(WebSocketHandler):
    async def prepare(self):
        redis = self.application.settings["redis"]
        pass_number = self.request.headers.get("X-Harbour-Pass")
        self.skipper = await redis.get(f"pass:{pass_number}") if pass_number else None
        if not self.skipper:
            raise HTTPError(401)

    async def on_message(self, message):
        args = json.loads(message)
        run = COMMANDS.get(args.pop("command", None))
        if run is None:
            return self.write_message({"error": "unknown command"})
        try:
            answer = await run(self.application.settings["redis"], self.skipper, args)
        except Refused as refused:
            return self.write_message({"error": str(refused)})
        self.write_message({"answer": answer})


async def main():
    redis = Redis.from_url(os.environ["MARINA_REDIS"], decode_responses=True)
    Application([(r"/marina", MarinaHandler)], redis=redis).listen(8302)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
