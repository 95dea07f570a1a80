"""Prescriptions: a physician writes them, the pharmacy of the patient dispenses them."""

from __future__ import annotations

import json
import os
from typing import Any

import attrs
from tornado.ioloop import IOLoop
from tornado.web import Application, HTTPError
from tornado.websocket import WebSocketHandler


@attrs.frozen
class Account:
    id: int
    kind: str


@attrs.define
class Prescription:
    prescriber: int
    pharmacy: int
    drug: str
    state: str = "written"


@attrs.frozen
class Dispense:
    rx: str


@attrs.frozen
class Void:
    rx: str


@attrs.frozen
class Write:
    rx: str
    pharmacy: int
    drug: str


def parse(message: str | bytes) -> Dispense | Void | Write:
    fields: dict[str, Any] = json.loads(message)
    kind = {"dispense": Dispense, "void": Void, "write": Write}[fields.pop("kind")]
    return kind(**fields)


class Counter(WebSocketHandler):
    me: Account

    def initialize(self, book: dict[str, Prescription], accounts: dict[str, Account]) -> None:
        self.book, self.accounts = book, accounts

    def prepare(self) -> None:
        session = self.get_cookie("counter_session", "")
        if (account := self.accounts.get(session)) is None:
            raise HTTPError(401)
        self.me = account

    def on_message(self, message: str | bytes) -> None:
        try:
            command = parse(message)
        except (KeyError, TypeError, ValueError):
            return self.close(1007)
        match command:
            case Write(rx, pharmacy, drug) if self.me.kind == "physician" and rx not in self.book:
                self.book[rx] = Prescription(self.me.id, pharmacy, drug)
            case Dispense(rx) if rx in self.book and self.book[rx].pharmacy == self.me.id:
                self.book[rx].state = "dispensed"
            case Void(rx) if rx in self.book and self.book[rx].prescriber == self.me.id:
                self.book[rx].state = "void"
            case _:
                return self.write_message({"error": "refused"})
        self.write_message({"state": self.book[rx].state})


def make_app(book: dict[str, Prescription], accounts: dict[str, Account]) -> Application:
    return Application([(r"/counter", Counter, {"book": book, "accounts": accounts})])


if __name__ == "__main__":
    make_app({}, {os.environ["FIRST_SESSION"]: Account(1, "physician")}).listen(8310)
    IOLoop.current().start()
