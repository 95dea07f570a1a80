"""Reload roles and policies when their file changes, without a restart and for open connections too."""

from __future__ import annotations

import asyncio
import logging
import signal
from pathlib import Path

from stormdoor.config.file import read_policies
from stormdoor.errors import ConfigurationError
from stormdoor.runtime.guard import Guard

__all__ = ["PolicyFile"]

_log = logging.getLogger("stormdoor.config")

FileVersion = tuple[int, int, int] | None


class PolicyFile:
    """Reloads the policies of a guard from its file.

    A file with a mistake changes nothing: the present policies stay, and the log names the mistake and its
    place.

    Args:
        guard: Guard of the policies.
        path: The configuration file.
    """

    def __init__(self, guard: Guard, path: str | Path) -> None:
        self._guard = guard
        self.path = Path(path)
        self._stamp = self._look()

    def reload(self, *, actor: str = "") -> int:
        """Apply the present content of the file. Returns the number of connections that this ended.

        Raises:
            ConfigurationError: The file contains a mistake; nothing was changed.
        """
        stamp = self._look()
        policies = read_policies(self.path)
        self._stamp = stamp
        ended = self._guard.reload(policies, actor=actor or f"file:{self.path.name}")
        _log.info("%s: policies reloaded, %d connections ended", self.path, ended)
        return ended

    def try_reload(self, *, actor: str = "") -> int | None:
        """Do as `reload`, but log a mistake in the file and return None."""
        try:
            return self.reload(actor=actor)
        except ConfigurationError as error:
            _log.error("the policies stay as they were:\n%s", error)
            return None

    def on_hangup(self, number: int = signal.SIGHUP) -> None:
        """Reload at a signal, in the event loop that is running now."""
        asyncio.get_running_loop().add_signal_handler(
            number, lambda: self.try_reload(actor=f"signal:{signal.Signals(number).name}")
        )

    def reload_if_changed(self) -> int | None:
        """Reload if the file has changed since the last call. None if it has not, or contains a mistake."""
        stamp = self._look()
        if stamp is None or stamp == self._stamp:
            return None
        self._stamp = stamp  # a mistake is reported once, not at every check
        return self.try_reload()

    async def follow(self, seconds: float = 1.0) -> None:
        """Check the file repeatedly, without end: run it as a task."""
        while True:
            await asyncio.sleep(seconds)
            self.reload_if_changed()

    def _look(self) -> FileVersion:
        try:
            found = self.path.stat()
        except OSError:
            return None  # an editor is replacing it, or a mistake that the next reload reports
        return found.st_ino, found.st_size, found.st_mtime_ns
