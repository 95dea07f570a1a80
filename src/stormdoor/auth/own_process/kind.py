"""The kind `own-process` of a configuration file."""

from __future__ import annotations

from stormdoor.auth.kind import Kind, Settings
from stormdoor.auth.own_process.authenticator import OwnProcessAuthenticator
from stormdoor.settings.section import Section

__all__ = ["KIND"]


class OwnProcessSettings(Settings, frozen=True, kw_only=True):
    """Connections of the process to itself: see `OwnProcessAuthenticator`."""

    endpoint: str
    roles: list[str]


def _build(settings: OwnProcessSettings, section: Section) -> OwnProcessAuthenticator | None:
    return section.attempt(OwnProcessAuthenticator, settings.endpoint, settings.roles)


KIND = Kind(
    name="own-process",
    settings=OwnProcessSettings,
    build=_build,
    ambient=False,
    needs_store=False,
    single_use=False,
    renewable=False,
    repeatable=True,
    default_headers=("X-Own-Process",),
)
