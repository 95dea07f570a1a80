"""The input of the checks of a configuration."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from msgspec import Struct, UnsetType

from stormdoor.auth.authenticator import Authenticator
from stormdoor.config.document import Document
from stormdoor.config.finding import Finding, Level
from stormdoor.config.oauth_shape import OAuthTable
from stormdoor.config.place import Place, show_place
from stormdoor.config.proof_shape import CertificateTable, ProxyTable, SignedRequestTable
from stormdoor.config.secret import SecretTable
from stormdoor.config.shape import (
    ApiKeyTable,
    AuthenticatorTable,
    ConfigFile,
    JwtTable,
    SessionTable,
    TicketTable,
    options,
)

__all__ = ["Listed", "Subject"]


class Listed(NamedTuple):
    """One authenticator of the file."""

    place: Place
    table: AuthenticatorTable
    kind: str
    keeps_state: bool


@dataclass(frozen=True, slots=True)
class Subject:
    """A parsed file, and the objects that were built from it.

    Attributes:
        document: The file.
        built: The authenticators that were built; none if the file contains a mistake.
    """

    document: Document
    built: tuple[Authenticator, ...]

    @property
    def parsed(self) -> ConfigFile:
        """The content of the file."""
        return self.document.parsed

    @property
    def production(self) -> bool:
        """Whether it is for production, which is the default."""
        return self.parsed.production is not False

    @property
    def store(self) -> str:
        """The URL of the store as written; empty if it is a secret."""
        store = self.parsed.store
        if isinstance(store, UnsetType):
            return "memory:"
        return store if isinstance(store, str) else ""

    @property
    def authenticators(self) -> list[Listed]:
        """The authenticators of the file."""
        found = []
        for position, table in enumerate(self.parsed.authenticators):
            place: Place = ("authenticators", position)
            match table:
                case SessionTable():
                    found.append(Listed(place, table, "session", keeps_state=True))
                case TicketTable():
                    found.append(Listed(place, table, "ticket", keeps_state=True))
                case ApiKeyTable():
                    found.append(Listed(place, table, "api-key", keeps_state=True))
                case JwtTable():
                    stored = table.principals == "store"
                    found.append(Listed(place, table, "jwt", keeps_state=stored))
                case OAuthTable():
                    stored = table.principals == "store"
                    found.append(Listed(place, table, "oauth", keeps_state=stored))
                case SignedRequestTable():
                    found.append(Listed(place, table, "signed-request", keeps_state=True))
                case CertificateTable():
                    stored = table.principals == "store"
                    found.append(Listed(place, table, "certificate", keeps_state=stored))
                case ProxyTable():
                    stored = table.principals == "store"
                    found.append(Listed(place, table, "proxy", keeps_state=stored))
        return found

    def finding(self, id: str, level: Level, place: Place, what: str, write: str = "") -> Finding:
        """Return a finding at a place of the file."""
        return Finding(
            id=id,
            level=level,
            what=what,
            place=show_place(place),
            line=self.document.line(place),
            write=write,
        )

    def walk(self) -> Iterator[tuple[Place, object]]:
        """Return every written option, with its place."""
        yield from _walk(self.parsed, ())

    def secrets(self) -> Iterator[tuple[Place, SecretTable]]:
        """Return every secret that the file names."""
        for place, value in self.walk():
            if isinstance(value, SecretTable):
                yield place, value


def _walk(value: object, place: Place) -> Iterator[tuple[Place, object]]:
    if place:
        yield place, value
    match value:
        case Struct():
            for name, inner in options(value).items():
                yield from _walk(inner, (*place, name))
        case list():
            for position, inner in enumerate(value):
                yield from _walk(inner, (*place, position))
