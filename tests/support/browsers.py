"""Chromium, Firefox and WebKit behind one small interface: open an address, and run a script in the page.

Firefox is driven by Marionette, which it has itself, and WebKit by Debian's WebKitWebDriver, on a display of
Xvfb. Nothing is downloaded.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Protocol

from playwright.sync_api import Browser

from tests.run.running import free_port
from tests.support.installing import missing

__all__ = ["Window", "chromium_window", "click", "fill", "firefox", "fits", "until", "webkit"]

_PATIENCE = 60.0
"""Seconds until a wait counts as failed."""


class Window(Protocol):
    """A window with a profile of its own, which accepts certificates that no authority signed."""

    def go(self, url: str) -> None:
        """Open an address."""

    def run(self, script: str, *args: object) -> Any:
        """Run the body of a function in the page, with `arguments`, and return its value."""

    def resize(self, width: int, height: int) -> None:
        """Give the window another size."""


def fill(window: Window, selector: str, text: str) -> None:
    """Fill in a field."""
    window.run(
        "document.querySelector(arguments[0]).value = arguments[1]; return true", selector, text
    )


def click(window: Window, selector: str) -> None:
    """Click, as a user does."""
    window.run("document.querySelector(arguments[0]).click(); return true", selector)


def fits(window: Window) -> None:
    """Check the width of the page, on a phone and on a desktop."""
    for width in (390, 1200):
        window.resize(width, 800)
        assert window.run(
            "return document.documentElement.scrollWidth <= document.documentElement.clientWidth"
        )


def until(window: Window, script: str, *args: object) -> Any:
    """Wait until a script returns something true, and return that.

    A page that is left meanwhile is asked again.
    """
    end, last = time.monotonic() + _PATIENCE, ""
    while time.monotonic() < end:
        try:
            if found := window.run(script, *args):
                return found
        except Exception as error:  # noqa: BLE001 - the page was left; each driver has its own errors
            last = repr(error)
        time.sleep(0.05)
    where = window.run("return location.href + ' ' + document.body.innerText")
    raise AssertionError(f"never: {script}; {last}; {where}")


def _wait(ready: Callable[[], Any], process: subprocess.Popen[bytes]) -> Any:
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end and process.poll() is None:
        if (found := ready()) is not None:
            return found
        time.sleep(0.05)
    raise AssertionError(f"{process.args!r} does not answer")


@contextmanager
def _started(
    command: list[str], environment: dict[str, str], passed: tuple[int, ...] = ()
) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        command,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=passed,
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


# -- Chromium --------------------------------------------------------------------------------------


class _Chromium:
    def __init__(self, browser: Browser) -> None:
        self._page = browser.new_context(ignore_https_errors=True).new_page()

    def go(self, url: str) -> None:
        self._page.goto(url)

    def run(self, script: str, *args: object) -> Any:
        return self._page.evaluate(
            f"(args) => (function() {{ {script} }}).apply(null, args)", list(args)
        )

    def resize(self, width: int, height: int) -> None:
        self._page.set_viewport_size({"width": width, "height": height})


@contextmanager
def chromium_window(browser: Browser) -> Iterator[Window]:
    """Open a window of Playwright's Chromium."""
    window = _Chromium(browser)
    yield window
    window._page.context.close()


# -- Firefox ---------------------------------------------------------------------------------------

_PREFERENCES = {
    "marionette.port": 0,
    "app.update.disabledForTesting": True,
    "browser.aboutwelcome.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
}


class _Firefox:
    """Marionette: each message is JSON after its length."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), _PATIENCE)
        self._from = self._socket.makefile("rb")
        self._number = 0
        self._read()
        self._send("WebDriver:NewSession", acceptInsecureCerts=True)

    def _read(self) -> Any:
        length = b""
        while (one := self._from.read(1)) not in (b":", b""):
            length += one
        return json.loads(self._from.read(int(length)))

    def _send(self, name: str, **parameters: object) -> Any:
        self._number += 1
        message = json.dumps([0, self._number, name, parameters]).encode()
        self._socket.sendall(b"%d:%s" % (len(message), message))
        _, _, error, result = self._read()
        if error:
            raise RuntimeError(error["message"])
        return result.get("value") if isinstance(result, dict) else result

    def go(self, url: str) -> None:
        self._send("WebDriver:Navigate", url=url)

    def run(self, script: str, *args: object) -> Any:
        return self._send("WebDriver:ExecuteScript", script=script, args=list(args))

    def resize(self, width: int, height: int) -> None:
        self._send("WebDriver:SetWindowRect", width=width, height=height)

    def close(self) -> None:
        self._from.close()
        self._socket.close()


@contextmanager
def firefox(folder: Path) -> Iterator[Window]:
    """Start Firefox with a profile in a folder, and open a window. Without Firefox the test is skipped."""
    found = shutil.which("firefox-esr") or shutil.which("firefox")
    if found is None:
        missing("no firefox-esr or firefox is on PATH")
    profile = folder / "profile"
    profile.mkdir()
    lines = [
        f"user_pref({json.dumps(name)}, {json.dumps(said)});" for name, said in _PREFERENCES.items()
    ]
    (profile / "user.js").write_text("\n".join(lines), "utf-8")
    port = profile / "MarionetteActivePort"
    command = [found, "--headless", "--marionette", "--no-remote", "--profile", str(profile)]
    with _started([*command, "about:blank"], {"HOME": str(folder)}) as process:
        number = _wait(lambda: port.read_text() or None if port.exists() else None, process)
        window = _Firefox(int(number))
        try:
            yield window
        finally:
            window.close()


# -- WebKit ----------------------------------------------------------------------------------------

_MINI_BROWSERS = "/usr/lib/*/webkit2gtk-4.*/MiniBrowser"


class _WebKit:
    """WebDriver (W3C) over HTTP."""

    def __init__(self, port: int, browser: str) -> None:
        self._port, self._path = port, "/session"
        options = {"binary": browser, "args": ["--automation"]}
        wanted = {"acceptInsecureCerts": True, "webkitgtk:browserOptions": options}
        made = self._send("", capabilities={"alwaysMatch": wanted})
        self._path = f"/session/{made['sessionId']}"

    def _send(self, path: str, method: str = "POST", **body: object) -> Any:
        connection = HTTPConnection("127.0.0.1", self._port, timeout=_PATIENCE)
        headers = {"Content-Type": "application/json"}
        connection.request(method, f"{self._path}{path}", json.dumps(body), headers)
        answer = connection.getresponse()
        said = json.load(answer)["value"]
        connection.close()
        if answer.status != 200:
            raise RuntimeError(said)
        return said

    def go(self, url: str) -> None:
        self._send("/url", url=url)

    def run(self, script: str, *args: object) -> Any:
        return self._send("/execute/sync", script=script, args=list(args))

    def resize(self, width: int, height: int) -> None:
        self._send("/window/rect", width=width, height=height)

    def close(self) -> None:
        self._send("", "DELETE")


def _display(stack: ExitStack, xvfb: str) -> str:
    """Start a display without a screen, and return its name."""
    reader, writer = os.pipe()
    command = [xvfb, "-displayfd", str(writer), "-screen", "0", "1280x1024x24", "-nolisten", "tcp"]
    stack.enter_context(_started(command, {}, (writer,)))
    os.close(writer)
    with open(reader, "rb") as told:  # noqa: PTH123 - a descriptor
        return f":{told.readline().decode().strip()}"


@contextmanager
def webkit(folder: Path) -> Iterator[Window]:
    """Start WebKit, and open a window. Without it, or a display for it, the test is skipped."""
    driver, xvfb = shutil.which("WebKitWebDriver"), shutil.which("Xvfb")
    browsers = sorted(map(str, Path("/").glob(_MINI_BROWSERS.removeprefix("/"))))
    if driver is None or xvfb is None or not browsers:
        missing("WebKitWebDriver with its MiniBrowser (webkit2gtk-driver), or Xvfb, is not there")
    with ExitStack() as stack:
        # Without a bus, its own services are not asked.
        own = {
            "HOME": str(folder),
            "DISPLAY": _display(stack, xvfb),
            "DBUS_SESSION_BUS_ADDRESS": "",
        }
        port = free_port()
        process = stack.enter_context(_started([driver, f"--port={port}"], own))

        def answers() -> bool | None:
            with socket.socket() as one:
                return True if one.connect_ex(("127.0.0.1", port)) == 0 else None

        _wait(answers, process)
        window = _WebKit(port, browsers[-1])
        stack.callback(window.close)
        yield window
