"""Secrets of a configuration: stored outside of it, in the environment or in a file."""

from __future__ import annotations

import base64
import binascii
import os
import stat
from pathlib import Path
from typing import Literal

import msgspec

from stormdoor.errors import ConfigurationError

__all__ = ["SecretMissing", "SecretTable", "all_users_read", "reveal", "reveal_bytes"]

_MAX_BYTES = 64 * 1024
_MOUNTED = (Path("/run/secrets"), Path("/var/run/secrets"))
_FORMS = '{ env = "NAME" } or { file = "/run/secrets/name" }'


class SecretMissing(ConfigurationError):
    """The secret is missing on this machine or in this environment."""


class SecretTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The location of a secret. Exactly one of `env`, `file` and `insecure_inline`.

    Attributes:
        env: The environment variable that contains it.
        file: The file that contains it; a final line end is ignored.
        insecure_inline: The secret itself. Every reader of the configuration can read it; refused in
            production.
        encoding: Encoding of the bytes: `text` (UTF-8), `hex` or `base64`.
        insecure_world_readable: Accept the file although all users of the machine may read it.
    """

    env: str | None = None
    file: str | None = None
    insecure_inline: str | None = None
    encoding: Literal["text", "hex", "base64"] = "text"
    insecure_world_readable: bool = False

    def __repr__(self) -> str:
        where = "insecure_inline" if self.insecure_inline is not None else self.env or self.file
        return f"<secret: {where}>"


def reveal(secret: SecretTable | str, *, base: Path) -> str:
    """Return the secret as text, as it is stored.

    Args:
        secret: Its location.
        base: The directory that a relative `file` is relative to.

    Raises:
        ConfigurationError: It is missing, is empty, or other users can read or replace it. The message
            never contains it.
    """
    if isinstance(secret, str):
        # The message does not contain the secret, because it may get into a log.
        raise ConfigurationError(
            f"a secret does not stand in this file; write {_FORMS}"
            ' (or, while developing, { insecure_inline = "..." })'
        )
    if sum(each is not None for each in (secret.env, secret.file, secret.insecure_inline)) != 1:
        raise ConfigurationError(f"a secret is in one place; write {_FORMS}")
    if secret.env is not None:
        value = _from_environment(secret.env)
    elif secret.file is not None:
        value = _from_file(base / Path(secret.file).expanduser(), secret)
    else:
        value = secret.insecure_inline or ""
    if not value.strip():
        where = secret.env or secret.file or "insecure_inline"
        raise ConfigurationError(f"the secret in {where} is empty")
    return value


def reveal_bytes(secret: SecretTable | str, *, base: Path) -> bytes:
    """Return the secret as bytes, decoded by its `encoding`. Raises the same as `reveal`."""
    value = reveal(secret, base=base)
    encoding = secret.encoding if isinstance(secret, SecretTable) else "text"
    try:
        match encoding:
            case "hex":
                return bytes.fromhex(value)
            case "base64":
                return base64.b64decode(value, validate=True)
            case _:
                return value.encode()
    except (ValueError, binascii.Error):
        raise ConfigurationError(f"the secret is not {encoding}") from None


def _from_environment(name: str) -> str:
    value = os.environ.get(name)
    if value is None:
        raise SecretMissing(f"the environment variable {name} is not set")
    return value


def _from_file(path: Path, secret: SecretTable) -> str:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # opening a pipe must not block
        try:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise ConfigurationError(f"{path} is no regular file")
            _check_mode(path, found.st_mode, secret)
            data = os.read(descriptor, _MAX_BYTES + 1)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise SecretMissing(f"{path} cannot be read: {error.strerror}") from None
    if len(data) > _MAX_BYTES:
        raise ConfigurationError(f"{path} is longer than {_MAX_BYTES} bytes: that is no secret")
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise ConfigurationError(
            f'{path} is not text; write the secret in base64, and encoding = "base64"'
        ) from None
    return text.removesuffix("\n").removesuffix("\r")


def all_users_read(path: Path, mode: int) -> bool:
    """Return whether any user of this machine can read a file, by its mode and its directories.

    Container engines mount secrets below `/run/secrets` with a mode that all users may read, in a file
    system that only the container sees.
    """
    resolved = path.resolve()
    if not mode & stat.S_IROTH or any(
        each in candidate.parents for candidate in (path, resolved) for each in _MOUNTED
    ):
        return False
    return all(each.stat().st_mode & stat.S_IXOTH for each in resolved.parents)


def _check_mode(path: Path, mode: int, secret: SecretTable) -> None:
    if mode & stat.S_IWOTH:
        raise ConfigurationError(
            f"all users of the machine may change {path}; run: chmod o-rwx {path}"
        )
    if not secret.insecure_world_readable and all_users_read(path, mode):
        raise ConfigurationError(f"all users of the machine may read {path}; run: chmod o-r {path}")
