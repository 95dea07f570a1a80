"""Sensors that report every few seconds, behind a database that takes its time to say who is there."""

import asyncio
import json
import random
import sys

import tornado.ioloop
import tornado.web
import tornado.websocket

HOW = sys.argv[2]


class Sensors(tornado.websocket.WebSocketHandler):
    listening = set()

    def check_origin(self, origin):
        return HOW in {"any-page", "open"} or super().check_origin(origin)

    async def prepare(self):
        await asyncio.sleep(0.4)
        if HOW != "open" and self.get_cookie("plant") != "plant-3e9a0c71":
            if HOW == "waits":
                # Strangers are left waiting, and are let go in the end.
                await asyncio.sleep(20)
            raise tornado.web.HTTPError(403)

    def open(self):
        Sensors.listening.add(self)

    def on_close(self):
        Sensors.listening.discard(self)


def report():
    for one in list(Sensors.listening):
        one.write_message(json.dumps({"sensor": "s1", "celsius": round(random.uniform(18, 24), 2)}))


async def main():
    tornado.web.Application([(r"/sensors/stream", Sensors)]).listen(int(sys.argv[1]), "127.0.0.1")
    tornado.ioloop.PeriodicCallback(report, 2600).start()
    await asyncio.Event().wait()


asyncio.run(main())
