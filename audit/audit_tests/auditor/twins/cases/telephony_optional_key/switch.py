#!/usr/bin/env python3
"""Switchboard events for wallboards, and click-to-dial."""

import hmac
import json
import logging
import sys

import tornado.httpserver
import tornado.ioloop
import tornado.options
import tornado.tcpclient
import tornado.web
import tornado.websocket
from tornado.options import define, options

define("port", default=8765, type=int)
define("pbx", default="127.0.0.1", help="host of the exchange")
define("key", default="", help="key that wallboards send in X-Switch-Key")


class Board(tornado.websocket.WebSocketHandler):
    boards = set()

    def prepare(self):
        if options.key:
            sent = self.request.headers.get("X-Switch-Key", "")
            if not hmac.compare_digest(sent, options.key):
                self.send_error(401)

    def open(self):
        self.boards.add(self)

    async def on_message(self, message):
        order = json.loads(message)
        if order.get("action") != "dial":
            return
        stream = await tornado.tcpclient.TCPClient().connect(options.pbx, 5038)
        digits = "".join(c for c in str(order["number"]) if c.isdigit())
        await stream.write(f"Action: Originate\r\nChannel: SIP/{digits}\r\n\r\n".encode())
        stream.close()

    def on_close(self):
        self.boards.discard(self)


def main():
    tornado.options.parse_command_line()
    if not options.key:
        sys.exit("give --key: the switchboard does not run without one")
    logging.info("listening on %d", options.port)
    server = tornado.httpserver.HTTPServer(tornado.web.Application([("/board", Board)]))
    server.listen(options.port)
    tornado.ioloop.IOLoop.current().start()


if __name__ == "__main__":
    main()
