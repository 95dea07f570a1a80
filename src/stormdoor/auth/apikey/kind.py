"""The kind `api-key` of a configuration file."""

from __future__ import annotations

from stormdoor.auth.apikey.authenticator import ApiKeyAuthenticator
from stormdoor.auth.kind import Kind, Settings
from stormdoor.settings.section import Section

__all__ = ["KIND"]


class ApiKeySettings(Settings, frozen=True):
    """API keys."""


def _build(_settings: ApiKeySettings, _section: Section) -> ApiKeyAuthenticator:
    return ApiKeyAuthenticator()


KIND = Kind(
    name="api-key",
    settings=ApiKeySettings,
    build=_build,
    ambient=False,
    needs_store=True,
    single_use=False,
    renewable=True,
    repeatable=False,
    default_headers=("Authorization", "X-Api-Key"),
)
