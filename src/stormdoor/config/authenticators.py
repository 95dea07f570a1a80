"""The authenticators of a configuration file."""

from __future__ import annotations

from typing import TypeVar

from msgspec import UnsetType

from stormdoor.auth.apikey.authenticator import ApiKeyAuthenticator
from stormdoor.auth.authenticator import Authenticator
from stormdoor.auth.jwt.authenticator import JwtAuthenticator
from stormdoor.auth.mtls.certificate import CertificatePossessionProof
from stormdoor.auth.possession import PossessionProof
from stormdoor.auth.session.authenticator import SessionAuthenticator
from stormdoor.auth.session.cookie import SESSION_COOKIE
from stormdoor.auth.ticket.authenticator import TicketAuthenticator
from stormdoor.config.document import Document
from stormdoor.config.keys import build_key
from stormdoor.config.oauth import build_oauth
from stormdoor.config.oauth_shape import OAuthTable
from stormdoor.config.place import Place
from stormdoor.config.proof_shape import CertificateTable, ProxyTable, SignedRequestTable
from stormdoor.config.proofs import (
    build_certificates,
    build_dpop,
    build_proxy_identity,
    build_signed_requests,
)
from stormdoor.config.shape import (
    ApiKeyTable,
    AuthenticatorTable,
    JwtTable,
    SessionTable,
    TicketTable,
    options,
)
from stormdoor.errors import ConfigurationError

__all__ = ["build_authenticators"]

T = TypeVar("T")

_OR_NOT = ("max_age", "roles_claim", "tenant_claim", "scope_claim", "session_claim")


def build_authenticators(document: Document) -> list[Authenticator]:
    """Build the authenticators of a file. Mistakes are noted in the document."""
    found: list[Authenticator] = []
    for position, table in enumerate(document.parsed.authenticators):
        made = _authenticator(document, ("authenticators", position), table)
        if made is not None:
            found.append(made)
    return found


def _authenticator(
    document: Document, place: Place, table: AuthenticatorTable
) -> Authenticator | None:
    match table:
        case SessionTable():
            cookie = document.parsed.sessions.cookie
            return SessionAuthenticator(cookie if isinstance(cookie, str) else SESSION_COOKIE)
        case TicketTable():
            return TicketAuthenticator()
        case ApiKeyTable():
            return ApiKeyAuthenticator()
        case JwtTable():
            return _jwt(document, place, table)
        case OAuthTable():
            return build_oauth(document, place, table)
        case SignedRequestTable():
            return build_signed_requests(document, place, table)
        case CertificateTable():
            return build_certificates(document, place, table)
        case ProxyTable():
            return build_proxy_identity(document, place, table)


def _jwt(document: Document, place: Place, table: JwtTable) -> JwtAuthenticator | None:
    before = len(document.problems)
    if not table.keys:
        document.wrong(
            (*place, "keys"),
            "a token needs a key; write keys = "
            '[{ algorithm = "EdDSA", public_key_file = "key.pem" }]',
        )
    keys = [
        key
        for position, one in enumerate(table.keys)
        if (key := build_key(document, (*place, "keys", position), one)) is not None
    ]
    found = options(table, "keys", "dpop", "certificate_bound")
    proofs: list[PossessionProof] = []
    if not isinstance(table.certificate_bound, UnsetType):
        proofs.append(CertificatePossessionProof(required=table.certificate_bound == "required"))
    if not isinstance(table.dpop, UnsetType):
        dpop = build_dpop(document, (*place, "dpop"), table.dpop)
        if dpop is not None:
            proofs.append(dpop)
    for name in _OR_NOT:
        if name in found:
            found[name] = document.attempt((*place, name), _or_none, found[name])
    if "types" in found:
        found["types"] = [
            document.attempt((*place, "types", position), _or_none, one)
            for position, one in enumerate(found["types"])
        ]
    if len(document.problems) != before:
        return None
    return document.attempt(place, JwtAuthenticator, keys=keys, proofs=proofs, **found)


def _or_none(value: T | bool) -> T | None:  # noqa: FBT001 - a value of the file, not a switch
    """Return the value; None for `false`, which stands for None in a file."""
    if value is True:
        raise ConfigurationError("true says nothing here; write a value, or false for none")
    return None if value is False else value
