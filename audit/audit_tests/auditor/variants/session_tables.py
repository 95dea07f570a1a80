"""Tables of sessions that a cookie opens, and what a KeyError does."""

__all__ = ["CASES"]

CASES: dict[str, tuple[str, str, dict[str, str]]] = {
    "plain": (
        "guarded",
        """
sessions = {}
class Login(RequestHandler):
    def post(self):
        if not db.check_password(self.get_argument("user"), self.get_argument("password")):
            raise HTTPError(403)
        sid = os.urandom(16).hex()
        sessions[sid] = self.get_argument("user")
        self.set_cookie("sid", sid)
class Door(WebSocketHandler):
    def prepare(self):
        try:
            self.user = sessions[self.get_cookie("sid")]
        except KeyError:
            raise HTTPError(403)
    def on_message(self, message):
        room.say(self.user, message)
application = Application([("/login", Login), ("/ws", Door)])
""",
        {},
    ),
    "no login seen": (
        "guarded",
        """
SESSIONS = {}
class Door(WebSocketHandler):
    def prepare(self):
        cookie = self.get_cookie("session")
        try:
            user = SESSIONS[cookie]
        except KeyError:
            raise HTTPError(403)
        self.user = user
    def on_message(self, message):
        room.say(self.user, message)
""",
        {},
    ),
    "value unused": (
        "guarded",
        """
sessions = {}
class Door(WebSocketHandler):
    def prepare(self):
        cookie = self.get_cookie("session")
        try:
            sessions[cookie]
        except KeyError:
            raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "in settings, from None, header": (
        "guarded",
        """
class Door(WebSocketHandler):
    async def prepare(self):
        try:
            self.account = self.application.sessions[self.request.cookies["sid"].value]
        except KeyError:
            raise HTTPError(403, "login first") from None
    async def on_message(self, message):
        await room.say(self.account, message)
""",
        {},
    ),
    "get_current_user": (
        "guarded",
        """
sessions = {}
class Base(RequestHandler):
    def get_current_user(self):
        try:
            return sessions[self.get_cookie("sid")]
        except KeyError:
            return None
class Login(Base):
    def post(self):
        user = self.get_argument("user")
        if not db.verify_password(user, self.get_argument("password")):
            raise HTTPError(401)
        token = os.urandom(20).hex()
        sessions[token] = user
        self.set_cookie("sid", token)
class Door(Base, WebSocketHandler):
    @authenticated
    def get(self, *args, **kwargs):
        return super().get(*args, **kwargs)
    def on_message(self, message):
        room.say(self.current_user, message)
application = Application([("/login", Login), ("/ws", Door)])
""",
        {},
    ),
    "swallowed": (
        "missing|swallowed",
        """
sessions = {}
class Door(WebSocketHandler):
    def prepare(self):
        try:
            self.user = sessions[self.get_cookie("sid")]
        except KeyError:
            self.user = None
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "raised and swallowed": (
        "missing|swallowed",
        """
sessions = {}
class Door(WebSocketHandler):
    def prepare(self):
        try:
            sessions[self.get_cookie("sid")]
        except KeyError:
            try:
                raise HTTPError(403)
            except HTTPError:
                pass
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "session for every visitor": (
        "missing|presumed",
        """
sessions = {}
class Page(RequestHandler):
    def get(self):
        sid = os.urandom(16).hex()
        sessions[sid] = {}
        self.set_cookie("sid", sid)
        self.render("page.html")
class Door(WebSocketHandler):
    def prepare(self):
        try:
            sessions[self.get_cookie("sid")]
        except KeyError:
            raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
application = Application([("/", Page), ("/ws", Door)])
""",
        {},
    ),
    "httponly cookie via settings store": (
        "guarded",
        """
class Door(WebSocketHandler):
    def prepare(self):
        store = self.settings["sessions"]
        try:
            session = store[self.get_cookie("session_id", "")]
        except KeyError:
            raise HTTPError(403)
        self.user = session["user"]
    def on_message(self, message):
        room.say(self.user, message)
""",
        {},
    ),
    "login that stores in application": (
        "guarded",
        """
import uuid
class Login(RequestHandler):
    def post(self):
        if self.get_argument("password") != os.environ["PASSWORD"]:
            raise HTTPError(403)
        cookie = uuid.uuid4().hex
        self.application.sessions[cookie] = {"name": self.get_argument("name")}
        self.set_cookie("id", cookie)
        self.redirect("/")
class Door(WebSocketHandler):
    def prepare(self):
        cookie = self.get_cookie("id")
        try:
            self.session = self.application.sessions[cookie]
        except KeyError:
            raise HTTPError(403)
    def on_message(self, message):
        room.say(self.session["name"], message)
class App(Application):
    def __init__(self):
        self.sessions = {}
        super().__init__([("/login", Login), ("/ws", Door)])
""",
        {},
    ),
    "login by other service, page gives": (
        "guarded",
        """
import secrets
sessions = {}
class Login(RequestHandler):
    def post(self):
        name = self.get_body_argument("name")
        user = USERS.get(name)
        if not user or not hmac.compare_digest(user["password"], self.get_body_argument("password")):
            self.set_status(403)
            self.finish("no")
            return
        cookie = secrets.token_hex()
        sessions[cookie] = name
        self.set_cookie("chat", cookie, httponly=True)
        self.redirect("/")
USERS = json.load(open("users.json"))
class Home(RequestHandler):
    def get(self):
        try:
            name = sessions[self.get_cookie("chat")]
        except KeyError:
            self.redirect("/login")
            return
        self.render("home.html", name=name)
class Door(WebSocketHandler):
    def prepare(self):
        try:
            self.name = sessions[self.get_cookie("chat")]
        except KeyError:
            raise HTTPError(403)
    def on_message(self, message):
        room.say(self.name, message)
application = Application([("/login", Login), ("/", Home), ("/ws", Door)])
""",
        {},
    ),
    "registration for anybody counts for login": (
        "guarded|missing",
        """
import secrets
sessions = {}
accounts = {}
class Register(RequestHandler):
    def post(self):
        name = self.get_body_argument("name")
        if name in accounts:
            raise HTTPError(409)
        accounts[name] = self.get_body_argument("password")
        cookie = secrets.token_hex()
        sessions[cookie] = name
        self.set_cookie("chat", cookie)
class Door(WebSocketHandler):
    def prepare(self):
        try:
            self.name = sessions[self.get_cookie("chat")]
        except KeyError:
            raise HTTPError(403)
    def on_message(self, message):
        room.say(self.name, message)
application = Application([("/register", Register), ("/ws", Door)])
""",
        {},
    ),
    "in get": (
        "guarded",
        """
sessions = {}
class Door(WebSocketHandler):
    async def get(self, *args, **kwargs):
        try:
            self.user = sessions[self.get_cookie("sid")]
        except KeyError as error:
            raise web.HTTPError(403) from error
        await super().get(*args, **kwargs)
    def on_message(self, message):
        room.say(self.user, message)
""",
        {},
    ),
    "set_status finish": (
        "guarded",
        """
sessions = dict()
class Door(WebSocketHandler):
    def prepare(self):
        cookie = self.cookies.get("sid")
        try:
            self.user = sessions[cookie.value]
        except (KeyError, AttributeError):
            self.set_status(403)
            self.finish()
    def on_message(self, message):
        room.say(self.user, message)
""",
        {},
    ),
    "in open": (
        "after-accept|frames-pass",
        """
sessions = {}
class Door(WebSocketHandler):
    def open(self):
        try:
            self.user = sessions[self.get_cookie("sid")]
        except KeyError:
            self.close(4003)
            return
        clients.add(self)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
}
