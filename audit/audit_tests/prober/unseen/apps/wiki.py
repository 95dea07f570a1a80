"""Wiki that requires its page's CSRF token in the first message, beside the cookie."""

import asyncio
import json
import sys

import tornado.web
import tornado.websocket

HOW = sys.argv[2]


class Wiki(tornado.websocket.WebSocketHandler):
    def check_origin(self, origin):
        return True

    def prepare(self):
        if self.get_cookie("wiki") != "w-0af3b5d9e1":
            raise tornado.web.HTTPError(403)

    def open(self):
        self.checked = HOW == "forgot"
        if self.checked:
            self.write_message(json.dumps({"pages": ["Home", "Plans"]}))

    def on_message(self, message):
        read = json.loads(message)
        if not self.checked:
            if read.get("xsrf") != "x-41c7d80b52ee":
                self.close(4003)
                return
            self.checked = True
            self.write_message(json.dumps({"pages": ["Home", "Plans"]}))


async def main():
    tornado.web.Application([(r"/wiki/ws", Wiki)]).listen(int(sys.argv[1]), "127.0.0.1")
    await asyncio.Event().wait()


asyncio.run(main())
