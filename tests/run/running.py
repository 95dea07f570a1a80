"""A program under `stormdoor run`, and the attacks on it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

__all__ = ["Run", "answered", "free_port", "handshake", "running", "write"]

PATIENCE = 90.0
"""Seconds until a wait counts as failed. Only a failure takes so long."""

ECHO = '''
import asyncio, os, sys
from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketHandler


class Echo(WebSocketHandler):
    """An unguarded socket that accepts every page."""

    def check_origin(self, origin):
        return True

    def on_message(self, message):
        self.write_message(message)


class Page(RequestHandler):
    def get(self):
        self.write("page of process %d" % os.getpid())


def make():
    return Application([("/ws", Echo), ("/", Page)])


PORT = int(os.environ.get("PORT", "0"))
'''


def free_port() -> int:
    """Return a port of loopback that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        port: int = one.getsockname()[1]
    return port


def handshake(port: int, *headers: tuple[str, str], path: str = "/ws") -> int | None:
    """Return the status of a WebSocket handshake without a credential; None if nothing answers."""
    return answered(
        port,
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA=="),
        *headers,
        path=path,
    )


def answered(port: int, *headers: tuple[str, str], path: str = "/") -> int | None:
    """Return the status of a GET; None if nothing answers."""
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", path, headers=dict(headers))
        return connection.getresponse().status
    except (OSError, HTTPException):
        return None
    finally:
        connection.close()


@dataclass
class Run:
    """A started program.

    Attributes:
        process: `stormdoor run`, or the program itself without a guard.
        port: The port in the variable `PORT` of the program.
        folder: Its folder.
    """

    process: subprocess.Popen[bytes]
    port: int
    folder: Path
    events: list[dict[str, Any]] = field(default_factory=list)

    @property
    def output(self) -> str:
        """The text that it has written until now."""
        return (self.folder / "output.txt").read_text("utf-8", errors="replace")

    def seen(self, event: str) -> list[dict[str, Any]]:
        """Return the events of one kind until now."""
        lines = [one for one in self.output.splitlines() if one.startswith('{"')]
        found: list[dict[str, Any]] = [json.loads(one) for one in lines]
        return [one for one in found if one.get("event") == event]

    def wait_for(self, event: str, count: int = 1) -> dict[str, Any]:
        """Wait for an event, and return the last one."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if len(found := self.seen(event)) >= count:
                return found[-1]
            if self.process.poll() is not None and len(self.seen(event)) < count:
                break
            time.sleep(0.05)
        raise AssertionError(f"no event {event!r}:\n{self.output}")

    def wait_until_answering(self) -> None:
        """Wait until something answers HTTP at the port."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and self.process.poll() is None:
            if answered(self.port) is not None:
                return
            time.sleep(0.05)
        raise AssertionError(f"nothing answers:\n{self.output}")

    def ended(self) -> int:
        """Wait for the end, and return the exit status."""
        return self.process.wait(PATIENCE)


def write(folder: Path, text: str, name: str = "app.py") -> None:
    """Write a program that begins with `ECHO`."""
    (folder / name).write_text(ECHO + text, "utf-8")


@contextlib.contextmanager
def running(
    folder: Path,
    command: Sequence[str],
    *options: str,
    guarded: bool = True,
    **environment: str,
) -> Iterator[Run]:
    """Start `command` under `stormdoor run`, or without it, and end it at the end.

    Args:
        folder: The working directory, with the store.
        command: The program.
        options: Options of `stormdoor run`.
        guarded: Whether it runs under `stormdoor run`.
        environment: More variables.
    """
    port = free_port()
    ours = [sys.executable, "-m", "stormdoor", "run", "--json", "--store", "sqlite:door.db"]
    variables = {**os.environ, "PORT": str(port), "PYTHONUNBUFFERED": "1", **environment}
    with (folder / "output.txt").open("wb") as output:
        process = subprocess.Popen(
            [*ours, *options, "--", *command] if guarded else list(command),
            cwd=folder,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=not guarded,
        )
    try:
        yield Run(process, port, folder)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if not guarded:  # the forks and children of the program; `stormdoor run` ends them itself
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
