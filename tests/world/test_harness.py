"""The harness of `make world` can tell a guarded application from one that is not."""

from __future__ import annotations

import re
import secrets
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest
from websockets.asyncio.client import ClientConnection

from stormdoor.apps import ADAPTERS
from tests.world.application import Application, Recipe
from tests.world.applications import applications
from tests.world.checks import CHECKS, Cell, Outcome, Row, check_application
from tests.world.client import Client, answer_of
from tests.world.environment import REQUIREMENTS, require
from tests.world.socket_channel import socket_channel
from tests.world.table import PAGE, NotInstalled, failures, table

_ECHO = """\
import asyncio

from tornado.web import Application
from tornado.websocket import WebSocketHandler


class Echo(WebSocketHandler):
    def check_origin(self, origin: str) -> bool:
        return True

    def on_message(self, message: str | bytes) -> None:
        self.write_message(message)


application = Application([("/echo", Echo)])


async def main() -> None:
    application.listen(8888, "127.0.0.1")
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
"""

_DOOR = """\
import asyncio

from app import application, main

from stormdoor import Guard, PolicySet, SessionAuthenticator, login_routes, protect, role

guard = Guard(
    origins=["http://127.0.0.1:8888"],
    authenticators=[SessionAuthenticator()],
    policies=PolicySet([role("member", "app:connect")]),
    store="sqlite:door.db",
)
application.add_handlers(".*$", login_routes(guard, endpoint="/echo"))
PROTECT

asyncio.run(main())
"""


async def _path(owner: Client) -> tuple[str, Sequence[str]]:
    return "/echo", ()


async def _echo(socket: ClientConnection) -> None:
    text = secrets.token_hex(4)
    await socket.send(text)
    await answer_of(socket, text)


def _application(protect: str) -> Application:
    files = {"app.py": _ECHO, "door.py": _DOOR.replace("PROTECT", protect)}
    return Application(
        name="echo",
        packages=["stormdoor"],
        plain=Recipe({"app.py": _ECHO}, ["python", "app.py"]),
        guarded=Recipe(files, ["python", "door.py"]),
        channels=[socket_channel("", _path, _echo)],
        home=Path(sys.prefix),
    )


@pytest.mark.extended
def test_a_guarded_application_passes() -> None:
    """Every check of a guarded echo passes, and the table says so."""
    application = _application('protect(application, guard, "app:connect")')
    rows = check_application(application)
    assert failures(rows) == ""
    [row] = rows
    passed = {check for check, cell in row.cells.items() if cell.outcome is Outcome.PASSED}
    assert passed == set(CHECKS) - {"burst", "viewer", "own client", "health check"}
    assert table(rows).count("| ok ") == len(passed)
    served, _, handshakes = row.front.partition(" of ")
    assert int(served) == int(handshakes) - 1 >= 6, "the first one starts the guard"


@pytest.mark.extended
def test_an_application_without_its_guard_fails() -> None:
    """Without the line with `protect`, each check of an attack fails."""
    [row] = check_application(_application(""))
    failed = {check for check, cell in row.cells.items() if cell.outcome is Outcome.FAILED}
    assert failed == {"unauthenticated", "foreign origin", "rebound Host", "revocation", "log out"}
    assert row.failed
    assert "the channel opened and answered" in failures([row])


@pytest.mark.extended
def test_an_application_that_does_not_start_fails() -> None:
    """It is no pass of the checks that expect a refusal."""
    application = _application("raise SystemExit(3)")
    [row] = check_application(application)
    assert row.cells["exchange"].outcome is Outcome.FAILED
    assert row.cells["guard fails"].outcome is Outcome.NONE


@pytest.mark.extended
def test_a_control_that_does_not_answer_fails() -> None:
    """An attack that is refused without a guard, too, proves nothing about the guard."""
    application = _application('protect(application, guard, "app:connect")')
    broken = _ECHO.replace("self.write_message(message)", "self.close()")
    plain = replace(application.plain, files={"app.py": broken})
    [row] = check_application(replace(application, plain=plain), quick=True)
    assert row.cells["unauthenticated"].outcome is Outcome.FAILED


def test_what_is_not_installed_is_no_pass() -> None:
    """Its row gives the reason, and has no result."""
    text = table([NotInstalled(_application(""), "no network")])
    assert "| echo | not installed: no network |" in text
    assert "| ok" not in text


def test_a_failure_stays() -> None:
    """A later success of the same check does not hide it."""
    row = Row(_application(""), "")
    row.add("burst", Outcome.FAILED, "first")
    row.add("burst", Outcome.PASSED)
    assert row.cells["burst"] == Cell(Outcome.FAILED, "first")


@pytest.mark.parametrize("name", sorted(applications()))
def test_an_application_is_complete(name: str) -> None:
    """It has locked requirements with hashes, a page, a row in the table and one in the list."""
    application = applications()[name]
    lock = (REQUIREMENTS / f"{application.lock or name}.txt").read_text("utf-8")
    assert "--hash=sha256:" in lock
    for package in application.packages:
        assert f"\n{package}==" in lock
    page = PAGE.read_text("utf-8")
    assert f"guard-{name.partition('-')[0]}.md" in page
    assert f"| {application.packages[0]} " in page


@pytest.mark.parametrize("name", sorted(one for one in applications() if "-" not in one))
def test_a_page_starts_the_application_as_the_harness_does(name: str) -> None:
    """The last command of the section has no word that the command of the guarded run has not."""
    page = PAGE.parent.parent / "how-to" / f"guard-{name}.md"
    command = applications()[name].guarded.command
    text = page.read_text("utf-8").partition("## Start it")[2].partition("##")[0]
    *_, last = [line for line in text.splitlines() if line.startswith("    ")]
    words = [word for word in shlex.split(last) if not re.match(r"[A-Z]+=|web_password=", word)]
    assert Path(words[0]).name == command[0]
    assert set(words[1:]) <= set(command)


def _run_with(package: str) -> list[str]:
    """Return the releases of `package` in the table of the page."""
    return re.findall(
        rf"^\|[^|]*\b{re.escape(package)} (\d[\w.]*)", PAGE.read_text("utf-8"), re.MULTILINE
    )


def test_an_adapter_claims_what_was_run() -> None:
    """Its newest minor release is the newest of the table."""
    claimed = [one for entry in ADAPTERS for one in import_module(entry.module).ADAPTER.releases]
    assert claimed
    for one in claimed:
        newest = max(
            _run_with(one.distribution), key=lambda said: [int(n) for n in said.split(".")]
        )
        assert f"{newest}.".startswith(f"{one.newest}."), one.distribution


@pytest.mark.parametrize("name", sorted(applications()))
def test_the_table_has_the_locked_releases(name: str) -> None:
    """`make world-lock` needs `make world ARGS=--write` after it."""
    application = applications()[name]
    lock = (REQUIREMENTS / f"{application.requirements}.txt").read_text("utf-8")
    for package in (*application.packages, "tornado"):
        locked = re.findall(rf"^{re.escape(package)}==(\S+)", lock, re.MULTILINE)
        assert set(locked) <= set(_run_with(package)), package


def test_the_page_explains_every_check() -> None:
    """Its list says what the checks say."""
    page = PAGE.read_text("utf-8")
    for check, passes in CHECKS.items():
        assert f"| {check} | {passes} |" in page


@pytest.mark.installs
@pytest.mark.parametrize(
    ("ci", "outcome"), [("true", pytest.fail.Exception), ("", pytest.skip.Exception)]
)
def test_an_application_that_cannot_be_installed(
    ci: str, outcome: type[BaseException], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CI fails where a desk skips the test."""
    for name, value in {"STORMDOOR_WORLD": str(tmp_path), "UV_OFFLINE": "1", "CI": ci}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("UV_NO_CACHE", "1")
    with pytest.raises(outcome):
        require("sockjs")
