"""Sessions, models, directories and servers that a connection asks, and that the program only names.

A missing result fails, closes or is checked later; beside it stands a result that every client has.
"""

from audit_tests.auditor.variants.shapes import SAYS, SILENT, door

__all__ = ["CASES"]

Case = tuple[str, str, dict[str, str]]

_BODIES: dict[str, tuple[str, str]] = {
    "an item of pycket's session": (
        "late",
        door(
            """
            def open(self):
                clients[self.session["user_id"]] = self
            """,
            SILENT,
            """
            from pycket.session import SessionMixin
            """,
            bases="WebSocketHandler, SessionMixin",
        ),
    ),
    "pycket's session names nobody, and open() closes": (
        "late",
        door(
            """
            def open(self):
                self.uid = self.session.get("user_id")
                if self.uid is None:
                    self.close()
                    return
                clients[self.uid] = self
            """,
            SILENT,
            """
            from pycket.session import SessionMixin
            """,
            bases="WebSocketHandler, SessionMixin",
        ),
    ),
    "pycket's session has another thing": (
        "missing",
        door(
            """
            def open(self):
                self.theme = self.session.get("theme")
                clients.add(self)
            """,
            SAYS,
            """
            from pycket.session import SessionMixin
            """,
            bases="WebSocketHandler, SessionMixin",
        ),
    ),
    "torndsession's user has no name": (
        "late",
        door(
            """
            def get_current_user(self):
                return self.session.get("user")
            def open(self):
                self.name = self.current_user["name"]
                clients[self.name] = self
            """,
            SILENT,
            """
            from torndsession.sessionhandler import SessionBaseHandler
            """,
            bases="WebSocketHandler, SessionBaseHandler",
        ),
    ),
    "a manager of sessions gives one without a user": (
        "late",
        door(
            """
            def open(self):
                session = self.application.session_manager.get_session(self)
                if "user" not in session:
                    self.close()
                    return
                clients[session["user"]] = self
            """,
            SILENT,
        ),
    ),
    "a session of the application's settings": (
        "late",
        door(
            """
            def open(self):
                session = self.get_session()
                if not session or not session.get("logged_in"):
                    self.close()
                    return
                clients.add(self)
            """,
            SILENT,
            """
            class Sessions(RequestHandler):
                def get_session(self):
                    sid = self.get_secure_cookie("sid")
                    return self.settings["sessions"].get(sid)
            """,
            bases="Sessions, WebSocketHandler",
        ),
    ),
    "a model by the id of a cookie that is not there": (
        "late",
        door(
            """
            def open(self):
                user = User.by_id(self.get_secure_cookie("uid"))
                clients[user.id] = self
            """,
            SILENT,
            """
            from models import User
            """,
        ),
    ),
    "a helper gives no user, and its id is asked for": (
        "late",
        door(
            """
            def open(self):
                user = current(self)
                clients[user.id] = self
            """,
            SILENT,
            """
            from models import User
            def current(handler):
                uid = handler.get_secure_cookie("uid")
                if not uid:
                    return None
                return User.get(int(uid))
            """,
        ),
    ),
    "open() closes in one branch and joins in the other": (
        "late",
        door(
            """
            def open(self):
                username = self.get_secure_cookie("username")
                if username is None:
                    self.write_message(json.dumps({"error": "not logged in"}))
                    self.close()
                else:
                    self.username = username
                    clients[username] = self
            """,
            SILENT,
        ),
    ),
    "a signed cookie is decoded by hand": (
        "late",
        door(
            """
            def open(self):
                cookie = self.request.cookies.get("session")
                value = tornado.web.decode_signed_value(self.settings["secret"], "session", cookie.value)
                if not value:
                    self.close()
                    return
                clients.add(self)
            """,
            SILENT,
            """
            import tornado.web
            """,
        ),
    ),
    "a login by message puts the connection into a list": (
        "late",
        door(
            """
            logged = []
            def on_message(self, message):
                data = json.loads(message)
                if data["action"] == "login":
                    if data["password"] == PASSWORD:
                        Door.logged.append(self)
                        self.write_message("ok")
                    else:
                        self.write_message("wrong")
                    return
                if self not in Door.logged:
                    self.write_message("log in first")
                    return
                room.run(data["command"])
            """,
            "",
            """
            PASSWORD = "open sesame"
            """,
        ),
    ),
    "a list of those logged in that nobody looks at": (
        "late|missing",
        door(
            """
            logged = []
            def on_message(self, message):
                data = json.loads(message)
                if data["action"] == "login":
                    if data["password"] == PASSWORD:
                        Door.logged.append(self)
                    return
                room.run(data["command"])
            """,
            "",
            """
            PASSWORD = "open sesame"
            """,
        ),
    ),
    "the first message is the token": (
        "late",
        door(
            """
            authed = False
            def on_message(self, message):
                if not self.authed:
                    if message == self.application.settings["token"]:
                        self.authed = True
                    else:
                        self.close()
                    return
                room.say(message)
            """,
            "",
        ),
    ),
    "the first message is the name": (
        "missing",
        door(
            """
            name = None
            def on_message(self, message):
                if self.name is None:
                    self.name = message
                    return
                room.say(self.name, message)
            """,
            "",
        ),
    ),
    "a token in each message": (
        "late",
        door(
            """
            async def on_message(self, message):
                data = json.loads(message)
                try:
                    claims = jwt.decode(data.get("jwt", ""), SECRET, algorithms=["HS256"])
                except jwt.exceptions.InvalidTokenError:
                    await self.write_message({"error": "token"})
                    return
                room.say(claims["sub"], data["text"])
            """,
            "",
            """
            SECRET = os.environ["S"]
            """,
        ),
    ),
    "a user of the address": (
        "missing",
        door(
            """
            def open(self, *args, **kwargs):
                self.user_id = kwargs.get("user_id")
                if not self.user_id:
                    self.close()
                    return
                clients[self.user_id] = self
            """,
            SAYS,
        ),
    ),
    "a token in the path": (
        "late",
        door(
            """
            def open(self, token):
                self.user = db.find_user_by_token(token)
                if self.user is None:
                    self.close(1008)
                    return
                clients.add(self)
            """,
            SILENT,
        ),
    ),
    "the key of a room in the path": (
        "missing",
        door(
            """
            def open(self, room_key):
                self.room = rooms.setdefault(room_key, set())
                self.room.add(self)
            """,
            SAYS,
            """
            rooms = {}
            """,
        ),
    ),
    "a page by its number": (
        "missing|late",
        door(
            """
            def open(self, page_id):
                page = pages.get(page_id)
                if page is None:
                    self.close()
                    return
                page.sockets.add(self)
            """,
            SAYS,
            """
            pages = {}
            """,
        ),
    ),
    "redis has no such session": (
        "late",
        door(
            """
            def open(self):
                session_id = self.get_cookie("session_id")
                raw = redis.hget("sessions", session_id)
                if not raw:
                    self.close()
                    return
                clients[json.loads(raw)["user"]] = self
            """,
            SILENT,
        ),
    ),
    "another server says what the status is": (
        "late",
        door(
            """
            def open(self):
                reply = requests.get(AUTH + "/verify", params={"token": self.get_argument("token", "")})
                if reply.status_code != 200:
                    self.close()
                    return
                clients.add(self)
            """,
            SILENT,
            """
            import requests
            AUTH = "https://auth"
            """,
        ),
    ),
    "another server is shown the cookie": (
        "late",
        door(
            """
            def open(self):
                reply = requests.get("https://x/me", cookies={"sessionid": self.get_cookie("sessionid")})
                if reply.json().get("user") is None:
                    self.close()
                    return
                clients.add(self)
            """,
            SILENT,
            """
            import requests
            """,
        ),
    ),
    "another server refuses with an exception": (
        "late",
        door(
            """
            @gen.coroutine
            def open(self):
                http = httpclient.AsyncHTTPClient()
                try:
                    reply = yield http.fetch("https://x", headers={"Cookie": self.request.headers["Cookie"]})
                except httpclient.HTTPError as error:
                    self.close()
                    return
                clients[json.loads(reply.body)["id"]] = self
            """,
            SILENT,
            """
            from tornado import httpclient
            """,
        ),
    ),
    "basic authentication as one text": (
        "late",
        door(
            """
            def open(self):
                auth = self.request.headers.get("Authorization", "")
                if auth != "Basic " + base64.b64encode(b"admin:" + PASSWORD).decode():
                    self.close()
                    return
                clients.add(self)
            """,
            SILENT,
            """
            import base64
            PASSWORD = b"x1y2z3"
            """,
        ),
    ),
    "a directory is asked by message": (
        "late",
        door(
            """
            def on_message(self, message):
                data = json.loads(message)
                if not getattr(self, "dn", None):
                    connection = ldap.initialize("ldap://x")
                    try:
                        connection.simple_bind_s(data["dn"], data["password"])
                    except ldap.INVALID_CREDENTIALS:
                        self.close()
                        return
                    self.dn = data["dn"]
                    return
                room.run(data["command"])
            """,
            "",
            """
            import ldap
            """,
        ),
    ),
    "PAM is asked by message": (
        "late",
        door(
            """
            user = None
            def on_message(self, message):
                data = json.loads(message)
                if self.user is None:
                    if pam.pam().authenticate(data["user"], data["password"]):
                        self.user = data["user"]
                        self.write_message("welcome")
                    else:
                        self.write_message("no")
                        self.close()
                    return
                room.run(data["command"])
            """,
            "",
            """
            import pam
            """,
        ),
    ),
    "the shadow passwords are asked by message": (
        "late",
        door(
            """
            user = None
            def login(self, name, password):
                try:
                    stored = spwd.getspnam(name).sp_pwd
                except KeyError:
                    return False
                return crypt.crypt(password, stored) == stored
            def on_message(self, message):
                data = json.loads(message)
                if self.user is None:
                    if not self.login(data["user"], data["password"]):
                        return self.close()
                    self.user = data["user"]
                    return
                room.run(data["command"])
            """,
            "",
            """
            import crypt, spwd
            """,
        ),
    ),
    "a challenge and its answer": (
        "late",
        door(
            """
            def open(self):
                self.challenge = os.urandom(16).hex()
                self.ok = False
                self.write_message({"challenge": self.challenge})
            def on_message(self, message):
                data = json.loads(message)
                if not self.ok:
                    wanted = hmac.new(KEY, self.challenge.encode(), "sha256").hexdigest()
                    if hmac.compare_digest(wanted, data.get("response", "")):
                        self.ok = True
                    else:
                        self.close()
                    return
                room.run(data["command"])
            """,
            "",
            """
            KEY = open("/etc/key", "rb").read()
            """,
        ),
    ),
    "a ticket for the name that was said before": (
        "late",
        door(
            """
            def open(self):
                self.session = None
            def on_message(self, message):
                kind, *rest = json.loads(message)
                if kind == 1:
                    self.pending = rest[1]["authid"]
                    self.write_message(json.dumps([4, "ticket", {}]))
                elif kind == 5:
                    if db.ticket_of(self.pending) != rest[0]:
                        self.write_message(json.dumps([3, {}, "denied"]))
                        self.close()
                        return
                    self.session = Session(self.pending)
                elif self.session is None:
                    self.close()
                else:
                    self.session.handle(kind, rest)
            """,
            "",
            """
            from elsewhere import Session
            """,
        ),
    ),
}

CASES: dict[str, Case] = {name: (wanted, body, {}) for name, (wanted, body) in _BODIES.items()}
