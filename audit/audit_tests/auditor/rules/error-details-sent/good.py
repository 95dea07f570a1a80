import asyncio
import json
import logging

import websockets
from elsewhere import REMOTE
from tornado.websocket import WebSocketHandler


class Refused(Exception):
    pass


class Chat(WebSocketHandler):
    def on_message(self, message):
        try:
            message = json.loads(message)
        except Exception as error:
            self.write_message({"error": str(error)})
            return
        try:
            self.handle(message)
        except Refused as error:
            self.write_message({"error": str(error)})
        except Exception:
            logging.exception("a message failed")
            self.write_message({"error": "failed"})

    def on_ping(self, data):
        try:
            data = json.loads(data)
            if data["op"] == "ping":
                self.write_message({"op": "pong"})
        except Exception as error:
            self.write_message(f"not understood: {error}")

    def on_pong(self, data):
        try:
            self.handle(data)
        except Exception as error:
            answer = {"error": str(error)}
            logging.info(answer)
            answer = {"error": "failed"}
            self.write_message(answer)
        answer = {"ok": True}
        self.write_message(answer)

    def on_close(self):
        try:
            self.handle("left")
        except Exception as error:
            self.write_message(str(error))

    def handle(self, message):
        raise Refused("no such room")


class Room(WebSocketHandler):
    def on_message(self, message):
        try:
            self.application.handle(message)
        except Exception as error:
            self.fail("failed", str(error))
            self.note(error)

    def fail(self, kind, details):
        logging.error(details)
        self.write_message({"error": kind})

    def note(self, error):
        logging.error("failed: %s", error)


class Proxy(WebSocketHandler):
    """Another server is told, to which this one connects itself."""

    async def open(self):
        self.remote = await asyncio.wait_for(websockets.connect(REMOTE), 5)

    async def on_message(self, message):
        try:
            self.application.handle(message)
        except Exception as error:
            await self.report({"error": str(error)})

    async def report(self, data):
        await self.remote.send(json.dumps(data))
