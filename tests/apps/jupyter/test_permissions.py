"""The permission of each request to a handler of Jupyter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tornado.httputil import HTTPHeaders, HTTPServerRequest, RequestStartLine

from stormdoor import AccessRequest, Principal
from stormdoor.apps.jupyter.permissions import is_public, permission_of
from stormdoor.config.file import read_options
from stormdoor.config.preset import preset_file
from stormdoor.core.decision import Environment


def handler(
    name: str,
    module: str,
    method: str,
    resource: str | None = None,
    get: Callable[..., None] = print,
) -> Any:
    """A handler of that class and module, in the middle of a request."""
    facts: dict[str, Any] = {"__module__": module, "get": get}
    if resource is not None:
        facts["auth_resource"] = resource
    made = type(name, (), facts)()
    made.request = HTTPServerRequest(
        start_line=RequestStartLine(method, "/", "HTTP/1.1"), headers=HTTPHeaders({"Host": "a"})
    )
    return made


@pytest.mark.parametrize(
    ("name", "module", "method", "resource", "permission"),
    [
        ("MainKernelHandler", "jupyter_server.services", "GET", "kernels", "kernels:read"),
        ("MainKernelHandler", "jupyter_server.services", "POST", "kernels", "kernels:write"),
        ("ShutdownHandler", "jupyter_server.services", "POST", "server", "server:write"),
        ("NbconvertFileHandler", "jupyter_server.x", "GET", "nbconvert", "nbconvert:execute"),
        ("TrustNotebooksHandler", "jupyter_server.x", "POST", None, "contents:write"),
        ("IdentityHandler", "jupyter_server.x", "PATCH", None, "api:write"),
        ("Template404", "jupyter_server.base", "GET", None, "api:read"),
        ("DocSessionHandler", "jupyter_server_ydoc.x", "PUT", "contents", "contents:read"),
        ("TerminalHandler", "nbclassic.terminal.handlers", "GET", None, "terminals:write"),
        ("TerminalHandler", "notebook.app", "GET", None, "extension:notebook:read"),
        ("LabHandler", "jupyterlab_server.x", "GET", None, "extension:jupyterlab_server:read"),
        ("BuildHandler", "jupyterlab.x", "POST", None, "extension:jupyterlab:write"),
        ("Git", "jupyterlab_git.x", "GET", "Git & more", "extension:git-more:read"),
        # A class of an extension is not the one of Jupyter with the same name.
        ("DocSessionHandler", "another", "PUT", None, "extension:another:write"),
    ],
)
def test_a_request_has_the_permission_of_its_resource_and_method(
    name: str, module: str, method: str, resource: str | None, permission: str
) -> None:
    """Handlers that name no resource are covered as well."""
    assert permission_of(handler(name, module, method, resource)) == permission


def test_the_authorizers_words_have_priority() -> None:
    """Jupyter asks `execute` for sockets, and some handlers name both words."""
    asked = handler("Any", "jupyter_server.x", "GET", "contents")
    assert permission_of(asked, "execute", "kernels") == "kernels:execute"


def test_only_a_declaration_makes_a_handler_public() -> None:
    """Jupyter marks such methods with `@allow_unauthenticated`."""

    def declared() -> None: ...

    setattr(declared, "__allow_unauthenticated", True)
    assert is_public(handler("A", "a", "GET", get=declared))
    assert not is_public(handler("A", "a", "GET"))
    assert not is_public(handler("A", "a", "POST", get=declared))


VIEWS = ["contents:read", "kernels:read", "sessions:read", "events:read", "api:read"]
WORKS = [
    "kernels:execute",
    "kernels:write",
    "contents:write",
    "terminals:execute",
    "nbconvert:execute",
]


@pytest.mark.parametrize(
    ("role", "granted", "refused"),
    [
        ("viewer", VIEWS, [*WORKS, "server:write", "extension:jupyterlab:write"]),
        ("member", [*VIEWS, *WORKS, "extension:jupyterlab_git:write"], ["server:write"]),
        ("admin", [*VIEWS, *WORKS, "server:write"], []),
    ],
)
def test_the_roles_of_the_preset(role: str, granted: list[str], refused: list[str]) -> None:
    """A viewer watches, a member executes, an admin also shuts down the server."""
    policies = read_options(preset_file("jupyter")).arguments["policies"]
    environment = Environment(0.0, "127.0.0.1", "/", "application", 0.0, 1)
    principal = Principal("alice", frozenset({role}))

    def may(permission: str) -> bool:
        return bool(policies.decide(AccessRequest(principal, permission, None, environment)))

    assert [one for one in granted if not may(one)] == []
    assert [one for one in refused if may(one)] == []
