"""Signed requests, certificates, proxies and bound tokens of a configuration file."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from msgspec import UNSET

from stormdoor.auth.dpop.proof import DpopProof
from stormdoor.auth.http_signature.account_keys import AccountKeys
from stormdoor.auth.http_signature.request_key import RequestKey
from stormdoor.auth.http_signature.signed_request import SignedRequestAuthenticator
from stormdoor.auth.mtls.certificate import CertificateAuthenticator
from stormdoor.auth.mtls.forwarded_certificate import ForwardedCertificate
from stormdoor.auth.proxy.proxy_identity import ProxyIdentityAuthenticator
from stormdoor.auth.proxy.trusted_proxy import TrustedProxy
from stormdoor.config.document import Document
from stormdoor.config.keys import build_key
from stormdoor.config.place import Place
from stormdoor.config.proof_shape import (
    CertificateTable,
    DpopTable,
    ForwardedCertificateTable,
    ProxyTable,
    RequestKeyTable,
    SignedRequestTable,
    TrustedProxyTable,
)
from stormdoor.config.secret import SecretTable, reveal_bytes
from stormdoor.config.shape import options
from stormdoor.core.permission import check_pattern
from stormdoor.core.principal import Principal

__all__ = [
    "build_certificates",
    "build_dpop",
    "build_forwarded_certificate",
    "build_proxy_identity",
    "build_signed_requests",
]


def build_signed_requests(
    document: Document, place: Place, table: SignedRequestTable
) -> SignedRequestAuthenticator | None:
    """Return the authenticator of signed handshakes. Mistakes are noted in the document."""
    before = len(document.problems)
    found = options(table, "keys", "accounts")
    if (table.accounts is UNSET) == (not table.keys):
        document.wrong(
            (*place, "keys"),
            "keys stand either here or in accounts; write keys = "
            '[{ algorithm = "EdDSA", kid = "d7", public_key_file = "d7.pem", principal = "d7" }], '
            'or accounts = "request_keys"',
        )
    keys = [
        key
        for position, one in enumerate(table.keys)
        if (key := _request_key(document, (*place, "keys", position), one)) is not None
    ]
    if len(document.problems) != before:
        return None
    source = keys if isinstance(table.accounts, type(UNSET)) else AccountKeys(table.accounts)
    return document.attempt(place, SignedRequestAuthenticator, source, **found)


def _request_key(document: Document, place: Place, table: RequestKeyTable) -> RequestKey | None:
    before = len(document.problems)
    for position, pattern in enumerate(table.scopes or ()):
        document.attempt((*place, "scopes", position), check_pattern, pattern)
    if table.tenant is not None and table.roles is None:
        document.wrong(
            (*place, "tenant"), "without roles, the account of the principal says the tenant, too"
        )
    key = build_key(document, place, table)
    if key is None or len(document.problems) != before:
        return None
    return document.attempt(
        place,
        RequestKey,
        key=key,
        principal=(
            table.principal
            if table.roles is None
            else Principal(table.principal, frozenset(table.roles), table.tenant)
        ),
        device_id=table.device_id,
        scopes=None if table.scopes is None else frozenset(table.scopes),
        issued_at=_seconds(table.issued_at) or 0.0,
        expires_at=_seconds(table.expires_at),
    )


def _seconds(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()


def build_certificates(
    document: Document, place: Place, table: CertificateTable
) -> CertificateAuthenticator | None:
    """Return the authenticator of client certificates. Mistakes are noted in the document."""
    return document.attempt(place, CertificateAuthenticator, **options(table))


def build_proxy_identity(
    document: Document, place: Place, table: ProxyTable
) -> ProxyIdentityAuthenticator | None:
    """Return the authenticator of a proxy's users. Mistakes are noted in the document."""
    proxy = _proxy(document, (*place, "proxy"), table.proxy)
    if proxy is None:
        return None
    return document.attempt(place, ProxyIdentityAuthenticator, proxy, **options(table, "proxy"))


def build_forwarded_certificate(
    document: Document, table: ForwardedCertificateTable
) -> ForwardedCertificate | None:
    """Return the reader of forwarded certificates. Mistakes are noted in the document."""
    place: Place = ("forwarded_certificate",)
    proxy = _proxy(document, (*place, "proxy"), table.proxy)
    if proxy is None:
        return None
    return document.attempt(place, ForwardedCertificate, proxy, **options(table, "proxy"))


def _proxy(document: Document, place: Place, table: TrustedProxyTable) -> TrustedProxy | None:
    secrets = _secrets(document, (*place, "secrets"), table.secrets)
    if secrets is None:
        return None
    found = options(table, "networks", "secrets")
    return document.attempt(place, TrustedProxy, table.networks, secrets=secrets, **found)


def build_dpop(document: Document, place: Place, table: DpopTable) -> DpopProof | None:
    """Return the checker of proofs of possession. Mistakes are noted in the document."""
    secrets = _secrets(document, (*place, "nonce_secrets"), table.nonce_secrets)
    if secrets is None:
        return None
    found = options(table, "nonce_secrets")
    return document.attempt(place, DpopProof, nonce_secret=secrets or None, **found)


def _secrets(
    document: Document, place: Place, secrets: Sequence[SecretTable | str]
) -> list[bytes] | None:
    """Return the secrets of a list; None if one of them is missing."""
    base = document.path.parent
    found = [
        document.attempt((*place, position), _revealed, one, base)
        for position, one in enumerate(secrets)
    ]
    return None if None in found else [one for one in found if one is not None]


def _revealed(secret: SecretTable | str, base: Path) -> bytes:
    return reveal_bytes(secret, base=base)
