"""The principals of the demo, with random passwords that are written down once, for the owner only."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from stormdoor import ConfigurationError, Guard
from stormdoor.core.apikey import ApiKey, compose, key_id
from stormdoor.core.credential import fingerprint

__all__ = ["PEOPLE", "Secrets", "settle"]

_CREDENTIALS = "demo-credentials.json"
_SECRETS = "demo-secrets.json"
_SENSOR = "sensor"
_SENSOR_SCOPES = frozenset({"dashboard:connect", "dashboard:report"})


@dataclass(frozen=True, slots=True)
class Person:
    """One principal of the demo."""

    roles: tuple[str, ...]
    attributes: Mapping[str, object] = field(default_factory=dict)


PEOPLE = {
    "alice": Person(("member",)),
    "bob": Person(("member",)),
    "mia": Person(("moderator",), {"moderates": ["lobby", "ops"]}),
    "ada": Person(("administrator",)),
    "eve": Person(()),
}


class _Known(msgspec.Struct):
    password: str
    roles: list[str] = msgspec.field(default_factory=list)


class _Credentials(msgspec.Struct):
    principals: dict[str, _Known]
    api_keys: dict[str, str]


class Secrets(msgspec.Struct):
    """Secrets of the server itself, in hex."""

    token_key: str
    trail_key: str


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, in one step: it is never half written, nor open."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def load_secrets(data: Path) -> Secrets:
    """The server's secrets, made at the first start.

    Raises:
        ConfigurationError: The file is damaged.
    """
    path = data / _SECRETS
    if not path.exists():
        made = Secrets(secrets.token_hex(32), secrets.token_hex(32))
        write_private(path, msgspec.json.format(msgspec.json.encode(made)).decode())
        return made
    try:
        return msgspec.json.decode(path.read_bytes(), type=Secrets)
    except msgspec.DecodeError as error:
        raise ConfigurationError(f"{path} is damaged ({error}); remove it to begin anew") from None


def _read(path: Path) -> _Credentials | None:
    if not path.exists():
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Credentials)
    except msgspec.DecodeError as error:
        raise ConfigurationError(f"{path} is damaged ({error}); remove it to begin anew") from None


async def settle(guard: Guard, data: Path) -> Path:
    """Make sure that the principals of the demo exist and that their credentials are written down.

    Accounts that exist keep what they have, unless nobody knows their passwords any more because the file
    was removed.

    Args:
        guard: The guard, started.
        data: The directory of the demo.

    Returns:
        The file with the credentials, mode 0600.
    """
    path = data / _CREDENTIALS
    known = _read(path)
    fresh = known is None
    if known is None:
        known = _Credentials(
            principals={
                name: _Known(secrets.token_urlsafe(12), list(person.roles))
                for name, person in PEOPLE.items()
            },
            api_keys={_SENSOR: compose(secrets.randbits(64), secrets.randbits(256))[1]},
        )
        write_private(path, json.dumps(msgspec.to_builtins(known), indent=2) + "\n")
    for name, person in PEOPLE.items():
        entry = known.principals.get(name)
        if entry is None:
            continue
        if await guard.store.account(name) is None:
            await guard.admin.add_principal(
                name,
                password=entry.password,
                roles=person.roles,
                attributes={"moderates": [], **person.attributes},
                actor="demo",
            )
        elif fresh:
            await guard.admin.set_password(name, entry.password, actor="demo")
    await _settle_key(guard, known.api_keys[_SENSOR])
    return path


async def _settle_key(guard: Guard, secret: str) -> None:
    """The sensor's key: issued here rather than by the desk, so that the written one stays the same."""
    id = key_id(secret)
    if id is None:
        raise ConfigurationError(
            f"{_CREDENTIALS}: the key of {_SENSOR!r} is damaged; remove the file"
        )
    if await guard.store.account(_SENSOR) is None:
        await guard.admin.add_principal(_SENSOR, roles=["device"], actor="demo")
    if await guard.store.key(id) is None:
        await guard.store.add_key(
            ApiKey(
                id=id,
                hash=fingerprint(secret),
                principal_id=_SENSOR,
                name=_SENSOR,
                scopes=_SENSOR_SCOPES,
                created_at=guard.clock.now(),
            )
        )
