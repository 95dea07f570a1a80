"""Checks of origins that the program itself switches off: by the header, the constructor or its settings."""

from collections.abc import Callable
from pathlib import Path

import pytest

from audit_tests.auditor.sources import HEAD, write
from stormdoor_audit.analyzer.scanner import scan_files

Judge = Callable[..., str]

PREPARED = """
class Door(WebSocketHandler):
    def prepare(self):
        {}
"""
CONSTRUCTED = """
class Door(WebSocketHandler):
    def initialize(self, allowed="https://app.example"):
        self.allowed = allowed
    def __init__(self, application, request, **words):
        {}
    def check_origin(self, origin):
        return self.allowed in ("*", origin)
application = Application([("/door", Door)])
"""
ALLOWED = """
from {name} import ALLOWED
class Door(WebSocketHandler):
    def check_origin(self, origin):
        return ALLOWED in ("*", origin)
"""


@pytest.fixture
def origin(tmp_path: Path) -> Judge:
    """Return a function that gives the verdict on the origin check of the class Door."""

    def judged(body: str, **files: str) -> str:
        write(tmp_path, {"app.py": HEAD + body, **{f"{name}.py": files[name] for name in files}})
        found = scan_files(tmp_path, sorted(tmp_path.rglob("*.py")))
        assert not found.missed
        return next(one.origin.verdict for one in found.endpoints if one.subject == "app.Door")

    return judged


@pytest.mark.parametrize(
    ("statement", "verdict"),
    [
        ("pass", "restricted"),
        ("self.request.headers.pop('Origin', None)", "open"),
        ("del self.request.headers['origin']", "open"),
        ("self.request.headers['Origin'] = 'https://' + self.request.host", "open"),
        ("self.request.headers['Origin'] = self.request.headers['origin']", "restricted"),
        ("self.request.headers.pop('X-Origin', None)", "restricted"),
        ("self.request.headers['X-Origin'] = 'http://' + self.request.host", "restricted"),
        ("self.request.headers.get('Origin')", "restricted"),
        ("if self.settings.get('x', False): del self.request.headers['Origin']", "restricted"),
    ],
)
def test_the_check_sees_the_header_as_the_program_has_left_it(
    statement: str, verdict: str, origin: Judge
) -> None:
    """Tornado asks about the changed header, and does not ask without one."""
    assert origin(PREPARED.format(statement)) == verdict


def test_a_page_that_changes_its_own_header_changes_no_other_request(origin: Judge) -> None:
    """The headers of one request are no state of the program."""
    page = "class Page(RequestHandler):\n    def get(self):\n        del self.request.headers['Origin']\n"
    routes = "application = Application([('/', Page), ('/door', Door)])\n"
    assert origin(page + PREPARED.format("pass") + routes) == "restricted"


@pytest.mark.parametrize(
    ("statements", "verdict"),
    [
        (("super().__init__(application, request, **words)",), "restricted"),
        (("super().__init__(application, request, **words)", "self.allowed = '*'"), "open"),
        (("self.allowed = '*'", "super().__init__(application, request, **words)"), "restricted"),
        (("super().__init__(application, request, allowed='*')",), "open"),
        (("RequestHandler.__init__(self, application, request, allowed='*')",), "open"),
    ],
)
def test_initialize_runs_where_the_constructor_calls_that_of_tornado(
    statements: tuple[str, ...], verdict: str, origin: Judge
) -> None:
    """The last write counts: of `initialize`, or of the rest of the constructor."""
    assert origin(CONSTRUCTED.format("\n        ".join(statements))) == verdict


@pytest.mark.parametrize("file", ["settings_example", "example_settings", "settings_template"])
def test_a_template_has_the_settings_as_shipped(file: str, origin: Judge) -> None:
    """An operator copies the template, with the star in it."""
    assert origin(ALLOWED.format(name="settings"), **{file: "ALLOWED = '*'\n"}) == "open"


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("settings_example", "import settings\nALLOWED = '*'\n"),
        ("settings_example", "ALLOWED = '*'\ndef run(): pass\n"),
        ("settings_of_others", "ALLOWED = '*'\n"),
    ],
)
def test_another_file_is_no_template(file: str, text: str, origin: Judge) -> None:
    """A user of the module, a program, and a file with another name say nothing about its settings."""
    assert origin(ALLOWED.format(name="settings"), **{file: text}) == "unknown"


def test_a_module_of_the_scan_has_no_template(origin: Judge) -> None:
    """The file itself counts, not the example beside it."""
    files = {"settings": "ALLOWED = 'https://a.example'\n", "settings_example": "ALLOWED = '*'\n"}
    assert origin(ALLOWED.format(name="settings"), **files) == "restricted"
