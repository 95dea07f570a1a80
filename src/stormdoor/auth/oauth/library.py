"""Import of httpx2, with a message for a missing installation."""

from __future__ import annotations

from stormdoor.errors import ConfigurationError
from stormdoor.settings.installation import install_command

try:
    import httpx2
except ModuleNotFoundError as error:
    if error.name != "httpx2":
        raise
    raise ConfigurationError(
        "stormdoor.auth.oauth needs httpx2; install the extra: "
        + install_command("'stormdoor[oidc]'")
    ) from None

__all__ = ["httpx2"]
