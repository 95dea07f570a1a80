"""The kind `certificate` of a configuration file."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, UnsetType

from stormdoor.auth.kind import Kind, Settings
from stormdoor.auth.mtls.certificate import CertificateAuthenticator
from stormdoor.settings.section import Section, options

__all__ = ["KIND", "CertificateSettings"]


class CertificateSettings(Settings, frozen=True, kw_only=True):
    """Client certificates: see `CertificateAuthenticator`."""

    named_by: str | UnsetType = UNSET
    pattern: str | UnsetType = UNSET
    fingerprints: dict[str, str] | UnsetType = UNSET
    roles: list[str] | UnsetType = UNSET
    principals: Literal["certificate", "store"] | UnsetType = UNSET
    clients: Literal["programs", "browsers"] | UnsetType = UNSET


def _build(settings: CertificateSettings, _section: Section) -> CertificateAuthenticator:
    return CertificateAuthenticator(**options(settings))


KIND = Kind(
    name="certificate",
    settings=CertificateSettings,
    build=_build,
    ambient=lambda settings: settings.clients == "browsers",
    needs_store=lambda settings: settings.principals == "store",
    single_use=False,
    renewable=False,
    repeatable=True,
    default_headers=("X-Forwarded-Client-Cert",),
)
