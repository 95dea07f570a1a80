"""Code with the words of a check that stops no client, and a few checks that do.

Calls that only report, lists of public data, defaults for unknown clients, ignored answers.
"""

__all__ = ["CASES"]

Case = tuple[str, str, dict[str, str]]

_PROGRAMS: dict[str, tuple[str, str]] = {
    "another server is only told of it": (
        "missing",
        """
import urllib.request
class Door(WebSocketHandler):
    def prepare(self):
        urllib.request.urlopen("https://stats/hit?session=" + self.get_cookie("session", "")).read()
    def on_message(self, message):
        room.say(message)
""",
    ),
    "another server is only told of it, and may fail": (
        "missing",
        """
import requests
class Door(WebSocketHandler):
    def prepare(self):
        try:
            requests.get("https://stats/hit", params={"token": self.get_argument("token", "")})
        except requests.RequestException:
            pass
    def on_message(self, message):
        room.say(message)
""",
    ),
    "another server is asked, and nobody looks at the answer": (
        "missing",
        """
from elsewhere import http
class Door(WebSocketHandler):
    def prepare(self):
        self.reply = http.get("https://x", {"Authorization": self.request.headers.get("Authorization", "")})
    def on_message(self, message):
        room.say(message)
""",
    ),
    "the hash of a page is no secret": (
        "missing",
        """
PAGES = {}
class Door(WebSocketHandler):
    def on_message(self, message):
        page = PAGES.get(json.loads(message)["page_script_hash"], None)
        room.say(page["name"] if page is not None else "main")
""",
    ),
    "kinds of tokens": (
        "missing",
        """
TOKEN_KINDS = ["jwt", "opaque"]
class Door(WebSocketHandler):
    def prepare(self):
        kind = self.get_argument("kind", "")
        if kind in TOKEN_KINDS:
            self.kind = kind
    def on_message(self, message):
        room.say(message)
""",
    ),
    "a list of keys that are no secrets": (
        "missing",
        """
KEYS = ["en", "de"]
class Door(WebSocketHandler):
    def prepare(self):
        if self.get_argument("lang", "") not in KEYS:
            raise HTTPError(400)
    def on_message(self, message):
        room.say(message)
""",
    ),
    "the fields of a user": (
        "missing",
        """
USER_FIELDS = ["id", "name"]
class Door(WebSocketHandler):
    def prepare(self):
        field = self.get_argument("field", "")
        if field not in USER_FIELDS:
            raise HTTPError(400)
    def on_message(self, message):
        room.say(message)
""",
    ),
    "the theme of a user, or a default": (
        "missing",
        """
from elsewhere import themes
class Door(WebSocketHandler):
    def prepare(self):
        self.theme = themes.get_for_user(self.get_secure_cookie("user"), default="dark").name
    def on_message(self, message):
        room.say(message)
""",
    ),
    "a user is made for whoever has none": (
        "missing",
        """
from models import User
class Door(WebSocketHandler):
    def prepare(self):
        user = User.get_or_create(name=self.get_secure_cookie("user"))
        self.name = user.name
    def on_message(self, message):
        room.say(message)
""",
    ),
    "the language of whoever it is": (
        "missing",
        """
from elsewhere import locales
class Door(WebSocketHandler):
    def prepare(self):
        self.lang = locales.for_user(self.current_user).code
    def on_message(self, message):
        room.say(message)
""",
    ),
    "a thing of the page in the session": (
        "missing",
        """
from pycket.session import SessionMixin
class Door(WebSocketHandler, SessionMixin):
    def prepare(self):
        self.csrf = self.session["nonce_of_page"]
    def on_message(self, message):
        room.say(message)
""",
    ),
    "the first of some rows": (
        "missing",
        """
class Door(WebSocketHandler):
    def prepare(self):
        rows = db.query("select text from news order by id desc")
        self.news = rows[0]
    def on_message(self, message):
        room.say(message)
""",
    ),
    "the drafts of a user, or none": (
        "missing",
        """
class Door(WebSocketHandler):
    def open(self):
        rows = db.query("select * from drafts where user = %s", self.get_secure_cookie("user"))
        self.draft = rows[0] if rows else None
        clients.add(self)
    def on_message(self, message):
        room.say(message)
""",
    ),
    "an exception of the project is caught by its base": (
        "missing",
        """
import logging
log = logging.getLogger("x")
class AppError(Exception): pass
class NoUser(AppError): pass

class Door(WebSocketHandler):
    def prepare(self):
        try:
            self.check()
        except AppError as error:
            log.warning(error)
    def check(self):
        if not self.get_secure_cookie("user"):
            raise NoUser()
    def on_message(self, message):
        room.say(message)
""",
    ),
    "an exception of the project is a refusal of Tornado's": (
        "guarded",
        """
class NoUser(HTTPError): pass

class Door(WebSocketHandler):
    def prepare(self):
        try:
            self.check()
        except ValueError:
            pass
    def check(self):
        if not self.get_secure_cookie("user"):
            raise NoUser(401)
    def on_message(self, message):
        room.say(message)
""",
    ),
    "nobody is asked until it is in production": (
        "optional|missing",
        """
class Door(WebSocketHandler):
    def prepare(self):
        if not os.environ.get("ROOM_PRODUCTION"):
            return
        if not self.get_secure_cookie("user"):
            raise HTTPError(401)
    def on_message(self, message):
        room.say(message)
""",
    ),
    "a token, or debugging as shipped": (
        "optional",
        """
define("debug", default=True)
TOKEN = os.environ["T"]
class Door(WebSocketHandler):
    def prepare(self):
        if options.debug or self.get_argument("token", "") == TOKEN:
            return
        raise HTTPError(401)
    def on_message(self, message):
        room.say(message)
""",
    ),
    "a token, or debugging that is off": (
        "guarded",
        """
define("debug", default=False)
TOKEN = os.environ["T"]
class Door(WebSocketHandler):
    def prepare(self):
        if options.debug or self.get_argument("token", "") == TOKEN:
            return
        raise HTTPError(401)
    def on_message(self, message):
        room.say(message)
""",
    ),
    "an empty token is what is left out": (
        "optional|missing",
        """
class Door(WebSocketHandler):
    def prepare(self):
        if self.get_argument("token", "") != os.environ.get("TOKEN", ""):
            raise HTTPError(401)
    def on_message(self, message):
        room.say(message)
""",
    ),
    "no token is what is left out": (
        "optional|missing",
        """
class Door(WebSocketHandler):
    def prepare(self):
        if self.get_argument("token", None) != os.environ.get("TOKEN"):
            raise HTTPError(401)
    def on_message(self, message):
        room.say(message)
""",
    ),
    "the stream is closed when the others know already": (
        "late|missing",
        """
class Door(WebSocketHandler):
    def open(self):
        clients.add(self)
        if not self.get_secure_cookie("user"):
            self.ws_connection.close()
    def on_message(self, message):
        room.say(message)
""",
    ),
    "a callback is told nothing": (
        "missing",
        """
class Door(WebSocketHandler):
    @gen.engine
    def open(self):
        yield gen.Task(self.audit, self.get_secure_cookie("user"))
        clients.add(self)
    def audit(self, user, callback):
        room.audit(user)
        callback(None)
    def on_message(self, message):
        room.say(message)
""",
    ),
    "an answer that nobody looks at": (
        "missing",
        """
class Door(WebSocketHandler):
    @gen.engine
    def open(self):
        user = yield gen.Task(self.who, self.get_secure_cookie("user"))
        clients.add(self)
    def who(self, cookie, callback):
        callback(db.find_user(cookie) if cookie else None)
    def on_message(self, message):
        room.say(message)
""",
    ),
    "a secret that every page has": (
        "missing|guarded",
        """
import uuid
KEY = uuid.uuid4().hex
class Door(WebSocketHandler):
    def prepare(self):
        if self.get_argument("key", "") != KEY:
            raise HTTPError(403)
    def on_message(self, message):
        room.say(message)

class Page(RequestHandler):
    def get(self):
        self.render("page.html", key=KEY)
application = Application([("/", Page), ("/ws", Door)])
""",
    ),
    "any of two settings": (
        "optional",
        """
define("users", default="")
define("token", default="")
class Door(WebSocketHandler):
    def prepare(self):
        if any([options.users, options.token]):
            if not self.get_secure_cookie("user"):
                raise HTTPError(401)
    def on_message(self, message):
        room.say(message)
""",
    ),
    "what has the request first only notes": (
        "missing",
        """
class Door(WebSocketHandler):
    pass
    def on_message(self, message):
        room.say(message)

from tornado.httpserver import HTTPServer
def logged(application):
    def first(request):
        room.log(request.path)
        return application(request)
    return first
def main():
    HTTPServer(logged(Application([("/ws", Door)]))).listen(1)
""",
    ),
    "what has the request first guards another path": (
        "missing",
        """
class Door(WebSocketHandler):
    pass
    def on_message(self, message):
        room.say(message)

from tornado.httpserver import HTTPServer
def admin_only(application):
    def first(request):
        if request.path.startswith("/admin") and request.headers.get("X-Token") != os.environ["T"]:
            return refuse(request)
        return application(request)
    return first
def main():
    HTTPServer(admin_only(Application([("/ws", Door)]))).listen(1)
""",
    ),
}

CASES: dict[str, Case] = {name: (wanted, text, {}) for name, (wanted, text) in _PROGRAMS.items()}
