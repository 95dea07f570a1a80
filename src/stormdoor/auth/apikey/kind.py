"""The kind `api-key` of a configuration file."""

from __future__ import annotations

from msgspec import UNSET, UnsetType

from stormdoor.auth.apikey.authenticator import ApiKeyAuthenticator
from stormdoor.auth.kind import Kind, Settings
from stormdoor.settings.section import Section, options

__all__ = ["KIND"]


class ApiKeySettings(Settings, frozen=True, kw_only=True):
    """API keys: see `ApiKeyAuthenticator`."""

    insecure_query: str | UnsetType = UNSET


def _build(settings: ApiKeySettings, section: Section) -> ApiKeyAuthenticator | None:
    return section.make(ApiKeyAuthenticator, **options(settings))


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
    insecure={
        "insecure_query": "keys are accepted in addresses, which are logged, kept and sent on"
    },
)
