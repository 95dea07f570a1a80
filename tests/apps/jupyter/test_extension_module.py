"""The module that Jupyter imports: it must not fail, since Jupyter then serves without the guard."""

import subprocess
import sys

import pytest

import stormdoor.apps
from stormdoor.apps import jupyter


def test_the_module_imports_nothing_that_can_fail() -> None:
    """All else is imported where an error ends the server."""
    code = (
        "import sys, stormdoor.apps.jupyter as m; m._jupyter_server_extension_points();"
        "print(*sorted(one for one in sys.modules if one.startswith(('stormdoor', 'tornado', 'msgspec'))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["stormdoor", "stormdoor.apps", "stormdoor.apps.jupyter"]


class Log:
    """The log of a server."""

    def __init__(self) -> None:
        self.critical_lines: list[str] = []

    def critical(self, text: str, *arguments: object) -> None:
        """Note a line."""
        self.critical_lines.append(text % arguments)

    def debug(self, *_: object, **__: object) -> None:
        """Note nothing."""


class Server:
    """A server with an application that nothing can guard."""

    def __init__(self) -> None:
        self.log = Log()


def test_a_server_that_cannot_be_guarded_ends() -> None:
    """Jupyter catches exceptions, but not `SystemExit`."""
    server = Server()
    with pytest.raises(SystemExit) as ended:
        jupyter._load_jupyter_server_extension(server)
    assert ended.value.code == 1
    (line,) = server.log.critical_lines
    assert "this server is not guarded and ends" in line


def test_the_names_of_the_package_are_found() -> None:
    """They are imported at their first use."""
    for name in stormdoor.apps.__all__:
        assert getattr(stormdoor.apps, name) is not None
    with pytest.raises(AttributeError, match="nothing"):
        _ = stormdoor.apps.nothing
