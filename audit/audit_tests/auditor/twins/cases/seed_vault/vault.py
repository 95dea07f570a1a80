import asyncio
import sys

import tornado.escape
import tornado.web
import tornado.websocket
from store import Accessions


class VaultSocket(tornado.websocket.WebSocketHandler):
    def initialize(self, accessions):
        self.accessions = accessions

    async def prepare(self):
        badge = self.get_cookie("vault_badge")
        self.curator = await self.accessions.curator_of(badge) if badge else None
        if self.curator is None:
            raise tornado.web.HTTPError(401)

    async def on_message(self, message):
        order = tornado.escape.json_decode(message)
        kind = order["kind"]
        await self.accessions.log(curator=self.curator, what=str(kind), accession=int(order.get("accession", 0)))
        if kind == "deposit":
            done = await self.accessions.deposit(curator=self.curator, species=str(order["species"]))
        elif kind == "relabel":
            done = await self.accessions.relabel(
                curator=self.curator, accession=int(order["accession"]), label=str(order["label"])
            )
        elif kind == "discard":
            done = await self.accessions.discard(curator=self.curator, accession=int(order["accession"]))
        else:
            done = False
        await self.write_message({"done": done})


async def main():
    accessions = await Accessions.load(sys.argv[1])
    tornado.web.Application([(r"/vault", VaultSocket, dict(accessions=accessions))]).listen(8301)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
