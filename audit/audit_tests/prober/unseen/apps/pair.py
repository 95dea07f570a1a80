"""A remote desktop in two sockets: what /control asks for comes on /screen of the same visitor."""

import asyncio
import json
import struct
import sys

import tornado.web
import tornado.websocket

HOW = sys.argv[2]


class Side(tornado.websocket.WebSocketHandler):
    screens = {}

    def check_origin(self, origin):
        return HOW != "own-pages" or super().check_origin(origin)

    @property
    def visitor(self):
        return self.get_cookie("desk") or "nobody"

    def prepare(self):
        if HOW != "open" and self.visitor != "desk-71b0c4ee92":
            raise tornado.web.HTTPError(401)


class Control(Side):
    def open(self):
        Side.screens.setdefault(self.visitor, {})["control"] = self

    def on_close(self):
        Side.screens.get(self.visitor, {}).pop("control", None)


class Screen(Side):
    async def open(self):
        for _ in range(4):
            if Side.screens.get(self.visitor, {}).get("control"):
                await self.write_message(struct.pack("!BHH", 1, 640, 480) + b"\x10\x20\x30" * 40, binary=True)
                return
            await asyncio.sleep(0.1)
        self.close(4000, "no control")


async def main():
    app = tornado.web.Application([(r"/control", Control), (r"/screen", Screen)])
    app.listen(int(sys.argv[1]), "127.0.0.1")
    await asyncio.Event().wait()


asyncio.run(main())
