"""The contract of adapters, the table, and the adapter of any application."""

from __future__ import annotations

import os
from typing import Any

import pytest
from tornado import version
from tornado.web import Application, RequestHandler, url
from tornado.websocket import WebSocketHandler

from stormdoor import (
    ConfigurationError,
    Guard,
    PolicySet,
    SessionAuthenticator,
    forbid,
    permit,
    role,
)
from stormdoor.apps import Adapter, Releases, Setup, choose_adapter
from stormdoor.apps.login import add_login
from stormdoor.apps.self_check import HostChangedError
from stormdoor.auth.application.authenticator import ApplicationAuthenticator
from stormdoor.auth.oidc.settings import OpenIdProvider
from stormdoor.config.protection import Protection
from tests.tornado.login_client import LoginClient
from tests.tornado.wire import connect, request, serving

ORIGIN = "http://127.0.0.1:1"
PASSWORD = "correct horse battery"


class Echo(WebSocketHandler):
    """Answers each message with itself."""

    def on_message(self, message: str | bytes) -> None:
        self.write_message(message)


class Page(RequestHandler):
    """Takes every path, as the last route of many applications."""

    def get(self, path: str) -> None:
        self.write(f"page {path}")


def _guard() -> Guard:
    return Guard(
        origins=[ORIGIN],
        hosts=["127.0.0.1"],
        authenticators=[SessionAuthenticator()],
        policies=PolicySet([role("member", "app:use")]),
        protection=Protection(permission="app:use", pages="app:use"),
    )


async def test_any_application_gets_a_login_and_a_guard() -> None:
    """The login comes before a route that takes every path; sockets need a session and `app:use`."""
    application = Application([("/ws", Echo), ("/(.*)", Page)])
    setup = Setup(_guard)
    adapter = choose_adapter(application)
    assert adapter.name == "any"
    adapter.guard(application, setup)
    guard = setup.guard()
    async with serving(application, guard) as at:
        port = at.port
        for name, roles in (("alice", ["member"]), ("eve", [])):
            await guard.admin.add_principal(name, password=PASSWORD, roles=roles)
        browser = LoginClient(port, ORIGIN)
        assert "Sign in" in (await browser.get("/login")).body
        assert (await browser.get("/elsewhere")).status == 401
        headers: tuple[tuple[str, str], ...] = (("Origin", ORIGIN),)
        async with await request(port, "/ws", *headers, upgrade=True) as wire:
            assert wire.status == 401
        for name, status in (("eve", 403), ("alice", 101)):
            browser.cookies.clear()
            assert (await browser.log_in(name, PASSWORD)).status == 200
            cookies = "; ".join(f"{k}={v}" for k, v in browser.cookies.items())
            headers = (("Origin", ORIGIN), ("Cookie", cookies))
            async with await request(port, "/ws", *headers, upgrade=True) as wire:
                assert wire.status == status
        async with await connect(port, "/ws", *headers) as wire:
            wire.send("hello")
            assert await wire.text() == "hello"
            assert (await browser.post("/logout")).status == 204
            assert await wire.close_code() == 3000


@pytest.mark.parametrize(
    ("routes", "prefix"),
    [
        ([("/(.*)", Page)], "/auth"),
        ([("/auth/(.*)", Page)], "/stormdoor"),
        ([url("/author/(.*)", Page)], "/stormdoor"),
    ],
)
def test_the_login_leaves_the_routes_of_the_application(routes: list[Any], prefix: str) -> None:
    """An application with routes below `/auth` gets the login elsewhere."""
    assert add_login(Application(routes), Setup(_guard)) == prefix
    assert add_login(Application(), Setup(_guard), base="/hub.1") == "/hub.1/auth"


def test_a_release_that_is_not_claimed_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    """The message names the release, the tested ones, and the way to start it, which warns."""
    done: list[str] = []

    def adapter(oldest: str, newest: str, distribution: str = "tornado") -> Adapter:
        return Adapter(
            "one",
            "app",
            lambda _: True,
            lambda *_: done.append("guarded"),
            (Releases(distribution, oldest, newest),),
        )

    application = Application()
    adapter("6.0", "6.99").guard(application, Setup(_guard))
    assert (done, caplog.messages) == (["guarded"], [])
    for refused in (adapter("5", "6.0"), adapter("6.99", "7"), adapter("1", "2", "no-such-thing")):
        with pytest.raises(ConfigurationError, match=r"adapter 'one'.*--any-release"):
            refused.guard(application, Setup(_guard))
    line = "ANY=1"
    setup = Setup(_guard, any_release=True, any_release_line=line)
    adapter("5", "6.0").guard(application, setup)
    assert done == ["guarded", "guarded"]
    [message] = caplog.messages
    assert "was not tested, but tornado 5 to 6.0; it starts because of ANY=1" in message


def test_the_bounds_of_releases(monkeypatch: pytest.MonkeyPatch) -> None:
    """A release counts by its numbers, not by its letters; the newest minor one has any patch releases."""
    bounds = Releases("host", "3.4", "3.10")
    for installed, fits in (
        ("3.4", True),
        ("3.4.0", True),
        ("3.10", True),
        ("3.10.7rc1", True),
        ("3.3.9", False),
        ("3.11.0", False),
        ("3.11.0a1", False),
        ("3.100", False),
        ("4", False),
        ("4.0.0", False),
        ("unknown", False),
    ):
        monkeypatch.setattr("stormdoor.apps.adapter.version", lambda _, said=installed: said)
        assert (bounds.problem() is None) is fits, installed


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (HostChangedError("it asks no one"), "it asks no one"),
        (AttributeError("no attribute 'x'"), "AttributeError"),
        (ConfigurationError("origins are missing"), "^origins are missing$"),
    ],
)
def test_a_host_that_has_changed_is_refused(error: Exception, said: str) -> None:
    """A mistake of the configuration keeps its message; all else names the host and the tested releases."""

    def protect(*_: object) -> None:
        raise error

    releases = (Releases("tornado", "6.0", "6.99"),)
    adapter = Adapter("one", "app", lambda _: True, protect, releases)
    with pytest.raises(ConfigurationError, match=said) as raised:
        adapter.guard(Application(), Setup(_guard))
    known = f"does not fit tornado {version}"
    assert (known in str(raised.value)) is not said.startswith("^")


def test_a_setup_makes_one_guard_in_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fork of the process that made the guard may not use it."""
    setup = Setup(_guard)
    assert setup.guard() is setup.guard()
    monkeypatch.setattr(os, "getpid", lambda: 1)
    with pytest.raises(ConfigurationError, match="fork before the server listens"):
        setup.guard()


_PROVIDER = OpenIdProvider(
    issuer="https://login.example",
    client_id="app",
    redirect_uri="https://app.example/auth/oidc/callback",
)


@pytest.mark.parametrize(
    ("arguments", "own_login", "reason"),
    [
        ({"authenticators": [ApplicationAuthenticator()]}, False, "which has none; leave --preset"),
        ({"protection": Protection(insecure_unguarded_pages=True)}, True, "leave insecure_ungua"),
        ({"oidc": _PROVIDER}, True, r"\[oidc\] would have no effect"),
        ({"oidc": _PROVIDER}, False, None),
        ({"policies": PolicySet([role("member", "app:use")])}, False, "no role grants plots:view"),
        ({"policies": PolicySet([role("member", "plots:*")])}, False, None),
        ({"policies": PolicySet([permit("plots:view")])}, False, None),
        ({"policies": PolicySet([forbid("plots:view")])}, False, "no role grants plots:view"),
    ],
)
def test_a_configuration_that_does_not_fit(
    arguments: dict[str, Any], own_login: bool, reason: str | None
) -> None:
    """A login that the application has not, or a permission that no account can have, ends the start."""
    guarded: list[Application] = []
    adapter = Adapter(
        "plots",
        "app",
        lambda _: True,
        lambda application, _: guarded.append(application),
        own_login=own_login,
        needs=("plots:view",),
    )
    granting = {"policies": PolicySet([role("member", "plots:view")])}
    setup = Setup(lambda: Guard(origins=[ORIGIN], **(granting | arguments)))
    if reason is None:
        adapter.guard(Application(), setup)
    else:
        with pytest.raises(ConfigurationError, match=reason):
            adapter.guard(Application(), setup)
    assert bool(guarded) is (reason is None)
