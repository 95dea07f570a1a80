import json

from elsewhere import procedures
from tornado.web import Application, HTTPError
from tornado.websocket import WebSocketHandler


class Door(WebSocketHandler):
    actions = {"say": print}

    def on_message(self, message):
        call = json.loads(message)
        self.actions[call["action"]](call["arguments"])


class Listed(WebSocketHandler):
    """What is not in the list was refused before, perhaps a function further out."""

    def prepare(self):
        if self.get_signed_cookie("user") is None:
            raise HTTPError(401)

    async def on_message(self, message):
        call = json.loads(message)
        if not call or call["procedure"] not in procedures.__all__:
            raise ValueError("no such procedure")
        await self.perform(call["procedure"], call["arguments"])
        if call["then"] in procedures.NAMES:
            getattr(procedures, call["then"])(call["arguments"])

    async def perform(self, name, arguments):
        getattr(procedures, name)(*arguments)


class Record:
    """What a message says, under the names that it says it under."""

    def __init__(self, fields):
        for name, value in fields.items():
            setattr(self, name, value)

    def plain(self):
        return {name: getattr(self, name) for name in dir(self) if name[0] != "_"}


class Keeping(WebSocketHandler):
    def on_message(self, message):
        record = Record(json.loads(message))
        self.write_message(record.plain())


app = Application([(r"/ws", Door), (r"/listed", Listed), (r"/keep", Keeping)])
