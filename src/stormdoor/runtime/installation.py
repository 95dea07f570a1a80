"""An installation for the commands of an operator: its store and its options, without a server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from stormdoor.config.document import read_document
from stormdoor.config.file import (
    build_options,
    check_trail_key,
    chosen_store,
    read_trail_key,
)
from stormdoor.core.event import verify
from stormdoor.errors import ConfigurationError, StoreError, StoreUnavailable
from stormdoor.ports import TrailStore
from stormdoor.runtime.guard import Guard
from stormdoor.runtime.last_write import PATIENCE_SECONDS, repeat_until_stored
from stormdoor.runtime.migration import check_migrated

__all__ = ["Installation", "open_installation"]

_SAMPLE = 100


@dataclass(frozen=True, slots=True)
class Installation:
    """The parts that a command works on.

    Attributes:
        guard: With an open store, and without a maintenance loop: it holds no connections itself.
        trail_key: Secret of the trail's chain, or None.
        policies_known: Whether `guard.policies` are the application's policies. False if only a store was
            named.
    """

    guard: Guard
    trail_key: bytes | None = field(repr=False)
    policies_known: bool


@asynccontextmanager
async def open_installation(
    *,
    config: Path | None = None,
    store: str | None = None,
    trail_key: bytes | None = None,
    purpose: Literal["read", "verify", "change"],
    create: bool = False,
) -> AsyncIterator[Installation]:
    """Open the store of an installation, and write the noted events to its trail at the end.

    Args:
        config: Its configuration file.
        store: The URL of its store, without a file, or beside one that names none.
        trail_key: The secret of the trail's chain, without a file.
        purpose: `read` needs no secret. A change adds a sealed entry to the trail, and needs the correct
            key.
        create: Create the store if there is none yet.

    Raises:
        ConfigurationError: The file or the URL is wrong, the trail is sealed with another key, or a SQLite
            file has the schema of an earlier release.
        StoreError: There is no store there.
        StoreUnavailable: It does not answer, or the trail could not be written.
    """
    with_key = purpose != "read"
    if config is not None:
        document = read_document(config)
        options = build_options(document, operating=True, trail_key=with_key)
        document.raise_problems()
        url = chosen_store(config, str(options.arguments["store"]), store)
        guard = Guard(**{**options.arguments, "store": url})
        key = read_trail_key(document) if with_key else None
        known = bool(document.parsed.policies.role)
    else:
        url = store or "memory:"
        key = trail_key if trail_key is None else check_trail_key(trail_key)
        guard, known = Guard(store=url, trail_key=key), False
    if not create:
        _check_there(url)
    try:
        if guard.memory_only:
            raise ConfigurationError(
                "the store is in the memory of the server's process, where no command reaches it; "
                'write store = "sqlite:///var/lib/app/door.db"'
            )
        await check_migrated(url)
        await guard.state.open()
        if purpose == "change":
            await _check_key(guard.state.trail, key)
        try:
            yield Installation(guard, key, known)
        finally:
            until = asyncio.get_running_loop().time() + PATIENCE_SECONDS
            error = await repeat_until_stored(guard.trail.flush, until)
        if error:
            raise StoreUnavailable("the change was made, but the trail could not be written")
    finally:
        await guard.close()


def _check_there(url: str) -> None:
    """Check that the store exists: a command must not create an empty store from a mistyped path."""
    scheme, _, rest = url.partition(":")
    path = Path(rest.removeprefix("//")).expanduser()
    if scheme == "sqlite" and not path.exists():
        raise StoreError(
            f"there is no store at {path}; the server makes it at its first start, "
            "or `stormdoor principals add` does"
        )


async def _check_key(trail: TrailStore, key: bytes | None) -> None:
    """Check the key: an entry that is sealed with another key would break the chain permanently.

    One matching entry is enough: if others were changed, operators must still be able to act.
    """
    entries = await trail.entries(limit=_SAMPLE, newest_first=True)
    if entries and all(
        verify(one, seq=one.seq, previous=one.previous, key=key) is not None for one in entries
    ):
        given = "another key" if key else "a key, and none is given"
        raise ConfigurationError(
            f"the trail of this store is sealed with {given}; name the file that has it "
            "(--config, or --trail-key-file), or set STORMDOOR_TRAIL_KEY"
        )
