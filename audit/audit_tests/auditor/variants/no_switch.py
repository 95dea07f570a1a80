"""Settings beside a check that do not turn it on or off, and so admit no client.

And a few that do, for guests.
"""

__all__ = ["CASES"]

Case = tuple[str, str, dict[str, str]]

_PROGRAMS: dict[str, tuple[str, str]] = {
    "how old a token may be": (
        "guarded",
        """
TOKEN_TTL = None
class Door(WebSocketHandler):
    def prepare(self):
        claims = db.token(self.get_argument("token", ""))
        if claims is None:
            raise HTTPError(401)
        if TOKEN_TTL and claims.age > TOKEN_TTL:
            raise HTTPError(401)
    def on_message(self, message):
        room.say(message)
""",
    ),
    "a second factor beside a login": (
        "guarded",
        """
define("require_2fa", default=False)
class Door(WebSocketHandler):
    def prepare(self):
        user = self.get_secure_cookie("user")
        if not user:
            raise HTTPError(401)
        if options.require_2fa and not sessions.has_second_factor(user):
            raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
""",
    ),
    "a second factor beside a login, after the 101": (
        "late",
        """
define("require_2fa", default=False)
class Door(WebSocketHandler):
    def open(self):
        user = self.get_secure_cookie("user")
        if not user:
            self.close()
            return
        if options.require_2fa and not sessions.has_second_factor(user):
            self.close()
            return
        clients.add(self)
    def on_message(self, message):
        pass
""",
    ),
    "one of two backends": (
        "guarded",
        """
from elsewhere import ldap_check
define("auth_backend", default="db")
class Door(WebSocketHandler):
    def prepare(self):
        name, password = self.get_argument("name", ""), self.get_argument("password", "")
        if options.auth_backend == "ldap":
            ok = ldap_check(name, password)
        else:
            ok = db.check_password(name, password)
        if not ok:
            raise HTTPError(401)
    def on_message(self, message):
        room.say(message)
""",
    ),
    "a token of a proxy's, or a cookie": (
        "guarded",
        """
define("jwt_auth", default=False)
define("key", default="")
class Door(WebSocketHandler):
    def get_current_user(self):
        if options.jwt_auth:
            try:
                secret = self.request.headers.get("X-JWT", "")
                return jwt.decode(secret, options.key, algorithms=["HS256"])["sub"]
            except jwt.InvalidTokenError:
                return None
        return self.get_secure_cookie("user")
    def prepare(self):
        if not self.current_user:
            raise HTTPError(401)
    def on_message(self, message):
        room.say(message)
""",
    ),
    "a list of users beside a login": (
        "guarded",
        """
define("allowed_users", default=[], multiple=True)
class Door(WebSocketHandler):
    def prepare(self):
        if not self.get_secure_cookie("user"):
            raise HTTPError(401)
        if options.allowed_users and self.get_secure_cookie("user").decode() not in options.allowed_users:
            raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
""",
    ),
    "administrators only, beside a login": (
        "guarded",
        """
class Door(WebSocketHandler):
    def prepare(self):
        user = self.current_user
        if user is None:
            raise HTTPError(401)
        if self.settings.get("admins_only", False) and not user["admin"]:
            raise HTTPError(403)
    def get_current_user(self):
        raw = self.get_secure_cookie("user")
        return json.loads(raw) if raw else None
    def on_message(self, message):
        room.say(message)
""",
    ),
    "a cache of users": (
        "guarded",
        """
USE_CACHE = True
class Door(WebSocketHandler):
    cache = {}
    def prepare(self):
        token = self.get_argument("token", "")
        if USE_CACHE and token in self.cache:
            self.user = self.cache[token]
            return
        self.user = db.user_of_token(token)
        if self.user is None:
            raise HTTPError(401)
    def on_message(self, message):
        room.say(message)
""",
    ),
    "a switch about transport": (
        "late",
        """
define("secure", default=False)
class Door(WebSocketHandler):
    def open(self):
        if options.secure and self.request.protocol != "https":
            self.close(1008, "use tls")
            return
        if not sessions.verify(self.get_argument("token", "")):
            self.close(1008, "token")
            return
        clients.add(self)
    def on_message(self, message):
        pass
""",
    ),
    "a parameter for the user": (
        "guarded",
        """
class Door(WebSocketHandler):
    def require(self, user=None, admin=False):
        user = user or self.get_secure_cookie("user")
        if not user:
            raise HTTPError(401)
        if admin and user != b"root":
            raise HTTPError(403)
    def prepare(self):
        self.require()
    def on_message(self, message):
        room.say(message)
""",
    ),
    "debugging that only logs": (
        "guarded",
        """
import logging
define("debug", default=True)
class Door(WebSocketHandler):
    def prepare(self):
        user = self.get_secure_cookie("user")
        if options.debug:
            logging.info("user %s", user)
        if not user:
            raise HTTPError(401)
    def on_message(self, message):
        room.say(message)
""",
    ),
    "registration that may be open": (
        "late",
        """
define("registration_open", default=False)
class Door(WebSocketHandler):
    user = None
    def on_message(self, message):
        data = json.loads(message)
        if data["op"] == "register" and options.registration_open:
            self.user = db.create_user(data["name"], data["password"])
            return
        if data["op"] == "login":
            self.user = db.check_password(data["name"], data["password"])
            return
        if not self.user:
            return
        room.say(data["text"])
""",
    ),
    "guests that are off": (
        "late|missing|optional",
        """
define("guests", default=False)
class Door(WebSocketHandler):
    def open(self):
        user = self.get_secure_cookie("user")
        if user is None:
            if not options.guests:
                self.close()
                return
            user = "guest"
        clients[user] = self
    def on_message(self, message):
        pass
""",
    ),
    "guests that are on": (
        "optional|missing",
        """
define("guests", default=True)
class Door(WebSocketHandler):
    def open(self):
        user = self.get_secure_cookie("user")
        if user is None:
            if not options.guests:
                self.close()
                return
            user = "guest"
        clients[user] = self
    def on_message(self, message):
        room.say(message)
""",
    ),
    "the address of the login": (
        "guarded",
        """
class Door(WebSocketHandler):
    @authenticated
    def get(self, *args, **kwargs):
        return super().get(*args, **kwargs)
    def get_current_user(self):
        return self.get_secure_cookie("user")
    def on_message(self, message):
        room.say(message)

application = Application([("/ws", Door)], login_url=os.environ.get("LOGIN_URL"))
""",
    ),
    "the secret of cookies, given or drawn": (
        "guarded",
        """
class Door(WebSocketHandler):
    def prepare(self):
        if not self.get_secure_cookie("user"):
            raise HTTPError(401)
    def on_message(self, message):
        room.say(message)

import secrets
application = Application([("/ws", Door)], cookie_secret=os.environ.get("SECRET") or secrets.token_hex(32))
""",
    ),
    "a key that is not set refuses everybody before the 101": (
        "guarded",
        """
class Door(WebSocketHandler):
    def prepare(self):
        key = os.environ.get("API_KEY")
        if not key or self.request.headers.get("X-API-Key") != key:
            raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
""",
    ),
    "a key that has a constant in its place": (
        "guarded",
        """
class Door(WebSocketHandler):
    def prepare(self):
        key = os.environ.get("API_KEY", "change-me-please")
        if not hmac.compare_digest(self.request.headers.get("X-API-Key", ""), key):
            raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
""",
    ),
    "a key that is not set closes": (
        "late",
        """
class Door(WebSocketHandler):
    def open(self):
        key = os.environ.get("API_KEY")
        if not key:
            self.close(1011, "not configured")
            return
        if self.get_argument("key", "") != key:
            self.close(1008, "wrong key")
            return
        clients.add(self)
    def on_message(self, message):
        pass
""",
    ),
    "an audience that may be asked for": (
        "guarded",
        """
AUDIENCE = os.environ.get("AUD")
KEY = open("/etc/key").read()
class Door(WebSocketHandler):
    def prepare(self):
        words = {"audience": AUDIENCE} if AUDIENCE else {}
        try:
            self.claims = jwt.decode(self.get_argument("t", ""), KEY, algorithms=["RS256"], **words)
        except jwt.InvalidTokenError:
            raise HTTPError(401)
    def on_message(self, message):
        room.say(message)
""",
    ),
    "a list of keys of which there is none": (
        "guarded",
        """
class Door(WebSocketHandler):
    def prepare(self):
        keys = [one for one in os.environ.get("KEYS", "").split(",") if one]
        if self.get_argument("key", "") not in keys:
            raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
""",
    ),
    "a hook beside a login": (
        "late",
        """
class Door(WebSocketHandler):
    def open(self):
        if not self.get_secure_cookie("user"):
            self.close()
            return
        hook = self.settings.get("on_login")
        if hook is not None and not hook(self):
            self.close()
            return
        clients.add(self)
    def on_message(self, message):
        pass
""",
    ),
}

CASES: dict[str, Case] = {name: (wanted, text, {}) for name, (wanted, text) in _PROGRAMS.items()}
