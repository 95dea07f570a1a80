"""Handlers that refuse every client without a proof, in inconspicuous ways, beside twins that are open.

Routers, `_execute`, wrappers of `get()`, coroutines of the base, tickets, signed addresses, keys in tables;
and a check of another identity in the same place.
"""

from audit_tests.auditor.variants.shapes import door

__all__ = ["CASES"]

Case = tuple[str, str, dict[str, str]]


def _door(body: str, before: str = "", bases: str = "WebSocketHandler", *, after: str = "") -> str:
    """Return a handler that sends each message to all clients."""
    return door(body, before=before, bases=bases, after=after)


_BODIES: dict[str, tuple[str, str]] = {
    "_execute() answers 403": (
        "guarded",
        _door(
            """
            async def _execute(self, transforms, *args, **kwargs):
                if not self.get_secure_cookie("user"):
                    self._transforms = transforms
                    self.send_error(403)
                    return
                await super()._execute(transforms, *args, **kwargs)
            """
        ),
    ),
    "_execute() counts": (
        "missing",
        _door(
            """
            async def _execute(self, transforms, *args, **kwargs):
                room.count(self.get_secure_cookie("user"))
                await super()._execute(transforms, *args, **kwargs)
            """
        ),
    ),
    "_execute() is wrapped by a decorator of the class": (
        "guarded",
        _door(
            "pass",
            """
            def require_auth(handler_class):
                def wrap_execute(handler_execute):
                    def asked(handler, kwargs):
                        header = handler.request.headers.get("Authorization")
                        if header is None or not sessions.verify(header):
                            handler.set_status(401)
                            handler._transforms = []
                            handler.finish()
                            return False
                        return True
                    def _execute(self, transforms, *args, **kwargs):
                        if not asked(self, kwargs):
                            return False
                        return handler_execute(self, transforms, *args, **kwargs)
                    return _execute
                handler_class._execute = wrap_execute(handler_class._execute)
                return handler_class
            """,
        ).replace("class Door", "@require_auth\nclass Door"),
    ),
    "a wrapper of get() that hands on": (
        "guarded",
        _door(
            """
            @needs_user
            def get(self, *args, **kwargs):
                return super(Door, self).get(*args, **kwargs)
            """,
            """
            def needs_user(method):
                @functools.wraps(method)
                def wrapper(self, *args, **kwargs):
                    user = self.get_secure_cookie("user")
                    if not user:
                        self.set_status(401)
                        return self.finish({"error": "log in"})
                    return method(self, *args, **kwargs)
                return wrapper
            """,
        ),
    ),
    "a wrapper of get() that hands on in any case": (
        "missing",
        _door(
            """
            @notes_user
            def get(self, *args, **kwargs):
                return super(Door, self).get(*args, **kwargs)
            """,
            """
            def notes_user(method):
                @functools.wraps(method)
                def wrapper(self, *args, **kwargs):
                    self.user = self.get_secure_cookie("user")
                    return method(self, *args, **kwargs)
                return wrapper
            """,
        ),
    ),
    "a coroutine prepare() of the base": (
        "guarded",
        _door(
            "pass",
            """
            class Base(RequestHandler):
                @gen.coroutine
                def prepare(self):
                    token = self.request.headers.get("Authorization", "").split(" ")[-1]
                    self.user = yield db.user_of_token(token)
                    if self.user is None:
                        raise HTTPError(401)
            """,
            "Base, WebSocketHandler",
        ),
    ),
    "prepare() of a base behind Tornado's": (
        "missing",
        _door(
            "pass",
            """
            class Asks(object):
                def prepare(self):
                    if not self.get_secure_cookie("user"):
                        raise HTTPError(401)
            """,
            "WebSocketHandler, Asks",
        ),
    ),
    "prepare() that forgets its base": (
        "missing",
        _door(
            """
            def prepare(self):
                self.started = room.now()
            """,
            """
            class Base(WebSocketHandler):
                def prepare(self):
                    if not self.get_secure_cookie("user"):
                        raise HTTPError(401)
            """,
            "Base",
        ),
    ),
    "prepare() that asks its base": (
        "guarded",
        _door(
            """
            def prepare(self):
                self.started = room.now()
                super().prepare()
            """,
            """
            class Base(WebSocketHandler):
                def prepare(self):
                    if not self.get_secure_cookie("user"):
                        raise HTTPError(401)
            """,
            "Base",
        ),
    ),
    "a coroutine of the base that nobody waits for": (
        "missing",
        _door(
            """
            def prepare(self):
                super().prepare()
            """,
            """
            class Base(WebSocketHandler):
                async def prepare(self):
                    if not await db.user_of_token(self.get_argument("token")):
                        raise HTTPError(401)
            """,
            "Base",
        ),
    ),
    "a coroutine of the base that is given back": (
        "guarded",
        _door(
            """
            def prepare(self):
                return super().prepare()
            """,
            """
            class Base(WebSocketHandler):
                async def prepare(self):
                    if not await db.user_of_token(self.get_argument("token")):
                        raise HTTPError(401)
            """,
            "Base",
        ),
    ),
    "paths that need no login": (
        "guarded",
        _door(
            """
            def prepare(self):
                if self.request.path not in PUBLIC and not self.get_secure_cookie("user"):
                    raise HTTPError(401)
            """,
            'PUBLIC = ["/login", "/about"]',
            after="""
            application = Application([("/ws", Door)])
            """,
        ),
    ),
    "the path is one that needs no login": (
        "missing",
        _door(
            """
            def prepare(self):
                if self.request.path not in PUBLIC and not self.get_secure_cookie("user"):
                    raise HTTPError(401)
            """,
            'PUBLIC = ["/login", "/ws"]',
            after="""
            application = Application([("/ws", Door)])
            """,
        ),
    ),
    "an error of a base is turned into an answer": (
        "guarded",
        _door(
            """
            def prepare(self):
                try:
                    self.user = users.require(self)
                except LookupError:
                    self.send_error(401)
            """,
            """
            class Users(object):
                def require(self, handler):
                    name = handler.get_secure_cookie("user")
                    if name is None:
                        raise LookupError("nobody")
                    return name
            users = Users()
            """,
        ),
    ),
    "an error of a base is turned into a guest": (
        "missing",
        _door(
            """
            def prepare(self):
                try:
                    self.user = users.require(self)
                except LookupError:
                    self.user = "guest"
            """,
            """
            class Users(object):
                def require(self, handler):
                    name = handler.get_secure_cookie("user")
                    if name is None:
                        raise LookupError("nobody")
                    return name
            users = Users()
            """,
        ),
    ),
    "a signed address": (
        "guarded",
        _door(
            """
            def prepare(self):
                name, expires, sign = (self.get_argument(one) for one in ("name", "expires", "sign"))
                wanted = hmac.new(KEY, (name + expires).encode(), "sha256").hexdigest()
                if not hmac.compare_digest(wanted, sign):
                    raise HTTPError(403)
                if int(expires) < time.time():
                    raise HTTPError(410)
            """,
            """
            import time
            KEY = os.environ["ROOM_KEY"].encode()
            """,
        ),
    ),
    "an address that only says when it ends": (
        "missing",
        _door(
            """
            def prepare(self):
                if int(self.get_argument("expires")) < time.time():
                    raise HTTPError(410)
            """,
            "import time",
        ),
    ),
    "a ticket that is used up": (
        "guarded",
        _door(
            """
            def prepare(self):
                ticket = tickets.pop(self.get_argument("ticket", ""), None)
                if ticket is None or ticket.expires < time.time():
                    raise HTTPError(403)
                self.user = ticket.user
            """,
            """
            import time
            tickets = {}
            """,
        ),
    ),
    "the owner of a room by its number": (
        "missing",
        _door(
            """
            def prepare(self):
                room = rooms.get(self.get_argument("room"))
                if room is None:
                    raise HTTPError(404)
                self.room = room
            """,
            "rooms = {}",
        ),
    ),
    "the user agent is a browser's": (
        "missing",
        _door(
            """
            def prepare(self):
                if "Mozilla" not in self.request.headers.get("User-Agent", ""):
                    raise HTTPError(403)
            """
        ),
    ),
    "the forgery token is the cookie's": (
        "missing",
        _door(
            """
            def prepare(self):
                self.check_xsrf_cookie()
            """
        ),
    ),
    "a user with a role": (
        "guarded",
        _door(
            """
            def prepare(self):
                user = self.current_user
                if not user or "chat" not in user.get("roles", []):
                    raise HTTPError(403)
            def get_current_user(self):
                raw = self.get_secure_cookie("user")
                return json.loads(raw) if raw else None
            """
        ),
    ),
    "too many connections": (
        "missing",
        _door(
            """
            def prepare(self):
                if len(clients) > MAX_CLIENTS:
                    raise HTTPError(503)
            """,
            "MAX_CLIENTS = 100",
        ),
    ),
    "banned names": (
        "missing",
        _door(
            """
            def prepare(self):
                if self.get_argument("name", "") in BANNED:
                    raise HTTPError(403)
            """,
            'BANNED = ["troll"]',
        ),
    ),
    "a key of each client's in a table": (
        "guarded",
        _door(
            """
            def prepare(self):
                wanted = KEYS.get(self.get_argument("client", ""))
                if wanted is None or self.get_argument("key", "") != wanted:
                    raise HTTPError(403)
            """,
            'KEYS = {"one": "k1-secret", "two": "k2-secret"}',
        ),
    ),
    "clients in a table, whose keys nobody asks for": (
        "missing",
        _door(
            """
            def prepare(self):
                if KEYS.get(self.get_argument("client", "")) is None:
                    raise HTTPError(403)
            """,
            'KEYS = {"one": "k1-secret", "two": "k2-secret"}',
        ),
    ),
    "a nonce that the server has handed out": (
        "missing|guarded",
        _door(
            """
            def prepare(self):
                if self.get_cookie("nonce") != self.get_argument("nonce", None):
                    raise HTTPError(403)
            """
        ),
    ),
}

CASES: dict[str, Case] = {name: (wanted, body, {}) for name, (wanted, body) in _BODIES.items()}
