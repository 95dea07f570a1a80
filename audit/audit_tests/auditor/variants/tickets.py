"""One-time tickets, from pages behind a login and from pages for every visitor."""

__all__ = ["CASES"]

CASES: dict[str, tuple[str, str, dict[str, str]]] = {
    "authenticated page": (
        "guarded",
        """
import secrets
tickets = {}
class TicketHandler(RequestHandler):
    def get_current_user(self):
        return self.get_signed_cookie("user")
    @authenticated
    def post(self):
        ticket = secrets.token_urlsafe(32)
        tickets[ticket] = self.current_user
        self.write({"ticket": ticket})
class Door(WebSocketHandler):
    def prepare(self):
        user = tickets.pop(self.get_argument("ticket", ""), None)
        if user is None:
            raise HTTPError(403)
        self.user = user
    def on_message(self, message):
        room.say(message)
application = Application([("/ticket", TicketHandler), ("/ws", Door)], cookie_secret=os.environ["SECRET"])
""",
        {},
    ),
    "page for anybody, none stored": (
        "missing|presumed|guarded",
        """
import secrets
tickets = {}
class TicketHandler(RequestHandler):
    def get_current_user(self):
        return self.get_signed_cookie("user")

    def post(self):
        ticket = secrets.token_urlsafe(32)
        tickets[ticket] = self.current_user
        self.write({"ticket": ticket})
class Door(WebSocketHandler):
    def prepare(self):
        user = tickets.pop(self.get_argument("ticket", ""), None)
        if user is None:
            raise HTTPError(403)
        self.user = user
    def on_message(self, message):
        room.say(message)
application = Application([("/ticket", TicketHandler), ("/ws", Door)], cookie_secret=os.environ["SECRET"])
""",
        {},
    ),
    "set of tickets, authenticated": (
        "guarded",
        """
import secrets
class TicketHandler(RequestHandler):
    def get_current_user(self):
        return self.get_signed_cookie("user")
    @authenticated
    def get(self):
        ticket = secrets.token_urlsafe(32)
        self.application.tickets.add(ticket)
        self.write(ticket)
class Door(WebSocketHandler):
    def prepare(self):
        ticket = self.get_argument("ticket", "")
        if ticket not in self.application.tickets:
            raise HTTPError(403)
        self.application.tickets.discard(ticket)
    def on_message(self, message):
        room.say(message)
class App(Application):
    def __init__(self):
        self.tickets = set()
        super().__init__([("/ticket", TicketHandler), ("/ws", Door)], cookie_secret=os.environ["SECRET"])
""",
        {},
    ),
    "set of tickets, for anybody": (
        "missing",
        """
import secrets
class TicketHandler(RequestHandler):
    def get(self):
        ticket = secrets.token_urlsafe(32)
        self.application.tickets.add(ticket)
        self.write(ticket)
class Door(WebSocketHandler):
    def prepare(self):
        ticket = self.get_argument("ticket", "")
        if ticket not in self.application.tickets:
            raise HTTPError(403)
        self.application.tickets.discard(ticket)
    def on_message(self, message):
        room.say(message)
class App(Application):
    def __init__(self):
        self.tickets = set()
        super().__init__([("/ticket", TicketHandler), ("/ws", Door)], cookie_secret=os.environ["SECRET"])
""",
        {},
    ),
    "login by hand, 401": (
        "guarded",
        """
import secrets, time
pending = {}
class Mint(RequestHandler):
    def post(self):
        user = self.get_signed_cookie("user")
        if not user:
            self.set_status(401)
            return
        ticket = secrets.token_hex(16)
        pending[ticket] = time.time() + 30
        self.write({"ticket": ticket})
class Door(WebSocketHandler):
    def prepare(self):
        until = pending.pop(self.get_query_argument("ticket", ""), 0)
        if until < time.time():
            raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
application = Application([("/ticket", Mint), ("/ws", Door)])
""",
        {},
    ),
    "password": (
        "guarded",
        """
import secrets
TICKETS = {}
class Login(RequestHandler):
    async def post(self):
        data = json.loads(self.request.body)
        account = await db.find_account(data["name"])
        if account is None or not account.check_password(data["password"]):
            raise HTTPError(401)
        ticket = secrets.token_urlsafe()
        TICKETS[ticket] = account.id
        self.finish({"ticket": ticket})
class Door(WebSocketHandler):
    def prepare(self):
        self.account = TICKETS.pop(self.get_argument("ticket"), None)
        if not self.account:
            raise HTTPError(401)
    def on_message(self, message):
        room.say(message)
application = Application([("/login", Login), ("/ws", Door)])
""",
        {},
    ),
    "class of tickets, prepare of a base": (
        "guarded",
        """
import secrets, time
class Tickets:
    def __init__(self):
        self._known = {}
    def issue(self, user):
        ticket = secrets.token_urlsafe(24)
        self._known[ticket] = (user, time.time())
        return ticket
    def redeem(self, ticket):
        user, at = self._known.pop(ticket, (None, 0))
        return user if time.time() - at < 30 else None
class Private(RequestHandler):
    def prepare(self):
        self.user = self.get_signed_cookie("user")
        if not self.user:
            raise HTTPError(401)
class TicketHandler(Private):
    def initialize(self, tickets):
        self.tickets = tickets
    def get(self):
        self.write(self.tickets.issue(self.user))
class Door(WebSocketHandler):
    def initialize(self, tickets):
        self.tickets = tickets
    def prepare(self):
        if self.tickets.redeem(self.get_argument("t", "")) is None:
            raise HTTPError(401)
    def on_message(self, message):
        room.say(message)
tickets = Tickets()
given = {"tickets": tickets}
application = Application([("/ticket", TicketHandler, given), ("/ws", Door, given)])
""",
        {},
    ),
    "two services: uuid, user from base": (
        "guarded",
        """
import uuid
class BaseHandler(RequestHandler):
    def get_current_user(self):
        return self.get_secure_cookie("user")
class SocketTicket(BaseHandler):
    @authenticated
    async def post(self):
        key = str(uuid.uuid4())
        await self.application.redis.setex(f"ticket:{key}", 30, self.current_user)
        self.write({"ticket": key})
class Door(WebSocketHandler):
    async def prepare(self):
        ticket = self.get_argument("ticket")
        user = await self.application.redis.getdel(f"ticket:{ticket}")
        if user is None:
            raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
application = Application([("/ticket", SocketTicket), ("/ws", Door)])
""",
        {},
    ),
    "expiring record": (
        "guarded",
        """
import secrets, time
ISSUED = {}
class Issue(RequestHandler):
    def get_current_user(self):
        return self.get_signed_cookie("user")
    @authenticated
    def post(self):
        ticket = secrets.token_urlsafe(16)
        ISSUED[ticket] = {"user": self.current_user, "until": time.time() + 30}
        self.write({"ticket": ticket})
class Door(WebSocketHandler):
    def prepare(self):
        record = ISSUED.pop(self.get_argument("ticket", ""), None)
        if record is None or record["until"] < time.time():
            raise HTTPError(401)
        self.user = record["user"]
    def on_message(self, message):
        room.say(message)
application = Application([("/issue", Issue), ("/ws", Door)])
""",
        {},
    ),
    "expiry only": (
        "guarded",
        """
import secrets, time
ISSUED = {}
class Issue(RequestHandler):
    def get_current_user(self):
        return self.get_signed_cookie("user")
    @authenticated
    def post(self):
        ticket = secrets.token_urlsafe(16)
        ISSUED[ticket] = time.time() + 30
        self.write({"ticket": ticket})
class Door(WebSocketHandler):
    def prepare(self):
        if ISSUED.pop(self.get_argument("ticket", ""), 0) < time.time():
            raise HTTPError(401)
    def on_message(self, message):
        room.say(message)
application = Application([("/issue", Issue), ("/ws", Door)])
""",
        {},
    ),
    "expiry only, for anybody": (
        "missing",
        """
import secrets, time
ISSUED = {}
class Issue(RequestHandler):
    def post(self):
        ticket = secrets.token_urlsafe(16)
        ISSUED[ticket] = time.time() + 30
        self.write({"ticket": ticket})
class Door(WebSocketHandler):
    def prepare(self):
        if ISSUED.pop(self.get_argument("ticket", ""), 0) < time.time():
            raise HTTPError(401)
    def on_message(self, message):
        room.say(message)
application = Application([("/issue", Issue), ("/ws", Door)])
""",
        {},
    ),
    "ticket in the path": (
        "guarded",
        """
import secrets
tickets = {}
class Page(RequestHandler):
    def get_current_user(self):
        return self.get_signed_cookie("user")
    @authenticated
    def get(self):
        ticket = secrets.token_urlsafe(32)
        tickets[ticket] = self.current_user
        self.render("page.html", ticket=ticket)
class Door(WebSocketHandler):
    def open(self, ticket):
        clients.add(self)
    def prepare(self):
        self.user = tickets.pop(self.path_args[0], None)
        if self.user is None:
            raise HTTPError(404)
    def on_message(self, message):
        room.say(message)
application = Application([("/", Page), (r"/ws/(.*)", Door)])
""",
        {},
    ),
    "class in application, login in post body json": (
        "guarded",
        """
import secrets, time
class TicketStore:
    def __init__(self, ttl=30):
        self.ttl = ttl
        self.tickets = {}
    def create(self, user):
        ticket = secrets.token_urlsafe(32)
        self.tickets[ticket] = (user, time.monotonic() + self.ttl)
        return ticket
    def consume(self, ticket):
        entry = self.tickets.pop(ticket, None)
        if entry is None:
            return None
        user, expires = entry
        if expires < time.monotonic():
            return None
        return user
class App(Application):
    def __init__(self):
        self.tickets = TicketStore()
        super().__init__([("/ticket", Ticket), ("/ws", Door)], cookie_secret=os.environ["S"])
class Ticket(RequestHandler):
    def post(self):
        user = self.get_signed_cookie("user")
        if user is None:
            raise HTTPError(401)
        self.write({"ticket": self.application.tickets.create(user.decode())})
class Door(WebSocketHandler):
    def prepare(self):
        user = self.application.tickets.consume(self.get_query_argument("ticket", ""))
        if user is None:
            raise HTTPError(403)
        self.user = user
    def on_message(self, message):
        room.say(self.user, message)
""",
        {},
    ),
    "behind login by XSRF-free check in base prepare": (
        "guarded",
        """
import secrets
TICKETS = set()
class Base(RequestHandler):
    def prepare(self):
        if self.get_signed_cookie("user") is None:
            self.redirect("/login")
class Ticket(Base):
    def get(self):
        ticket = secrets.token_hex(16)
        TICKETS.add(ticket)
        self.write(ticket)
class Door(WebSocketHandler):
    def prepare(self):
        try:
            TICKETS.remove(self.get_argument("ticket", ""))
        except KeyError:
            raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
application = Application([("/ticket", Ticket), ("/ws", Door)])
""",
        {},
    ),
}
