"""A forum that gives every visitor a session; who has logged in sees more on the same socket."""

import asyncio
import json
import sys

import tornado.web
import tornado.websocket

HOW = sys.argv[2]
SESSIONS = {"sess-owner-6b1d9e04": "ada", "sess-guest-0c2f": None}


class Forum(tornado.websocket.WebSocketHandler):
    def check_origin(self, origin):
        return HOW == "any-page" or super().check_origin(origin)

    def open(self):
        name = SESSIONS.get(self.get_cookie("forum", ""))
        self.write_message(json.dumps({"type": "session", "name": name, "guest": name is None}))
        self.write_message(json.dumps({"type": "threads", "threads": [{"id": 1, "title": "Welcome"}]}))
        if name or HOW == "leaks":
            self.write_message(json.dumps({"type": "inbox", "letters": [{"from": "grace", "text": "hi"}]}))


async def main():
    tornado.web.Application([(r"/forum/ws", Forum)]).listen(int(sys.argv[1]), "127.0.0.1")
    await asyncio.Event().wait()


asyncio.run(main())
