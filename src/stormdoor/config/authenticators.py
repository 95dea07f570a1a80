"""The authenticators of a configuration file."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from stormdoor.auth.apikey import ApiKeyAuthenticator
from stormdoor.auth.authenticator import Authenticator
from stormdoor.auth.cookie import SESSION_COOKIE
from stormdoor.auth.jwt import JwtAuthenticator
from stormdoor.auth.jwt_key import ALGORITHMS, JwtKey
from stormdoor.auth.session import SessionAuthenticator
from stormdoor.auth.ticket import TicketAuthenticator
from stormdoor.config.document import Document, close_match
from stormdoor.config.oauth import build_oauth
from stormdoor.config.oauth_shape import OAuthTable
from stormdoor.config.place import Place
from stormdoor.config.secret import SecretTable, reveal_bytes
from stormdoor.config.shape import (
    ApiKeyTable,
    AuthenticatorTable,
    JwtKeyTable,
    JwtTable,
    SessionTable,
    TicketTable,
    options,
)
from stormdoor.errors import ConfigurationError

__all__ = ["build_authenticators"]

T = TypeVar("T")

_OR_NOT = ("max_age", "roles_claim", "tenant_claim", "scope_claim", "session_claim")
_MAX_PEM = 64 * 1024


def build_authenticators(document: Document) -> list[Authenticator]:
    """The authenticators of a file. What is wrong with them is noted in the document."""
    found: list[Authenticator] = []
    for position, table in enumerate(document.parsed.authenticators):
        made = _authenticator(document, ("authenticators", position), table)
        if made is not None:
            found.append(made)
    return found


def _authenticator(
    document: Document, place: Place, table: AuthenticatorTable
) -> Authenticator | None:
    match table:
        case SessionTable():
            cookie = document.parsed.sessions.cookie
            return SessionAuthenticator(cookie if isinstance(cookie, str) else SESSION_COOKIE)
        case TicketTable():
            return TicketAuthenticator()
        case ApiKeyTable():
            return ApiKeyAuthenticator()
        case JwtTable():
            return _jwt(document, place, table)
        case OAuthTable():
            return build_oauth(document, place, table)


def _jwt(document: Document, place: Place, table: JwtTable) -> JwtAuthenticator | None:
    before = len(document.problems)
    if not table.keys:
        document.wrong(
            (*place, "keys"),
            "a token needs a key; write keys = "
            '[{ algorithm = "EdDSA", public_key_file = "key.pem" }]',
        )
    keys = [
        key
        for position, one in enumerate(table.keys)
        if (key := _key(document, (*place, "keys", position), one)) is not None
    ]
    found = options(table, "keys")
    for name in _OR_NOT:
        if name in found:
            found[name] = document.attempt((*place, name), _or_none, found[name])
    if "types" in found:
        found["types"] = [
            document.attempt((*place, "types", position), _or_none, one)
            for position, one in enumerate(found["types"])
        ]
    if len(document.problems) != before:
        return None
    return document.attempt(place, JwtAuthenticator, keys=keys, **found)


def _or_none(value: T | bool) -> T | None:  # noqa: FBT001 - a value of the file, not a switch
    """The value; None for `false`, which is how a file says "none"."""
    if value is True:
        raise ConfigurationError("true says nothing here; write a value, or false for none")
    return None if value is False else value


def _key(document: Document, place: Place, table: JwtKeyTable) -> JwtKey | None:
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
            f"{path} holds a private key, which only the issuer of tokens needs; make the public"
            f" one from it: openssl pkey -in {path} -pubout"
        )
    return pem
