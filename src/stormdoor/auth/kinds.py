"""The table of the kinds of credential: those of stormdoor, and those of installed distributions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from stormdoor.auth.apikey.kind import KIND as API_KEY
from stormdoor.auth.application.kind import KIND as APPLICATION
from stormdoor.auth.http_signature.kind import KIND as SIGNED_REQUEST
from stormdoor.auth.jwt.kind import KIND as JWT
from stormdoor.auth.kind import Kind
from stormdoor.auth.mtls.kind import KIND as CERTIFICATE
from stormdoor.auth.oauth.kind import KIND as OAUTH
from stormdoor.auth.own_process.kind import KIND as OWN_PROCESS
from stormdoor.auth.proxy.kind import KIND as PROXY
from stormdoor.auth.session.kind import KIND as SESSION
from stormdoor.auth.signed_cookie.kind import KIND as SIGNED_COOKIE
from stormdoor.auth.ticket.kind import KIND as TICKET
from stormdoor.errors import ConfigurationError

__all__ = ["ENTRY_POINTS", "KINDS", "find_kind", "kind_names"]

ENTRY_POINTS: Final = "stormdoor.authenticators"
"""Group of the entry points of other distributions: each names a kind and points to its `Kind`."""


def _table(*kinds: Kind[Any]) -> Mapping[str, Kind[Any]]:
    """Return the kinds by name.

    Raises:
        ImportError: A name comes twice, or a file `kind.py` or `..._kind.py` is not in the table.
    """
    found = {one.name: one for one in kinds}
    if len(found) != len(kinds):
        raise ImportError("two kinds of credential have one name")
    here = Path(__file__).parent
    files = [*here.glob("*/kind.py"), *here.glob("*_kind.py")]
    modules = {".".join(one.relative_to(here).with_suffix("").parts): one for one in files}
    listed = {one.build.__module__.removeprefix(f"{__package__}.") for one in kinds}
    for module in sorted(modules.keys() - listed):
        raise ImportError(
            f"{modules[module]} declares a kind that auth/kinds.py does not list; write there: from "
            f"stormdoor.auth.{module} import KIND as ..., and its name in KINDS"
        )
    return MappingProxyType(found)


KINDS: Final = _table(
    SESSION,
    TICKET,
    API_KEY,
    JWT,
    OAUTH,
    SIGNED_REQUEST,
    CERTIFICATE,
    PROXY,
    SIGNED_COOKIE,
    APPLICATION,
    OWN_PROCESS,
)
"""The kinds of stormdoor, by name."""


def kind_names() -> list[str]:
    """Return the names of all kinds, those of installed distributions included, without an import."""
    return [*KINDS, *sorted({one.name for one in _installed()} - set(KINDS))]


def find_kind(name: str) -> Kind[Any] | None:
    """Return the kind of this name; None if there is none.

    Raises:
        ConfigurationError: An installed distribution that has it is broken, or contradicts another one.
    """
    # INVARIANT: no distribution can replace a kind of stormdoor.
    if name in KINDS:
        return KINDS[name]
    others = [one for one in _installed() if one.name == name]
    if not others:
        return None
    if len({one.value for one in others}) > 1:
        raise ConfigurationError(
            f"several distributions have a kind {name!r}: {_owners(others)}; uninstall all but one"
        )
    return _load(others[0])


def _installed() -> Iterable[EntryPoint]:
    return entry_points(group=ENTRY_POINTS)


def _owners(found: Iterable[EntryPoint]) -> str:
    return ", ".join(sorted({one.dist.name if one.dist else one.value for one in found}))


def _load(entry: EntryPoint) -> Kind[Any]:
    try:
        kind = entry.load()
    except Exception as error:
        raise ConfigurationError(
            f"the kind {entry.name!r} of {_owners([entry])} cannot be imported: {error}"
        ) from error
    if not isinstance(kind, Kind) or kind.name != entry.name:
        raise ConfigurationError(
            f"{entry.value} of {_owners([entry])} is not the Kind of the name {entry.name!r}"
        )
    return kind
