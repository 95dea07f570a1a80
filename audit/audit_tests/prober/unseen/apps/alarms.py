"""Alarms: the socket is quiet until some machine posts one; the owner's own page is such a machine."""

import asyncio
import json
import sys

import tornado.web
import tornado.websocket

HOW = sys.argv[2]


class Alarms(tornado.websocket.WebSocketHandler):
    watching = set()

    def check_origin(self, origin):
        return HOW in {"any-page", "open"}

    @property
    def member(self):
        return self.get_cookie("operator") == "op-5d1f0c9b2e7743aa"

    def open(self):
        if HOW == "quiet-to-strangers" and not self.member:
            return
        if HOW == "any-page" and not self.member:
            self.close(1000)
            return
        Alarms.watching.add(self)

    def on_message(self, message):
        read = json.loads(message)
        if read.get("do") == "test-alarm" and (self.member or HOW == "open"):
            for one in list(Alarms.watching):
                one.write_message(json.dumps({"alarm": read["label"], "level": 3}))

    def on_close(self):
        Alarms.watching.discard(self)


async def main():
    tornado.web.Application([(r"/alarms", Alarms)]).listen(int(sys.argv[1]), "127.0.0.1")
    await asyncio.Event().wait()


asyncio.run(main())
