"""A running application: in a fresh folder, with two principals and their sessions in the guard's store."""

from __future__ import annotations

import asyncio
import contextlib
import re
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.client import HTTPException
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlencode

from stormdoor import Guard
from stormdoor.auth.session.cookie import SESSION_COOKIE
from tests.support.ports import free_port
from tests.world.application import PORTS, Application, Recipe
from tests.world.client import Client, FailedError
from tests.world.environment import environ
from tests.world.front_share import COUNTER

__all__ = ["PASSWORD", "Site", "log_of", "replaced", "started"]

_START_SECONDS = 90.0
_END_SECONDS = 20.0
_ROLES = {"alice": "member", "carol": "member", "victor": "viewer"}
PASSWORD = "correct horse battery"


@dataclass(frozen=True, slots=True)
class Site:
    """An application that runs.

    Attributes:
        address: `http://127.0.0.1:PORT`.
        folder: Its working directory.
        sessions: The cookie of each principal's session at the guard, by name.
        process: The process.
        ports: The ports of the run, by the written ones.
        principals: The names of logins of the application's own, by the names of the checks.
    """

    address: str
    folder: Path
    process: subprocess.Popen[bytes]
    sessions: Mapping[str, str] = field(default_factory=dict, repr=False)
    ports: Mapping[str, str] = field(default_factory=dict)
    principals: dict[str, str] = field(default_factory=dict)

    def principal(self, name: str) -> str:
        """Return the name of the principal that is called `name` in the checks."""
        return self.principals.get(name, name)

    def client(self, name: str | None = None) -> Client:
        """Return a client of a page of the application, with the session of `name` if one is given."""
        cookies = {} if name is None else {SESSION_COOKIE: self.sessions[name]}
        return Client(self.address, cookies, origin=self.address)

    async def key(self, name: str) -> tuple[str, Client]:
        """Issue an API key, and return its id and a program that sends it."""
        async with Guard(store=f"sqlite:{self.folder / 'door.db'}") as guard:
            issued = await guard.admin.issue_key(name, name="world", scopes=["*"])
        headers = {"Authorization": f"token {issued.secret}"}
        return issued.key.id, Client(self.address, headers=headers)

    async def log_in(self, name: str) -> Client:
        """Send the form of the login as a browser does, and return the client with its cookies.

        Raises:
            FailedError: There is no session.
        """
        form = urlencode({"username": name, "password": PASSWORD})
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        client = await self.client().sent("POST", "/auth/login", form, kind)
        if SESSION_COOKIE not in client.cookies:
            raise FailedError("the form of the login sets no cookie")
        return client


def log_of(folder: Path, lines: int = 15) -> str:
    """Return the end of what the application printed."""
    text = (folder / "log.txt").read_text("utf-8", errors="replace")
    return "\n".join(text.splitlines()[-lines:])


@contextlib.contextmanager
def started(application: Application, recipe: Recipe) -> Iterator[Site]:
    """Start `application` as `recipe` says.

    Args:
        application: The application; its environment must be installed.
        recipe: Files and command.

    Raises:
        FailedError: It ended, or does not answer in time.
    """
    home = application.place
    ports = {one: str(free_port()) for one in PORTS}
    with tempfile.TemporaryDirectory(prefix="world-", ignore_cleanup_errors=True) as place:
        folder = Path(place)
        files = {"sitecustomize.py": COUNTER, **recipe.files}
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(replaced(text, ports), "utf-8")
        sessions = asyncio.run(_sessions(folder))
        program, *arguments = (replaced(one, ports) for one in recipe.command)
        if program == "stormdoor":  # no script of it: the environment has it by PYTHONPATH
            program, arguments = "python", ["-m", "stormdoor", *arguments]
            _write_metadata(folder)
        variables = environ(home, HOME=place, SHELL="/bin/bash", **recipe.environ)
        with (folder / "log.txt").open("wb") as log:
            process = subprocess.Popen(
                [str(home / "bin" / program), *arguments],
                cwd=folder,
                env=variables,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        site = Site(f"http://127.0.0.1:{ports[PORTS[0]]}", folder, process, sessions, ports)
        try:
            _until_answering(site, application.ready)
            yield site
        finally:
            process.terminate()
            try:
                process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def replaced(text: str, ports: Mapping[str, str]) -> str:
    """Return `text` with the ports of a run in the place of `PORTS`."""
    for written, port in ports.items():
        text = re.sub(rf"\b{written}\b", port, text)
    return text


def _write_metadata(folder: Path) -> None:
    """Tell the version of stormdoor, as an installation does."""
    told = version("stormdoor")
    place = folder / f"stormdoor-{told}.dist-info"
    place.mkdir()
    (place / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: stormdoor\nVersion: {told}\n", "utf-8"
    )


async def _sessions(folder: Path) -> dict[str, str]:
    """Add the principals to the store, as `stormdoor principals add` does, and log them in."""
    issued: dict[str, str] = {}
    async with Guard(store=f"sqlite:{folder / 'door.db'}") as guard:
        for name, role in _ROLES.items():
            await guard.admin.add_principal(name, password=PASSWORD, roles=[role])
            issued[name] = (await guard.sessions.create(name)).secret
    return issued


def _until_answering(site: Site, path: str) -> None:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end:
        if site.process.poll() is not None:
            raise FailedError(f"it ended with {site.process.returncode}:\n{log_of(site.folder)}")
        try:
            urllib.request.urlopen(site.address + path, timeout=5).close()  # noqa: S310 - loopback
        except (OSError, HTTPException) as error:
            if isinstance(error, urllib.error.HTTPError) and error.code < 500:
                return
            time.sleep(0.1)
        else:
            return
    raise FailedError(f"it does not answer:\n{log_of(site.folder)}")
