"""Tables with public keys, and tables with keys that only their recipients know."""

__all__ = ["CASES"]

Case = tuple[str, str, dict[str, str]]

_MODELS = """
MODELS = {{}}
class Door(WebSocketHandler):
    def open(self, key):
        self.model = MODELS[key]
    def on_message(self, message):
        room.say(self.model, message)
class Page(RequestHandler):
    {asked}
    def get(self, key=None):
        self.write({told})
"""
_TOLD = {
    "a list of the keys": ("missing", "json.dumps(list(MODELS.keys()))"),
    "the table": ("missing", "json.dumps(MODELS)"),
    "the keys beside something else": (
        "missing",
        'json.dumps({"ok": True, "models": sorted(MODELS)})',
    ),
    "what Tornado encodes": ("missing", '{"models": list(MODELS)}'),
    "how many there are": ("late", '{"models": len(MODELS)}'),
    "what stands in it": ("late", "json.dumps(list(MODELS.values()))"),
    "the one that was asked for": ("late", "json.dumps(MODELS[key])"),
}

_HANDED = """
class Page(RequestHandler):
    def initialize(self, database):
        self.database = database
    def get(self):
        self.write(json.dumps({told}))
class Door(WebSocketHandler):
    def initialize(self, database):
        self.database = database
    def open(self, key):
        self.model = self.database[key]
    def on_message(self, message):
        room.say(self.model, message)
def main():
    database = {{}}
    Application([("/", Page, {{"database": database}}), (r"/ws/(.+)", Door, {{"database": database}})])
"""

_ROOMS = """
ROOMS = {{}}
class Door(WebSocketHandler):
    def open(self):
        self.write_message({told})
    def on_message(self, message):
        said = json.loads(message)
        if said["code"] not in ROOMS:
            self.close()
            return
        ROOMS[said["code"]].add(self)
"""

CASES: dict[str, Case] = {
    **{
        f"a page shows {name}": (wanted, _MODELS.format(asked="", told=told), {})
        for name, (wanted, told) in _TOLD.items()
    },
    "a page shows its users a list of the keys": (
        "late",
        _MODELS.format(asked="@authenticated", told="json.dumps(list(MODELS))"),
        {},
    ),
    "a page shows a table that main() hands out": (
        "missing",
        _HANDED.format(told="self.database"),
        {},
    ),
    "a page shows how many are in a table that main() hands out": (
        "late",
        _HANDED.format(told="len(self.database)"),
        {},
    ),
    "the connection is told which rooms there are": (
        "missing",
        _ROOMS.format(told='{"rooms": sorted(ROOMS)}'),
        {},
    ),
    "the connection is told how many rooms there are": (
        "late",
        _ROOMS.format(told='{"rooms": len(ROOMS)}'),
        {},
    ),
}
