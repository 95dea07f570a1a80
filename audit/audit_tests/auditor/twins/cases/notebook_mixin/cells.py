import asyncio
import json
import os

from ownership import OwnedNotebooks
from tornado.web import Application, HTTPError
from tornado.websocket import WebSocketHandler


class AuthBase(WebSocketHandler):
    def get_current_user(self):
        value = self.get_signed_cookie("nb_user")
        return value.decode() if value else None

    def prepare(self):
        if self.current_user is None:
            raise HTTPError(401)


class CellsSocket(OwnedNotebooks, AuthBase):
    def on_message(self, message):
        req = json.loads(message)
        nb = self.own_notebook(req["notebook"])
        if nb is None:
            self.write_message({"id": req.get("id"), "error": "not found"})
            return
        if req["method"] == "insert":
            nb["cells"].insert(int(req["at"]), str(req["source"]))
        elif req["method"] == "delete":
            del nb["cells"][int(req["at"])]
        elif req["method"] == "share":
            nb["public"] = bool(req["public"])
        self.write_message({"id": req.get("id"), "cells": nb["cells"]})


def make_app(notebooks):
    return Application([("/cells", CellsSocket)], notebooks=notebooks, cookie_secret=os.environ["NB_SECRET"])


async def main():
    with open(os.environ["NOTEBOOKS"]) as file:
        make_app(json.load(file)).listen(8880)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
