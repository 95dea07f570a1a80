"""The keys of a configuration file."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from stormdoor.auth.jose.jwt_key import ALGORITHMS, JwtKey
from stormdoor.config.document import Document, close_match
from stormdoor.config.place import Place
from stormdoor.config.secret import SecretTable, reveal_bytes
from stormdoor.errors import ConfigurationError

__all__ = ["KeyTable", "build_key"]

_MAX_PEM = 64 * 1024


class KeyTable(Protocol):
    """The fields of a key's table."""

    @property
    def algorithm(self) -> str:
        """The algorithm."""
        ...

    @property
    def kid(self) -> str | None:
        """The name."""
        ...

    @property
    def secret(self) -> SecretTable | str | None:
        """The secret, for `HS…`."""
        ...

    @property
    def public_key_file(self) -> str | None:
        """The file of the public key, for all other algorithms."""
        ...


def build_key(document: Document, place: Place, table: KeyTable) -> JwtKey | None:
    """Return the key in a table. Mistakes are noted in the document."""
    if table.algorithm not in ALGORITHMS:
        hint = close_match(table.algorithm, ALGORITHMS)
        document.wrong(
            (*place, "algorithm"),
            f"{table.algorithm!r} is not accepted{hint or '; use one of ' + ', '.join(ALGORITHMS)}",
        )
        return None
    base = document.path.parent
    if table.algorithm.startswith("HS"):
        if table.secret is None or table.public_key_file is not None:
            document.wrong(
                place, f'{table.algorithm} has a secret; write secret = {{ env = "NAME" }}'
            )
            return None
        material = document.attempt((*place, "secret"), _secret, table.secret, base)
    else:
        if table.public_key_file is None or table.secret is not None:
            document.wrong(
                place,
                f'{table.algorithm} has a public key; write public_key_file = "keys/1.pem"',
            )
            return None
        material = document.attempt(
            (*place, "public_key_file"), _public_key, base / table.public_key_file
        )
    if material is None:
        return None
    return document.attempt(place, JwtKey, table.algorithm, material, table.kid)


def _secret(secret: SecretTable | str, base: Path) -> bytes:
    return reveal_bytes(secret, base=base)


def _public_key(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            pem = file.read(_MAX_PEM)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from None
    if b"PRIVATE KEY" in pem:
        raise ConfigurationError(
            f"{path} holds a private key, which only its owner needs; make the public"
            f" one from it: openssl pkey -in {path} -pubout"
        )
    return pem
