"""Let a change of Jupyter's token or password end the logins that were made with the old one."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from tornado.web import Application

from stormdoor.apps.jupyter.login import JupyterLogin

__all__ = ["renew_secret"]

_PURPOSE = b"stormdoor: cookies of Jupyter\0"


def renew_secret(application: Application, provider: Any, login: JupyterLogin) -> None:
    """Derive the key of Jupyter's login cookies from the present token and password, and follow changes.

    Jupyter's own key outlives a new token, and a password that is changed at the login form. A cookie of the
    old token or password would be accepted for 31 days.

    Args:
        application: The application of the server.
        provider: The identity provider.
        login: The login, which checks every open socket again after a change.
    """
    original = application.settings["cookie_secret"]
    names = [name for name in ("token", "hashed_password") if provider.has_trait(name)]

    def derive() -> None:
        written = [
            "" if name == "token" and provider.token_generated else str(getattr(provider, name))
            for name in names
        ]
        credentials = "\0".join(written).encode()
        application.settings["cookie_secret"] = (
            {version: _derived(one, credentials) for version, one in original.items()}
            if isinstance(original, dict)
            else _derived(original, credentials)
        )

    def changed(_change: object) -> None:
        derive()
        login.generation += 1

    derive()
    if names:
        provider.observe(changed, names=names)


def _derived(secret: str | bytes, credentials: bytes) -> bytes:
    key = secret if isinstance(secret, bytes) else secret.encode()
    return hmac.new(key, _PURPOSE + credentials, hashlib.sha256).hexdigest().encode()
