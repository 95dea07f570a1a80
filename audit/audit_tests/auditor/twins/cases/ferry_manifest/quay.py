import os
from dataclasses import dataclass, field

from acl import Entry, ensure
from messages import COMMAND, Cancel, Load, Show
from pydantic import ValidationError
from tornado.ioloop import IOLoop
from tornado.web import Application, HTTPError
from tornado.websocket import WebSocketHandler


@dataclass(frozen=True)
class Principal:
    name: str
    groups: frozenset[str]


@dataclass
class Sailing:
    deck: list[tuple[str, float]] = field(default_factory=list)
    cancelled: str | None = None
    acl: Entry = field(default_factory=Entry)


class QuaySocket(WebSocketHandler):
    principal: Principal

    def initialize(self, sailings: dict[str, Sailing], principals: dict[str, Principal]) -> None:
        self.sailings = sailings
        self.principals = principals

    def prepare(self) -> None:
        key = self.request.headers.get("X-Quay-Key", "")
        if key not in self.principals:
            raise HTTPError(401)
        self.principal = self.principals[key]

    def on_message(self, message: str | bytes) -> None:
        try:
            self.write_message(self.carry_out(COMMAND.validate_json(message)))
        except ValidationError:
            self.write_message({"error": "malformed"})
        except (KeyError, PermissionError):
            self.write_message({"error": "no such sailing"})

    def carry_out(self, command: Load | Cancel | Show) -> dict:
        sailing = self.sailings[command.sailing]
        match command:
            case Load(plate=plate, metres=metres):
                ensure(self.principal, "load", sailing)
                sailing.deck.append((plate, metres))
            case Cancel(reason=reason):
                ensure(self.principal, "cancel", sailing)
                sailing.cancelled = reason or "weather"
        return {"vehicles": len(sailing.deck), "cancelled": sailing.cancelled}


def make_app(sailings: dict[str, Sailing], principals: dict[str, Principal]) -> Application:
    return Application([(r"/quay", QuaySocket, {"sailings": sailings, "principals": principals})])


if __name__ == "__main__":
    staff = {os.environ["QUAY_KEY"]: Principal("master", frozenset({"harbour"}))}
    make_app({"MV-1": Sailing(acl=Entry({"harbour": {"load", "cancel"}}))}, staff).listen(8305)
    IOLoop.current().start()
