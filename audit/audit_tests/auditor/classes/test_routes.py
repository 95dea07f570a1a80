"""Which paths lead to which class."""

from pathlib import Path

from audit_tests.auditor.sources import HEAD, scene_of, write


def test_routes_are_found_however_they_are_written(tmp_path: Path) -> None:
    """Tuples, URLSpec, Rule, add_handlers, strings, and lists made by functions."""
    handlers = "".join(f"class H{n}(WebSocketHandler):\n    pass\n" for n in range(6))
    scene = scene_of(
        tmp_path,
        {
            "app.py": HEAD
            + "from tornado.routing import Rule, PathMatches\n"
            + handlers
            + """
ROUTES = [(r"/0", H0)]
def more():
    return [web.URLSpec(r"/1", H1), Rule(PathMatches("/2"), H2)]
application = Application(ROUTES + more())
application.add_handlers(r".*", [(r"/3", H3, dict(x=1))])
application.add_handlers(r".*", [("/4", "app.H4")])
for path in ("/5",):
    application.add_handlers(".*", [(path, H5)])
""",
        },
    )
    assert {one.info.name: one.paths for one in scene.endpoints} == {
        "H0": ("/0",),
        "H1": ("/1",),
        "H2": ("/2",),
        "H3": ("/3",),
        "H4": ("/4",),
        "H5": (),
    }
    assert scene.routes.count == 6


LIBRARY = """
from tornado.websocket import WebSocketHandler
class Console(WebSocketHandler):
    def on_message(self, message):
        self.write_message(message)
class Page: pass
"""


def test_a_handler_of_another_package_that_is_routed_as_it_is(tmp_path: Path) -> None:
    """A routed handler of another package is an endpoint without a class statement in the project."""
    scene = scene_of(
        tmp_path,
        {
            "app.py": HEAD
            + """
import socketio, terminado
from terminado import TermSocket as Shell
server = socketio.AsyncServer(async_mode="tornado")
def routes(manager):
    return [(r"/shell", Shell, {"term_manager": manager}), (r"/again/(.*)", terminado.TermSocket)]
application = Application(routes(None) + [
    ("/socket.io/", socketio.get_tornado_handler(server)),
    ("/static/(.*)", web.StaticFileHandler, {"path": "."}),
])
others = [("name", Shell), (Shell, terminado.TermSocket), ("see /shell", Shell)]
"""
        },
    )
    assert {(one.subject, one.paths, one.location.line) for one in scene.endpoints} == {
        ("app.TermSocket", ("/shell", "/again/(.*)"), 14),
        ("app.get_tornado_handler", ("/socket.io/",), 16),
    }
    assert {one.info.name: one.authentication.kind for one in scene.endpoints} == {
        "TermSocket": "missing",
        "get_tornado_handler": "unread",
    }


def test_a_handler_of_an_environment_that_is_routed_as_it_is(tmp_path: Path) -> None:
    """It was read there, and is judged by what it does."""
    packages = tmp_path / "lib" / "python3.11" / "site-packages"
    write(packages, {"consoles/__init__.py": LIBRARY, "consoles/more.py": "x = 1\n"})
    project = tmp_path / "project"
    text = "import consoles\napplication = Application([('/console', consoles.Console)])\n"
    scene = scene_of(project, {"app.py": HEAD + text}, python=tmp_path)
    (endpoint,) = scene.endpoints
    assert (endpoint.subject, endpoint.paths) == ("app.Console", ("/console",))
    assert endpoint.authentication.kind == "missing"
    assert any(event.kind == "send" for event in endpoint.anonymous.events)


def test_a_handler_that_was_not_read_is_told(tmp_path: Path) -> None:
    """The report names a routed handler that was not read, because it may be a WebSocket."""
    text = """
import metrics, os
from elsewhere.views import Feed, feed
application = Application([
    ("/metrics", metrics.Handler), ("/feed", Feed), ("/index", web.RedirectHandler, {"url": "/"}),
])
FLAGS = ("/dev/null", os.O_RDONLY)
"""
    scene = scene_of(tmp_path, {"app.py": HEAD + text})
    assert not scene.endpoints
    assert [what for _, _, what in scene.unresolved] == [
        "the handler of /metrics, metrics.Handler, was not read",
        "the handler of /feed, elsewhere.views.Feed, was not read",
    ]


SELF_MADE = """
class Gate(WebSocketHandler):
    {kind}
    def make(cls):
        return Application([("/", cls)])
class Door(Gate):
    pass
class Inner(Door):
    def prepare(self):
        if not self.get_secure_cookie("who"):
            raise HTTPError(403)
{served}.make().listen(8888)
"""


def test_a_class_that_makes_its_own_application_serves(tmp_path: Path) -> None:
    """Only that which is asked for it, and only where the class is what it hands on."""
    scenes = {
        name: scene_of(
            tmp_path / name, {"app.py": HEAD + SELF_MADE.format(kind=kind, served=served)}
        )
        for name, kind, served in (
            ("door", "@classmethod", "Door"),
            ("inner", "@classmethod", "Inner"),
            ("plain", "", "Door"),
        )
    }
    found = {name: {one.info.name for one in scene.endpoints} for name, scene in scenes.items()}
    assert found == {"door": {"Door", "Inner"}, "inner": {"Inner"}, "plain": {"Inner"}}


LOOPS = """
BASE = "/api"
PAGES = [("/zero", H0), ("/one", H1)]
TABLE = {"two": H2}
ITSELF = {"/three": H3}
handlers = []
for path, cls in PAGES:
    handlers.append((BASE + path, cls))
for name, cls in TABLE.items():
    handlers.append((f"{BASE}/{name}", cls))
handlers += [("/%s/four" % tenant, cls) for tenant, cls in [(TENANT, H4)]]
handlers += [("/each/" + cls.__name__, cls) for at, cls in enumerate((H5,))]
application = Application(handlers + list(ITSELF.items()))
"""


def test_what_a_loop_makes_of_a_list_is_the_path(tmp_path: Path) -> None:
    """The path of an entry that a loop puts a prefix before is the whole one, as far as it is known."""
    handlers = "".join(f"class H{n}(WebSocketHandler):\n    pass\n" for n in range(6))
    scene = scene_of(tmp_path, {"app.py": HEAD + handlers + LOOPS})
    assert {one.info.name: one.paths for one in scene.endpoints} == {
        "H0": ("/api/zero",),
        "H1": ("/api/one",),
        "H2": ("/api/two",),
        "H3": ("/three",),
        "H4": ("/…/four",),
        "H5": ("/each/…",),
    }
