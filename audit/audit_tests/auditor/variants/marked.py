"""Methods that a decorator marks, and that are found by their marks: the actions of messages."""

__all__ = ["CASES"]

Case = tuple[str, str, dict[str, str]]

_MARKS = {
    "a function": """
def on(kind):
    def mark(method):
        method.kind = kind
        return method
    return mark
""",
    "an object": """
class on:
    def __init__(self, kind):
        self.kind = kind
    def __call__(self, method):
        method.kind = self.kind
        return method
""",
}
_FINDS = {
    "by dir()": """for name in dir(self):
            one = getattr(self, name)
            if hasattr(one, "kind"):
                handler.register(one.kind, one)""",
    "among all members": """for _, one in inspect.getmembers(self):
            if hasattr(one, "kind"):
                handler.register(one.kind, one)""",
    "among the methods": """for _, one in inspect.getmembers(self, inspect.ismethod):
            kind = getattr(one, "kind", None)
            if kind is not None:
                handler.register(kind, one)""",
}
_PROGRAM = """
import inspect
{mark}
class Actions:
    def __init__(self, handler):
        self.handler = handler
        {find}
    @on("token")
    def check_token(self, message):
        try:
            uid = jwt.decode(message["token"], options={{"verify_signature": False}})["id"]
            user = db.user(uid)
            jwt.decode(message["token"], user.secret, algorithms=["HS256"])
            self.handler.user = user
            self.handler.write_message("ok")
        except (jwt.ExpiredSignatureError, jwt.DecodeError):
            self.handler.write_message("logout")
    {marked}
    def say(self, message):
        {deed}
class Door(WebSocketHandler):
    user = None
    def register(self, kind, action):
        if kind in self.actions:
            self.actions[kind].add(action)
        else:
            self.actions[kind] = {{action}}
    def open(self):
        self.actions = {{}}
        self.parts = [Actions(self)]
    def on_message(self, message):
        try:
            message = json.loads(message)
            for action in self.actions[message["type"]]:
                action(message)
        except KeyError:
            self.write_message({{"type": "critical", "message": message}})
"""
_ASKS = """if self.handler.user is None:
            return
        room.say(message["text"])"""
_SAYS = 'room.say(message["text"])'


def _program(mark: str, find: str, deed: str, marked: str = '@on("say")') -> str:
    return _PROGRAM.format(mark=mark, find=find, deed=deed, marked=marked)


CASES: dict[str, Case] = {
    **{
        f"every action asks, marked by {by} and found {found}": (
            "late",
            _program(mark, find, _ASKS),
            {},
        )
        for by, mark in _MARKS.items()
        for found, find in _FINDS.items()
    },
    **{
        f"an action that needs no log-in, marked by {by} and found {found}": (
            "late",
            _program(mark, find, _SAYS),
            {},
        )
        for by, mark in _MARKS.items()
        for found, find in _FINDS.items()
    },
    "a method that does not ask and is not marked is none of the actions": (
        "late",
        _program(_MARKS["a function"], _FINDS["by dir()"], _SAYS, marked=""),
        {},
    ),
}
KINDS = {
    "every action asks, marked by a function and found by dir()": "after-accept",
    "an action that needs no log-in, marked by a function and found by dir()": "skippable",
    "an action that needs no log-in, marked by an object and found among the methods": "skippable",
    "a method that does not ask and is not marked is none of the actions": "after-accept",
}
"""Which of them can be gone around by leaving the log-in out."""
