"""Control panel of a render farm."""

import os

import tornado.escape
import tornado.ioloop
import tornado.web
import tornado.websocket


class Panel(tornado.websocket.WebSocketHandler):
    def prepare(self):
        self.admin = self.get_signed_cookie("farm-admin")
        if not self.admin:
            raise tornado.web.HTTPError(403)

    def on_message(self, message):
        order = tornado.escape.json_decode(message)
        nodes = self.application.nodes
        match order:
            case {"verb": "pause", "node": str(node)} if node in nodes:
                nodes[node] = "paused"
            case {"verb": "resume", "node": str(node)} if node in nodes:
                nodes[node] = "running"
        self.write_message(nodes)


class Farm(tornado.web.Application):
    def __init__(self):
        self.nodes = {"n1": "running", "n2": "running"}
        settings = {
            "cookie_secret": os.environ["FARM_COOKIE_SECRET"],
            "websocket_ping_interval": 20,
            "websocket_max_message_size": 65536,
        }
        super().__init__([(r"/panel", Panel)], **settings)


if __name__ == "__main__":
    Farm().listen(8480)
    tornado.ioloop.IOLoop.current().start()
