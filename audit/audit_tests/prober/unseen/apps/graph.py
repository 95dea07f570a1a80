"""Subscriptions in the manner of GraphQL: the server acknowledges every client's connection."""

import asyncio
import json
import sys

import tornado.ioloop
import tornado.web
import tornado.websocket

HOW = sys.argv[2]
KEY = "Bearer gq-77f1a2c3d4e5"


class Graph(tornado.websocket.WebSocketHandler):
    def check_origin(self, origin):
        return True

    def select_subprotocol(self, subprotocols):
        return "graphql-transport-ws" if "graphql-transport-ws" in subprotocols else None

    def open(self):
        if self.selected_subprotocol is None:
            self.close(4406, "Subprotocol not acceptable")
        self.key = None

    async def on_message(self, message):
        read = json.loads(message)
        if read["type"] == "connection_init":
            self.key = (read.get("payload") or {}).get("Authorization")
            self.write_message(json.dumps({"type": "connection_ack"}))
        elif read["type"] == "subscribe":
            if HOW != "open" and self.key != KEY:
                self.write_message(json.dumps({
                    "type": "error", "id": read["id"], "payload": [{"message": "Forbidden"}]
                }))
                return
            for number in range(3):
                self.write_message(json.dumps({
                    "type": "next", "id": read["id"], "payload": {"data": {"order": {"no": number}}}
                }))
                await asyncio.sleep(0.05)


async def main():
    tornado.web.Application([(r"/graphql", Graph)]).listen(int(sys.argv[1]), "127.0.0.1")
    await asyncio.Event().wait()


asyncio.run(main())
