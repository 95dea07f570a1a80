import asyncio
import json
import os

import tornado.web
from tornado.websocket import WebSocketHandler

ALLOWED = {"https://cms.example", "https://preview.cms.example"}


class Base(WebSocketHandler):
    """What all sockets of the CMS share."""

    def check_origin(self, origin):
        return origin in ALLOWED

    def get_current_user(self):
        sid = self.get_signed_cookie("cms_sid")
        return self.application.sessions.get(sid.decode()) if sid else None

    async def prepare(self):
        if self.current_user is None:
            self.set_status(403)
            await self.finish("log in")


class PreviewHandler(Base):
    async def on_message(self, message):
        draft = json.loads(message)
        mine = self.application.drafts.setdefault(self.current_user, {})
        mine[str(draft["slug"])] = str(draft["body"])
        await self.write_message({"saved": draft["slug"], "drafts": len(mine)})


class Cms(tornado.web.Application):
    def __init__(self, **settings):
        self.sessions, self.drafts = {}, {}
        super().__init__([(r"/preview", PreviewHandler)], **settings)


async def main():
    Cms(cookie_secret=os.environ["CMS_SECRET"]).listen(8020)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
