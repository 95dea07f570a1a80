"""Packets in the manner of Engine.IO and Socket.IO, by hand: 0 open, 2 and 3 ping, 4 message."""

import asyncio
import json
import secrets
import sys

import tornado.web
import tornado.websocket

HOW = sys.argv[2]


class Engine(tornado.websocket.WebSocketHandler):
    def check_origin(self, origin):
        return HOW in {"any-page", "open"} or super().check_origin(origin)

    def open(self):
        head = {"sid": secrets.token_hex(10), "upgrades": [], "pingInterval": 25000, "pingTimeout": 20000}
        self.write_message("0" + json.dumps(head))

    def on_message(self, message):
        if message == "2":
            self.write_message("3")
        elif message == "40":
            if HOW != "open" and self.get_cookie("connect.sid") != "s%3A8f2b6c0d1e9a.QmZ":
                self.write_message('44{"message":"xhr auth"}')
                return
            self.write_message('40{"sid":"' + secrets.token_hex(10) + '"}')
            self.write_message('42["stats",{"cpu":0.31,"jobs":["backup","index"]}]')


async def main():
    tornado.web.Application([(r"/engine/", Engine)]).listen(int(sys.argv[1]), "127.0.0.1")
    await asyncio.Event().wait()


asyncio.run(main())
