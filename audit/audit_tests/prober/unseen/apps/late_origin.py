"""An editor that looks at Origin after the handshake, in its own way; its session is a cookie."""

import asyncio
import json
import sys
from urllib.parse import urlsplit

import tornado.web
import tornado.websocket

HOW = sys.argv[2]


class Editor(tornado.websocket.WebSocketHandler):
    def check_origin(self, origin):
        parts = urlsplit(origin)
        if HOW == "ports":
            return parts.hostname == self.request.host_name
        if HOW == "ends":
            return origin.endswith(self.request.host)
        if HOW == "referrer":
            return self.request.headers.get("Referer", origin).startswith(f"http://{self.request.host}")
        return True

    def open(self):
        origin = self.request.headers.get("Origin", "")
        if HOW == "closes" and urlsplit(origin).netloc != self.request.host:
            self.close(4403, "origin")
            return
        if HOW == "logs" and urlsplit(origin).netloc != self.request.host:
            print("a foreign page:", origin)
        if self.get_cookie("ed") != "ed-55d0c1aa9f":
            self.write_message(json.dumps({"error": {"code": "E_NOAUTH"}}))
            self.close(1008)
            return
        self.write_message(json.dumps({"doc": {"id": 4, "text": "Dear Grace,"}, "rev": 12}))

    def on_message(self, message):
        if self.get_cookie("ed") == "ed-55d0c1aa9f":
            self.write_message(json.dumps({"ack": 13}))


async def main():
    tornado.web.Application([(r"/doc/4/ws", Editor)]).listen(int(sys.argv[1]), "127.0.0.1")
    await asyncio.Event().wait()


asyncio.run(main())
