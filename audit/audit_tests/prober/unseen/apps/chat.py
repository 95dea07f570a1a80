"""Chat with history and presence: its page requires a login, and its socket does or does not."""

import asyncio
import json
import sys
import time

import tornado.web
import tornado.websocket

HOW = sys.argv[2]
USERS = {"u-31c9aa70ff15": "ada"}


class Chat(tornado.websocket.WebSocketHandler):
    present = {}
    history = [{"from": "grace", "text": "shall we?", "at": 1719830000}]

    def check_origin(self, origin):
        return HOW in {"any-page", "guests"} or super().check_origin(origin)

    def open(self):
        self.name = USERS.get(self.get_cookie("chat", ""))
        if self.name is None and HOW == "kept-out":
            self.write_message(json.dumps({"t": "bye", "why": "Please log in first."}))
            self.close()
            return
        if self.name is None and HOW in {"lobby", "any-page"}:
            # Strangers see how many there are, and nothing else.
            self.write_message(json.dumps({"t": "lobby", "online": len(Chat.present), "at": time.time()}))
            return
        self.name = self.name or f"guest{id(self) % 1000}"
        Chat.present[self] = self.name
        self.write_message(json.dumps({"t": "history", "lines": Chat.history[-20:]}))
        self.tell({"t": "join", "who": self.name})

    def on_message(self, message):
        if self not in Chat.present:
            self.write_message(json.dumps({"t": "note", "text": "You can read along after you signed in."}))
            return
        line = {"from": self.name, "text": json.loads(message)["text"], "at": int(time.time())}
        Chat.history.append(line)
        self.tell({"t": "line", "line": line})

    def on_close(self):
        if Chat.present.pop(self, None):
            self.tell({"t": "leave", "who": self.name})

    def tell(self, what):
        for one in list(Chat.present):
            one.write_message(json.dumps(what))


async def main():
    tornado.web.Application([(r"/chat/ws", Chat)]).listen(int(sys.argv[1]), "127.0.0.1")
    await asyncio.Event().wait()


asyncio.run(main())
