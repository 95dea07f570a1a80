"""A table of connections, each under the name that it says it has: who goes through it, and who picks one."""

import textwrap

__all__ = ["ANYBODY"]

_KEPT = """
seats = {{}}
class Door(WebSocketHandler):
    def open(self):
        self.key = self.get_argument("seat")
        seats[self.key] = self
    def on_close(self):
        del seats[self.key]
    def on_message(self, message):
        pass
def tell(who, text):
{tells}
"""
_TELLS: dict[str, tuple[str, str]] = {
    "each is told": (
        "ok",
        """
for name, one in seats.items():
    one.write_message(text)
""",
    ),
    "each is told, by its name": (
        "ok",
        """
for name in seats:
    seats[name].write_message(text)
""",
    ),
    "each that is still there is told": (
        "ok",
        """
for one in seats.values():
    if one is not None and one.ws_connection.is_open():
        one.write_message(text)
""",
    ),
    "who has the name is told": (
        "ok",
        """
for name, one in seats.items():
    if name == who:
        one.write_message(text)
""",
    ),
    "those whose name begins so are told": (
        "ok",
        """
for name, one in seats.items():
    if name.startswith(who):
        one.write_message(text)
""",
    ),
    "those are listed that have the name": (
        "ok",
        """
for one in [one for name, one in seats.items() if name == who]:
    one.write_message(text)
""",
    ),
    "who has the name is taken out": (
        "ok",
        """
seats.pop(who).write_message(text)
""",
    ),
    "who has the name is looked up": (
        "ok",
        """
seats[who].write_message(text)
""",
    ),
}
ANYBODY = {
    name: (wanted, _KEPT.format(tells=textwrap.indent(tells.strip(), " " * 4)))
    for name, (wanted, tells) in _TELLS.items()
}
