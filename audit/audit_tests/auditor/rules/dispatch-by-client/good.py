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


procedures_of_door = []


def procedure(function):
    procedures_of_door.append(function.__name__)
    return function


class Named(WebSocketHandler):
    """Each name stands in a list, in a table, begins as what is meant does, or is marked."""

    events = {"say": "heard", "leave": "left"}

    def on_message(self, message):
        call = json.loads(message)
        if call["kind"] not in procedures_of_door:
            self.write_message("no such procedure")
        else:
            getattr(self, call["kind"])(call["arguments"])
        getattr(self, Named.events[call["event"]])(call)
        getattr(self, f"command_{call['command']}")(call)
        found = getattr(procedures, call["remote"], None)
        if hasattr(found, "remote"):
            found(call)

    @procedure
    def add(self, numbers):
        self.write_message(str(sum(numbers)))

    def heard(self, call):
        self.write_message(call["text"])

    def left(self, call):
        self.close()

    def command_subscribe(self, call):
        self.write_message(call["channel"])


app = Application(
    [(r"/ws", Door), (r"/listed", Listed), (r"/keep", Keeping), (r"/named", Named)]
)
