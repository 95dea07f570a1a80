import json
import traceback

import websockets
from elsewhere import REMOTE, Peer
from tornado.websocket import WebSocketHandler


class Chat(WebSocketHandler):
    def on_message(self, message):
        try:
            self.handle(message)
        except Exception as error:
            self.write_message({"error": str(error)})  # finds SD510
            self.write_message(f"failed: {error}")  # finds SD510
            self.write_message(traceback.format_exc())  # finds SD510
            self.write_message({"error": error.args[0]})  # finds SD510

    def on_text(self, message):
        try:
            self.handle(json.loads(message))
        except Exception as error:
            self.write_message(str(error))  # finds SD510

    def on_ping(self, data):
        try:
            data = json.loads(data)
            self.send(data)
        except Exception as error:
            self.write_message(str(error))  # finds SD510

    def send(self, data):
        self.application.database.insert(data)

    def on_pong(self, data):
        answer = {"ok": True}
        try:
            self.handle(data)
        except Exception as error:
            answer = {"error": str(error)}
        self.write_message(answer)  # finds SD510

    def open(self):
        self.on_pong(b"")
        self.on_text("{}")

    def handle(self, message):
        raise NotImplementedError


class Room(WebSocketHandler):
    async def on_message(self, message):
        try:
            self.application.handle(message)
        except Exception as error:
            await self.reply("failed", str(error))  # finds SD510
            answer = Answer(title=f"failed: {error}")
            self.tell(answer)  # finds SD510

    async def reply(self, kind, payload):
        answer = json.dumps({"kind": kind, "payload": payload})
        await self.write_message(answer)

    def tell(self, answer):
        self.write_message(answer.as_json())


class Proxied(WebSocketHandler):
    """The client is told beside another server."""

    async def open(self):
        self.remote = await websockets.connect(REMOTE)

    async def on_message(self, message):
        try:
            await self.remote.send(message)
        except Exception as error:
            await self.remote.send(str(error))
            self.report(str(error))  # finds SD510

    def report(self, text):
        self.write_message(text)


class Wrapped(WebSocketHandler):
    """What is made of a socket that is there already connects to no other server."""

    def open(self):
        self.peer = Peer(self.socket)

    def on_message(self, message):
        try:
            self.application.handle(message)
        except Exception as error:
            self.peer.send(str(error))  # finds SD510
