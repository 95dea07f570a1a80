"""A dashboard that turns strangers away in one of the ways that programs have."""

import asyncio
import json
import sys

import tornado.web
import tornado.websocket

HOW, _, PAGES = sys.argv[2].partition("+")
SESSIONS = {"b6e1c4d09a5f4e7c": {"name": "grace"}}


class Board(tornado.websocket.WebSocketHandler):
    def check_origin(self, origin):
        return PAGES == "any" or super().check_origin(origin)

    def session(self):
        return SESSIONS.get(self.get_cookie("dash_session", ""))

    def prepare(self):
        if self.session() is not None or HOW in {"notice", "late", "text", "silence", "sample"}:
            return
        if HOW == "302":
            self.redirect("/login?next=/dash")
        elif HOW == "200":
            # The page of the login in the place of the answer.
            self.finish("<form><input name=user><input type=password name=password></form>")
        elif HOW == "500":
            SESSIONS[self.get_cookie("dash_session")]
        elif HOW == "eof":
            self.detach().close()
            raise tornado.web.Finish
        else:
            raise tornado.web.HTTPError(int(HOW))

    async def open(self):
        if self.session() is None:
            if HOW == "notice":
                self.write_message(json.dumps({"kind": "error", "reason": "login required"}))
                self.close(4003, "no session")
            elif HOW == "late":
                await asyncio.sleep(0.8)
                self.close(1000)
            elif HOW == "text":
                self.write_message("Your session has expired. Reload this page.")
            elif HOW == "sample":
                self.write_message(json.dumps({"kind": "panel", "title": "Sample data", "series": []}))
            return
        for title in ("load", "queue"):
            self.write_message(json.dumps({"kind": "panel", "title": title, "series": [3, 5, 8]}))


async def main():
    tornado.web.Application([(r"/dash/socket", Board)]).listen(int(sys.argv[1]), "127.0.0.1")
    await asyncio.Event().wait()


asyncio.run(main())
