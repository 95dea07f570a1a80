import asyncio
import json
import os

from tornado.web import Application, HTTPError
from tornado.websocket import WebSocketHandler


class Cart:
    def __init__(self, customer):
        self.customer = customer
        self.toys = []
        self.paid = False


class ToySocket(WebSocketHandler):
    carts = {}
    everybody = set()

    async def prepare(self):
        session = self.get_cookie("toyshop")
        self.customer = await self.settings["sessions"].find(session) if session else None
        if self.customer is None:
            raise HTTPError(401)

    def open(self):
        self.everybody.add(self)
        self.cart = self.carts.setdefault(self.customer, Cart(self.customer))

    def on_close(self):
        self.everybody.discard(self)

    async def on_message(self, message):
        data = json.loads(message)
        if data["do"] == "put":
            self.cart.toys.append(str(data["toy"]))
        elif data["do"] == "drop":
            self.cart.toys.remove(data["toy"])
        elif data["do"] == "pay":
            self.cart.paid = True
        elif data["do"] == "greet":
            for each in self.everybody:
                await each.write_message({"from": self.customer, "text": str(data["text"])[:100]})
            return
        await self.write_message({"toys": self.cart.toys, "paid": self.cart.paid})


class Sessions:
    def __init__(self, path):
        self.path = path

    async def find(self, session):
        def read():
            with open(self.path) as file:
                return json.load(file).get(session)

        return await asyncio.to_thread(read)


async def main():
    Application([("/toys", ToySocket)], sessions=Sessions(os.environ["TOY_SESSIONS"])).listen(8409)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
