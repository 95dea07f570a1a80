"""What a program serves, and to whom, decides whether some mistakes are any."""

from pathlib import Path

import pytest

from tests.auditor.fixtures import found_in
from tests.auditor.sources import HEAD, write

CHAT = """
clients = set()

class Chat(WebSocketHandler):
    def open(self):
        clients.add(self)

    def on_message(self, message):
        for client in clients:
            client.write_message(message)

class Page(RequestHandler):
    def get(self):
        self.write("hello")
"""

SERVED = {
    ("SD605", "on all addresses", True): "Application([('/chat', Chat)]).listen(8888)",
    ("SD605", "on the loopback address", False): (
        "Application([('/chat', Chat)]).listen(8888, '127.0.0.1')"
    ),
    ("SD605", "on both", True): (
        "app = Application([('/chat', Chat)])\napp.listen(8888, '127.0.0.1')\napp.listen(8889)"
    ),
    ("SD611", "a socket", True): "Application([('/chat', Chat)]).listen(8888)",
    ("SD611", "a socket beside a page", True): (
        "app = Application([('/', Page), ('/chat', Chat)])\napp.listen(8888)"
    ),
    ("SD611", "pages only", False): "app = Application([('/', Page)])\napp.listen(8888)",
    ("SD611", "pages, and what cannot be read", True): (
        "from elsewhere import Other\nApplication([('/', Page), ('/o', Other)]).listen(8888)"
    ),
    ("SD603", "routed", True): "Application([('/chat', Chat)]).listen(8888)",
    ("SD603", "left over", False): "Application([('/', Page)]).listen(8888)",
    ("SD603", "named", True): "Application([('/', Page)]).listen(8888)\nadded(Chat)",
    ("SD603", "no program", True): "",
    ("SD604", "routed", True): "Application([('/chat', Chat)]).listen(8888)",
    ("SD604", "left over", False): "Application([('/', Page)]).listen(8888)",
}


@pytest.mark.parametrize(("rule", "how", "expected"), SERVED)
def test_found_where_it_matters(rule: str, how: str, expected: bool, tmp_path: Path) -> None:
    """It is found where somebody is served by it."""
    write(tmp_path, {"app.py": f"{HEAD}{CHAT}\n{SERVED[rule, how, expected]}\n"})
    assert bool(found_in(tmp_path, rule)) is expected


def test_a_neighbour_is_routed_elsewhere(tmp_path: Path) -> None:
    """A handler that nobody names is left over also where another file routes the one beside it."""
    write(
        tmp_path,
        {
            "chat.py": HEAD + CHAT + CHAT.replace("Chat", "Trial"),
            "app.py": HEAD + "from chat import Chat\nApplication([('/chat', Chat)]).listen(80)\n",
        },
    )
    lines = (tmp_path / "chat.py").read_text(encoding="utf-8").splitlines()
    [(name, line)] = found_in(tmp_path, "SD603")
    assert name == "chat.py"
    assert line < lines.index("class Trial(WebSocketHandler):")
