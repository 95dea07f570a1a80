"""The settings of a run, which its parent hands to the hook in each Python of the program."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Any

import msgspec

from stormdoor.apps.table import OtherProtocol
from stormdoor.logs import LogFormat

__all__ = ["RunSettings", "own_version"]


def own_version() -> str:
    """Return the release of stormdoor in this environment."""
    try:
        return version("stormdoor")
    except PackageNotFoundError:  # imported from its source
        return "from source"


class RunSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of `stormdoor run`.

    Attributes:
        version: The version of stormdoor that started the program.
        config: Absolute path of the configuration file, or None.
        preset: Name of the preset; None for that of the adapter.
        store: URL of the store, if the configuration file names none.
        origins: The origins of `--origin`.
        unguarded_pages: Whether HTTP pages are not guarded, also those that the preset guards.
        any_release: Guard releases of a host that its adapter does not claim.
        secrets: The environment variables that the configuration file reads. The program does not get them.
        serves_in_children: Modules of hosts that serve in processes of `multiprocessing`.
        other_protocols: The listeners of hosts that speak no HTTP.
        key: A random secret of this start, in hexadecimal digits, for adapters.
        hosts: Modules of hosts with advice for releases that do not serve with Tornado.
        allow: Addresses or ports of listeners that may serve HTTP unguarded: `127.0.0.1:8787`, `8787`.
        log_format: The form of the log of the program.
        installation: The options with which a command finds the store, for messages.
        trail_key: The secret of the trail's chain in hexadecimal digits, without a configuration file.
        certificate: Path of a file with a certificate and its key, for servers without TLS; empty for none.
    """

    version: str
    store: str
    config: str | None = None
    preset: str | None = None
    origins: tuple[str, ...] = ()
    unguarded_pages: bool = False
    any_release: bool = False
    secrets: dict[str, str] = {}
    serves_in_children: tuple[str, ...] = ()
    other_protocols: tuple[OtherProtocol, ...] = ()
    key: str = ""
    hosts: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    log_format: LogFormat = "text"
    installation: str = ""
    trail_key: str = ""
    certificate: str = ""

    def allows(self, address: str) -> bool:
        """Return whether the listener at an address may serve HTTP unguarded."""
        port = "" if address.startswith("unix:") else address.rpartition(":")[2]
        return address in self.allow or port in self.allow

    def __repr__(self) -> str:
        return f"<settings of a run, version {self.version}>"

    def plain(self) -> dict[str, Any]:
        """Return them as JSON can carry them."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain
