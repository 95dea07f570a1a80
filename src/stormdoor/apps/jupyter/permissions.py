"""The permission that a request to a handler of Jupyter needs.

`RESOURCE:ACTION` for Jupyter's own resources, and `extension:RESOURCE:ACTION` for those of other extensions.
"""

from __future__ import annotations

import re
from typing import Any

__all__ = ["is_public", "permission_of"]

_ACTIONS = {"GET": "read", "HEAD": "read", "OPTIONS": "read"}
"""As in Jupyter: every other method is `write`."""

_OTHER = re.compile(r"[^a-z0-9_.-]+")

_EXCEPTIONS = {
    # No resource, and Jupyter's authorizer is never asked.
    ("jupyter_server", "TrustNotebooksHandler", "POST"): "contents:write",
    # Opens a document for collaboration, and changes nothing.
    ("jupyter_server_ydoc", "DocSessionHandler", "PUT"): "contents:read",
    # A conversion starts other programs, and runs the cells if nbconvert is configured to.
    ("jupyter_server", "NbconvertFileHandler", "GET"): "nbconvert:execute",
    ("jupyter_server", "NbconvertFileHandler", "HEAD"): "nbconvert:execute",
    ("jupyter_server", "NbconvertPostHandler", "POST"): "nbconvert:execute",
    # The page starts the terminal if it is not there.
    ("nbclassic", "TerminalHandler", "GET"): "terminals:write",
}
"""Handlers with another permission than their resource and method say, by package, class and method."""

_RESOURCES = frozenset(
    {
        "api",
        "config",
        "contents",
        "csp",
        "events",
        "kernels",
        "kernelspecs",
        "lsp",
        "nbconvert",
        "server",
        "sessions",
        "terminals",
    }
)
"""The resources of Jupyter Server and of the extensions that JupyterLab always has."""


def permission_of(handler: Any, action: str | None = None, resource: str | None = None) -> str:
    """Return the permission for the request of `handler`.

    Args:
        handler: The handler. If it names no resource (`auth_resource`), the resource is its package.
        action: The action that Jupyter asks its authorizer for; None for that of the method.
        resource: The resource that Jupyter asks for; None for that of the handler.
    """
    kind, method = type(handler), handler.request.method
    package = kind.__module__.partition(".")[0]
    found = _EXCEPTIONS.get((package, kind.__name__, method))
    if found is not None:
        return found
    resource = resource or getattr(handler, "auth_resource", None)
    if resource is None:
        resource = "api" if package == "jupyter_server" else package
    name = f"{_word(resource)}:{_word(action or _ACTIONS.get(method, 'write'))}"
    return name if resource in _RESOURCES else f"extension:{name}"


def is_public(handler: Any) -> bool:
    """Return whether Jupyter or an extension has declared the method as open to unauthenticated clients."""
    method = getattr(handler, handler.request.method.lower(), None)
    return bool(getattr(method, "__allow_unauthenticated", False))


def _word(text: str) -> str:
    return _OTHER.sub("-", text.lower()).strip("-") or "unnamed"
