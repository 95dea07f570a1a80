"""Reads the pages of the documentation, and runs the programs in them."""

import asyncio
import contextlib
import os
import re
import socket
import subprocess
import sys
import threading
import types
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from stormdoor import Guard
from tests.support.ports import free_port
from tests.support.project import ROOT

__all__ = [
    "Block",
    "Program",
    "blocks",
    "closed",
    "commands",
    "free_port",
    "module_of",
    "pages",
    "prose",
    "refused",
    "serving",
    "shell",
    "speak",
    "until_listening",
]

_FENCE = re.compile(r"^(?P<indent> *)(?P<marks>`{3,}|:{3,})(?P<info>[^`]*)$")
_DIRECTIVE = re.compile(r"\{code-block\} *(\S+)")
_OPTION = re.compile(r"^:([a-z-]+): *(.*)$")


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block of a page.

    Attributes:
        page: The file.
        line: The line of its first line of text, from 1.
        language: What its fence says: `python`, `toml`, `js`; or the name of a directive.
        caption: Its caption: the name of the file to write, or empty.
        text: What is in it.
    """

    page: Path
    line: int
    language: str
    caption: str
    text: str


def pages() -> list[Path]:
    """Every page that a reader may open: those at the root and those of `docs/`."""
    found = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    return sorted(path for path in found if "_build" not in path.parts)


def blocks(page: Path, language: str | None = None) -> list[Block]:
    """The fenced blocks of a page, in order; those of one language if it is given."""
    found: list[Block] = []
    lines = page.read_text(encoding="utf-8").splitlines()
    at = 0
    while at < len(lines):
        fence = _FENCE.match(lines[at])
        at += 1
        if fence is None:
            continue
        start, text = at, []
        while at < len(lines) and lines[at].strip() != fence["marks"]:
            text.append(lines[at].removeprefix(fence["indent"]))
            at += 1
        at += 1
        info = fence["info"].strip()
        directive = _DIRECTIVE.match(info)
        options: dict[str, str] = {}
        if directive is not None:
            while text and (option := _OPTION.match(text[0])):
                options[option[1]] = option[2]
                text.pop(0)
                start += 1
            if text and not text[0].strip():
                text.pop(0)
                start += 1
        named = directive[1] if directive else info.split(" ")[0]
        caption = options.get("caption", "")
        found.append(Block(page, start + 1, named, caption, "\n".join(text) + "\n"))
    return [one for one in found if language in (None, one.language)]


def prose(page: Path) -> str:
    """The text of a page without its fenced blocks, line for line."""
    lines = page.read_text(encoding="utf-8").splitlines()
    for block in blocks(page):
        for at in range(block.line - 1, block.line - 1 + block.text.count("\n")):
            lines[at] = ""
    return "\n".join(lines)


def commands(page: Path) -> list[str]:
    """The lines of a page that are typed into a shell: those that are indented by four."""
    lines = prose(page).splitlines()
    return [line[4:] for line in lines if re.match(r" {4}[A-Za-z.(]", line)]


def shell(folder: Path, script: str, **environment: str) -> str:
    """Return the output of commands that run in `folder` with this Python's scripts on the path."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-eu", "-c", script],
        cwd=folder,
        env=os.environ | {"PATH": path, "COLUMNS": "200"} | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
    return done.stdout


def module_of(page: Path, replace: Mapping[str, str] = MappingProxyType({})) -> Any:
    """All Python of a page, run in order as one module that is not `__main__`.

    Args:
        page: The page.
        replace: Texts that are another in a test, such as the path of a store.
    """
    module = types.ModuleType(f"page_{page.stem.replace('-', '_')}")
    sys.modules[module.__name__] = module  # `get_type_hints` looks there
    for block in blocks(page, "python"):
        if block.caption:
            continue
        text = block.text
        for old, new in replace.items():
            text = text.replace(old, new)
        # So that a traceback names the line of the page.
        exec(compile("\n" * (block.line - 1) + text, str(page), "exec"), module.__dict__)  # noqa: S102
    return module


@contextlib.asynccontextmanager
async def serving(application: Application, guard: Guard | None = None) -> AsyncIterator[str]:
    """Serve `application` on a loopback port; yields `127.0.0.1:PORT`. The guard runs meanwhile."""
    sock, port = bind_unused_port()
    server = HTTPServer(application)
    server.add_socket(sock)
    try:
        async with guard or contextlib.nullcontext():
            yield f"127.0.0.1:{port}"
    finally:
        server.stop()
        await server.close_all_connections()


async def speak(url: str, *messages: str, **options: Any) -> list[str]:
    """Open a socket, send messages, and return as many replies as there were messages."""
    async with connect(url, **options) as client:
        for message in messages:
            await client.send(message)
        return [str(await asyncio.wait_for(client.recv(), 60)) for _ in messages]


async def refused(url: str, **options: Any) -> int:
    """The status with which a handshake is refused; 101 if it is not."""
    try:
        async with connect(url, **options):
            return 101
    except InvalidStatus as error:
        return error.response.status_code


async def closed(client: ClientConnection) -> int:
    """Read up to the close of the server, and return its code."""
    try:
        async with asyncio.timeout(60):
            while True:
                await client.recv()
    except ConnectionClosed as error:
        return error.rcvd.code if error.rcvd else 1006


def until_listening(port: int) -> None:
    """Wait until a server listens on the port.

    Raises:
        TimeoutError: No server listens there.
    """
    for _ in range(600):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        threading.Event().wait(0.05)
    raise TimeoutError(f"nobody listens on port {port}")


class Program:
    """A script of the documentation, run as its reader runs it, on a port of its own.

    Args:
        folder: Where it runs.
        text: The script, with port 8888.
        name: Of its file.
    """

    def __init__(self, folder: Path, text: str, name: str = "program.py") -> None:
        self.port = free_port()
        self.file = folder / name
        self.file.write_text(self.at_port(text), encoding="utf-8")
        self._process: subprocess.Popen[str] | None = None

    def at_port(self, text: str) -> str:
        """`text` with this program's port."""
        return text.replace("8888", str(self.port))

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-u", self.file.name],
            cwd=self.file.parent,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._wait()
        return self

    def _wait(self) -> None:
        process = self._process
        assert process is not None
        for _ in range(1200):
            if process.poll() is not None:
                break
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
                return
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.05)
        output = self.stop()
        raise AssertionError(f"{self.file.name} did not start:\n{output}")

    def lines(self) -> Iterator[str]:
        """Yield the lines that it has printed."""
        assert self._process is not None
        assert self._process.stdout is not None
        for line in self._process.stdout:
            yield line.rstrip("\n")

    def stop(self) -> str:
        """End it. Returns what it still had to say."""
        process, self._process = self._process, None
        if process is None:
            return ""
        process.terminate()
        try:
            out, err = process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
        return out + err

    def __exit__(self, *_: object) -> None:
        self.stop()
