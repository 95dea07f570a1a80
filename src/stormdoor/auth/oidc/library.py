"""Imports from Authlib, with a message for a missing installation."""

from __future__ import annotations

from stormdoor.errors import ConfigurationError
from stormdoor.settings.installation import install_command

try:
    from authlib.oauth2.client import OAuth2Client
    from authlib.oidc.core import CodeIDToken
    from joserfc.errors import JoseError
except ModuleNotFoundError as error:
    if (error.name or "").partition(".")[0] != "authlib":
        raise
    raise ConfigurationError(
        "a login at an OpenID provider needs Authlib; install the extra: "
        + install_command("'stormdoor[oidc]'")
    ) from None

__all__ = ["CodeIDToken", "JoseError", "OAuth2Client"]
