"""Configuration of keys, and remarks about tokens, for all kinds of credential with tokens."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from stormdoor.auth.jose.jwt_key import ALGORITHMS, JwtKey
from stormdoor.auth.kind import Remark
from stormdoor.errors import ConfigurationError
from stormdoor.settings.secret import SecretTable
from stormdoor.settings.section import Section, close_match

__all__ = ["JwtKeyTable", "build_key", "token_remarks"]

_MAX_PEM = 64 * 1024
_DAY = 86_400.0


class JwtKeyTable(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One key of `keys`: see `JwtKey`.

    Attributes:
        algorithm: Its algorithm.
        kid: Its name in the header of tokens.
        secret: The secret, for `HS…`.
        public_key_file: For all others: a PEM file with the public key.
    """

    algorithm: str
    kid: str | None = None
    secret: SecretTable | str | None = None
    public_key_file: str | None = None


def build_key(table: JwtKeyTable, section: Section) -> JwtKey | None:
    """Return the key in a table. Mistakes are noted in the section."""
    if table.algorithm not in ALGORITHMS:
        hint = close_match(table.algorithm, ALGORITHMS)
        section.at("algorithm").wrong(
            f"{table.algorithm!r} is not accepted{hint or '; use one of ' + ', '.join(ALGORITHMS)}"
        )
        return None
    if table.algorithm.startswith("HS"):
        if table.secret is None or table.public_key_file is not None:
            section.wrong(f'{table.algorithm} has a secret; write secret = {{ env = "NAME" }}')
            return None
        material = section.at("secret").secret_bytes(table.secret)
    else:
        if table.public_key_file is None or table.secret is not None:
            section.wrong(
                f'{table.algorithm} has a public key; write public_key_file = "keys/1.pem"'
            )
            return None
        path = section.folder / table.public_key_file
        material = section.at("public_key_file").attempt(_public_key, path)
    if material is None:
        return None
    return section.attempt(JwtKey, table.algorithm, material, table.kid)


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


def token_remarks(max_age: object, leeway: object) -> Iterator[Remark]:
    """Return the remarks about the times that a kind accepts in tokens.

    Args:
        max_age: Seconds from issue to expiry at most; False for no limit.
        leeway: Seconds by which the issuer's clock may be ahead.
    """
    if max_age is False:
        yield Remark(
            "eternal-tokens",
            "warning",
            "a token may live as long as its issuer likes",
            "max_age = 3600",
            ("max_age",),
        )
    elif isinstance(max_age, float | int) and max_age > 7 * _DAY:
        yield Remark(
            "eternal-tokens",
            "warning",
            f"a stolen token counts for {max_age / _DAY:g} days",
            "max_age = 3600",
            ("max_age",),
        )
    if isinstance(leeway, float | int) and leeway > 60:
        yield Remark(
            "leeway",
            "warning",
            f"a token from before a revocation passes for {leeway:g} s after it",
            "leave leeway out, and set the clocks by NTP",
            ("leeway",),
        )
