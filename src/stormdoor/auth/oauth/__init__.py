"""OAuth 2.0: access tokens of an authorization server, which is discovered and queried over HTTPS."""

from __future__ import annotations

from stormdoor.errors import ConfigurationError

try:
    import httpx  # noqa: F401 - only to check that it is installed
except ModuleNotFoundError as error:
    if error.name != "httpx":
        raise
    raise ConfigurationError(
        "stormdoor.auth.oauth needs httpx; install the extra: pip install 'stormdoor[oidc]'"
    ) from None

from stormdoor.auth.oauth.authenticator import OAuthAuthenticator
from stormdoor.auth.oauth.introspection import Introspection

__all__ = ["Introspection", "OAuthAuthenticator"]
