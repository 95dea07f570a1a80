"""The table `[forwarded_certificate]` of a configuration file: see `ForwardedCertificate`."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, Struct, UnsetType

from stormdoor.auth.mtls.forwarded_certificate import ForwardedCertificate
from stormdoor.auth.proxy.settings import TrustedProxyTable, build_proxy
from stormdoor.settings.section import Section, options

__all__ = ["ForwardedCertificateTable", "build_forwarded_certificate"]


class ForwardedCertificateTable(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[forwarded_certificate]`: see `ForwardedCertificate`."""

    proxy: TrustedProxyTable
    format: Literal["rfc9440", "nginx", "envoy"] | UnsetType = UNSET
    header: str | UnsetType = UNSET
    verify_header: str | UnsetType = UNSET


def build_forwarded_certificate(
    table: ForwardedCertificateTable, section: Section
) -> ForwardedCertificate | None:
    """Return the reader of forwarded certificates. Mistakes are noted in the section."""
    proxy = build_proxy(table.proxy, section.at("proxy"))
    if proxy is None:
        return None
    return section.attempt(ForwardedCertificate, proxy, **options(table, "proxy"))
