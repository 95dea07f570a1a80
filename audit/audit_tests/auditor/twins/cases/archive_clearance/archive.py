from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from enum import IntEnum

from tornado.ioloop import IOLoop
from tornado.web import Application, HTTPError
from tornado.websocket import WebSocketHandler


class Clearance(IntEnum):
    PUBLIC = 0
    CONFIDENTIAL = 1
    SECRET = 2


@dataclass
class Reader:
    name: str
    clearance: Clearance


@dataclass
class Folder:
    title: str
    needs: Clearance
    pages: list[str] = field(default_factory=list)


FOLDERS = {
    "menu": Folder("Menu of the canteen", Clearance.PUBLIC, ["soup"]),
    "plans": Folder("Plans of the vault", Clearance.SECRET, ["north", "south"]),
}


class ArchiveSocket(WebSocketHandler):
    reader: Reader

    def initialize(self, readers: dict[str, Reader]) -> None:
        self.readers = readers

    async def prepare(self) -> None:
        badge = self.get_signed_cookie("badge")
        if badge is None or badge.decode() not in self.readers:
            raise HTTPError(403)
        self.reader = self.readers[badge.decode()]

    async def on_message(self, message: str | bytes) -> None:
        query = json.loads(message)
        answer = getattr(self, f"cmd_{query.pop('cmd', '')}", self.unknown)(query)
        await self.write_message(answer)

    def unknown(self, query: dict) -> dict:
        return {"error": "unknown command"}

    def cmd_list(self, query: dict) -> dict:
        return {"titles": [one.title for one in FOLDERS.values() if one.needs <= self.reader.clearance]}

    def cmd_page(self, query: dict) -> dict:
        folder = FOLDERS.get(query["folder"])
        if folder is None or folder.needs > self.reader.clearance:
            return {"error": "no such folder"}
        return {"page": folder.pages[int(query["page"])]}

    def cmd_add(self, query: dict) -> dict:
        folder = FOLDERS.get(query["folder"])
        if folder is None or folder.needs > self.reader.clearance:
            return {"error": "not for you"}
        folder.pages.append(str(query["text"]))
        return {"pages": len(folder.pages)}


def make_app(readers: dict[str, Reader]) -> Application:
    return Application([(r"/archive", ArchiveSocket, {"readers": readers})], cookie_secret=os.environ["ARCHIVE_SECRET"])


if __name__ == "__main__":
    make_app({"ada": Reader("ada", Clearance.SECRET), "bob": Reader("bob", Clearance.PUBLIC)}).listen(8402)
    IOLoop.current().start()
