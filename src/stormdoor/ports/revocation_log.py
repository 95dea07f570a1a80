"""The log of revocations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from stormdoor.core.log_position import LogPosition
from stormdoor.core.revocation import Revocation

__all__ = ["Changed", "RevocationLog"]


Changed = Revocation | bool
"""Result of a change that other processes must learn of.

False if there was nothing to change. Otherwise the entry as the log of revocations has it, if the caller gave
an entry, or True. INVARIANT: the change and its entry are one transaction, so that no crash leaves one of
them alone.
"""


class RevocationLog(Protocol):
    """The log of revocations that every process follows.

    In doubt, repeat the call. A second entry has no further effect, and `begin_epoch` begins no second epoch.
    INVARIANT: in one epoch, no position is given twice.
    """

    async def add_revocation(self, revocation: Revocation) -> Revocation:
        """Append an entry. The `at` of an `until_now` entry is never before that of an earlier such entry.

        Returns:
            The entry as it is stored; its position is the new head of the log.
        """
        ...

    async def revocations(self, after: int = 0) -> list[Revocation]:
        """Return the entries with a `seq` greater than `after`, in order."""
        ...

    async def head_and_entries(self, after: int) -> tuple[LogPosition, list[Revocation]]:
        """Return the head of the log, and all entries with a `seq` greater than `after` up to it, in order.

        One round trip to a networked engine. There may also be entries that were added after the head was
        read. Must be cheap: every process calls it several times a second.
        """
        ...

    async def lasting_revocations(self) -> list[Revocation]:
        """Return the entries that can end a connection, or a credential that is not looked up in the store.

        These are all but those with the targets SESSION, MOVED and CHANGED. Entries with the same target,
        value, epoch and `by_time` are one, with the latest `at` and the last `seq`, and no reason.
        """
        ...

    async def restore_revocations(self, entries: Sequence[Revocation]) -> int:
        """Add entries again that a restored or promoted log lacks. They keep their epoch and their time.

        An entry that the log has already is not added (see `Revocation.included_in`). So several nodes may
        call it at once. INVARIANT: every added entry gets a later position than it had, and than all others.

        The session of an added entry SESSION is removed in the same transaction, if the store has it again: a
        node that starts reads no entries about sessions.

        Args:
            entries: Entries that this log gave before.

        Returns:
            The number of added entries.
        """
        ...

    async def log_position(self) -> LogPosition:
        """Return the head of the log."""
        ...

    async def wait_for_entry(self, after: LogPosition, seconds: float) -> None:
        """Wait until the log may have an entry after `after`, at most `seconds`.

        It may return too early, and it does not replace a read of the log: an engine without notifications
        only waits. If the engine does not answer, it waits too.
        """
        ...

    async def begin_epoch(self, after: str) -> LogPosition:
        """Start another epoch of the log, unless one has begun after `after` already.

        A process calls it if the head of the log has gone back: a backup has been restored, and the log may
        give positions a second time.

        Returns:
            The head of the log.
        """
        ...
