"""What small projects do every day, one question each: object mappers, sums, caches, exceptions of all kinds.

Beside what keeps this client out stands what only looks like it.
"""

from audit_tests.auditor.variants.shapes import SILENT, door

__all__ = ["CASES"]

Case = tuple[str, str, dict[str, str]]

_BODIES: dict[str, tuple[str, str]] = {
    "peewee raises for a token that is not there": (
        "late",
        door(
            """
            def open(self):
                try:
                    self.user = User.get(User.token == self.get_argument("token"))
                except User.DoesNotExist:
                    self.close()
                    return
                clients.add(self)
            """,
            SILENT,
            "from models import User",
        ),
    ),
    "peewee gives None for a token that is not there": (
        "late",
        door(
            """
            def open(self):
                self.user = User.get_or_none(User.token == self.get_argument("token"))
                if not self.user:
                    return self.close()
                clients.add(self)
            """,
            SILENT,
            "from models import User",
        ),
    ),
    "mongoengine finds the first of none": (
        "late",
        door(
            """
            def open(self):
                self.user = User.objects(token=self.get_argument("token")).first()
                if self.user is None:
                    self.close(4001)
                    return
                clients.add(self)
            """,
            SILENT,
            "from models import User",
        ),
    ),
    "mongoengine finds a user by the name that it says": (
        "missing",
        door(
            """
            def open(self):
                self.user = User.objects(name=self.get_argument("name")).first()
                if self.user is None:
                    self.close(4001)
                    return
                clients.add(self)
            """,
            before="from models import User",
        ),
    ),
    "SQLAlchemy filters by the name of a cookie": (
        "late",
        door(
            """
            def get_current_user(self):
                name = self.get_secure_cookie("user")
                return self.db.query(User).filter_by(name=name).first() if name else None
            def open(self):
                clients[self.current_user.name] = self
            """,
            SILENT,
            "from models import User",
        ),
    ),
    "redis knows no such token": (
        "late",
        door(
            """
            def open(self):
                uid = cache.get("token:%s" % self.get_argument("token", ""))
                if uid is None:
                    self.write_message({"code": 401})
                    self.close()
                    return
                clients[uid] = self
            """,
            SILENT,
            "import redis\ncache = redis.StrictRedis()",
        ),
    ),
    "a sum of the name and a secret": (
        "late",
        door(
            """
            def open(self):
                name, sign = self.get_argument("name"), self.get_argument("sign")
                if hashlib.md5((name + SECRET).encode()).hexdigest() != sign:
                    self.close()
                    return
                clients[name] = self
            """,
            SILENT,
            "import hashlib\nSECRET = 'b2c4'",
        ),
    ),
    "a sum of the name alone": (
        "missing",
        door(
            """
            def open(self):
                name, sign = self.get_argument("name"), self.get_argument("sign")
                if hashlib.md5(name.encode()).hexdigest() != sign:
                    self.close()
                    return
                clients[name] = self
            """,
            before="import hashlib",
        ),
    ),
    "a token is decoded by a helper that gives nothing": (
        "late",
        door(
            """
            def open(self):
                claims = read_token(self.get_argument("token", ""))
                if not claims:
                    return self.close()
                clients[claims["sub"]] = self
            """,
            SILENT,
            "def read_token(token):\n    try:\n        return jwt.decode(token, 'k', algorithms=['HS256'])\n"
            "    except Exception:\n        return {}",
        ),
    ),
    "a token is decoded by a helper that gives a guest": (
        "missing",
        door(
            """
            def open(self):
                claims = read_token(self.get_argument("token", ""))
                if not claims:
                    return self.close()
                clients[claims["sub"]] = self
            """,
            before="def read_token(token):\n    try:\n"
            "        return jwt.decode(token, 'k', algorithms=['HS256'])\n"
            "    except Exception:\n        return {'sub': 'guest'}",
        ),
    ),
    "a token is decoded and not verified": (
        "missing",
        door(
            """
            def open(self):
                claims = jwt.decode(self.get_argument("token"), options={"verify_signature": False})
                clients[claims["sub"]] = self
            """,
        ),
    ),
    "the address is on a list": (
        "missing",
        door(
            """
            def prepare(self):
                if self.request.remote_ip not in WHITELIST:
                    raise HTTPError(403)
            """,
            before="WHITELIST = ['127.0.0.1', '10.0.0.1']",
        ),
    ),
    "authenticated is over open()": (
        "late",
        door(
            """
            def get_current_user(self):
                return self.get_secure_cookie("user")
            @authenticated
            def open(self):
                clients.add(self)
            """,
            SILENT,
        ),
    ),
    "authenticated is over on_message()": (
        "late",
        door(
            """
            def get_current_user(self):
                return self.get_secure_cookie("user")
            @authenticated
            def on_message(self, message):
                room.say(message)
            """,
            "",
        ),
    ),
    "prepare() redirects": (
        "guarded",
        door(
            """
            def prepare(self):
                if not self.get_secure_cookie("user"):
                    self.redirect("/login")
            """,
        ),
    ),
    "prepare() only writes": (
        "missing",
        door(
            """
            def prepare(self):
                if not self.get_secure_cookie("user"):
                    self.write("log in first")
                    return
            """,
        ),
    ),
    "prepare() only sets a status": (
        "missing",
        door(
            """
            def prepare(self):
                if not self.get_secure_cookie("user"):
                    self.set_status(401)
            """,
        ),
    ),
    "get() sets a status and goes back": (
        "guarded",
        door(
            """
            def get(self, *args, **kwargs):
                if not self.get_secure_cookie("user"):
                    self.set_status(403)
                    return
                return super().get(*args, **kwargs)
            """,
        ),
    ),
    "get() sets a status and goes on": (
        "missing",
        door(
            """
            def get(self, *args, **kwargs):
                if not self.get_secure_cookie("user"):
                    self.set_status(403)
                return super().get(*args, **kwargs)
            """,
        ),
    ),
    "prepare() raises Finish": (
        "guarded",
        door(
            """
            def prepare(self):
                if not self.get_secure_cookie("user"):
                    self.set_status(401)
                    raise web.Finish()
            """,
        ),
    ),
    "check_origin() asks who it is, and whoever sends no Origin is not asked": (
        "missing",
        door(
            """
            def check_origin(self, origin):
                return self.get_secure_cookie("user") is not None
            """,
        ),
    ),
    "check_origin() asks who it is, beside the origin that not everybody sends": (
        "missing",
        door(
            """
            def check_origin(self, origin):
                if not self.current_user:
                    return False
                return super().check_origin(origin)
            """,
        ),
    ),
    "check_origin() notes who it is": (
        "missing",
        door(
            """
            def check_origin(self, origin):
                self.user = self.get_secure_cookie("user")
                return True
            """,
        ),
    ),
    "select_subprotocol() raises without a token": (
        "guarded",
        door(
            """
            def select_subprotocol(self, offered):
                for one in offered:
                    if sessions.verify(one):
                        return one
                raise HTTPError(401)
            """,
        ),
    ),
    "the stream is closed in open()": (
        "late",
        door(
            """
            def open(self):
                if not self.get_secure_cookie("user"):
                    self.ws_connection.close()
                    return
                clients.add(self)
            """,
            SILENT,
        ),
    ),
    "open() goes back without closing, and messages are said": (
        "missing",
        door(
            """
            def open(self):
                if not self.get_secure_cookie("user"):
                    return
                clients.add(self)
            """,
        ),
    ),
    "open() goes back without closing, and nobody is told": (
        "late",
        door(
            """
            def open(self):
                if not self.get_secure_cookie("user"):
                    return
                clients.add(self)
            """,
            SILENT,
        ),
    ),
    "the user of the application's table": (
        "late",
        door(
            """
            def open(self):
                user = self.application.users.get(self.get_cookie("session_id"))
                if user is None:
                    self.close()
                    return
                self.user = user
                clients.add(self)
            """,
            SILENT,
            "class Server(Application):\n    def __init__(self):\n        self.users = {}\n"
            "        Application.__init__(self, [('/ws', Door)])",
        ),
    ),
    "a token of the application": (
        "late",
        door(
            """
            def open(self):
                if self.get_argument("token", None) != self.application.token:
                    self.close()
                    return
                clients.add(self)
            """,
            SILENT,
            "import settings\nclass Server(Application):\n    def __init__(self):\n"
            "        self.token = settings.TOKEN\n        Application.__init__(self, [('/ws', Door)])",
        ),
    ),
    "a header that a proxy sets": (
        "late|missing",
        door(
            """
            def open(self):
                self.user = self.request.headers.get("X-Forwarded-User")
                if not self.user:
                    self.close()
                    return
                clients.add(self)
            """,
        ),
    ),
    "a name of the address is looked up among those online": (
        "missing",
        door(
            """
            def open(self, name):
                if name in online:
                    self.close()
                    return
                online[name] = self
            """,
            before="online = {}",
        ),
    ),
    "basic authentication, taken apart": (
        "guarded",
        door(
            """
            def prepare(self):
                header = self.request.headers.get("Authorization")
                if header is None or not header.startswith("Basic "):
                    self.set_status(401)
                    self.set_header("WWW-Authenticate", "Basic realm=room")
                    self.finish()
                    return
                name, _, password = base64.b64decode(header[6:]).decode().partition(":")
                if (name, password) != ("admin", PASSWORD):
                    self.set_status(401)
                    self.finish()
            """,
            before="import base64\nPASSWORD = 'secret1'",
        ),
    ),
    "basic authentication that is only wanted": (
        "missing",
        door(
            """
            def prepare(self):
                header = self.request.headers.get("Authorization")
                if header is None or not header.startswith("Basic "):
                    self.set_status(401)
                    self.finish()
                    return
                self.name = base64.b64decode(header[6:]).decode().partition(":")[0]
            """,
            before="import base64",
        ),
    ),
    "an exception of the cookie's form": (
        "late",
        door(
            """
            def open(self):
                try:
                    self.uid = int(self.get_secure_cookie("uid"))
                except (TypeError, ValueError):
                    self.close()
                    return
                clients[self.uid] = self
            """,
            SILENT,
        ),
    ),
    "a cookie that is not signed": (
        "missing",
        door(
            """
            def open(self):
                self.uid = self.get_cookie("uid")
                if not self.uid:
                    self.close()
                    return
                clients[self.uid] = self
            """,
        ),
    ),
    "the database of accounts is asked for name and password": (
        "guarded",
        door(
            """
            def prepare(self):
                cursor = connection.cursor()
                cursor.execute("select id from users where name = %s and password = %s",
                               (self.get_argument("name"), self.get_argument("password")))
                row = cursor.fetchone()
                if row is None:
                    raise HTTPError(403)
                self.user_id = row[0]
            """,
            before="import MySQLdb\nconnection = MySQLdb.connect()",
        ),
    ),
    "the database of accounts is asked for the name": (
        "missing",
        door(
            """
            def prepare(self):
                cursor = connection.cursor()
                cursor.execute("select id from users where name = %s", (self.get_argument("name"),))
                row = cursor.fetchone()
                if row is None:
                    raise HTTPError(403)
                self.user_id = row[0]
            """,
            before="import MySQLdb\nconnection = MySQLdb.connect()",
        ),
    ),
    "on_message() is put into the connection by open()": (
        "late",
        door(
            """
            def open(self):
                if sessions.verify(self.get_argument("token", "")):
                    self.on_message = self.say
                else:
                    self.on_message = self.refuse
            def say(self, message):
                room.say(message)
            def refuse(self, message):
                self.close()
            """,
            "",
        ),
    ),
    "a login page of Google's, and the socket asks nobody": (
        "missing",
        door(
            """
            def open(self):
                clients.add(self)
            """,
            before="from tornado.auth import GoogleOAuth2Mixin\n"
            "class Login(RequestHandler, GoogleOAuth2Mixin):\n    async def get(self):\n"
            "        user = await self.get_authenticated_user('/x', self.get_argument('code'))\n"
            "        self.set_secure_cookie('user', json.dumps(user))",
        ),
    ),
    "a class method keeps those who are known": (
        "late",
        door(
            """
            known = {}
            @classmethod
            def join(cls, socket, user):
                if user is None:
                    socket.close()
                    return False
                cls.known[user] = socket
                return True
            def open(self):
                if not self.join(self, self.get_secure_cookie("user")):
                    return
                room.greet(self)
            """,
            SILENT,
        ),
    ),
    "a chain of checks, each of which may refuse": (
        "guarded",
        door(
            """
            checks = ()
            def prepare(self):
                for check in CHECKS:
                    check(self)
            """,
            before="def has_agent(handler):\n    if not handler.request.headers.get('User-Agent'):\n"
            "        raise HTTPError(400)\ndef has_user(handler):\n"
            "    if not handler.get_secure_cookie('user'):\n        raise HTTPError(401)\n"
            "CHECKS = (has_agent, has_user)",
        ),
    ),
    "a chain of checks that are about other things": (
        "missing",
        door(
            """
            checks = ()
            def prepare(self):
                for check in CHECKS:
                    check(self)
            """,
            before="def has_agent(handler):\n    if not handler.request.headers.get('User-Agent'):\n"
            "        raise HTTPError(400)\ndef has_host(handler):\n    if not handler.request.host:\n"
            "        raise HTTPError(400)\nCHECKS = (has_agent, has_host)",
        ),
    ),
    "a context manager turns away": (
        "late",
        door(
            """
            def open(self):
                with opened(self):
                    clients.add(self)
            """,
            SILENT,
            "from contextlib import contextmanager\n@contextmanager\ndef opened(socket):\n"
            "    if not socket.get_secure_cookie('user'):\n        socket.close()\n"
            "        raise ValueError('no user')\n    yield socket",
        ),
    ),
}

CASES: dict[str, Case] = {name: (wanted, body, {}) for name, (wanted, body) in _BODIES.items()}
