"""Fields of stored content, such as a role: they say nothing about the client that asks."""

__all__ = ["CASES"]

CASES: dict[str, tuple[str, str, dict[str, str]]] = {
    "chat completion": (
        "missing",
        """
class Door(WebSocketHandler):
    def open(self):
        self.history = []
    async def on_message(self, message):
        data = json.loads(message)
        self.history.append({"role": "user", "content": data["text"]})
        for one in self.history:
            if one["role"] == "user":
                db.log(one["content"])
""",
        {},
    ),
    "stored history": (
        "missing",
        """
class Door(WebSocketHandler):
    async def on_message(self, message):
        data = json.loads(message)
        history = await db.load_history(data["chat"])
        last = history[-1]
        if last["role"] != "user":
            return
        await db.save(data["chat"], data["text"])
""",
        {},
    ),
    "stored row attribute": (
        "missing",
        """
class Door(WebSocketHandler):
    async def on_message(self, message):
        data = json.loads(message)
        row = await db.fetch_message(data["id"])
        if row.role == "assistant":
            self.write_message("no edits")
            return
        await db.update_message(data["id"], data["text"])
""",
        {},
    ),
    "in open": (
        "missing",
        """
class Door(WebSocketHandler):
    async def open(self, chat_id):
        messages = await db.messages_of(chat_id)
        if not messages or messages[0]["role"] != "system":
            self.close()
            return
        clients.add(self)
    async def on_message(self, message):
        await db.append(message)
""",
        {},
    ),
    "role of the user in a signed cookie": (
        "guarded",
        """
class Door(WebSocketHandler):
    def prepare(self):
        user = db.get_user(self.get_signed_cookie("user"))
        if user is None or user.role != "editor":
            raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "unread has_role of the stored": (
        "missing",
        """
class Door(WebSocketHandler):
    async def on_message(self, message):
        data = json.loads(message)
        chat = await db.chats.find_one({"_id": data["chat"]})
        for line in chat["messages"]:
            if line.get("role") not in ("user", "assistant"):
                raise ValueError("bad history")
        await db.chats.update_one({"_id": data["chat"]}, {"$push": {"messages": data["text"]}})
""",
        {},
    ),
    "model object": (
        "missing",
        """
class Message:
    def __init__(self, role, content):
        self.role, self.content = role, content
    @property
    def is_user(self):
        return self.role == "user"
class Door(WebSocketHandler):
    def open(self):
        self.messages = []
    def on_message(self, message):
        self.messages.append(Message("user", message))
        if self.messages[-1].is_user:
            db.log(message)
""",
        {},
    ),
    "file of a conversation": (
        "missing",
        """
class Door(WebSocketHandler):
    def open(self, name):
        with open(f"chats/{name}.json") as stream:
            self.chat = json.load(stream)
        if self.chat["role"] != "open":
            self.close()
            return
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "permission of a document": (
        "missing",
        """
class Door(WebSocketHandler):
    async def prepare(self):
        document = await db.documents.find_one({"_id": self.path_args[0]})
        if document is None or document["permission"] == "locked":
            raise HTTPError(404)
        self.document = document
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "owner field of a stored item": (
        "missing",
        """
class Door(WebSocketHandler):
    async def on_message(self, message):
        data = json.loads(message)
        item = await db.get_item(data["id"])
        if item["account"] != "shared":
            return
        await db.update(data["id"], data["text"])
""",
        {},
    ),
    "role the message says": (
        "missing",
        """
class Door(WebSocketHandler):
    async def on_message(self, message):
        data = json.loads(message)
        if data["role"] != "admin":
            return
        await db.delete(data["id"])
""",
        {},
    ),
    "raises 403": (
        "missing",
        """
class Door(WebSocketHandler):
    async def prepare(self):
        page = await db.pages.find_one({"slug": self.path_args[0]})
        if page["role"] != "public":
            raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "of the last line in a chat": (
        "missing",
        """
class Door(WebSocketHandler):
    async def on_message(self, message):
        data = json.loads(message)
        chat = self.application.chats[data["chat"]]
        if chat.messages and chat.messages[-1].role == "user":
            self.write_message({"error": "forbidden: wait for the answer"})
            return
        chat.messages.append(data["text"])
        await db.save(chat)
""",
        {},
    ),
    "in the payload, 403": (
        "missing",
        """
class Door(WebSocketHandler):
    async def on_message(self, message):
        data = json.loads(message)
        for line in data["messages"]:
            if line["role"] not in {"user", "system"}:
                self.close(4003)
                return
        await db.save(data["messages"])
""",
        {},
    ),
    "of a message object with an attribute": (
        "missing",
        """
import llm
class Door(WebSocketHandler):
    async def on_message(self, message):
        history = await llm.load(self.path_args[0])
        if history.last.role != "assistant":
            return
        await llm.ask(message)
""",
        {},
    ),
    "self.role of a constructor": (
        "missing",
        """
class Door(WebSocketHandler):
    def initialize(self, role):
        self.role = role
    def on_message(self, message):
        if self.role != "writer":
            return
        room.say(message)
application = Application([("/read", Door, {"role": "reader"}), ("/write", Door, {"role": "writer"})])
""",
        {},
    ),
    "permission of a file": (
        "missing",
        """
class Door(WebSocketHandler):
    def open(self, name):
        self.note = db.load_note(name)
        if self.note.permissions == "private":
            self.close(4003)
            return
        clients.add(self)
    def on_message(self, message):
        self.note.append(message)
""",
        {},
    ),
    "owner that the message names": (
        "missing",
        """
class Door(WebSocketHandler):
    async def on_message(self, message):
        data = json.loads(message)
        item = await db.items.find_one({"id": data["id"]})
        if item["owner"] != data["owner"]:
            return
        await db.items.delete(data["id"])
""",
        {},
    ),
    "has_permission of a stored thing": (
        "missing",
        """
class Door(WebSocketHandler):
    async def on_message(self, message):
        data = json.loads(message)
        document = await db.document(data["id"])
        if not document.has_permission("write"):
            return
        await document.write(data["text"])
""",
        {},
    ),
    "is_authenticated of a stored thing": (
        "missing|after-accept",
        """
class Door(WebSocketHandler):
    async def on_message(self, message):
        data = json.loads(message)
        device = await db.device(data["id"])
        if not device.authorized:
            return
        await device.send(data["command"])
""",
        {},
    ),
}
