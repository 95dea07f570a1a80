"""Select the installation that a command works on, and open it."""

from __future__ import annotations

import logging
import os
import pwd
import re
import shlex
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal
from urllib.parse import unquote

from cyclopts import Group, Parameter

from stormdoor.cli.usage import UsageError

if TYPE_CHECKING:
    from stormdoor.runtime.installation import Installation

__all__ = [
    "CONFIG",
    "STORE",
    "TRAIL_KEY",
    "UNSAID",
    "Where",
    "actor",
    "name_installation",
    "opened",
    "resolved",
    "trail_key",
]

CONFIG, STORE, TRAIL_KEY = "STORMDOOR_CONFIG", "STORMDOOR_STORE", "STORMDOOR_TRAIL_KEY"

_HEX = b"hex:"

_GROUP = Group.create_ordered("Installation")


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Where:
    """The options that every operating command has."""

    config: Annotated[Path | None, Parameter(name=["--config", "-c"], group=_GROUP)] = None
    """The configuration file of the installation [env: STORMDOOR_CONFIG]."""

    store: Annotated[str | None, Parameter(group=_GROUP)] = None
    """Or the URL of its store, such as sqlite:door.db; also beside a file that names none
    [env: STORMDOOR_STORE]."""

    trail_key_file: Annotated[Path | None, Parameter(group=_GROUP)] = None
    """Beside --store: the file with the trail's key, as text or hex:... [env: STORMDOOR_TRAIL_KEY,
    the key itself]."""

    json: Annotated[bool, Parameter(group=_GROUP)] = False
    """Print JSON, for scripts."""


UNSAID = Where()
"""The value without options: then environment variables name the installation."""


def actor() -> str:
    """Return the name of the operator, for the trail: `cli:ada`, or `cli:root(ada)` behind sudo."""
    user = os.getuid()
    try:
        name = pwd.getpwuid(user).pw_name
    except KeyError:
        name = str(user)  # a container without a name for its user
    # Only root can be sure that sudo has set this variable: another user could set it.
    before = os.environ.get("SUDO_USER", "") if user == 0 else ""
    return f"cli:{name}({before})" if before and before != name else f"cli:{name}"


def name_installation(config: Path | None, store: str | None) -> str:
    """Return the options, quoted for a shell, with which a printed command finds an installation.

    A URL that may contain a password is not shown: the command reads it from the environment.

    Args:
        config: The configuration file, if there is one.
        store: The URL of the store, unless the file names it.
    """
    options = [] if config is None else [f"--config {shlex.quote(str(config))}"]
    if store is not None:
        secret = re.search(r"//[^@]*:.*@|pass", unquote(store), re.IGNORECASE)
        hidden = secret and not store.startswith("sqlite:")
        options.append(f'--store "${STORE}"' if hidden else f"--store {shlex.quote(store)}")
    return " ".join(options)


def resolved(where: Where) -> tuple[Path | None, str | None]:
    """Return the file and the URL that the options name. Options have priority over the environment."""
    if where.config is not None or where.store is not None:
        return where.config, where.store
    config, store = os.environ.get(CONFIG), os.environ.get(STORE)
    if not config and not store:
        raise UsageError(
            f"which installation? Give --config FILE or --store URL, or set {CONFIG} or {STORE}"
        )
    return (Path(config) if config else None), store or None


def trail_key(where: Where, config: Path | None) -> bytes | None:
    """Return the key of the trail that the options name; None if there is none, or `config` names it."""
    if config is not None:
        if where.trail_key_file is not None:
            raise UsageError("--trail-key-file goes with --store; with --config, the file names it")
        return None
    from stormdoor.settings.secret import SecretTable, reveal_bytes

    if where.trail_key_file is not None:
        secret = SecretTable(file=str(where.trail_key_file))
    elif os.environ.get(TRAIL_KEY):
        secret = SecretTable(env=TRAIL_KEY)
    else:
        return None
    key = reveal_bytes(secret, base=Path())
    if not key.startswith(_HEX):
        return key
    try:
        return bytes.fromhex(key.removeprefix(_HEX).decode())
    except ValueError:
        raise UsageError("the key of the trail begins with hex: and is not hex") from None


@asynccontextmanager
async def opened(
    where: Where,
    *,
    purpose: Literal["read", "verify", "change"] = "change",
    create: bool = False,
) -> AsyncIterator[Installation]:
    """Open the installation that the options name; see `open_installation`."""
    from stormdoor.runtime.installation import open_installation

    config, store = resolved(where)
    async with open_installation(
        config=config,
        store=store,
        trail_key=trail_key(where, config),
        purpose=purpose,
        create=create,
    ) as installation:
        # A command ends: it keeps no change for later, and its exit code and error say that it failed.
        unfinished = logging.getLogger("stormdoor.unfinished")
        unfinished.addFilter(_none)
        try:
            yield installation
        finally:
            unfinished.removeFilter(_none)


def _none(_: logging.LogRecord) -> bool:
    return False
