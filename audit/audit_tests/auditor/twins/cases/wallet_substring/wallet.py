import asyncio
import json
import os

from tornado.options import define, options
from tornado.web import Application, HTTPError
from tornado.websocket import WebSocketHandler

define("port", 8300)
PAGES = ("https://pay.example", "https://shop.example")


class WalletSocket(WebSocketHandler):
    def check_origin(self, origin):
        for page in PAGES:
            if origin.lower() == page:
                return True
        return False

    def get_current_user(self):
        name = self.get_signed_cookie("wallet_user")
        return name.decode() if name else None

    async def prepare(self):
        if not self.current_user:
            raise HTTPError(403)

    async def on_message(self, message):
        wallet = self.settings["wallets"].setdefault(self.current_user, {"balance": 0, "limit": 100})
        m = json.loads(message)
        if m["what"] == "limit":
            wallet["limit"] = max(0, min(1000, int(m["value"])))
        await self.write_message(wallet)


def make_app():
    return Application([(r"/wallet", WalletSocket)], wallets={}, cookie_secret=os.environ["WALLET_SECRET"])


async def main():
    options.parse_command_line()
    make_app().listen(options.port)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
