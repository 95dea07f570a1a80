"""The kind `application` of a configuration file."""

from __future__ import annotations

from stormdoor.auth.application.authenticator import ApplicationAuthenticator
from stormdoor.auth.kind import Kind, Settings
from stormdoor.settings.section import Section

__all__ = ["KIND"]


class ApplicationSettings(Settings, frozen=True):
    """The login of the application that the guard protects: see `ApplicationAuthenticator`."""


def _build(_settings: ApplicationSettings, _section: Section) -> ApplicationAuthenticator:
    return ApplicationAuthenticator()


KIND = Kind(
    name="application",
    settings=ApplicationSettings,
    build=_build,
    ambient=True,
    needs_store=True,
    single_use=False,
    renewable=False,
    repeatable=False,
    default_headers=("Cookie", "Authorization"),
)
