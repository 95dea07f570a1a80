"""Whole programs in which every client gets an identity or a value: a visitor, the token of a page.

Each with its twin.
"""

from audit_tests.auditor.variants.changed import Program, program

__all__ = ["PROGRAMS"]

_PAGE_SIGNS = """
import uuid
import tornado.template, tornado.web, tornado.websocket
from tornado.web import create_signed_value, decode_signed_value

SECRET = open("/etc/secret").read()
PAGE = tornado.template.Template("<script>connect('{{ token }}')</script>")

class Index(tornado.web.RequestHandler):
    def get(self):
        token = create_signed_value(SECRET, "ws", uuid.uuid4().hex)
        self.write(PAGE.generate(token=token.decode()))

class Map(tornado.websocket.WebSocketHandler):
    players = {}

    def get(self, *args, **kwargs):
        token = self.get_query_argument("t", None)
        value = decode_signed_value(SECRET, "ws", token, max_age_days=1)
        if value is None:
            raise tornado.web.HTTPError(403)
        return super().get(*args, **kwargs)

    def on_message(self, message):
        for player in self.players.values():
            player.write_message(message)

app = tornado.web.Application([("/", Index), ("/map", Map)])
"""

_PAGE_ENCODES = """
import jwt, uuid
import tornado.web, tornado.websocket

KEY = open("/etc/secret").read()

class Token(tornado.web.RequestHandler):
    def post(self):
        self.write({"token": jwt.encode({"id": uuid.uuid4().hex}, KEY)})

class Feed(tornado.websocket.WebSocketHandler):
    def prepare(self):
        try:
            self.claims = jwt.decode(self.get_argument("token"), KEY, algorithms=["HS256"])
        except jwt.PyJWTError:
            raise tornado.web.HTTPError(401)

    def on_message(self, message):
        feed.post(message)

app = tornado.web.Application([("/token", Token), ("/feed", Feed)])
"""

_TRAITS = """
import hmac
from tornado.web import Application, HTTPError
from tornado.websocket import WebSocketHandler
from traitlets import Instance, Unicode
from traitlets.config import Application as ConfigApp, LoggingConfigurable

class IdentityProvider(LoggingConfigurable):
    token = Unicode("").tag(config=True)

    def get_user(self, handler):
        if not self.token:
            return self.anonymous()
        given = handler.get_argument("token", "")
        return "owner" if hmac.compare_digest(given.encode(), self.token.encode()) else None

    def anonymous(self):
        return "anonymous"

class Channel(WebSocketHandler):
    def get_current_user(self):
        return self.settings["identity_provider"].get_user(self)

    async def get(self, kernel_id):
        if self.current_user is None:
            raise HTTPError(403)
        await super().get(kernel_id)

    def on_message(self, message):
        self.kernel.execute(message)

class Lab(ConfigApp):
    identity = Instance(IdentityProvider)

    def start(self):
        self.identity = IdentityProvider(parent=self)
        Application([(r"/channels/(\\w+)", Channel)], identity_provider=self.identity).listen(8888)
"""

_SUBSCRIPTIONS = """
import asyncio, json, os
import jwt
from graphql import parse, subscribe
from tornado.web import Application
from tornado.websocket import WebSocketHandler
from schema import schema

SECRET = os.environ["SECRET"]

class Subscriptions(WebSocketHandler):
    def initialize(self):
        self.acknowledged = False
        self.tasks = {}

    async def on_message(self, raw):
        msg = json.loads(raw)
        method = {
            "connection_init": self.init, "subscribe": self.run, "complete": self.complete
        }.get(msg["type"])
        if method is None:
            self.close(4400)
            return
        await method(msg)

    async def init(self, msg):
        payload = msg.get("payload") or {}
        try:
            self.user = jwt.decode(payload.get("authToken", ""), SECRET, algorithms=["HS256"])["sub"]
        except jwt.InvalidTokenError:
            self.close(4403)
            return
        self.acknowledged = True

    async def run(self, msg):
        if not self.acknowledged:
            self.close(4401)
            return
        self.tasks[msg["id"]] = asyncio.create_task(self.send(msg["payload"]))

    async def send(self, payload):
        async for result in await subscribe(schema, parse(payload["query"])):
            await self.write_message(json.dumps(result.data))

    async def complete(self, msg):
        task = self.tasks.pop(msg["id"], None)
        if task:
            task.cancel()

app = Application([("/graphql", Subscriptions)])
"""

_DJANGO = """
import json
from importlib import import_module
from django.conf import settings
from django.contrib.auth import get_user
import tornado.web, tornado.websocket
from chat.models import Message, Thread

participants = {}

class DjangoRequest(object):
    def __init__(self, session):
        self.session = session

def user_from_request(request):
    engine = import_module(settings.SESSION_ENGINE)
    morsel = request.cookies.get(settings.SESSION_COOKIE_NAME)
    key = morsel.value if morsel is not None else None
    return get_user(DjangoRequest(engine.SessionStore(key)))

class PrivateChat(tornado.websocket.WebSocketHandler):
    def open(self, thread):
        self.thread = thread
        self.me = user_from_request(self.request)
        if self.me.is_anonymous():
            self.close()
            return
        participants.setdefault(thread, []).append(self)

    def on_message(self, text):
        if self not in participants.get(self.thread, []):
            return
        Message.objects.create(thread_id=self.thread, text=text)
        for peer in participants[self.thread]:
            peer.write_message(json.dumps({"text": text}))

app = tornado.web.Application([(r"/(\\d+)/", PrivateChat)])
"""

_CALLED_BACK = """
import urllib
import tornado.httpclient, tornado.web, tornado.websocket

channels = {}

class Push(tornado.websocket.WebSocketHandler):
    def open(self):
        sid = self.get_cookie("PHPSESSID")
        if not sid:
            self.close()
            return
        http = tornado.httpclient.AsyncHTTPClient()
        body = urllib.urlencode({"sid": sid})
        http.fetch("http://127.0.0.1/check.php", self.on_auth, method="POST", body=body)

    def on_auth(self, response):
        if response.error or not response.body.isdigit():
            self.close()
            return
        channels.setdefault("user-" + response.body, []).append(self)

app = tornado.web.Application([("/ws", Push)])
"""

PROGRAMS: dict[str, Program] = {
    "a page signs for whoever asks": program("missing", _PAGE_SIGNS),
    "a page signs for whoever is known": program(
        "guarded",
        _PAGE_SIGNS,
        (
            "        token = create",
            """        if not self.get_secure_cookie('u'):
            raise tornado.web.HTTPError(403)
        token = create""",
        ),
    ),
    "a page signs something else": program(
        "guarded",
        _PAGE_SIGNS,
        ('create_signed_value(SECRET, "ws"', 'create_signed_value(SECRET, "csrf"'),
    ),
    "a page encodes a token for whoever asks": program("missing", _PAGE_ENCODES),
    "a page encodes a token of a new user": program(
        "guarded",
        _PAGE_ENCODES,
        ('{"id": uuid.uuid4().hex}', '{"id": db.register(self.get_argument("email"))}'),
    ),
    "a token of whoever asks has no user in it": program(
        "guarded",
        _PAGE_ENCODES,
        (
            "    def on_message",
            """        if not self.claims.get('user_id'):
            raise tornado.web.HTTPError(403)

    def on_message""",
        ),
    ),
    "a provider that is a trait": program("optional", _TRAITS),
    "a provider that is a trait and wants a token": program(
        "guarded", _TRAITS, ("return self.anonymous()", "return None")
    ),
    "subscriptions after an acknowledged token": program("after-accept", _SUBSCRIPTIONS),
    "subscriptions whatever was acknowledged": program(
        "skippable", _SUBSCRIPTIONS, ("if not self.acknowledged:", "if msg['id'] in self.tasks:")
    ),
    "subscriptions after an empty token": program(
        "ignored", _SUBSCRIPTIONS, ("self.close(4403)\n            return", "self.user = None")
    ),
    "anonymous in Django": program("after-accept", _DJANGO),
    "anonymous in Django, and heard all the same": program(
        "frames-pass", _DJANGO, ("if self not in participants.get(self.thread, [])", "if not text")
    ),
    "anybody in Django": program(
        "missing", _DJANGO, ("if self.me.is_anonymous():", "if self.me.pk in BANNED:")
    ),
    "another server calls back": program("after-accept", _CALLED_BACK),
    "another server calls back, whatever it says": program(
        "missing",
        _CALLED_BACK,
        ("if response.error or not response.body.isdigit():", "if channels.get('full'):"),
    ),
}
