"""Commands that start each real program, and functions that get a credential of it.

Everything runs in an environment of its own under build/, listens on loopback only, and is started as the
program's documentation says. No code of these programs is in this repository.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import tomllib
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from http.client import HTTPException
from http.cookiejar import CookieJar
from importlib import import_module
from pathlib import Path
from typing import Any

from audit_tests.project import REPOSITORY

__all__ = [
    "BUILD",
    "CASES",
    "Case",
    "Credential",
    "Started",
    "Way",
    "cases",
    "environment",
    "shown",
    "started",
]

CASES = Path(__file__).parent
BUILD = REPOSITORY / "build" / "real"
_START_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Case:
    """One program, started in one way, and the facts that were established by hand.

    Args:
        name: The file's.
        program: Distribution.
        version: That the truth was established with.
        start: The command, with PORT, TOKEN and FOLDER; or the name of a function of this module.
        path: Of the endpoint.
        credential: `none`, or the place of the owner's: `header`, `cookie`, or `login` (of stormdoor's demo).
        say: Messages that the owner sends.
        hex: The same as bytes, in hexadecimal.
        protocols: Subprotocols that its page offers.
        delivers: A pattern; a message that matches it shows that the client got in.
        truth: For each check whether an outsider gets in.
        facts: Observations made by hand.
        files: Files in the folder of its start, from the program's tutorial.
        ready: Path that is requested until it answers.
        manager: Installer of the program: `pip`, `npm`, `apt` (by hand, before the run), or `own`
            where it is in this repository.
        also: Further packages to install.
        owner: The owner's credential, if known before the start: by the names of `Credential`.
        way: Name of a function that gets a credential; "" for those of this module.
        foreign: The foreign page, if it is not the usual one.
        beside: Paths of sockets that the same client must keep open, too.
        beside_say: Messages that are sent there first.
        overhears: The owner sends messages while a second client listens for them.
        environ: More variables of its environment.
        trigger: The cause of a message while the client listens: an address of plain HTTP that is requested,
            or `touch FILE`, to which the run writes.
        wrong: A credential that an outsider would invent, by the names of `Credential`; empty if it is
            not tried.
        waits: Whether the owner's page waits for a message of the server before each of its messages.
        guess: The path that an outsider would try, if the address is the secret.
        outsider: The credential that any client can create, by the names of `Credential`.
        unsaid: The prober does not get the owner's messages.
        login: The login form (`url`, `fields`, `json`); the prober gets it instead of the cookies.
        logout: Path of the logout.
        address: The credential as a parameter of the address, by the names of `Credential`.
    """

    name: str
    program: str
    version: str
    start: str
    path: str
    credential: str
    delivers: str
    truth: Mapping[str, bool]
    facts: Mapping[str, str]
    documented: str
    say: tuple[str, ...] = ()
    hex: tuple[str, ...] = ()
    protocols: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    ready: str = "/"
    user: str = ""
    manager: str = "pip"
    also: tuple[str, ...] = ()
    owner: Mapping[str, Any] = field(default_factory=dict)
    way: str = ""
    foreign: str = ""
    beside: tuple[str, ...] = ()
    beside_say: tuple[str, ...] = ()
    overhears: bool = False
    environ: Mapping[str, str] = field(default_factory=dict)
    trigger: str = ""
    guess: str = ""
    wrong: Mapping[str, Any] = field(default_factory=dict)
    waits: bool = False
    outsider: Mapping[str, Any] = field(default_factory=dict)
    unsaid: bool = False
    login: Mapping[str, Any] = field(default_factory=dict)
    logout: str = ""
    address: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Credential:
    """Credential of the owner.

    Args:
        headers: Of the handshake.
        cookies: Likewise; what a browser sends along on its own.
        query: Parameters of the address.
        protocols: Subprotocols that are a secret.
        first: What is said first.
    """

    headers: tuple[tuple[str, str], ...] = ()
    cookies: tuple[tuple[str, str], ...] = ()
    query: tuple[tuple[str, str], ...] = ()
    protocols: tuple[str, ...] = ()
    first: str = ""


Way = Callable[["Case", int, str, Path], tuple[str, Credential]]
"""From a case, its port, the secret it was started with and its folder, to its address and a credential."""


@dataclass(frozen=True, slots=True)
class Started:
    """A program that is running."""

    case: Case
    port: int
    path: str
    credential: Credential
    trigger: str = ""

    @property
    def url(self) -> str:
        """Of the endpoint."""
        return f"ws://127.0.0.1:{self.port}{self.path}"


def cases(folder: Path = CASES) -> list[Case]:
    """Every case of a folder, by name."""
    found = []
    for file in sorted(folder.glob("*.toml")):
        read: dict[str, Any] = tomllib.loads(file.read_text("utf-8"))
        for name in ("say", "hex", "protocols", "also", "beside", "beside_say"):
            read[name] = tuple(read.get(name, ()))
        found.append(Case(name=file.stem, **read))
    return found


def environment(wanted: list[Case]) -> Path:
    """The environment of the programs, with the versions of the cases; made where it is not there."""
    packages = sorted(
        {f"{one.program}=={one.version}" for one in wanted if one.program != "stormdoor"}
    )
    packages += ["ipykernel"] if any("kernel" in one.name for one in wanted) else []
    home = BUILD / "env"
    stamp = home / ".has"
    if stamp.exists() and set(packages) <= set(stamp.read_text("utf-8").split()):
        return home
    BUILD.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(home, ignore_errors=True)
    uv = Path(sys.executable).with_name("uv")
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, home], check=True)
    subprocess.run(
        [uv, "pip", "install", "--quiet", "--python", home / "bin" / "python", *packages],
        check=True,
    )
    stamp.write_text("\n".join(packages), encoding="utf-8")
    return home


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def _until_answering(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    waited = threading.Event()
    for _ in range(int(_START_SECONDS / 0.1)):
        if process.poll() is not None:
            raise RuntimeError(f"it has ended:\n{log.read_text('utf-8', 'replace')[-2000:]}")
        try:
            urllib.request.urlopen(url, timeout=5).close()  # noqa: S310 - loopback
        except (urllib.error.HTTPError, HTTPException):
            return
        except (OSError, ValueError):
            waited.wait(0.1)
        else:
            return
    raise RuntimeError(f"it does not answer:\n{log.read_text('utf-8', 'replace')[-2000:]}")


class _Jupyter:
    """Log in to jupyter-server as a browser does before a page opens a socket."""

    def __init__(self, port: int, token: str, *, cookie: bool) -> None:
        self.base = f"http://127.0.0.1:{port}"
        self.token = token
        self.jar = CookieJar()
        self.open = urllib.request.build_opener(
            urllib.request.HTTPCookieProcessor(self.jar), urllib.request.ProxyHandler({})
        ).open
        # Without a token there is no page to log in with; the cookie comes all the same.
        with contextlib.suppress(urllib.error.HTTPError):
            self.open(f"{self.base}/login", timeout=10).close()
        self.forgery = next((str(one.value) for one in self.jar if one.name == "_xsrf"), "")
        if cookie:
            body = f"password={self.token}&_xsrf={self.forgery}".encode()
            self.open(f"{self.base}/login?next=%2Fapi", body, timeout=10).close()

    def post(self, path: str, body: Mapping[str, object]) -> Any:
        """Ask the REST API, as the owner."""
        request = urllib.request.Request(  # noqa: S310 - loopback
            f"{self.base}{path}", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        if self.token:
            request.add_header("Authorization", f"token {self.token}")
        request.add_header("X-XSRFToken", self.forgery)
        with self.open(request, timeout=30) as answer:
            return json.load(answer)

    def credential(self, how: str) -> Credential:
        """As a header or as cookies."""
        if how == "header":
            return Credential(headers=(("Authorization", f"token {self.token}"),))
        if how == "cookie":
            return Credential(cookies=tuple((one.name, str(one.value)) for one in self.jar))
        return Credential()


def _binaries(case: Case, home: Path) -> Path:
    if case.program == "stormdoor" or case.manager == "own":
        return Path(sys.executable).parent
    return home / ("node_modules/.bin" if case.manager == "npm" else "bin")


def _prepared(case: Case, port: int, token: str, folder: Path) -> tuple[str, Credential]:
    """The path of the endpoint, and the credential."""
    if case.way:
        way: Way = getattr(import_module("audit_tests.prober.unseen.ways"), case.way)
        return way(case, port, token, folder)
    if case.owner:
        return case.path, shown(case.owner)
    if case.program == "jupyter-server":
        owned = case.credential != "none"
        here = _Jupyter(port, token if owned else "", cookie=case.credential == "cookie")
        if "/terminals/" in case.path:
            name = here.post("/api/terminals", {})["name"]
            return case.path.replace("NAME", name), here.credential(case.credential)
        if "/kernels/" in case.path:
            made = here.post("/api/kernels", {"name": "python3"})
            return case.path.replace("NAME", made["id"]), here.credential(case.credential)
        return case.path, here.credential(case.credential)
    if case.credential == "login":
        return case.path, _demo_login(port, case.user, folder)
    return case.path, Credential()


def _demo_login(port: int, user: str, folder: Path) -> Credential:
    """The password that the demo has written down, and the cookie that it buys."""
    read = json.loads((folder / "demo-data" / "demo-credentials.json").read_text("utf-8"))
    password = read["principals"][user]["password"]
    jar = CookieJar()
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/auth/login",
        json.dumps({"username": user, "password": password}).encode(),
        {"Content-Type": "application/json", "Origin": f"http://127.0.0.1:{port}"},
    )
    with opener.open(request, timeout=30) as answer:
        header = answer.headers["Set-Cookie"]
    name, _, value = header.split(";")[0].partition("=")
    return Credential(cookies=((name, value),))


def shown(given: Mapping[str, Any]) -> Credential:
    """Return the credential that a case declares."""
    return Credential(
        **{name: tuple(given.get(name, {}).items()) for name in ("headers", "cookies", "query")},
        protocols=tuple(given.get("protocols", ())),
        first=given.get("first", ""),
    )


@contextlib.contextmanager
def started(case: Case, home: Path) -> Iterator[Started]:
    """The program on a free port of loopback, ended with everything it has started.

    Raises:
        RuntimeError: It does not start.
    """
    port, second, token = _free_port(), _free_port(), secrets.token_hex(24)
    with tempfile.TemporaryDirectory(prefix="stormdoor-real-") as place:
        folder = Path(place)
        words: Callable[[str], str] = lambda text: (  # noqa: E731 - three replacements
            text.replace("PORT2", str(second))
            .replace("PORT", str(port))
            .replace("TOKEN", token)
            .replace("FOLDER", place)
            .replace("HOME", str(home))
            .replace("APPS", str(CASES.parent / "unseen" / "apps"))
        )
        for name, text in case.files.items():
            (folder / name).write_text(words(text), encoding="utf-8")
        binaries = _binaries(case, home)
        command = words(case.start).split()
        if not command[0].startswith("/"):
            # Node itself is this machine's.
            own = binaries / command[0]
            command[0] = str(own) if own.exists() else shutil.which(command[0]) or str(own)
        log = folder / "log.txt"
        surroundings = {
            "PATH": f"{binaries}:{os.environ['PATH']}",
            "HOME": place,
            "PYTHONUNBUFFERED": "1",
            "JUPYTER_PLATFORM_DIRS": "1",
            "SHELL": "/bin/sh",
            "NODE_PATH": str(home / "node_modules"),
            "COLUMNS": "200",
            **{name: words(value) for name, value in case.environ.items()},
        }
        with (
            log.open("wb") as out,
            subprocess.Popen(
                command,
                cwd=folder,
                env=surroundings,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            ) as process,
        ):
            try:
                _until_answering(f"http://127.0.0.1:{port}{case.ready}", process, log)
                fields = {n: words(v) for n, v in case.login.get("fields", {}).items()}
                case = replace(case, login={**case.login, "fields": fields} if fields else {})
                path, credential = _prepared(case, port, token, folder)
                yield Started(case, port, path, credential, words(case.trigger))
            finally:
                _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """The whole group: terminals and kernels are processes of their own."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, how)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(8)
