"""Discover the endpoints of a provider from its metadata document (RFC 8414, OpenID Discovery)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit, urlunsplit

from stormdoor.auth.oauth.client import ProviderClient, Unanswered, check_url, is_local
from stormdoor.errors import ConfigurationError

__all__ = ["IssuerMetadata", "check_issuer", "discover", "read_metadata", "well_known"]


@dataclass(frozen=True, slots=True)
class IssuerMetadata:
    """The metadata of a provider.

    Attributes:
        issuer: Exactly as configured.
        jwks_uri: Address of its keys, or None.
        introspection_endpoint: Address for introspection, or None.
        document: The whole document; only its issuer is checked.
    """

    issuer: str
    jwks_uri: str | None = None
    introspection_endpoint: str | None = None
    document: Mapping[str, object] = field(default_factory=dict, repr=False, compare=False)


def check_issuer(issuer: str) -> str:
    """Return the issuer if it is valid (RFC 8414 §2).

    Raises:
        ConfigurationError: It is not https (http on this machine aside), or has a query or a fragment.
    """
    check_url(issuer, f"issuer={issuer!r}", local=True)
    if "?" in issuer:
        raise ConfigurationError(f"issuer={issuer!r} must have no query")
    return issuer


def well_known(issuer: str) -> tuple[str, str]:
    """Return the addresses of the document by OpenID Discovery §4 (appended) and RFC 8414 §3.1 (inserted)."""
    parts = urlsplit(issuer)
    path = parts.path.rstrip("/")
    inserted = f"/.well-known/oauth-authorization-server{path}"
    return (
        urlunsplit(
            (parts.scheme, parts.netloc, f"{path}/.well-known/openid-configuration", "", "")
        ),
        urlunsplit((parts.scheme, parts.netloc, inserted, "", "")),
    )


def _endpoint(document: Mapping[str, object], name: str, *, local: bool) -> str | None:
    return None if document.get(name) is None else check_url(document[name], name, local=local)


def read_metadata(document: Mapping[str, object], issuer: str) -> IssuerMetadata | Unanswered:
    """Read the document, if it belongs to the issuer.

    INVARIANT: `issuer` in it is exactly the configured one (RFC 8414 §3.3). Otherwise the document and keys
    of another issuer would be used.
    """
    if document.get("issuer") != issuer:
        return Unanswered(f"the document at {issuer} is about another issuer")
    # http to this machine is allowed only for a provider on this machine.
    local = is_local(issuer)
    try:
        return IssuerMetadata(
            issuer,
            _endpoint(document, "jwks_uri", local=local),
            _endpoint(document, "introspection_endpoint", local=local),
            document,
        )
    except ConfigurationError as error:
        return Unanswered(f"the document of {issuer}: {error}")


async def discover(
    client: ProviderClient, issuer: str, base: str | None = None
) -> IssuerMetadata | Unanswered:
    """Fetch the document from the address of either specification, below `base` or the issuer."""
    tried = []
    for url in well_known(base or issuer):
        answer = await client.get(url)
        if isinstance(answer, Unanswered):
            return answer
        if answer.body is not None:
            return read_metadata(answer.body, issuer)
        tried.append(f"{url}: {answer.status}")
    return Unanswered(f"no document about the issuer ({', '.join(tried)})")
