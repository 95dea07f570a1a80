"""The provider metadata for login and logout (Discovery 1.0 §3, RP-Initiated Logout §2.1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from stormdoor.auth.oauth.client import check_url
from stormdoor.errors import ConfigurationError

__all__ = ["ProviderMetadata", "read_metadata"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderMetadata:
    """The endpoints of a provider, and its capabilities.

    Attributes:
        issuer: The provider.
        authorization_endpoint: Address of the login.
        token_endpoint: Address for the exchange of a code.
        userinfo_endpoint: Address of further claims, or None.
        end_session_endpoint: Address of the logout, or None.
        names_itself: Whether answers contain `iss` (RFC 9207); one without it is then refused.
        posts_secret: Whether the client's secret is sent in the form, because the provider accepts nothing
            else.
    """

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    userinfo_endpoint: str | None
    end_session_endpoint: str | None
    names_itself: bool
    posts_secret: bool


def read_metadata(document: Mapping[str, object], issuer: str) -> ProviderMetadata | str:
    """Read a discovery document.

    Args:
        document: The received document.
        issuer: The issuer that it must name exactly.

    Returns:
        The metadata, or the refusal.
    """
    if document.get("issuer") != issuer:
        return f"issuer is {document.get('issuer')!r:.120}; write issuer exactly so, if it is meant"
    try:
        local = issuer.startswith("http://")
        where = {
            name: check_url(document.get(name), name, local=local)
            for name in ("authorization_endpoint", "token_endpoint")
        }
        maybe = {
            name: None
            if document.get(name) is None
            else check_url(document[name], name, local=local)
            for name in ("userinfo_endpoint", "end_session_endpoint")
        }
    except ConfigurationError as error:
        return str(error)
    responses = document.get("response_types_supported")
    if not isinstance(responses, list) or "code" not in responses:
        return "the provider does not give codes (response_types_supported)"
    methods = document.get("code_challenge_methods_supported")
    if isinstance(methods, list) and "S256" not in methods:
        return "the provider does not know PKCE with S256 (code_challenge_methods_supported)"
    known = document.get("token_endpoint_auth_methods_supported")
    return ProviderMetadata(
        issuer=issuer,
        authorization_endpoint=where["authorization_endpoint"],
        token_endpoint=where["token_endpoint"],
        userinfo_endpoint=maybe["userinfo_endpoint"],
        end_session_endpoint=maybe["end_session_endpoint"],
        names_itself=document.get("authorization_response_iss_parameter_supported") is True,
        posts_secret=(
            isinstance(known, list)
            and "client_secret_basic" not in known
            and "client_secret_post" in known
        ),
    )
