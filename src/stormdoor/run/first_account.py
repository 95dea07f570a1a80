"""The first account of an installation: without one, no client could log in."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from stormdoor.errors import StoreError
from stormdoor.runtime.installation import open_installation

__all__ = ["FirstAccount", "make_first_account", "write_password"]

_NAME = "admin"
_ROLES = ("admin", "member")
"""Every preset has a member; some have an admin."""


class FirstAccount:
    """A new account, with the password that only the operator gets.

    Attributes:
        name: Its name.
        password: 128 random bits. It is stored as a hash, and is not in the repr.
    """

    def __init__(self, name: str, password: str) -> None:
        self.name = name
        self.password = password


async def make_first_account(
    *, config: Path | None, store: str | None, trail_key: bytes | None, actor: str
) -> FirstAccount | None:
    """Add an account if the store has none. Return it, or None.

    Args:
        config: The configuration file, if there is one.
        store: URL of the store, unless the file names it.
        trail_key: The secret of the trail's chain, without a file.
        actor: The operator, for the trail.

    Raises:
        ConfigurationError: The file or the URL is wrong.
        StoreUnavailable: The store does not answer.
    """
    async with open_installation(
        config=config,
        store=store,
        trail_key=trail_key,
        purpose="change",
        create=True,
    ) as installation:
        if await installation.guard.state.accounts.accounts():
            return None
        account = FirstAccount(_NAME, secrets.token_urlsafe(16))
        try:
            await installation.guard.admin.add_principal(
                account.name, password=account.password, roles=_ROLES, actor=actor
            )
        except StoreError:
            if await installation.guard.state.accounts.accounts():
                return None  # another program has made it in this moment
            raise
    return account


def write_password(account: FirstAccount, folder: Path) -> Path:
    """Write the password to a new file that only this user may read, and return its path.

    For a start without a terminal: the output would end in a log file.
    """
    path = folder / f"first-password-{secrets.token_hex(4)}.txt"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(f"{account.name} {account.password}\n")
    return path
