"""The OAuth resource server of a configuration file."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import UnsetType

from stormdoor.auth.authenticator import Authenticator
from stormdoor.auth.dpop.proof import DpopProof
from stormdoor.auth.jose.jwt_key import JwtKey
from stormdoor.auth.mtls.certificate import CertificatePossessionProof
from stormdoor.auth.possession import PossessionProof
from stormdoor.config.document import Document
from stormdoor.config.oauth_shape import IntrospectionTable, OAuthTable
from stormdoor.config.place import Place
from stormdoor.config.secret import SecretTable, reveal
from stormdoor.config.shape import options
from stormdoor.errors import ConfigurationError

if TYPE_CHECKING:
    from stormdoor.auth.oauth import Introspection

__all__ = ["build_oauth"]

_OR_NOT = ("scope_claim", "roles_claim", "tenant_claim", "max_age")
_KEY = ("private_key_file", "private_key_algorithm", "private_key_id")


def build_oauth(document: Document, place: Place, table: OAuthTable) -> Authenticator | None:
    """Return the authenticator of a table. Mistakes are noted in the document."""
    before = len(document.problems)
    # Imported only here: a guard without a provider needs neither the library nor the time to import it.
    oauth = document.attempt(place, import_module, "stormdoor.auth.oauth")
    found = options(table, "introspection", "proofs", "required_proof", "ca_file")
    for name in _OR_NOT:
        if name in found:
            found[name] = document.attempt((*place, name), _or_none, found[name])
    if "types" in found:
        found["types"] = [
            document.attempt((*place, "types", position), _or_none, one)
            for position, one in enumerate(found["types"])
        ]
    found.setdefault("scopes", None)
    found["proofs"] = list(_proofs(table))
    base = document.path.parent
    if table.ca_file is not None:
        found["tls"] = document.attempt((*place, "ca_file"), _authorities, base / table.ca_file)
    if table.introspection is not None and oauth is not None:
        where = (*place, "introspection")
        found["introspection"] = _introspection(document, where, table.introspection, oauth)
    if oauth is None or len(document.problems) != before:
        return None
    made: Authenticator | None = document.attempt(place, oauth.OAuthAuthenticator, **found)
    return made


def _or_none(value: Any) -> Any:
    """Return the value; None for `false`, which stands for None in a file."""
    if value is True:
        raise ConfigurationError("true says nothing here; write a value, or false for none")
    return None if value is False else value


def _proofs(table: OAuthTable) -> Iterator[PossessionProof]:
    named = dict.fromkeys([*table.proofs, *filter(None, [table.required_proof])])
    for name in named:
        required = name == table.required_proof
        match name:
            case "certificate":
                yield CertificatePossessionProof(required=required)
            case "dpop":
                yield DpopProof(required=required)


def _authorities(path: Path) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=path)
    except OSError as error:  # ssl.SSLError is one
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from None


def _introspection(
    document: Document, place: Place, table: IntrospectionTable, oauth: Any
) -> Introspection | None:
    before = len(document.problems)
    found = options(table, "client_secret", *_KEY)
    base = document.path.parent
    if not isinstance(table.client_secret, UnsetType):
        found["client_secret"] = document.attempt(
            (*place, "client_secret"), _secret, table.client_secret, base
        )
    if table.private_key_file is not None:
        found["private_key"] = document.attempt(
            (*place, "private_key_file"), _private_key, base / table.private_key_file, table
        )
    if len(document.problems) != before:
        return None
    made: Introspection | None = document.attempt(place, oauth.Introspection, **found)
    return made


def _secret(secret: SecretTable | str, base: Path) -> str:
    return reveal(secret, base=base)


def _private_key(path: Path, table: IntrospectionTable) -> JwtKey:
    pem = reveal(SecretTable(file=str(path)), base=path.parent)
    return JwtKey(table.private_key_algorithm, pem, table.private_key_id)
