"""A client that names itself or another's object, and twins that check or are told.

`ANYBODY` are of unauthenticated clients, `MEMBERS` of authenticated ones.
"""

__all__ = ["ANYBODY", "MEMBERS"]

ANYBODY: dict[str, tuple[str, str]] = {
    "the names of those in a table are listed elsewhere": (
        "missing",
        """
class Here:
    people = set()
    rest = set()
class Names(RequestHandler):
    def get(self):
        self.write(json.dumps([one.player for one in Here.people]))
class Door(WebSocketHandler):
    player = ""
    def on_message(self, message):
        data = json.loads(message)
        self.player = data["player"]
        Here.people.add(self)
""",
    ),
    "the names of those in another table are listed": (
        "ok",
        """
class Here:
    people = set()
    rest = set()
class Names(RequestHandler):
    def get(self):
        self.write(json.dumps([one.player for one in Here.rest]))
class Door(WebSocketHandler):
    player = ""
    def on_message(self, message):
        data = json.loads(message)
        self.player = data["player"]
        Here.people.add(self)
""",
    ),
    "a message is spread over a function that says who": (
        "missing",
        """
import sqlite3
base = sqlite3.connect("lines.db")
def add(sender, text):
    base.execute("INSERT INTO lines (sender, text) VALUES (?, ?)", (sender, text))
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        add(**data)
""",
    ),
    "a message is spread over words of a function": (
        "missing",
        """
def add(*, username, text):
    room.say(username, text)
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        add(**data)
""",
    ),
    "a message is spread, and nobody is named": (
        "ok",
        """
import sqlite3
base = sqlite3.connect("lines.db")
def add(*, text, colour="red"):
    base.execute("INSERT INTO lines (text, colour) VALUES (?, ?)", (text, colour))
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        add(**data)
""",
    ),
    "a row is made under who a message says": (
        "missing",
        """
import sqlite3
base = sqlite3.connect("lines.db")
def who(name):
    return base.execute("SELECT id FROM people WHERE name = ?", (name,)).fetchone()[0]
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        row = {"who": who(data["sender"]), "text": data["text"]}
        base.execute("insert into lines (sender_id, text) values (:who, :text)", row)
""",
    ),
    "the mailbox of the path": (
        "missing",
        """
class Door(WebSocketHandler):
    def open(self, user_id):
        for letter in db.letters.find({"to": user_id}):
            self.write_message(letter["text"])
""",
    ),
    "the one mailbox there is": (
        "ok",
        """
class Door(WebSocketHandler):
    def open(self):
        for letter in db.letters.find({"public": True}):
            self.write_message(letter["text"])
""",
    ),
    "the mailbox of the session": (
        "ok",
        """
class Door(WebSocketHandler):
    def open(self, page):
        user_id = self.get_secure_cookie("user")
        if not user_id:
            self.close()
            return
        for letter in db.letters.find({"to": user_id}):
            self.write_message(letter["text"])
""",
    ),
    "a header says who it is": (
        "missing",
        """
ONLINE = {}
class Door(WebSocketHandler):
    def open(self):
        uid = self.request.headers.get("X-User-Id")
        ONLINE[uid] = self
""",
    ),
    "the server in front says who it is": (
        "ok",
        """
ONLINE = {}
class Door(WebSocketHandler):
    def open(self):
        ONLINE[self.request.headers["X-Remote-User"]] = self
""",
    ),
    "a cookie without signature says who it is": (
        "missing",
        """
class Door(WebSocketHandler):
    def open(self):
        self.user = self.get_cookie("username")
    def on_message(self, message):
        room.say(self.user, message)
""",
    ),
    "a signed cookie says who it is": (
        "ok",
        """
class Door(WebSocketHandler):
    def open(self):
        self.user = self.get_secure_cookie("username")
        if self.user is None:
            self.close()
    def on_message(self, message):
        if self.user is None:
            return
        room.say(self.user, message)
""",
    ),
    "the subprotocol says who it is": (
        "missing",
        """
PEOPLE = {}
class Door(WebSocketHandler):
    def select_subprotocol(self, subprotocols):
        self.user_id = subprotocols[-1]
        return subprotocols[0]
    def open(self):
        PEOPLE.setdefault(self.user_id, set()).add(self)
""",
    ),
    "the first message says who it is": (
        "missing",
        """
ONLINE = {}
class Door(WebSocketHandler):
    nick = None
    def on_message(self, message):
        data = json.loads(message)
        if data["op"] == "login":
            self.nick = data["nick"]
            ONLINE[self.nick] = self
        elif data["op"] == "say":
            room.say(self.nick, data["text"])
""",
    ),
    "the first message proves who it is": (
        "ok",
        """
ONLINE = {}
class Door(WebSocketHandler):
    nick = None
    def on_message(self, message):
        data = json.loads(message)
        if data["op"] == "login":
            row = db.users.find_one({"nick": data["nick"]})
            if row is None or not bcrypt.checkpw(data["password"], row["password"]):
                self.close()
                return
            self.nick = data["nick"]
            ONLINE[self.nick] = self
        elif self.nick:
            room.say(self.nick, data["text"])
""",
    ),
    "the server makes a name up": (
        "ok",
        """
import itertools
numbers = itertools.count()
ONLINE = {}
class Door(WebSocketHandler):
    def open(self):
        self.nick = "guest%d" % next(numbers)
        ONLINE[self.nick] = self
    def on_message(self, message):
        room.say(self.nick, message)
""",
    ),
    "sockjs, the query says who it is": (
        "missing",
        """
from sockjs.tornado import SockJSConnection
class Door(SockJSConnection):
    participants = set()
    def on_open(self, info):
        self.user = info.get_argument("user")
        self.participants.add(self)
    def on_message(self, message):
        self.broadcast(self.participants, self.user + ": " + message)
""",
    ),
    "sockjs, nobody says who it is": (
        "ok",
        """
from sockjs.tornado import SockJSConnection
class Door(SockJSConnection):
    participants = set()
    def on_open(self, info):
        self.participants.add(self)
    def on_message(self, message):
        self.broadcast(self.participants, message)
""",
    ),
    "socket.io, an event says who it is": (
        "missing",
        """
import socketio
USERS = {}
class Door(socketio.AsyncNamespace):
    def on_connect(self, sid, environ):
        pass
    def on_register(self, sid, data):
        USERS[data["user_id"]] = sid
sio = socketio.AsyncServer(async_mode="tornado")
sio.register_namespace(Door("/"))
app = Application([("/socket.io/", socketio.get_tornado_handler(sio))])
""",
    ),
    "what waits in redis": (
        "missing",
        """
import redis
store = redis.StrictRedis()
class Door(WebSocketHandler):
    def open(self):
        uid = self.get_argument("uid")
        for line in store.lrange("inbox:%s" % uid, 0, -1):
            self.write_message(line)
""",
    ),
    "what waits in redis for a ticket": (
        "ok",
        """
import redis
store = redis.StrictRedis()
class Door(WebSocketHandler):
    def open(self):
        uid = store.get("ticket:%s" % self.get_argument("token"))
        if uid is None:
            self.close()
            return
        for line in store.lrange("inbox:%s" % uid, 0, -1):
            self.write_message(line)
""",
    ),
    "notes of a table of people": (
        "missing",
        """
from models import Note, session
class Door(WebSocketHandler):
    def open(self, uid):
        notes = session.query(Note).filter(Note.user_id == int(uid)).all()
        self.write_message({"notes": [note.text for note in notes]})
""",
    ),
    "messages of a user, django": (
        "missing",
        """
from mail.models import Message
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        found = Message.objects.filter(recipient__username=data["user"])
        self.write_message(json.dumps([one.text for one in found]))
""",
    ),
    "rows of a user, sql": (
        "missing",
        """
import sqlite3
cursor = sqlite3.connect("shop.db").cursor()
class Door(WebSocketHandler):
    def open(self, customer_id):
        cursor.execute("select total from orders where customer = ?", (customer_id,))
        self.write_message({"orders": cursor.fetchall()})
""",
    ),
    "a search among all": (
        "ok",
        """
from people.models import Person
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        found = Person.objects.filter(city__icontains=data["q"])
        self.write_message(json.dumps([one.city for one in found]))
""",
    ),
    "whether a name is taken": (
        "ok",
        """
class Door(WebSocketHandler):
    def on_message(self, message):
        username = json.loads(message)["username"]
        self.write_message({"taken": db.users.count({"username": username}) > 0})
""",
    ),
    "an account is made": (
        "ok",
        """
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        db.users.insert({"username": data["username"], "password": bcrypt.hashpw(data["password"], salt)})
""",
    ),
    "it is greeted by its name": (
        "ok",
        """
class Door(WebSocketHandler):
    def open(self):
        self.write_message("Hello, %s" % self.get_argument("user", "you"))
""",
    ),
    "its name is only logged": (
        "ok",
        """
import logging
class Door(WebSocketHandler):
    def open(self, user_id):
        logging.info("%s is here", user_id)
    def on_message(self, message):
        self.write_message("pong")
""",
    ),
    "a table of the application": (
        "missing",
        """
class Door(WebSocketHandler):
    def open(self):
        self.username = self.get_argument('username')
        self.application.people[self.username] = self
        print("%s is here" % self.username)
""",
    ),
    "a list of names beside a list of sockets": (
        "missing",
        """
sockets = []
users = []
class Door(WebSocketHandler):
    def open(self):
        sockets.append(self)
        users.append(self.get_argument("user"))
    def on_message(self, message):
        sender = users[sockets.index(self)]
        for one in sockets:
            one.write_message(sender + ": " + message)
        print("said")
""",
    ),
    "a move of a player that it names": (
        "missing",
        """
GAMES = {}
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        GAMES[data["game"]].move(data["player"], data["square"])
""",
    ),
    "a move of the player that the socket is": (
        "ok",
        """
class Game:
    def __init__(self):
        self.players = []
    def sit(self, socket):
        self.players.append(socket)
        return len(self.players)
GAME = Game()
class Door(WebSocketHandler):
    def open(self):
        self.number = GAME.sit(self)
    def on_message(self, message):
        board.notify(self.number, json.loads(message)["square"])
""",
    ),
    "money of an account that it names": (
        "missing",
        """
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        bank.transfer(data["from_account"], data["to_account"], data["amount"])
""",
    ),
    "a vote in the name of whoever it says": (
        "missing",
        """
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        polls.vote(data["poll"], data["user_id"], data["choice"])
""",
    ),
    "a callback compares whose it is": (
        "missing",
        """
import tornadoredis
class Door(WebSocketHandler):
    def on_message(self, message):
        self.owner = json.loads(message)["owner"]
        self.client = tornadoredis.Client()
        self.client.listen(self.on_note)
    def on_note(self, note):
        data = json.loads(note.body)
        if data["owner"] != self.owner:
            return
        self.write_message(data["text"])
""",
    ),
    "a callback tells all": (
        "ok",
        """
import tornadoredis
class Door(WebSocketHandler):
    def on_message(self, message):
        self.language = json.loads(message)["language"]
        self.client = tornadoredis.Client()
        self.client.listen(self.on_note)
    def on_note(self, note):
        data = json.loads(note.body)
        if data["language"] != self.language:
            return
        self.write_message(data["text"])
""",
    ),
    "all sockets but the own": (
        "ok",
        """
class Door(WebSocketHandler):
    def open(self):
        clients.add(self)
    def on_message(self, message):
        data = json.loads(message)
        for client in clients:
            if client is not self:
                client.write_message(data["text"])
""",
    ),
    "a table is updated": (
        "missing",
        """
class Door(WebSocketHandler):
    everybody = {}
    def on_message(self, message):
        data = json.loads(message)
        self.everybody.update({data["user"]: self})
""",
    ),
    "a record of the connection": (
        "missing",
        """
connected = []
class Door(WebSocketHandler):
    def open(self, user_id):
        connected.append({"id": user_id, "socket": self})
""",
    ),
    "an object of the connection": (
        "missing",
        """
class Client:
    def __init__(self, socket, username):
        self.socket = socket
        self.username = username
class Hub:
    def __init__(self):
        self.clients = {}
    def add(self, client):
        self.clients[client.username] = client
hub = Hub()
class Door(WebSocketHandler):
    def open(self):
        self.client = Client(self, self.get_query_argument("username"))
        hub.add(self.client)
""",
    ),
    "its name is kept where others look for it": (
        "missing",
        """
class Door(WebSocketHandler):
    clients = set()
    def open(self, user_id):
        self.user_id = user_id
        self.clients.add(self)
    @classmethod
    def notify(cls, user_id, text):
        for client in cls.clients:
            if client.user_id == user_id:
                client.write_message(text)
""",
    ),
    "a line with its sender in front": (
        "missing",
        """
class Door(WebSocketHandler):
    def on_message(self, message):
        sender, to, text = message.split("|", 2)
        room.say(sender, text)
""",
    ),
    "a list of parameters": (
        "missing",
        """
class Door(WebSocketHandler):
    def on_message(self, message):
        call = json.loads(message)
        if call["method"] == "say":
            user, text = call["params"]
            room.say(user, text)
""",
    ),
    "a record that is made of the message": (
        "missing",
        """
from dataclasses import dataclass
@dataclass
class Line:
    author: str
    text: str
class Door(WebSocketHandler):
    def on_message(self, message):
        line = Line(**json.loads(message))
        room.say(line.author, line.text)
""",
    ),
    "a model that was not read": (
        "missing",
        """
from schemas import Line
class Door(WebSocketHandler):
    def on_message(self, message):
        line = Line.parse_raw(message)
        room.say(line.user_id, line.text)
""",
    ),
    "the arguments of the request": (
        "missing",
        """
ONLINE = {}
class Door(WebSocketHandler):
    def open(self):
        self.uid = self.request.arguments["uid"][0]
        ONLINE[self.uid] = self
""",
    ),
    "the query is parsed": (
        "missing",
        """
from urllib.parse import parse_qs
ONLINE = {}
class Door(WebSocketHandler):
    def open(self):
        self.user = parse_qs(self.request.query)["user"][0]
        ONLINE[self.user] = self
""",
    ),
    "the end of the path": (
        "missing",
        """
ONLINE = {}
class Door(WebSocketHandler):
    def open(self):
        self.username = self.request.path.split("/")[-1]
        ONLINE[self.username] = self
""",
    ),
    "the arguments of the path": (
        "missing",
        """
ONLINE = {}
class Door(WebSocketHandler):
    def open(self, *args, **kwargs):
        ONLINE[self.path_kwargs["user_id"]] = self
""",
    ),
    "a tenant that it names": (
        "missing",
        """
class Door(WebSocketHandler):
    def open(self):
        self.tenant = self.get_argument("tenant")
        for order in db[self.tenant].orders.find():
            self.write_message(order["number"])
""",
    ),
    "points of a time": (
        "ok",
        """
class Door(WebSocketHandler):
    def open(self):
        for point in db.points.find({"time": {"$gte": self.get_argument("from")}}):
            self.write_message(point["value"])
""",
    ),
    "an identity from a token": (
        "ok",
        """
ONLINE = {}
class Door(WebSocketHandler):
    def open(self):
        try:
            claims = jwt.decode(self.get_argument("token"), self.settings["key"], algorithms=["HS256"])
        except jwt.InvalidTokenError:
            self.close()
            return
        self.user = claims["user"]
        ONLINE[self.user] = self
""",
    ),
    "a room that nobody can guess": (
        "ok",
        """
import uuid
boards = {}
class Make(RequestHandler):
    def post(self):
        token = uuid.uuid4().hex
        boards[token] = set()
        self.write(token)
class Door(WebSocketHandler):
    def open(self):
        board = boards.get(self.get_argument("token"))
        if board is None:
            self.close()
            return
        board.add(self)
""",
    ),
    "how often a name was tried": (
        "ok",
        """
tries = {}
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        tries[data["username"]] = tries.get(data["username"], 0) + 1
        if not db.verify(data["username"], data["password"]):
            self.write_message({"error": "wrong name or password", "username": data["username"]})
            return
        clients.add(self)
""",
    ),
    "a counter of all lines, mongo": (
        "ok",
        """
class Door(WebSocketHandler):
    async def on_message(self, message):
        await db.counters.update_one({"name": "lines"}, {"$inc": {"value": 1}})
""",
    ),
}

MEMBERS: dict[str, tuple[str, str]] = {
    "a line in a channel of its members, django": (
        "ok",
        """
from chat.models import Channel, Line
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        channel = Channel.objects.get(pk=data["channel"])
        if not channel.members.filter(pk=self.current_user.pk).exists():
            return
        Line.objects.create(channel_id=channel.pk, user=self.current_user, text=data["text"])
""",
    ),
    "a password was right, and the own playlist": (
        "ok",
        """
from models import Playlist, User, session
from passlib.hash import pbkdf2_sha256
class Door(WebSocketHandler):
    user = None
    def on_message(self, message):
        data = json.loads(message)
        if data["type"] == "login":
            row = session.query(User).filter_by(username=data["username"]).one()
            if pbkdf2_sha256.verify(data["password"], row.password):
                self.user = row
            return
        if not self.user:
            return
        session.query(Playlist).filter_by(id=data["id"], owner=self.user.id).update({"deleted": True})
""",
    ),
    "a document by its number and its owner, mongo": (
        "ok",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        mine = {"_id": data["id"], "owner": self.current_user}
        db.documents.update_one(mine, {"$set": {"text": data["text"]}})
""",
    ),
    "the user of the path, compared": (
        "ok",
        """
class Door(Base):
    def open(self, user_id):
        if user_id != self.current_user:
            self.close()
            return
        for letter in db.letters.find({"to": user_id}):
            self.write_message(letter["text"])
""",
    ),
    "the user of the message, compared": (
        "ok",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        if data["user_id"] != self.current_user:
            return
        room.say(data["user_id"], data["text"])
""",
    ),
    "a row of its own": (
        "ok",
        """
from models import session
class Note:
    def __init__(self, author, text, kind):
        self.author = author
        self.text = text
        self.kind = kind
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        session.add(Note(self.current_user, data["text"], data["kind"]))
        session.commit()
""",
    ),
    "it joins the members, and is one": (
        "missing",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        members = ROOMS[data["room"]].members
        if self.current_user not in members:
            members.append(self.current_user)
        ROOMS[data["room"]].clear()
""",
    ),
    "it is a member": (
        "ok",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        members = ROOMS[data["room"]].members
        if self.current_user not in members:
            return
        ROOMS[data["room"]].clear()
""",
    ),
    "how much it wants to see": (
        "ok",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        for event in log.events_after(int(data["since"])):
            self.write_message(event)
""",
    ),
    "the size of its terminal": (
        "ok",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        TERMINALS.of(self.current_user).resize(data["rows"], data["cols"])
""",
    ),
    "the word that a wrapper adds": (
        "ok",
        """
def checked(method):
    @functools.wraps(method)
    def wrapper(self, *args, **kwargs):
        found = sessions.get(self.get_argument("session_id"))
        if not found:
            raise HTTPError(401)
        kwargs["context"] = found
        return method(self, *args, **kwargs)
    return wrapper
class Door(WebSocketHandler):
    @checked
    def get(self, *args, **kwargs):
        return super().get(*args, **kwargs)
    def open(self, context):
        MACHINES[context["machine"]].attach(self)
""",
    ),
    "telemetry of the machine that it is": (
        "ok",
        """
class Door(Base):
    async def on_message(self, message):
        data = json.loads(message)
        await db.telemetry.insert_one({"machine": self.current_user, "speed": data["speed"]})
""",
    ),
}

ANYBODY |= {
    "a row that is made of an object": (
        "missing",
        """
class Access:
    def __init__(self, user):
        self.user = user
    @classmethod
    def connect(cls, user):
        return cls(user)
class Door(WebSocketHandler):
    def open(self):
        db.access.insert_one(Access.connect(self.get_argument("user")).__dict__)
""",
    ),
    "a row of an object of the server": (
        "ok",
        """
class Access:
    def __init__(self, server):
        self.server = server
class Door(WebSocketHandler):
    def open(self):
        db.access.insert_one(Access("door").__dict__)
""",
    ),
    "the one queue of the server": (
        "ok",
        """
import pika
channel = pika.BlockingConnection().channel()
class Door(WebSocketHandler):
    def on_message(self, message):
        channel.basic_publish(exchange="", routing_key="lines", body=message)
""",
    ),
    "the client of the query": (
        "missing",
        """
table = {}
class Door(WebSocketHandler):
    def open(self):
        self.client_id = self.get_argument("Id")
        table[self.client_id] = self
""",
    ),
    "a number that the server gives": (
        "ok",
        """
import uuid
table = {}
class Door(WebSocketHandler):
    def open(self):
        self.client_id = uuid.uuid4().hex
        table[self.client_id] = self
        self.write_message({"id": self.client_id})
""",
    ),
    "whoever is found under a name": (
        "missing",
        """
from users import Users
class Door(WebSocketHandler):
    def open(self, username):
        self.user = Users.get_by_username(username)
    def on_message(self, message):
        self.write_message("pong")
""",
    ),
    "whoever is found under a name, and the password": (
        "ok",
        """
from users import Users
class Door(WebSocketHandler):
    user = None
    def on_message(self, message):
        data = json.loads(message)
        if data["type"] == "login":
            self.user = Users.get_by_username(data["username"])
            if not self.user or not self.user.check_password(data["password"]):
                self.user = None
                self.close()
        elif self.user:
            room.say(self.user.name, data["text"])
""",
    ),
    "a loop elsewhere asks each for its name": (
        "missing",
        """
clients = []
def tell(change):
    for client in clients:
        if client.username in change["owners"]:
            client.write_message(change)
class Door(WebSocketHandler):
    username = None
    def open(self, username):
        if self not in clients:
            self.username = username
            clients.append(self)
""",
    ),
    "a loop elsewhere asks nobody": (
        "ok",
        """
clients = []
def tell(change):
    for client in clients:
        client.write_message(change)
class Door(WebSocketHandler):
    username = None
    def open(self, username):
        if self not in clients:
            self.username = username
            clients.append(self)
""",
    ),
}

MEMBERS |= {
    "spoken where a signature says": (
        "ok",
        """
class Door(WebSocketHandler):
    def open(self):
        try:
            self.channel = self.application.signer.unsign(self.get_argument("channel"), max_age=1800)
        except Exception:
            self.close()
    def on_message(self, message):
        redis.publish(self.channel, json.dumps({"message": message}))
""",
    ),
    "the sockets of the players of the own room": (
        "ok",
        """
SOCKETS = {}
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        for player in self.application.lobby.room_of(self.current_user)["players"]:
            SOCKETS[player["phone"]].write_message({"text": data["text"]})
""",
    ),
}

ANYBODY |= {
    "tornadio, an event with the name of the sender": (
        "missing",
        """
from tornadio2 import SocketConnection, event
class Door(SocketConnection):
    participants = set()
    def on_open(self, request):
        self.participants.add(self)
    @event("chat")
    def chat(self, username, text):
        for one in self.participants:
            one.emit("chat", username, text)
""",
    ),
    "a number in base64": (
        "missing",
        """
import base64
ONLINE = {}
class Door(WebSocketHandler):
    def open(self):
        uid = base64.b64decode(self.get_argument("u")).decode()
        ONLINE[uid] = self
""",
    ),
    "a hash of who is there": (
        "missing",
        """
import redis
store = redis.Redis()
class Door(WebSocketHandler):
    def open(self):
        store.hset("online", self.get_argument("user_id"), id(self))
""",
    ),
    "the queue of a user": (
        "missing",
        """
import collections
QUEUES = collections.defaultdict(asyncio.Queue)
class Door(WebSocketHandler):
    async def open(self, user_id):
        queue = QUEUES[user_id]
        while True:
            await self.write_message(await queue.get())
""",
    ),
    "the queue of the connection": (
        "ok",
        """
class Door(WebSocketHandler):
    async def open(self, page):
        queue = asyncio.Queue()
        clients.add(queue)
        while True:
            await self.write_message(await queue.get())
""",
    ),
    "weak references by name": (
        "missing",
        """
import weakref
SOCKETS = weakref.WeakValueDictionary()
class Door(WebSocketHandler):
    def open(self):
        SOCKETS[self.get_query_argument("account")] = self
""",
    ),
    "a table of the class by name": (
        "missing",
        """
import collections
class Door(WebSocketHandler):
    sockets = collections.defaultdict(set)
    def open(self, user):
        Door.sockets[user].add(self)
""",
    ),
    "the file of a mailbox": (
        "missing",
        """
class Door(WebSocketHandler):
    def open(self):
        user = self.get_argument("user")
        with open(os.path.join("/var/mail", user)) as box:
            for line in box:
                self.write_message(line)
""",
    ),
    "letters, peewee": (
        "missing",
        """
from models import Letter
class Door(WebSocketHandler):
    def open(self, uid):
        for letter in Letter.select().where(Letter.recipient == uid):
            self.write_message(letter.text)
""",
    ),
    "letters, motor": (
        "missing",
        """
class Door(WebSocketHandler):
    async def on_message(self, message):
        uid = json.loads(message)["uid"]
        async for letter in db.letters.find({"owner": uid}):
            await self.write_message(letter)
""",
    ),
    "letters, a query that is put together": (
        "missing",
        """
import psycopg2
class Door(WebSocketHandler):
    def on_message(self, message):
        uid = json.loads(message)["uid"]
        cursor = psycopg2.connect("dbname=mail").cursor()
        cursor.execute("select text from letters where owner = '%s'" % uid)
        for row in cursor.fetchall():
            self.write_message(row[0])
""",
    ),
    "notes of the database for a user": (
        "missing",
        """
import asyncpg
class Door(WebSocketHandler):
    async def open(self, user_id):
        self.connection = await asyncpg.connect("postgres://localhost")
        await self.connection.add_listener("user_%s" % user_id, self.on_note)
    def on_note(self, connection, pid, channel, payload):
        self.write_message(payload)
""",
    ),
    "notes of the database for all": (
        "ok",
        """
import asyncpg
class Door(WebSocketHandler):
    async def open(self, page):
        self.connection = await asyncpg.connect("postgres://localhost")
        await self.connection.add_listener("news", self.on_note)
    def on_note(self, connection, pid, channel, payload):
        self.write_message(payload)
""",
    ),
    "a set of who is there": (
        "missing",
        """
import redis
store = redis.Redis()
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        if data["event"] == "hello":
            store.sadd("online", data["username"])
""",
    ),
    "a session in a plain cookie": (
        "missing",
        """
import base64
ONLINE = {}
class Door(WebSocketHandler):
    def open(self):
        state = json.loads(base64.b64decode(self.get_cookie("state")))
        self.user_id = state["user_id"]
        ONLINE[self.user_id] = self
""",
    ),
    "the current user is what the query says": (
        "missing",
        """
ONLINE = {}
class Door(WebSocketHandler):
    def get_current_user(self):
        return self.get_argument("user", None)
    @authenticated
    def get(self):
        return super().get()
    def open(self):
        ONLINE[self.current_user] = self
""",
    ),
    "a number has to be there": (
        "missing",
        """
ONLINE = {}
class Door(WebSocketHandler):
    def prepare(self):
        self.uid = self.request.headers.get("uid")
        if not self.uid:
            raise HTTPError(401)
    def open(self):
        ONLINE[self.uid] = self
""",
    ),
    "a user that the query names, django": (
        "missing",
        """
from django.contrib.auth.models import User
class Door(WebSocketHandler):
    def open(self):
        self.user = User.objects.get(pk=self.get_argument("user"))
    def on_message(self, message):
        room.say(self.user.username, message)
""",
    ),
    "the user of a token, django": (
        "ok",
        """
from rest_framework.authtoken.models import Token
class Door(WebSocketHandler):
    user = None
    def open(self):
        try:
            self.user = Token.objects.get(key=self.get_argument("token")).user
        except Token.DoesNotExist:
            self.close()
    def on_message(self, message):
        if self.user:
            room.say(self.user.username, message)
""",
    ),
    "a signature over the number": (
        "ok",
        """
import hashlib
ONLINE = {}
class Door(WebSocketHandler):
    def open(self):
        uid = self.get_argument("uid")
        wanted = hmac.new(self.settings["secret"], uid.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(self.get_argument("signature"), wanted):
            self.close()
            return
        ONLINE[uid] = self
""",
    ),
    "a name for all to see, and the server's number": (
        "ok",
        """
import itertools
numbers = itertools.count(1)
class Door(WebSocketHandler):
    def open(self):
        self.number = next(numbers)
        clients.add(self)
    def on_message(self, message):
        for one in clients:
            one.write_message({"number": self.number, "text": message})
""",
    ),
    "an order of whoever it says": (
        "missing",
        """
from shop.models import Order
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        Order.objects.create(customer_id=data["customer_id"], item=data["item"])
""",
    ),
    "the profile of whoever it says": (
        "missing",
        """
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        db.profiles.update({"user": data["user"]}, {"$set": {"email": data["email"]}})
""",
    ),
}

MEMBERS |= {
    "money of an account, by a member": (
        "missing",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        bank.transfer(data["from_account"], data["to_account"], data["amount"])
""",
    ),
    "money of an account of its own": (
        "ok",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        if data["from_account"] not in bank.accounts_of(self.current_user):
            return
        bank.transfer(data["from_account"], data["to_account"], data["amount"])
""",
    ),
    "an order by its number and its customer": (
        "ok",
        """
from shop.models import Order
class Door(Base):
    def on_message(self, message):
        order = Order.objects.get(id=json.loads(message)["order"], customer=self.current_user)
        order.cancel()
""",
    ),
    "a device whose owner is another": (
        "ok",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        device = devices.get(data["device"])
        if device.owner_id != self.current_user["id"]:
            return
        device.reset()
""",
    ),
    "the tenant of the user": (
        "ok",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        db[self.current_user.tenant].orders.delete_one({"_id": data["id"]})
""",
    ),
    "the channel of the user that it is": (
        "ok",
        """
class Door(Base):
    def on_message(self, message):
        pubsub.subscribe(f"user:{self.current_user.id}", self)
""",
    ),
    "the user of the path, refused in prepare": (
        "ok",
        """
class Door(Base):
    def prepare(self):
        super().prepare()
        if self.path_kwargs["user_id"] != self.current_user.id:
            raise HTTPError(403)
    def open(self, user_id):
        for letter in db.letters.find({"to": user_id}):
            self.write_message(letter["text"])
""",
    ),
    "the readers of a document": (
        "ok",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        doc = docs.load(data["doc"])
        if self.current_user not in doc.readers:
            print("refused")
            return
        doc.append(data["text"])
""",
    ),
    "a document of a member, by a join": (
        "ok",
        """
from models import Doc, Member, session
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        mine = Member.user_id == self.current_user.id
        doc = session.query(Doc).join(Member).filter(mine, Doc.id == data["doc"]).one()
        doc.text = data["text"]
        session.commit()
""",
    ),
    "a token, and then whoever it says": (
        "missing",
        """
class Door(WebSocketHandler):
    user = None
    def on_message(self, message):
        data = json.loads(message)
        if self.user is None:
            self.user = sessions.find(data["token"])
            if self.user is None:
                self.close()
            return
        room.say(data["user"], data["text"])
""",
    ),
    "a token, and then the user of it": (
        "ok",
        """
class Door(WebSocketHandler):
    user = None
    def on_message(self, message):
        data = json.loads(message)
        if self.user is None:
            self.user = sessions.find(data["token"])
            if self.user is None:
                self.close()
            return
        room.say(self.user, data["text"])
""",
    ),
}

MEMBERS |= {
    "a board by its invitation": (
        "ok",
        """
BOARDS = {}
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        BOARDS[data["invitation_token"]].draw(data["line"])
""",
    ),
    "removed first, and the token looked at then": (
        "missing",
        """
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        rows.delete(data["id"])
        if not tokens.verify(data["token"], data["id"]):
            self.close()
            return
        clients.add(self)
""",
    ),
    "a name that was proven, and another in the next message": (
        "missing",
        """
class Door(WebSocketHandler):
    user = None
    def on_message(self, message):
        data = json.loads(message)
        if data["type"] == "login":
            row = db.users.find_one({"name": data["user"]})
            if row and bcrypt.checkpw(data["password"], row["hash"]):
                self.user = data["user"]
        elif self.user:
            room.say(data["user"], data["text"])
""",
    ),
    "a name that was proven, and the same in the next message": (
        "ok",
        """
class Door(WebSocketHandler):
    user = None
    def on_message(self, message):
        data = json.loads(message)
        if data["type"] == "login":
            row = db.users.find_one({"name": data["user"]})
            if row and bcrypt.checkpw(data["password"], row["hash"]):
                self.user = data["user"]
        elif self.user:
            room.say(self.user, data["text"])
""",
    ),
    "a password in the table, and the own room": (
        "ok",
        """
class Door(WebSocketHandler):
    user = None
    def on_message(self, message):
        data = json.loads(message)
        if self.user is None:
            row = db.users.find_one({"name": data["user"]})
            if row is None or row["password"] != data["password"]:
                self.close()
                return
            self.user = row
            return
        db.rooms.remove({"_id": data["room"], "owner": self.user["_id"]})
""",
    ),
}

ANYBODY |= {
    "a mixin takes the name": (
        "missing",
        """
ONLINE = {}
class Named:
    def prepare(self):
        self.user = self.get_argument("user")
class Door(Named, WebSocketHandler):
    def open(self):
        ONLINE[self.user] = self
""",
    ),
    "a helper takes the name": (
        "missing",
        """
ONLINE = {}
def who(handler):
    return handler.get_argument("user")
class Door(WebSocketHandler):
    def open(self):
        ONLINE[who(self)] = self
""",
    ),
    "a property takes the name": (
        "missing",
        """
class Door(WebSocketHandler):
    @property
    def user(self):
        return self.get_argument("user")
    def on_message(self, message):
        room.say(self.user, message)
""",
    ),
    "bytes of the query": (
        "missing",
        """
ONLINE = {}
class Door(WebSocketHandler):
    def open(self):
        uid = self.request.query_arguments.get("uid", [b""])[0].decode()
        ONLINE[uid] = self
""",
    ),
    "words of the path": (
        "missing",
        """
ONLINE = {}
class Door(WebSocketHandler):
    def open(self, *args, **kwargs):
        self.user = kwargs["user"]
        ONLINE[self.user] = self
app = Application([(r"/ws/(?P<user>[a-z]+)", Door)])
""",
    ),
    "the first part of the path": (
        "missing",
        """
ONLINE = {}
class Door(WebSocketHandler):
    def open(self, *args):
        user = args[0]
        ONLINE[user] = self
""",
    ),
    "a registry of the project": (
        "missing",
        """
import threading
class Registry:
    def __init__(self):
        self.lock = threading.Lock()
        self.sockets = {}
    def register(self, user, socket):
        with self.lock:
            self.sockets.setdefault(user, []).append(socket)
REGISTRY = Registry()
class Door(WebSocketHandler):
    def initialize(self, registry=REGISTRY):
        self.registry = registry
    def open(self, user_id):
        self.registry.register(user_id, self)
""",
    ),
    "a registry of connections": (
        "ok",
        """
import threading
class Registry:
    def __init__(self):
        self.lock = threading.Lock()
        self.sockets = []
    def register(self, socket):
        with self.lock:
            self.sockets.append(socket)
REGISTRY = Registry()
class Door(WebSocketHandler):
    def initialize(self, registry=REGISTRY):
        self.registry = registry
    def open(self, page):
        self.registry.register(self)
""",
    ),
    "commands of a line": (
        "missing",
        """
users = {}
class Door(WebSocketHandler):
    nick = None
    def on_message(self, message):
        command, *args = message.split()
        if command == "NICK":
            self.nick = args[0]
            users[self.nick] = self
        elif command == "SAY":
            room.say(self.nick, " ".join(args))
""",
    ),
    "a number in bytes": (
        "missing",
        """
import struct
class Door(WebSocketHandler):
    def on_message(self, message):
        uid = struct.unpack(">I", message[:4])[0]
        room.say(uid, message[4:])
""",
    ),
    "a name in xml": (
        "missing",
        """
from xml.etree import ElementTree
class Door(WebSocketHandler):
    def on_message(self, message):
        root = ElementTree.fromstring(message)
        sender = root.find("from").text
        room.say(sender, root.find("body").text)
""",
    ),
    "a name in msgpack": (
        "missing",
        """
import msgpack
class Door(WebSocketHandler):
    def on_message(self, message):
        data = msgpack.unpackb(message, raw=False)
        room.say(data["user"], data["text"])
""",
    ),
    "a name in a protocol buffer": (
        "missing",
        """
from chat_pb2 import Line
class Door(WebSocketHandler):
    def on_message(self, message):
        line = Line()
        line.ParseFromString(message)
        room.say(line.sender, line.text)
""",
    ),
    "a text in a protocol buffer": (
        "ok",
        """
from chat_pb2 import Line
class Door(WebSocketHandler):
    def on_message(self, message):
        line = Line()
        line.ParseFromString(message)
        room.say("somebody", line.text)
""",
    ),
    "names by a function of many": (
        "missing",
        """
ONLINE = {}
class Door(WebSocketHandler):
    def open(self):
        user, place = [self.get_argument(name) for name in ("user", "place")]
        ONLINE[user] = (self, place)
""",
    ),
    "a session object of the project": (
        "missing",
        """
class Session:
    def __init__(self, handler):
        self.handler = handler
        self.user = None
    def receive(self, data):
        if data["type"] == "hello":
            self.user = data["user"]
        elif data["type"] == "say":
            room.say(self.user, data["text"])
class Door(WebSocketHandler):
    def open(self):
        self.session = Session(self)
    def on_message(self, message):
        self.session.receive(json.loads(message))
""",
    ),
    "a session object that asks for a password": (
        "ok",
        """
class Session:
    def __init__(self, handler):
        self.handler = handler
        self.user = None
    def receive(self, data):
        if data["type"] == "hello":
            if not db.check_password(data["user"], data["password"]):
                self.handler.close()
                return
            self.user = data["user"]
        elif data["type"] == "say" and self.user:
            room.say(self.user, data["text"])
class Door(WebSocketHandler):
    def open(self):
        self.session = Session(self)
    def on_message(self, message):
        self.session.receive(json.loads(message))
""",
    ),
    "a game at which it sits down as whoever it says": (
        "missing",
        """
GAMES = {}
class Door(WebSocketHandler):
    def open(self):
        game = GAMES[self.get_argument("game")]
        game.sit(self.get_argument("player"), self)
""",
    ),
    "a colour that it picks": (
        "ok",
        """
class Door(WebSocketHandler):
    def open(self):
        self.colour = self.get_argument("colour", "black")
        clients.add(self)
    def on_message(self, message):
        for one in clients:
            one.write_message({"colour": self.colour, "text": message})
""",
    ),
    "an agent of the browser": (
        "ok",
        """
class Door(WebSocketHandler):
    def open(self):
        self.user_agent = self.request.headers.get("User-Agent", "")
        db.visits.insert({"agent": self.user_agent})
        clients.add(self)
""",
    ),
    "how many users it wants to see": (
        "ok",
        """
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        self.write_message({"users": db.names.find().limit(data["user_count"])})
""",
    ),
}


ANYBODY |= {
    "a signature that is put together": (
        "ok",
        """
import hashlib
ONLINE = {}
class Door(WebSocketHandler):
    def open(self):
        uid = self.get_argument("uid")
        digest = hmac.new(self.settings["secret"], digestmod=hashlib.sha256)
        digest.update(uid.encode())
        if digest.hexdigest() != self.get_argument("token"):
            self.close()
            return
        ONLINE[uid] = self
""",
    ),
    "a digest that anybody can put together": (
        "missing",
        """
import hashlib
ONLINE = {}
class Door(WebSocketHandler):
    def open(self):
        uid = self.get_argument("uid")
        digest = hashlib.sha256()
        digest.update(uid.encode())
        if digest.hexdigest() != self.get_argument("digest"):
            self.close()
            return
        ONLINE[uid] = self
""",
    ),
}

ANYBODY |= {
    "the name of the connection": (
        "missing",
        """
class Door(WebSocketHandler):
    def open(self):
        clients.add(self)
    def on_message(self, message):
        data = json.loads(message)
        if data["type"] == "join":
            self.name = data["name"]
            return
        for one in clients:
            one.write_message(json.dumps({"name": self.name, "text": data["text"]}))
""",
    ),
    "a counter by a statement": (
        "ok",
        """
class Door(WebSocketHandler):
    def on_message(self, message):
        cursor.execute("update counters set value = value + 1 where name = 'lines'")
""",
    ),
}

MEMBERS |= {
    "whether it is a member, and speaks": (
        "ok",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        if rooms.is_member(data["room"], self.current_user):
            rooms.clear(data["room"])
""",
    ),
    "roles that are looked at": (
        "ok",
        """
class Door(Base):
    def open(self):
        self.roles = db.get_roles(self.current_user)
    def on_message(self, message):
        data = json.loads(message)
        if data["type"] == "ping":
            self.write_message("pong")
        elif data["type"] == "delete" and "editor" in self.roles:
            db.rooms.remove({"_id": data["id"]})
""",
    ),
    "a method for administrators that asks": (
        "ok",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        if data["type"] == "remove":
            self.admin_remove(data)
    def admin_remove(self, data):
        if not self.current_user.is_admin:
            return
        db.rooms.remove({"_id": data["id"]})
""",
    ),
}


MEMBERS |= {
    "a line of whoever it says, by another word": (
        "missing",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        lines.insert({"author": data["authorName"], "text": data["text"]})
""",
    ),
    "a line to whoever it says": (
        "ok",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        letters.insert({"author": self.current_user, "to": data["to_user"], "text": data["text"]})
""",
    ),
}


ANYBODY |= {
    "a table of the server with attributes": (
        "ok",
        """
class Record(dict):
    def __init__(self, given):
        super(Record, self).__init__(given)
    def __getattr__(self, name):
        return self.get(name)
PLACES = Record({"channel": "lines"})
class Door(WebSocketHandler):
    def on_message(self, message):
        bus.publish(PLACES.channel, message)
""",
    ),
}

MEMBERS |= {
    "the files of the user, in a database of the settings": (
        "ok",
        """
class Door(Base):
    @property
    def db(self):
        return self.application.settings["db"]
    def on_message(self, message):
        path = json.loads(message)["path"]
        self.write_message({"found": self.db[self.current_user.name].find({"path": path})})
""",
    ),
}

_TASKS = """
from tornado import gen
import motor
class Person:
    @classmethod
    def find_one(cls, db, query, collection=None, callback=None):
        db[collection].find_one(query, callback=callback)
class Door(WebSocketHandler):
    @gen.engine
    def open(self):
        token = self.get_argument("token")
        found = yield gen.Task(sessions.find, token)
        if not found:
            self.close()
            return
        self.user = yield motor.Op(Person.find_one, db, {{"_id": found}}, collection="people")
    @gen.engine
    def on_message(self, message):
        path = json.loads(message)["path"]
        file = yield motor.Op(Person.find_one, db, {{"_id": path}}, collection={collection})
        self.write_message(file)
"""

MEMBERS |= {
    "a file of the user's own collection, by a task": (
        "ok",
        _TASKS.format(collection="self.user.name"),
    ),
}

ANYBODY |= {
    "each of the readers of a language": (
        "ok",
        """
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        for reader in cache.get("readers.%s" % data["language"]):
            reader.seen = True
""",
    ),
}
