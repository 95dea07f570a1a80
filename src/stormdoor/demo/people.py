"""The principals of the demo; their random passwords are stored in one file, for the owner only."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec

from stormdoor import ConfigurationError, Guard
from stormdoor.core.apikey import ApiKey, compose, key_id
from stormdoor.core.credential import fingerprint

__all__ = [
    "PEOPLE",
    "Secrets",
    "Settled",
    "configuration_of",
    "is_new",
    "load_secrets",
    "read_settled",
    "settle",
    "write_configuration",
    "write_private",
]

_CREDENTIALS = "demo-credentials.json"
_SECRETS = "demo-secrets.json"
_TRAIL_KEY = "demo-trail.key"
_CONFIGURATION = "demo.toml"
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


_Hex = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]


class _Known(msgspec.Struct):
    password: str
    roles: list[str] = msgspec.field(default_factory=list)


class _Keys(msgspec.Struct):
    sensor: str


class _Credentials(msgspec.Struct):
    principals: dict[str, _Known]
    api_keys: _Keys


class Secrets(msgspec.Struct):
    """Secrets of the server, 32 bytes each, in hex."""

    token_key: _Hex
    trail_key: _Hex
    factor_key: _Hex | None = None


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read. It is replaced in one step, so it is always complete."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


_Content = TypeVar("_Content", bound=msgspec.Struct)


def _damaged(path: Path, why: object) -> ConfigurationError:
    return ConfigurationError(f"{path} is damaged ({why}); remove it to begin anew")


def _read(path: Path, kind: type[_Content]) -> _Content | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        raise _damaged(path, error) from None


def load_secrets(data: Path) -> Secrets:
    """Return the server's secrets, made at the first start.

    Raises:
        ConfigurationError: The file is damaged.
    """
    path = data / _SECRETS
    known = _read(path, Secrets)
    if known is None:
        known = Secrets(secrets.token_hex(32), secrets.token_hex(32))
    if known.factor_key is None:  # new, or made by a release without second factors
        known.factor_key = secrets.token_hex(32)
        _write(path, known)
    return known


def write_configuration(data: Path, store: str, server: Secrets) -> Path:
    """Write the configuration file with which `stormdoor` commands operate the demo.

    Args:
        data: The directory of the demo.
        store: URL of its store.
        server: Secrets of the server; the key of the trail gets a file of its own.

    Returns:
        The configuration file.
    """
    write_private(data / _TRAIL_KEY, f"{server.trail_key}\n")
    path = configuration_of(data)
    write_private(
        path,
        f"# For commands such as: stormdoor trail show --config {path}\n"
        f"store = {msgspec.json.encode(store).decode()}\n"
        f'trail_key = {{ file = "{_TRAIL_KEY}", encoding = "hex" }}\n',
    )
    return path


def configuration_of(data: Path) -> Path:
    """Return the path of the configuration file in the directory of a demo."""
    return data / _CONFIGURATION


def _write(path: Path, content: msgspec.Struct) -> None:
    write_private(path, msgspec.json.format(msgspec.json.encode(content)).decode() + "\n")


def _new_credentials() -> _Credentials:
    return _Credentials(
        principals={
            name: _Known(secrets.token_urlsafe(12), list(person.roles))
            for name, person in PEOPLE.items()
        },
        api_keys=_Keys(sensor=compose(secrets.randbits(64), secrets.randbits(256))[1]),
    )


@dataclass(frozen=True, slots=True)
class Settled:
    """The credentials of the demo after a start.

    Attributes:
        path: The file with the passwords and the API key, mode 0600.
        passwords: The passwords by principal.
        new: Whether this start made them.
    """

    path: Path
    passwords: Mapping[str, str]
    new: bool


async def settle(guard: Guard, data: Path) -> Settled:
    """Create the demo's principals and the file with their credentials, where they are missing.

    Existing accounts stay unchanged, unless the file with their passwords was removed.

    Args:
        guard: The guard, started.
        data: The directory of the demo.

    Raises:
        ConfigurationError: The file is damaged.
    """
    path = data / _CREDENTIALS
    found = _read(path, _Credentials)
    known = _new_credentials() if found is None else found
    for name, person in PEOPLE.items():
        entry = known.principals.get(name)
        if entry is None:
            continue
        fault = guard.passwords.unacceptable(entry.password, name)
        if fault is not None:
            raise _damaged(path, f"the password of {name}: {fault}")
        if await guard.state.accounts.account(name) is None:
            await guard.admin.add_principal(
                name,
                password=entry.password,
                roles=person.roles,
                attributes={"moderates": [], **person.attributes},
                actor="demo",
            )
        elif found is None:
            await guard.admin.set_password(name, entry.password, actor="demo")
    id = key_id(known.api_keys.sensor)
    if id is None:
        raise _damaged(path, f"the key of {_SENSOR} is none")
    await _settle_key(guard, id, known.api_keys.sensor, fresh=found is None)
    if found is None:
        # Written last, so that the file has only values that are stored.
        _write(path, known)
    words = {name: one.password for name, one in known.principals.items()}
    return Settled(path, words, new=found is None)


def read_settled(data: Path, *, new: bool) -> Settled:
    """Return the credentials that a worker of the demo has settled.

    Args:
        data: The directory of the demo.
        new: Whether the worker has made them.

    Raises:
        ConfigurationError: The file is damaged or missing.
    """
    path = data / _CREDENTIALS
    known = _read(path, _Credentials)
    if known is None:
        raise _damaged(path, "it is missing")
    return Settled(path, {name: one.password for name, one in known.principals.items()}, new)


def is_new(data: Path) -> bool:
    """Return whether the demo has no credentials yet."""
    return not (data / _CREDENTIALS).exists()


async def _settle_key(guard: Guard, id: str, secret: str, *, fresh: bool) -> None:
    """Store the sensor's API key as it is in the file with the credentials.

    With an existing file, a key that an operator has revoked or replaced is not restored.
    """
    known = await guard.state.accounts.account(_SENSOR) is not None
    if not known:
        await guard.admin.add_principal(_SENSOR, roles=["device"], actor="demo")
    elif not fresh:
        return
    for key in await guard.state.keys.keys(_SENSOR):
        await guard.admin.revoke_key(key.id, actor="demo")
    await guard.state.keys.add_key(
        ApiKey(
            id=id,
            hash=fingerprint(secret),
            principal_id=_SENSOR,
            name=_SENSOR,
            scopes=_SENSOR_SCOPES,
            created_at=guard.clock.now(),
        )
    )
