"""Help desk: customers read and close their own tickets."""

import asyncio
import json
import os
import sqlite3
import time

import tornado.web
import tornado.websocket

TABLES = """
CREATE TABLE IF NOT EXISTS ticket (id INTEGER PRIMARY KEY, customer TEXT, body TEXT, closed INTEGER DEFAULT 0);
CREATE TABLE IF NOT EXISTS access_log (at REAL, customer TEXT, ticket INTEGER, verb TEXT);
"""


class Store:
    def __init__(self, path):
        self.db = sqlite3.connect(path)
        self.db.executescript(TABLES)

    async def run(self, statement, *values):
        rows = self.db.execute(statement, values).fetchall()
        self.db.commit()
        await asyncio.sleep(0)
        return rows

    async def may(self, customer, number):
        return bool(await self.run("SELECT 1 FROM ticket WHERE id = ? AND customer = ?", number, customer))


class HelpdeskSocket(tornado.websocket.WebSocketHandler):
    def initialize(self, store):
        self.store = store

    def get_current_user(self):
        value = self.get_signed_cookie("customer")
        return value.decode() if value else None

    async def prepare(self):
        if self.current_user is None:
            raise tornado.web.HTTPError(401)

    async def on_message(self, message):
        m = json.loads(message)
        number, verb = int(m["ticket"]), str(m["verb"])
        await self.store.run(
            "INSERT INTO access_log VALUES (?, ?, ?, ?)", time.time(), self.current_user, number, verb[:20]
        )
        if not await self.store.may(self.current_user, number):
            await self.write_message({"error": "not your ticket"})
            return
        if verb == "close":
            await self.store.run("UPDATE ticket SET closed = 1 WHERE id = ?", number)
        rows = await self.store.run("SELECT body, closed FROM ticket WHERE id = ?", number)
        await self.write_message({"body": rows[0][0], "closed": bool(rows[0][1])})


def make_app(store):
    return tornado.web.Application(
        [("/helpdesk", HelpdeskSocket, {"store": store})], cookie_secret=os.environ["HELPDESK_SECRET"]
    )


async def main():
    make_app(Store(os.environ["HELPDESK_DB"])).listen(8444)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
