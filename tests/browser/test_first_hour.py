"""The first hour: from the wheel alone to a guarded program with a sign-in by an OpenID provider."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.run.running import ECHO, PATIENCE, free_port
from tests.support.browsers import Window, click, fill, fits, until
from tests.support.environments import Environment, build, install
from tests.support.openid.provider import RealProvider, openid, provider
from tests.support.project import ROOT

__all__ = ["openid", "provider"]

pytestmark = [pytest.mark.installs, pytest.mark.extended]

PROGRAM = """
class Lab(RequestHandler):
    def get(self):
        self.write("<title>Lab</title><h1>the lab</h1>")

async def main():
    application = make()
    application.add_handlers(".*", [("/lab", Lab)])
    application.listen(PORT, "127.0.0.1")
    await asyncio.Event().wait()

asyncio.run(main())
"""


class Started(NamedTuple):
    """A program that the printed command has started.

    Attributes:
        at: Its origin.
        redirect_uri: The address that `stormdoor init` said to register.
        client: Its name at the provider.
    """

    at: str
    redirect_uri: str
    client: str


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment that was empty, with the wheel and what the wheel asks for."""
    folder = tmp_path_factory.mktemp("wheel")
    return install(folder / "venv", [f"{build(ROOT, folder)}[oidc]"])


@contextlib.contextmanager
def _started(
    folder: Path, environment: Environment, issuer: str, *options: str
) -> Iterator[Started]:
    """Write the file with `stormdoor init`, and run the command that it prints."""
    port, client = free_port(), folder.name
    scheme = "https" if "--tls-self-signed" in options else "http"
    at = f"{scheme}://127.0.0.1:{port}"
    (folder / "app.py").write_text(ECHO + PROGRAM, "utf-8")
    variables = {
        "PATH": f"{environment.home / 'bin'}:/usr/bin:/bin",
        "HOME": str(folder),
        "PORT": str(port),
        "PYTHONUNBUFFERED": "1",
    }
    secret = {"STORMDOOR_CLIENT_SECRET": RealProvider.secret(client)}
    words = [
        *("init", "--for", "program", "--login", "openid", "--store", "sqlite:door.db"),
        *("--issuer", issuer, "--client-id", client, "--domain", "example.com"),
        *("--origin", at, "--name", "Our lab", *options, "--", "python", "app.py"),
    ]
    done = subprocess.run(
        ["stormdoor", *words],
        cwd=folder,
        env={**variables, **secret},
        capture_output=True,
        text=True,
        check=True,
        executable=environment.home / "bin" / "stormdoor",
    )
    lines = [one[4:] for one in done.stdout.splitlines() if one.startswith("    ")]
    with (folder / "output.txt").open("wb") as output:
        process = subprocess.Popen(
            ["sh", "-c", f"exec {lines[-1]}"],
            cwd=folder,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        end = time.monotonic() + PATIENCE
        while f"log in at {at}/auth/login" not in (said := (folder / "output.txt").read_text()):
            assert time.monotonic() < end, said
            assert process.poll() is None, said
            time.sleep(0.05)
        assert "no account yet" not in said
        yield Started(at, lines[-2], client)
    finally:
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(20)
        process.kill()


@pytest.fixture(scope="module")
def plain(
    environment: Environment, openid: RealProvider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Started]:
    """A program without TLS."""
    folder = tmp_path_factory.mktemp("plain")
    with _started(folder, environment, openid.issuer) as started:
        yield started


@pytest.fixture(scope="module")
def encrypted(
    environment: Environment, openid: RealProvider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Started]:
    """A program with the certificate of this machine."""
    folder = tmp_path_factory.mktemp("encrypted")
    with _started(folder, environment, openid.issuer, "--tls-self-signed") as started:
        yield started


def _sign_in(window: Window, program: Started, provider: RealProvider, width: int) -> None:
    """Sign in by the button, open a socket from the page, and sign out."""
    provider.register(program.client, redirect_uris=[program.redirect_uri])
    window.resize(width, 800)
    window.go(f"{program.at}/lab")
    until(window, "return document.querySelector('a.button') !== null")
    said = window.run("return document.body.innerText")
    assert "Our lab" in said
    assert window.run("return document.querySelectorAll('input, form').length") == 0
    fits(window)
    window.resize(width, 800)
    click(window, "a.button")
    until(window, "return document.querySelector('[name=login]') || location.pathname === '/lab'")
    if window.run("return document.querySelector('[name=login]') !== null"):
        fill(window, "[name=login]", "alice")
        fill(window, "[name=password]", "x")
        click(window, "button[type=submit]")
    until(window, "return location.pathname === '/lab' && document.querySelector('h1') !== null")
    assert "the lab" in window.run("return document.body.innerText")
    window.run(
        "window.said = ''; const one = new WebSocket(location.origin.replace('http', 'ws') + '/ws');"
        "one.onopen = () => one.send('hello'); one.onmessage = (event) => { window.said = event.data; };"
        "return true"
    )
    assert until(window, "return window.said") == "hello"
    window.go(f"{program.at}/auth/logout")
    until(window, "return document.querySelector('form button') !== null")
    fits(window)
    click(window, "form button")
    until(window, "return document.querySelector('form') === null")


@pytest.mark.parametrize("width", [390, 1200])
def test_on_loopback(
    engine: tuple[str, Window], plain: Started, provider: RealProvider, width: int
) -> None:
    """Chromium and Firefox keep the cookies over http://. WebKit drops them, and its page says why."""
    name, window = engine
    if name != "webkit":
        _sign_in(window, plain, provider, width)
        return
    provider.register(plain.client, redirect_uris=[plain.redirect_uri])
    window.resize(width, 800)
    window.go(f"{plain.at}/lab")
    until(window, "return document.querySelector('a.button') !== null")
    click(window, "a.button")
    until(
        window,
        "return document.querySelector('[name=login]') || location.pathname !== '/auth/login'",
    )
    if window.run("return document.querySelector('[name=login]') !== null"):
        fill(window, "[name=login]", "alice")
        click(window, "button[type=submit]")
    said = until(window, "return document.querySelector('[role=alert]').innerText")
    assert "did not keep the cookie" in said
    fits(window)


@pytest.mark.parametrize("width", [390, 1200])
def test_over_tls(
    engine: tuple[str, Window], encrypted: Started, provider: RealProvider, width: int
) -> None:
    """Each browser, with the certificate that `--tls-self-signed` makes."""
    _, window = engine
    _sign_in(window, encrypted, provider, width)


def test_a_user_of_another_domain(
    engine: tuple[str, Window], encrypted: Started, provider: RealProvider
) -> None:
    """The page says so, and offers another account."""
    _, window = engine
    provider.register(encrypted.client, redirect_uris=[encrypted.redirect_uri])
    provider.account("mallory", email="mallory@evil.example", email_verified=True)
    window.go(f"{encrypted.at}/auth/oidc/login?prompt=login")
    until(window, "return document.querySelector('[name=login]') !== null")
    fill(window, "[name=login]", "mallory")
    click(window, "button[type=submit]")
    said = until(window, "return document.querySelector('[role=alert]').innerText")
    assert "has no access to this site" in said
    assert "prompt=select_account" in window.run("return document.querySelector('a.button').href")
    fits(window)
