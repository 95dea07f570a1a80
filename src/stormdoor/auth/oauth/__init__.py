"""OAuth 2.0: access tokens of an authorization server, which is discovered and queried over HTTPS.

The authenticator is imported at its first use: a guard without a provider needs neither the library nor the
time to import it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stormdoor.auth.oauth.authenticator import OAuthAuthenticator
    from stormdoor.auth.oauth.introspection import Introspection

__all__ = ["Introspection", "OAuthAuthenticator"]

_HOMES = {"Introspection": "introspection", "OAuthAuthenticator": "authenticator"}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
