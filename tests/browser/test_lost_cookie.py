"""The login in Chromium, Firefox and WebKit: over `http://` at this machine, and over TLS.

WebKit, the engine of Safari, keeps no `Secure` cookie over `http://127.0.0.1`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stormdoor import LoginAppearance
from stormdoor.tornado.login_pages import LoginPages
from tests.demo.running import Running
from tests.run.running import Run, running, write
from tests.support.browsers import Window, click, fill, fits, until, webkit

pytestmark = pytest.mark.extended

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
_SAID = "return document.body.innerText"
_KEPT = ("chromium", "firefox")


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """A program under `stormdoor run`, without TLS."""
    folder = tmp_path_factory.mktemp("plain")
    write(folder, PROGRAM)
    with running(folder, [sys.executable, "app.py"]) as run:
        yield run


@pytest.fixture(scope="module")
def encrypted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """The same with the certificate of this machine."""
    folder = tmp_path_factory.mktemp("encrypted")
    write(folder, PROGRAM)
    state = str(folder / "state")
    command = [sys.executable, "app.py"]
    with running(folder, command, "--tls-self-signed", XDG_STATE_HOME=state) as run:
        yield run


def _log_in(window: Window, run: Run, at: str) -> None:
    """Open the lab, and send the form of the login that it leads to, with the right password."""
    said = run.wait_for("first account")
    name, password = Path(said["password_file"]).read_text("utf-8").split()
    window.go(f"{at}/lab")
    until(window, "return document.querySelector('#password') !== null")
    fill(window, "#username", name)
    fill(window, "#password", password)
    click(window, "form button")
    until(window, "return location.pathname === '/lab' || location.search.includes('signed-in')")
    until(window, "return document.readyState === 'complete'")


def test_over_http(engine: tuple[str, Window], plain: Run) -> None:
    """A browser that keeps the cookie is at its page. Another one reads why not, and so does the operator."""
    name, window = engine
    plain.wait_for("guarded")
    before = plain.output.count("did not send back the cookie")
    _log_in(window, plain, f"http://127.0.0.1:{plain.port}")
    said = until(window, _SAID)
    if name in _KEPT:
        assert "the lab" in said
        assert window.run("return location.search") == ""
        assert plain.output.count("did not send back the cookie") == before
        return
    assert "Your browser did not keep the cookie" in said
    assert "stormdoor run --tls-self-signed" in said
    assert "insecure_plaintext = true" in said
    assert window.run("return document.querySelector('form').getAttribute('action')").endswith(
        "next=%2Flab"
    )
    assert plain.output.count("did not send back the cookie") == before + 1
    fits(window)


def test_over_tls(engine: tuple[str, Window], encrypted: Run) -> None:
    """Every browser is at its page, and opens a guarded socket from it, on a phone and on a desktop."""
    _, window = engine
    encrypted.wait_for("guarded")
    window.go(f"https://127.0.0.1:{encrypted.port}/auth/login")
    fits(window)
    _log_in(window, encrypted, f"https://127.0.0.1:{encrypted.port}")
    assert "the lab" in until(window, _SAID)
    window.run(
        "window.said = ''; const one = new WebSocket(location.origin.replace('http', 'ws') + '/ws');"
        "one.onopen = () => one.send('hello'); one.onmessage = (event) => { window.said = event.data; };"
        "return true"
    )
    assert until(window, "return window.said") == "hello"


def test_in_the_demo(engine: tuple[str, Window], demo: Running) -> None:
    """The login of the demo has a script of its own, which says the same."""
    name, window = engine
    window.go(f"http://127.0.0.1:{demo.port}/")
    until(window, "return document.activeElement.id === 'username'")
    fill(window, "#username", "alice")
    fill(window, "#password", demo.password("alice"))
    click(window, "#login button")
    if name in _KEPT:
        until(window, "return location.pathname === '/chat'")
    else:
        said = until(window, "return document.querySelector('#login-error').innerText")
        assert "did not keep the cookie" in said
        assert "Firefox" in said


def test_the_setting_of_the_page(tmp_path: Path) -> None:
    """The lines that the page names let WebKit log in without TLS, and nothing less does."""
    write(tmp_path, PROGRAM)
    lines = LoginPages(LoginAppearance()).lost_cookie(plain=True).rpartition("<code>")[2]
    (tmp_path / "stormdoor.toml").write_text('preset = "app"\n' + lines.partition("</code>")[0])
    command = [sys.executable, "app.py"]
    with (
        running(tmp_path, command, "--config", "stormdoor.toml") as run,
        webkit(tmp_path) as window,
    ):
        run.wait_for("guarded")
        _log_in(window, run, f"http://127.0.0.1:{run.port}")
        assert "the lab" in until(window, _SAID)
