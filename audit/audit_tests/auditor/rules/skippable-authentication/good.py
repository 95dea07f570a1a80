import json
import threading

import redis
from elsewhere import forward, limiter, sessions, urls
from tornado.web import Application
from tornado.websocket import WebSocketHandler

clients = set()


class Door(WebSocketHandler):
    user = None

    def on_message(self, message):
        data = json.loads(message)
        if self.user is None:
            if not sessions.verify(data["token"]):
                self.close()
                return
            self.user = "someone"
            return
        for one in clients:
            one.write_message(data["text"])


class Counted(WebSocketHandler):
    """What the log-in itself does is no deed of who left it out."""

    def open(self):
        self.known = False

    def on_message(self, message):
        data = json.loads(message)
        if data["type"] == "login":
            self._login(data["secret"])
        elif not self.known:
            self.write_message("unauthorized")
        else:
            for one in clients:
                one.write_message(data["text"])

    def _login(self, secret):
        limiter.try_acquire("login")
        self.known = sessions.verify(secret)
        self.write_message({"ok": self.known})


class Cookie(WebSocketHandler):
    """No message carries the credential: the handshake does, and is asked too late."""

    def on_message(self, message):
        if message == "time":
            for one in clients:
                one.write_message("somebody asks for the time")
        elif self.get_signed_cookie("user") is None:
            self.close()
        else:
            for one in clients:
                one.write_message(message)


class Elsewhere(WebSocketHandler):
    """Where one signs in is no credential."""

    def on_message(self, message):
        data = json.loads(message)
        if data["type"] == "forward":
            where = urls.parse(self.get_argument("auth_url"))
            if where.netloc != self.request.host:
                raise ValueError("another domain")
            forward(where, data["text"])
            return
        for one in clients:
            one.write_message(data["text"])


class Echoing(WebSocketHandler):
    """Who has not logged in hears what it said itself, or is cut off."""

    def open(self):
        self.known = False
        clients.add(self)

    def on_message(self, message):
        data = json.loads(message)
        if data["type"] == "login":
            if not sessions.verify(data["token"]):
                self.close()
                return
            self.known = True
        elif data["type"] == "leave":
            self.ws_connection.close(1000, "bye")
        elif data["type"] == "say" and self.known:
            for one in clients:
                one.write_message(data["text"])
        else:
            self.write_message(json.dumps(data))


def get_cookie(cookie, name):
    value = ""
    for entry in cookie.split(";"):
        if entry.startswith(name):
            value = entry[len(name) :]
    return value


async def publish(data):
    try:
        store = redis.Redis()
        store.publish("talk", data)
        return True
    except redis.RedisError:
        return False


async def enter(room, name):
    store = redis.Redis()
    return store.sadd(room + "members", name)


class Noted(WebSocketHandler):
    """Handler that logs the result of the look-up, and refuses no client by it."""

    async def open(self):
        self.store = redis.Redis()
        self.session = get_cookie(self.request.headers.get("Cookie"), "session")
        self.room = get_cookie(self.request.headers.get("Cookie"), "room")
        threading.Thread(target=self.listen).start()

    async def on_message(self, message):
        data = json.loads(message)
        if data["type"] == "join":
            name = self.store.get(self.session + ":name")
            data = {"type": "new", "name": name}
            done = await publish(json.dumps(data))
            done = await enter(self.room, name)
        if data["type"] == "say":
            name = self.store.get(self.session + ":name")
            data["from"] = name
            done = await publish(json.dumps(data))
        if done:
            print("done")
        else:
            print("failed")

    def listen(self):
        talk = redis.Redis().pubsub()
        talk.subscribe("talk" + self.room)
        for one in talk.listen():
            self.write_message(json.dumps(one["data"]))


app = Application(
    [
        (r"/noted", Noted),
        (r"/ws", Door),
        (r"/c", Counted),
        (r"/h", Cookie),
        (r"/e", Elsewhere),
        (r"/echo", Echoing),
    ]
)
