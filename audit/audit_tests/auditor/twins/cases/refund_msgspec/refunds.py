"""Refund desk: msgspec messages, roles from the session."""

import asyncio
import enum
import os

import msgspec
from tornado.web import Application, HTTPError
from tornado.websocket import WebSocketHandler


class Role(enum.StrEnum):
    CLERK = "clerk"
    MANAGER = "manager"


class Refund(msgspec.Struct, tag="refund"):
    payment: str
    cents: int
    role: Role = Role.CLERK


class Status(msgspec.Struct, tag="status"):
    payment: str


class Member(msgspec.Struct):
    login: str
    role: Role


class Ledger:
    def __init__(self) -> None:
        self.refunds: dict[str, int] = {}

    def pay_back(self, payment: str, cents: int, by: str) -> None:
        self.refunds[payment] = self.refunds.get(payment, 0) + cents


LIMIT = 5_000
DECODER = msgspec.json.Decoder(Refund | Status)


class RefundSocket(WebSocketHandler):
    member: Member

    def initialize(self, ledger: Ledger, members: dict[str, Member]) -> None:
        self.ledger = ledger
        self.members = members

    def prepare(self) -> None:
        token = self.request.headers.get("X-Session", "")
        if token not in self.members:
            raise HTTPError(401)
        self.member = self.members[token]

    def on_message(self, message: str | bytes) -> None:
        try:
            request = DECODER.decode(message)
        except msgspec.DecodeError as error:
            self.close(1003, str(error)[:100])
            return
        if isinstance(request, Status):
            self.write_message({"refunded": self.ledger.refunds.get(request.payment, 0)})
            return
        if self.member.role is not Role.MANAGER:
            self.write_message({"error": "managers only"})
            return
        if not 0 < request.cents <= LIMIT:
            self.write_message({"error": "amount"})
            return
        self.ledger.pay_back(request.payment, request.cents, self.member.login)
        self.write_message({"refunded": request.cents})


def make_app(members: dict[str, Member]) -> Application:
    return Application([("/refunds", RefundSocket, {"ledger": Ledger(), "members": members})])


async def main() -> None:
    with open(os.environ["MEMBERS"], "rb") as file:
        make_app(msgspec.json.decode(file.read(), type=dict[str, Member])).listen(8801)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
