"""Other processes that use a store at the same time."""

import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["lock_held", "other_process", "together"]

_PREAMBLE = """
import asyncio, sqlite3, sys
from stormdoor.stores import SqliteStore
from stormdoor.testing.contract.support import NOW, event, session, ticket
path = sys.argv[1]
def wait():
    print("ready", flush=True)
    sys.stdin.readline()
"""


def other_process(body: str, path: Path, **options: Any) -> subprocess.Popen[str]:
    """A Python process that runs `body`, the main part of a coroutine; `wait()` there waits."""
    code = _PREAMBLE + "async def main():\n" + textwrap.indent(textwrap.dedent(body), "    ")
    return subprocess.Popen(
        [sys.executable, "-c", f"{code}\nasyncio.run(main())\n", str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def together(body: str, path: Path, *, count: int = 2) -> list[list[str]]:
    """The lines that each of `count` processes prints after all have come to `wait()`."""
    processes = [other_process(body, path) for _ in range(count)]
    try:
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n", process.communicate()[1]
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        answers = [process.communicate(timeout=60) for process in processes]
        assert [process.returncode for process in processes] == [0] * count, answers
        return [out.splitlines() for out, _ in answers]
    finally:
        for process in processes:
            process.kill()
            process.communicate()


@contextmanager
def lock_held(path: Path) -> Iterator[None]:
    """Another process keeps the write lock of the file."""
    body = """
        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute("BEGIN IMMEDIATE")
        wait()
        connection.close()
    """
    process = other_process(body, path)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n", process.communicate()[1]
        yield
    finally:
        process.communicate("\n", timeout=60)
