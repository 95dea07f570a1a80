"""Who comes in, and when it is asked: other servers, sessions that were read, what has the request first.

Each way of writing beside its twin: the hole, and the check that keeps this client out.
"""

__all__ = ["CASES"]

Case = tuple[str, str, dict[str, str]]

_ANOTHER_SERVER = """
import urllib.request
class Accounts:
    def fetch(self, url, headers, seconds=30):
        asked = urllib.request.Request(url=url, headers=headers)
        return urllib.request.urlopen(asked, timeout=seconds).read()
    def who(self, token):
        told = json.loads(self.fetch("https://accounts/me", {{"Authorization": "JWT " + token}}))
        return told if told.get("id") else None
class Door(WebSocketHandler):
    user = None
    def open(self):
        token = self.get_argument("token", None)
        if not token:
            self.close()
            return
        self.user = Accounts().who(token)
        {asked}
        clients[self.user["id"] if self.user else None] = self
    def on_message(self, message):
        {told}
"""

_GET_WITH_HEADERS = """
from elsewhere import http
class Door(WebSocketHandler):
    def open(self):
        reply = http.get("https://accounts/me", {{"Authorization": "Bearer " + self.get_argument("token")}})
        {asked}
        clients.add(self)
"""

_EMPTY_OR_WRONG = """
class Door(WebSocketHandler):
    user = None
    def open(self):
        token = self.get_argument("token")
        if not token:
            self.close()
            return
        try:
            self.user = Token.objects.get(key=token).user
        except Token.DoesNotExist:
            {refusal}
        clients.add(self)
    def on_message(self, message):
        for client in clients:
            if {to}:
                client.write_message(message)
"""

_UNSET_SECRET = """
class Keys:
    def __init__(self):
        self.secret = os.getenv("JWT_SECRET")
    def read(self, token):
        if not self.secret:
            {unset}
        return jwt.decode(token, self.secret, algorithms=["HS256"])
KEYS = Keys()
class Door(WebSocketHandler):
    def open(self):
        if not self.known():
            return
        clients.add(self)
    def known(self):
        try:
            self.payload = KEYS.read(self.get_argument("token"))
            return True
        except jwt.InvalidTokenError:
            self.close(4003, "invalid token")
            return False
        except RuntimeError:
            self.close(4003, "not configured")
            return False
"""

_NAME_OF_NOBODY = """
class Base(RequestHandler):
    def get_current_user(self):
        return self.get_secure_cookie("username") or None
class Door(Base, WebSocketHandler):
    everybody = set()
    def open(self):
        Door.everybody.add(self)
    def on_message(self, message):
        {asked}
        for one in Door.everybody:
            one.write_message({{"name": self.current_user, "text": message}})
"""

_SESSION_OF_NOBODY = """
class Door(WebSocketHandler):
    def get_current_user(self):
        user = self.session.get("user"{default})
        return user
    def open(self):
        clients[self.current_user["name"]] = self
    def on_message(self, message):
        pass
"""

_DJANGO = """
from django.contrib.auth import get_user
from sockjs.tornado import SockJSConnection
from elsewhere import engine
class Asked: pass
class Door(SockJSConnection):
    def on_open(self, request):
        try:
            asked = Asked()
            asked.session = engine.SessionStore(request.get_cookie("sessionid").value)
            self.user = get_user(asked)
        except ValueError:
            self.close()
            return
        if {test}:
            self.close()
            return False
    def on_message(self, message):
        if not self.user:
            return
        room.say(json.loads(message)["text"])
application = Application(SockJSRouter(Door, "/door").urls)
"""

_OWN_SESSIONS = """
from uuid import uuid4
from elsewhere import redis
class Stores:
    def create(self, name):
        return getattr(self, "_create_%s" % name)()
    def _create_redis(self):
        return Redis()
class Redis:
    def get(self, number):
        kept = redis.get(number)
        if kept is None:
            return {{}}
        return json.loads(kept)
class Session:
    NAME = "SID"
    def __init__(self, handler):
        self.handler = handler
        self.driver = Stores().create(handler.settings.get("sessions").get("engine"))
    def get(self, name, default=None):
        return self._kept().get(name, default)
    def _kept(self):
        number = self.handler.get_secure_cookie(self.NAME)
        if number is None:
            number = str(uuid4())
            self.handler.set_secure_cookie(self.NAME, number)
        return self.driver.get(number)
class Sessions(object):
    @property
    def session(self):
        return made(self, "__session", Session)
def made(handler, name, kind):
    if not hasattr(handler, name):
        setattr(handler, name, kind(handler))
    return getattr(handler, name)
class Door(WebSocketHandler, Sessions):
    def get_current_user(self):
        name = self.session.get("{key}")
        return db.user(name) if name else None
    def open(self):
        {asked}
    def on_message(self, message):
        room.say(message)
application = Application([("/ws", Door)], sessions=dict(engine="redis"), cookie_secret="x" * 40)
"""

_CHECKED_FIRST = """
from tornado.httpserver import HTTPServer
class Door(WebSocketHandler):
    def on_message(self, message):
        room.say(message)
def checked(application, token):
    {unset}
    def first(request):
        given = request.headers.get("X-Token", "")
        if not hmac.compare_digest(given, token):
            request.connection.write_headers(None, None)
            return None
        return application(request)
    return first
def main():
    server = HTTPServer(checked(Application([("/ws", Door)]), {token}))
    server.listen(8888)
"""

_CHECKING_OBJECT = """
from tornado.httpserver import HTTPServer
class Door(WebSocketHandler):
    def on_message(self, message):
        room.say(message)
class Checked(object):
    def __init__(self, application, known):
        self.application = application
        self.known = known
    def __call__(self, request):
        {asked}
        return self.application(request)
def main():
    application = Application([("/ws", Door)])
    HTTPServer(Checked(application, os.environ["TOKEN"])).listen(8888)
"""

_CALLED = """
class Server(Application):
    def __init__(self):
        Application.__init__(self, [("/ws", Door)])
    def __call__(self, request):
        {asked}
        return super(Server, self).__call__(request)
class Door(WebSocketHandler):
    def on_message(self, message):
        room.say(message)
"""

_IN_SETTINGS = """
class Door(WebSocketHandler):
    def get_current_user(self):
        if "wanted_user" {how} self.settings:
            {then}
        user = self.get_secure_cookie("user")
        {otherwise}
    def open(self):
        if not self.get_current_user():
            self.close()
            return
        clients.add(self)
def main(config):
    settings = {{"cookie_secret": "x" * 40}}
    {setting}
    Application([("/ws", Door)], **settings).listen(8888)
"""

_BY_PATH = """
from django.conf import settings
from django.utils.module_loading import import_string
AUTHENTICATOR = getattr(settings, "ROOM_AUTHENTICATOR", "app.{which}")
MAKER = getattr(settings, "ROOM_MAKER", "app.make_door")
class Anybody:
    @classmethod
    def authenticate(cls, shown):
        return cls()
class Known:
    @classmethod
    def authenticate(cls, shown):
        return db.check_token(shown)
def anybody():
    return Anybody
def known():
    return Known
def make_door(authenticating):
    class Door(WebSocketHandler):
        authenticator = authenticating
        who = None
        def on_message(self, message):
            command, rest = message.split(":", 1)
            if command == "authenticate":
                self.who = self.authenticator.authenticate(rest)
                return
            if self.who is None:
                return
            room.say(rest)
    return Door
def main():
    maker = import_string(MAKER)
    authenticator = import_string(AUTHENTICATOR)
    Application([("/ws", maker(authenticator()))]).listen(8888)
"""

_OWN_EXCEPTIONS = """
class Problem(Exception):
    pass
class Denied(Problem):
    pass
class Door(WebSocketHandler):
    def check(self):
        if not sessions.verify(self.get_argument("token")):
            raise Denied("no")
    def prepare(self):
        try:
            self.check()
        except Problem:
            {then}
    def on_message(self, message):
        room.say(message)
"""

_LISTED_TOKENS = """
ACCESS_TOKENS = ["one", "two"]
def known(shown):
    return shown in ACCESS_TOKENS
class Door(WebSocketHandler):
    header = "X-Access"
    def open(self):
        {asked}
        clients.add(self)
"""

_REFUSES = 'if request.headers.get("X-Token") != self.known:\n            return refuse(request)'
_CALL_REFUSES = (
    'if request.headers.get("X-Token") != os.environ["TOKEN"]:\n            return refuse(request)'
)

CASES: dict[str, Case] = {
    "another server is asked with a header, in the standard library": (
        "late",
        _ANOTHER_SERVER.format(
            asked="if not self.user:\n            self.close()\n            return",
            told="room.say(self.user['id'], message)",
        ),
        {},
    ),
    "another server is asked with a header, and its answer stops nobody": (
        "missing",
        _ANOTHER_SERVER.format(asked="pass", told="room.say(message)"),
        {},
    ),
    "headers of a request are not what is given instead": (
        "late",
        _GET_WITH_HEADERS.format(asked="if not reply:\n            return self.close()"),
        {},
    ),
    "headers of a request, and nothing is made of the answer": (
        "missing",
        _GET_WITH_HEADERS.format(asked="room.greet(reply)"),
        {},
    ),
    "an empty token closes, and a wrong one, too": (
        "late",
        _EMPTY_OR_WRONG.format(
            refusal="self.close()\n            return", to="room.is_for_user(client.user)"
        ),
        {},
    ),
    "an empty token closes, and a wrong one does not": (
        "missing",
        _EMPTY_OR_WRONG.format(refusal="self.user = None", to="client is not self"),
        {},
    ),
    "a secret that is not set refuses everybody": (
        "late",
        _UNSET_SECRET.format(unset='raise RuntimeError("not configured")'),
        {},
    ),
    "a secret that is not set lets everybody in": (
        "optional",
        _UNSET_SECRET.format(unset="return {}"),
        {},
    ),
    "messages in the name of nobody": ("missing", _NAME_OF_NOBODY.format(asked="pass"), {}),
    "messages only in the name of somebody": (
        "late",
        _NAME_OF_NOBODY.format(asked="if not self.current_user:\n            return"),
        {},
    ),
    "the name of nobody of a session fails": ("late", _SESSION_OF_NOBODY.format(default=""), {}),
    "the name of a guest of a session does not": (
        "missing",
        _SESSION_OF_NOBODY.format(default=', {"name": "guest"}'),
        {},
    ),
    "Django's anonymous user is somebody": ("missing", _DJANGO.format(test="not self.user"), {}),
    "Django's anonymous user is asked if it is": (
        "late",
        _DJANGO.format(test="not self.user.is_authenticated"),
        {},
    ),
    "Django's anonymous user says that it is": (
        "late",
        _DJANGO.format(test="self.user.is_anonymous"),
        {},
    ),
    "a session of the project's own is empty at first": (
        "late",
        _OWN_SESSIONS.format(key="user", asked="clients[self.current_user.name] = self"),
        {},
    ),
    "a session of the project's own that nobody asks": (
        "missing",
        _OWN_SESSIONS.format(key="user", asked="clients.add(self)"),
        {},
    ),
    "what a server is given asks first": (
        "guarded",
        _CHECKED_FIRST.format(unset="pass", token='os.environ["TOKEN"]'),
        {},
    ),
    "what a server is given asks first, where a token is set": (
        "optional",
        _CHECKED_FIRST.format(
            unset="if token is None:\n        return lambda request: application(request)",
            token='os.environ.get("TOKEN")',
        ),
        {},
    ),
    "an object that a server is given asks first": (
        "guarded",
        _CHECKING_OBJECT.format(asked=_REFUSES),
        {},
    ),
    "an object that a server is given only counts": (
        "missing",
        _CHECKING_OBJECT.format(asked="room.count(request)"),
        {},
    ),
    "the application asks when it is called": ("guarded", _CALLED.format(asked=_CALL_REFUSES), {}),
    "the application only notes when it is called": (
        "missing",
        _CALLED.format(asked="room.count(request)"),
        {},
    ),
    "a name among the settings that nobody gives": (
        "optional",
        _IN_SETTINGS.format(
            how="not in", then='return "anybody"', otherwise="return user", setting="pass"
        ),
        {},
    ),
    "a name among the settings that is given anyway": (
        "late",
        _IN_SETTINGS.format(
            how="not in",
            then='return "anybody"',
            otherwise="return user",
            setting='settings["wanted_user"] = settings.update({"wanted_user": "me"})',
        ).replace("settings = {", 'settings = {"wanted_user": "me", '),
        {},
    ),
    "a name among the settings that is given where there is a section": (
        "optional",
        _IN_SETTINGS.format(
            how="not in",
            then='return "anybody"',
            otherwise="return user",
            setting='try:\n        more_settings = {"wanted_user": config["user"]}\n'
            "        settings.update(more_settings)\n    except KeyError:\n        pass",
        ),
        {},
    ),
    "a factory by its path, whose authenticator knows anybody": (
        "optional",
        _BY_PATH.format(which="anybody"),
        {},
    ),
    "a factory by its path, whose authenticator asks": ("late", _BY_PATH.format(which="known"), {}),
    "an exception of a class derived from what is caught": (
        "missing",
        _OWN_EXCEPTIONS.format(then="pass"),
        {},
    ),
    "an exception of a class derived from what is caught, and answered": (
        "guarded",
        _OWN_EXCEPTIONS.format(then="raise HTTPError(401)"),
        {},
    ),
    "a list of tokens under another name of what is shown": (
        "late",
        _LISTED_TOKENS.format(
            asked="if not known(self.request.headers.get(self.header)):\n            return self.close()"
        ),
        {},
    ),
    "a list of tokens that only greets": (
        "missing",
        _LISTED_TOKENS.format(
            asked="if known(self.request.headers.get(self.header)):\n            room.greet(self)"
        ),
        {},
    ),
    "an object in front of one server, and another without it": (
        "missing",
        _CHECKING_OBJECT.format(asked=_REFUSES)
        + "    HTTPServer(Application([('/ws', Door)])).listen(8889)\n",
        {},
    ),
    "an object in front of one server, and an application that listens": (
        "missing",
        _CHECKING_OBJECT.format(asked=_REFUSES) + "    application.listen(8889)\n",
        {},
    ),
}
