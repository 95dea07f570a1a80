"""Which paths lead to which class."""

from pathlib import Path

from tests.auditor.sources import HEAD, scene_of


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
