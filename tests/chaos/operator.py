"""An operator: commands of `stormdoor` on the store of a cluster, each in a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import io
import itertools
import json
import logging
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Literal

import msgspec

from stormdoor import StoreUnavailable
from stormdoor.cli import connections, effect, revoke
from stormdoor.cli.main import run
from stormdoor.stores import open_store
from tests.chaos import history
from tests.chaos.processes import processes
from tests.chaos.revocations import KINDS, Victim, command, names
from tests.support import watchdog

__all__ = ["Operator"]

_CALL_SECONDS = 60.0
_MODULES = (revoke, connections)
"""Modules that call `effect.changed`."""


class Operator:
    """Runs commands.

    Args:
        store: Returns the URL of the store at that moment.
        folder: Folder of the histories and of the logs.
    """

    def __init__(self, store: Callable[[], str], folder: Path) -> None:
        self._store = store
        self._folder = folder
        self._numbers = itertools.count()

    async def revoke(
        self, kind: str, victim: dict[str, Any], wait: Literal["log", "cluster"]
    ) -> bool:
        """End a right with `stormdoor revoke`. Returns whether the command ended in time."""
        one = msgspec.convert(victim, Victim)
        fields = {"kind": kind, "wait": wait, **names(kind, one)}
        return await self._run(command(KINDS[kind], one, wait), fields) is not None

    async def rotate_epoch(self) -> str:
        """Begin another epoch of the log. Returns its random part.

        Raises:
            RuntimeError: The command failed.
        """
        answer = await self._run(["migrate", "rotate-epoch", "--yes", "--json"], {})
        try:
            return str(json.loads(answer or "")["epoch"])
        except ValueError:
            raise RuntimeError(f"stormdoor migrate rotate-epoch printed {answer!r}") from None

    async def _run(self, arguments: list[str], fields: dict[str, str]) -> str | None:
        """Run a command. Returns what it printed; None if it was killed, because it took too long."""
        name = f"cli.{next(self._numbers)}"
        ours, theirs = processes.Pipe(duplex=False)
        given = (name, str(self._folder), self._store(), arguments, fields, theirs)
        process = processes.Process(target=_perform, args=given)
        await asyncio.to_thread(process.start)
        assert process.pid is not None
        watchdog.watch(process.pid)
        theirs.close()
        with ours:
            try:
                await asyncio.to_thread(process.join, _CALL_SECONDS)
                return str(ours.recv()) if ours.poll() else None
            except EOFError:
                return None
            finally:
                process.kill()
                await asyncio.to_thread(process.join)
                watchdog.forget(process.pid)


def _perform(
    name: str, folder: str, store: str, arguments: list[str], fields: dict[str, str], answer: Any
) -> None:
    """Run a command in this process, which was forked for it. Record the revocation, if it makes one."""
    with Path(folder, f"{name}.log").open("wb") as log:
        os.dup2(log.fileno(), 2)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(message)s")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        if fields:
            with history.Writer(Path(folder, f"{name}.jsonl"), name) as writer:
                for module in _MODULES:
                    module.changed = _recording(writer, store, fields)  # type: ignore[attr-defined]
                code = run([*arguments, "--store", store])
        else:
            code = run([*arguments, "--store", store])
    logging.getLogger("chaos").warning("%s: %s: %s", arguments, code, printed.getvalue())
    answer.send(printed.getvalue())


def _recording(
    writer: history.Writer, store: str, fields: dict[str, Any]
) -> Callable[..., Awaitable[dict[str, int]]]:
    """Return `effect.changed`, which also records the change: an acknowledgement is when it returns.

    The command itself waits up to four seconds more, and prints what the nodes have closed.
    """

    async def changed(*arguments: Any) -> dict[str, int]:
        before, asked = await _epoch(store), history.clock()
        outcome: history.Outcome = "refused"
        at = asked
        try:
            servers = await effect.changed(*arguments)
            at, outcome = history.clock(), "done"
            return servers
        except StoreUnavailable:
            at, outcome = history.clock(), "in doubt"
            raise
        finally:
            still = history.server_of(before) == history.server_of(await _epoch(store))
            same: dict[str, Any] = {"at": at, "by": writer.by, "asked": asked}
            same["epoch"] = before if still else ""
            writer.write(history.Revoked(outcome=outcome, way="cli", **same, **fields))

    return changed


async def _epoch(url: str) -> str:
    """Return the epoch of a store; "" if it does not answer."""
    store = open_store(url)
    try:
        await store.open()
        return (await store.log_position()).epoch
    except StoreUnavailable:
        return ""
    finally:
        await store.close()
