"""Payment terminal: the till asks for a payment, the card reader answers."""

from __future__ import annotations

import asyncio
import json
import os
from decimal import Decimal
from typing import Any

import tornado.web
import tornado.websocket


class Till:
    def __init__(self, shop: str) -> None:
        self.shop = shop
        self.total = Decimal(0)
        self.payments: list[dict[str, Any]] = []


class TillSocket(tornado.websocket.WebSocketHandler):
    till: Till

    def get_current_user(self) -> str | None:
        cookie = self.get_signed_cookie("till", max_age_days=1)
        if not cookie:
            return None
        return cookie.decode() if isinstance(cookie, bytes) else cookie

    def prepare(self) -> None:
        if not self.current_user:
            raise tornado.web.HTTPError(401)

    def open(self) -> None:
        tills: dict[str, Till] = self.settings["tills"]
        self.till = tills.setdefault(self.current_user, Till(self.current_user))

    def on_message(self, message: str | bytes) -> None:
        order = json.loads(message)
        amount = Decimal(str(order["amount"]))
        if order["type"] == "charge" and 0 < amount < 5000:
            self.till.total += amount
            self.till.payments.append({"amount": str(amount), "type": "charge"})
            self.write_message({"total": str(self.till.total)})
        elif order["type"] == "report":
            self.write_message({"payments": self.till.payments})
        else:
            self.write_message({"error": "invalid"})


def make_app() -> tornado.web.Application:
    return tornado.web.Application([(r"/till", TillSocket)], tills={}, cookie_secret=os.environ["TILL_SECRET"])


async def main() -> None:
    make_app().listen(8600)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
