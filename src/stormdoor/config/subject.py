"""The input of the checks of a configuration."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from msgspec import UnsetType

from stormdoor.auth.authenticator import Authenticator
from stormdoor.config.document import Document, Listed
from stormdoor.config.shape import ConfigFile
from stormdoor.settings.finding import Finding, Level
from stormdoor.settings.place import Place, show_place
from stormdoor.settings.secret import SecretTable

__all__ = ["Subject"]


@dataclass(frozen=True, slots=True)
class Subject:
    """A parsed file and the authenticators that were built from it, as the input of checks.

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
    def under_run(self) -> bool:
        """Whether `stormdoor run` starts the program, and adds origins and a store if the file has none."""
        return self.parsed.stormdoor_run is True

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
        return self.document.authenticators

    def finding(self, id: str, level: Level, place: Place, what: str, write: str = "") -> Finding:
        """Return a finding at a place of the file."""
        return Finding(
            id=id,
            level=level,
            what=what + self.document.origin(place),
            place=show_place(place),
            line=self.document.line(place),
            write=write,
        )

    def secrets(self) -> Iterator[tuple[Place, SecretTable]]:
        """Return every secret that the file names."""
        for place, value in self.document.walk():
            if isinstance(value, SecretTable):
                yield place, value
