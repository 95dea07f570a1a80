"""Some mistakes are findings only if the program serves the affected part to clients."""

from pathlib import Path

import pytest

from audit_tests.auditor.fixtures import found_in
from audit_tests.auditor.sources import HEAD, write

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

TRIAL = """
def trial():
    Application([('/chat', Chat)], debug=True).listen(80)

def main():
    Application([('/chat', Chat)]).listen(80)

"""

OWN = """
class Program(Application):
    def __init__(self):
        routes = [('/chat', Chat)]
        settings = dict(debug=False)
        super().__init__(routes, **settings)

Program().listen(80)
"""

SERVED = {
    ("SD605", "on all addresses", True): "Application([('/chat', Chat)]).listen(8888)",
    ("SD605", "on the loopback address", False): (
        "Application([('/chat', Chat)]).listen(8888, '127.0.0.1')"
    ),
    ("SD605", "on both", True): (
        "app = Application([('/chat', Chat)])\napp.listen(8888, '127.0.0.1')\napp.listen(8889)"
    ),
    ("SD605", "for development", False): (
        "def make_dev_app():\n    return Application([('/chat', Chat)])\nmake_dev_app().listen(80)"
    ),
    ("SD605", "for a device", True): (
        "def make_device_app():\n    return Application([('/chat', Chat)])\nmake_device_app()"
    ),
    ("SD610", "for development", False): (
        "class DevServer:\n    def start(self):\n"
        "        Application([('/chat', Chat)], debug=True).listen(80)\nDevServer().start()"
    ),
    ("SD610", "nobody calls it", False): f"{TRIAL}if __name__ == '__main__':\n    main()\n",
    ("SD610", "it is called", True): f"{TRIAL}if __name__ == '__main__':\n    trial()\n",
    ("SD610", "whoever imports it may call it", True): TRIAL,
    ("SD610", "a command", True): (
        f"{TRIAL.replace('def trial', '@command' + chr(10) + 'def trial')}"
        "if __name__ == '__main__':\n    main()\n"
    ),
    ("SD602", "a class of one's own", True): OWN,
    ("SD602", "that has a limit", False): OWN.replace(
        "debug=False", "websocket_max_message_size=4096"
    ),
    ("SD602", "that calls its base by name", True): OWN.replace(
        "super().__init__(", "Application.__init__(self, "
    ),
    ("SD602", "that hands on what it is given", False): OWN.replace(
        "(self)", "(self, **settings)"
    ).replace("        settings =", "        others ="),
    ("SD602", "that is none", False): OWN.replace("(Application)", "(Other)"),
    ("SD605", "a class of one's own", True): OWN,
    ("SD605", "a class of one's own, on the loopback address", False): OWN.replace(
        "80", "80, '127.0.0.1'"
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
    """The rule reports the mistake only if a client is served by it."""
    write(tmp_path, {"app.py": f"{HEAD}{CHAT}\n{SERVED[rule, how, expected]}\n"})
    assert bool(found_in(tmp_path, rule)) is expected


ANOTHER = "APP = Application([('/chat', Chat)])\n"
SET = {
    "settings": (
        "APP.settings['websocket_max_message_size'] = 4096\n"
        "APP.settings['websocket_ping_interval'] = 9"
    ),
    "update": "APP.settings.update(websocket_max_message_size=4096, websocket_ping_interval=9)",
    "updated by a dictionary": (
        "APP.settings.update({'websocket_max_message_size': 4096, 'websocket_ping_interval': 9})"
    ),
    "updated by what is not read": "APP.settings.update(read())",
    "default": (
        "APP.settings.setdefault('websocket_max_message_size', 4096)\n"
        "APP.settings.setdefault('websocket_ping_interval', 9)"
    ),
}


@pytest.mark.parametrize("rule", ["SD602", "SD605"])
@pytest.mark.parametrize("how", ["", *SET])
def test_a_setting_counts_for_its_own_application(rule: str, how: str, tmp_path: Path) -> None:
    """A limit of one application silences the finding about it, and about no other of the tree."""
    given = "websocket_max_message_size=4096, websocket_ping_interval=9"
    configured = HEAD + CHAT + f"app = Application([('/chat', Chat)], {given})\n"
    if how:
        configured = HEAD + CHAT + (ANOTHER + SET[how]).replace("APP", "app") + "\n"
    write(tmp_path, {"one.py": configured, "two.py": HEAD + CHAT + ANOTHER})
    assert [name for name, _ in found_in(tmp_path, rule)] == ["two.py"]


@pytest.mark.parametrize("rule", ["SD602", "SD605"])
def test_two_applications_of_a_file(rule: str, tmp_path: Path) -> None:
    """A limit of one application says nothing about the other one of the same file."""
    program = ANOTHER.replace("APP", "one") + ANOTHER.replace("APP", "two")
    program += SET["settings"].replace("APP", "two") + "\n"
    write(tmp_path, {"app.py": HEAD + CHAT + program})
    [(_, line)] = found_in(tmp_path, rule)
    lines = (tmp_path / "app.py").read_text(encoding="utf-8").splitlines()
    assert lines[line - 1].startswith("one = ")


def test_a_neighbour_is_routed_elsewhere(tmp_path: Path) -> None:
    """An unrouted handler is reported also if another file routes the handler beside it."""
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


@pytest.mark.parametrize("rule", ["SD602", "SD605"])
def test_the_routes_stand_in_another_file(rule: str, tmp_path: Path) -> None:
    """The only Application of a project is that of its routes; which of two it is cannot be told."""
    program = HEAD + "from urls import urls\nApplication(urls).listen(80)\n"
    write(
        tmp_path,
        {
            "chat.py": HEAD + CHAT,
            "urls.py": "from chat import Chat\nurls = [('/chat', Chat)]\n",
            "app.py": program,
        },
    )
    assert [name for name, _ in found_in(tmp_path, rule)] == ["app.py"]
    write(tmp_path, {"admin.py": program.replace("Application(urls)", "Application([])")})
    assert found_in(tmp_path, rule) == []


@pytest.mark.parametrize("rule", ["SD602", "SD605"])
def test_a_page_of_the_same_name_takes_no_messages(rule: str, tmp_path: Path) -> None:
    """Two programs, and only one of them has a socket under that name."""
    polled = OWN.replace("Chat", "Page")
    write(
        tmp_path,
        {
            "socket/app.py": HEAD + CHAT + OWN,
            "polling/app.py": HEAD
            + (CHAT + polled).replace("Chat", "Other").replace("Page", "Chat"),
        },
    )
    assert [name for name, _ in found_in(tmp_path, rule)] == ["socket/app.py"]


@pytest.mark.parametrize("rule", ["SD501", "SD603", "SD604"])
def test_a_file_that_nobody_names_has_the_old_one(rule: str, tmp_path: Path) -> None:
    """Of two handlers of one name only that is said something which is imported."""
    told = CHAT.replace("in clients:", "in json.loads(message):")
    write(
        tmp_path,
        {
            "old_chat.py": f"{HEAD}import json\n{told}",
            "new_chat.py": f"{HEAD}import json\n{told}",
            "app.py": HEAD + "import new_chat\nfrom new_chat import Chat\n"
            "urls = [('/chat', Chat)]\nApplication(urls).listen(80)\n",
        },
    )
    assert {name for name, _ in found_in(tmp_path, rule)} == {"new_chat.py"}
