"""Notes behind a login form with Tornado's own XSRF protection, as the user's guide writes it."""

import asyncio
import json
import re
import sys

import tornado.web
import tornado.websocket

HOW = sys.argv[2]
NOTES = [{"id": 1, "text": "buy oil"}, {"id": 2, "text": "call Grace"}]


class Base:
    def get_current_user(self):
        name = self.get_signed_cookie("notes_user")
        return name.decode() if name else None


class Login(Base, tornado.web.RequestHandler):
    def get(self):
        self.write(
            f'<form action="/login" method="post">{self.xsrf_form_html()}'
            '<input name="name"><input type="password" name="password"><input type="submit"></form>'
        )

    def post(self):
        if self.get_argument("name") == "ada" and self.get_argument("password") == "lovelace-1815":
            self.set_signed_cookie("notes_user", "ada", httponly=True)
            self.redirect("/")
        else:
            self.set_status(401)
            self.write("no")


class Home(Base, tornado.web.RequestHandler):
    @tornado.web.authenticated
    def get(self):
        self.write("<script>new WebSocket(`ws://${location.host}/notes/live`)</script>")


class Live(Base, tornado.websocket.WebSocketHandler):
    def check_origin(self, origin):
        host = self.request.host
        if HOW == "same-host":
            return super().check_origin(origin)
        if HOW == "begins":
            return origin.startswith(f"http://{host.split(':')[0]}")
        if HOW == "contains":
            return host.split(":")[0] in origin
        if HOW == "pattern":
            return re.match(r"http://127.0.0.1", origin) is not None
        if HOW == "null":
            return origin == "null" or super().check_origin(origin)
        return True

    if HOW == "on-open":
        # Written on the wrong method: what it says of a stranger is that nothing is supported.
        @tornado.web.authenticated
        def open(self):
            self.write_message(json.dumps({"notes": NOTES}))
    elif HOW == "on-get":
        @tornado.web.authenticated
        async def get(self, *args, **kwargs):
            return await super().get(*args, **kwargs)

        def open(self):
            self.write_message(json.dumps({"notes": NOTES}))
    else:
        def prepare(self):
            if HOW != "page-only" and self.current_user is None:
                self.set_status(403)
                self.finish()

        def open(self):
            self.write_message(json.dumps({"notes": NOTES}))


async def main():
    app = tornado.web.Application(
        [(r"/", Home), (r"/login", Login), (r"/notes/live", Live)],
        cookie_secret="of this program alone: 51f7", login_url="/login", xsrf_cookies=True,
    )
    app.listen(int(sys.argv[1]), "127.0.0.1")
    await asyncio.Event().wait()


asyncio.run(main())
