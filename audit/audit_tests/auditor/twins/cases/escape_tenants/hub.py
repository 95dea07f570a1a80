"""Escape rooms of several companies; each company runs its own rooms."""

from __future__ import annotations

import json
import os
import uuid
from dataclasses import asdict, dataclass, field

from tornado.ioloop import IOLoop
from tornado.web import Application, HTTPError
from tornado.websocket import WebSocketHandler


@dataclass
class Room:
    company: str
    title: str
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    hints: list[str] = field(default_factory=list)
    running: bool = False


class Registry:
    def __init__(self) -> None:
        self.rooms: dict[str, Room] = {}
        self.operators: dict[str, str] = {}

    def create(self, company: str, title: str) -> Room:
        room = Room(company, title)
        self.rooms[room.id] = room
        return room

    def of(self, company: str, room_id: str) -> Room:
        room = self.rooms.get(room_id)
        if room is None or room.company != company:
            raise LookupError(room_id)
        return room


class OperatorSocket(WebSocketHandler):
    company: str

    def initialize(self, registry: Registry) -> None:
        self.registry = registry

    def prepare(self) -> None:
        key = self.request.headers.get("X-Operator-Key", "")
        company = self.registry.operators.get(key)
        if not company:
            raise HTTPError(403)
        self.company = company

    def on_message(self, message: str | bytes) -> None:
        call = json.loads(message)
        handlers = {"create": self.create, "start": self.start, "hint": self.hint, "close": self.shut}
        handler = handlers.get(call["method"])
        if handler is None:
            return self.close(1003)
        try:
            result = handler(**call["params"])
        except LookupError:
            result = {"error": "no such room"}
        return self.write_message(json.dumps(result))

    def create(self, title: str) -> dict:
        return asdict(self.registry.create(self.company, title))

    def start(self, room: str) -> dict:
        found = self.registry.of(self.company, room)
        found.running = True
        return {"running": True}

    def hint(self, room: str, text: str) -> dict:
        found = self.registry.of(self.company, room)
        found.hints.append(text)
        return {"hints": len(found.hints)}

    def shut(self, room: str) -> dict:
        found = self.registry.of(self.company, room)
        found.running = False
        return {"running": False}


def make_app(registry: Registry) -> Application:
    return Application([(r"/operator", OperatorSocket, {"registry": registry})])


if __name__ == "__main__":
    registry = Registry()
    registry.operators[os.environ["OPERATOR_KEY"]] = "lockedin"
    make_app(registry).listen(8406)
    IOLoop.current().start()
