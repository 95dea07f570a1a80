"""Collaborative spreadsheets on PostgreSQL."""

import asyncio
import json
import os

import asyncpg
import tornado.web
import tornado.websocket


class SheetSocket(tornado.websocket.WebSocketHandler):
    uid: int

    def initialize(self, pool: asyncpg.Pool) -> None:
        self.pool = pool

    async def prepare(self) -> None:
        cookie = self.get_signed_cookie("uid")
        if cookie is None:
            raise tornado.web.HTTPError(401)
        self.uid = int(cookie)

    async def on_message(self, message: str | bytes) -> None:
        msg = json.loads(message)
        sid = int(msg["sheet"])
        async with self.pool.acquire() as conn:
            row = await conn.fetchrow("SELECT id FROM sheets WHERE id = $1 AND owner_id = $2", sid, self.uid)
            if row is None:
                return await self.write_message({"error": "no such sheet"})
            match msg["op"]:
                case "set":
                    await conn.execute(
                        "INSERT INTO cells (sheet_id, ref, value) VALUES ($1, $2, $3)"
                        " ON CONFLICT (sheet_id, ref) DO UPDATE SET value = EXCLUDED.value",
                        row["id"], str(msg["ref"]), str(msg["value"]),
                    )
                case "drop":
                    await conn.execute("DELETE FROM sheets WHERE id = $1", row["id"])
                case other:
                    return await self.write_message({"error": f"unknown operation {other!r}"})
        await self.write_message({"ok": msg["op"]})


async def main() -> None:
    async with asyncpg.create_pool(os.environ["SHEETS_DSN"]) as pool:
        app = tornado.web.Application([(r"/sheets", SheetSocket, {"pool": pool})], cookie_secret=os.environ["SHEETS_SECRET"])
        app.listen(8500)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
