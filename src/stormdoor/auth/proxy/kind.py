"""The kind `proxy` of a configuration file."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, UnsetType

from stormdoor.auth.kind import Kind, Settings
from stormdoor.auth.proxy.proxy_identity import ProxyIdentityAuthenticator
from stormdoor.auth.proxy.settings import TrustedProxyTable, build_proxy
from stormdoor.settings.section import Section, options

__all__ = ["KIND", "ProxySettings"]


class ProxySettings(Settings, frozen=True, kw_only=True):
    """The identity from a proxy: see `ProxyIdentityAuthenticator`."""

    proxy: TrustedProxyTable
    convention: str | UnsetType = UNSET
    user_header: str | UnsetType = UNSET
    groups_header: str | UnsetType = UNSET
    groups_as: Literal["commas", "json"] | UnsetType = UNSET
    expires_header: str | UnsetType = UNSET
    roles: dict[str, str] | UnsetType = UNSET
    principals: Literal["header", "store"] | UnsetType = UNSET
    clients: Literal["browsers", "programs"] | UnsetType = UNSET
    max_age: float | UnsetType = UNSET


def _build(settings: ProxySettings, section: Section) -> ProxyIdentityAuthenticator | None:
    proxy = build_proxy(settings.proxy, section.at("proxy"))
    if proxy is None:
        return None
    return section.attempt(ProxyIdentityAuthenticator, proxy, **options(settings, "proxy"))


KIND = Kind(
    name="proxy",
    settings=ProxySettings,
    build=_build,
    ambient=lambda settings: settings.clients != "programs",
    needs_store=lambda settings: settings.principals == "store",
    single_use=False,
    renewable=False,
    repeatable=True,
    default_headers=(),
)
