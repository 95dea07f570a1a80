"""Ask the policies of the guard beside the authorizer of Jupyter."""

from __future__ import annotations

import inspect
from typing import Any

from jupyter_server.auth import Authorizer

from stormdoor.apps.jupyter.permissions import permission_of
from stormdoor.apps.jupyter.requests import RequestChecks
from stormdoor.tornado.socket.handler import connection_of

__all__ = ["BothAuthorizers"]


class BothAuthorizers(Authorizer):  # type: ignore[misc]
    """Allows only what both the configured authorizer and the policies of the guard allow."""

    configured: Any
    checks: RequestChecks

    @classmethod
    def of(cls, configured: Any, provider: Any, checks: RequestChecks) -> BothAuthorizers:
        """Return an authorizer that asks `configured` first, for the users of an identity provider."""
        made = cls(parent=configured.parent, identity_provider=provider)
        made.configured = configured
        made.checks = checks
        return made

    async def is_authorized(self, handler: Any, user: Any, action: str, resource: str) -> bool:
        """Return whether both allow it (called by Jupyter)."""
        allowed = self.configured.is_authorized(handler, user, action, resource)
        if inspect.isawaitable(allowed):
            allowed = await allowed
        if not allowed:
            return False
        if connection_of(handler) is not None:
            # The guard has decided about the socket, and decides about each message.
            return True
        return self.checks.permits(handler, permission_of(handler, action, resource))
