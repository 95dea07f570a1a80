"""A hostile page in a real browser, against a site without a door and against the demo."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page
from tornado.web import RequestHandler

from tests.attacks.twin import PASSWORDS, Chat, site
from tests.browser.conftest import Visit
from tests.demo.running import Running
from tests.support.loops import in_a_thread

# Script of a hostile page: a socket to the victim's server, with the cookies that the browser adds.
_OPEN_AND_SPEAK = """([url, message]) => new Promise(resolve => {
    const socket = new WebSocket(url);
    socket.onopen = () => socket.send(message);
    socket.onmessage = event => { resolve(event.data); socket.close(); };
    socket.onclose = () => resolve("closed");
    setTimeout(() => resolve("no answer"), 10_000);
})"""
_MESSAGE = '{"type":"say","room":"lobby","text":"I was robbed"}'


class Ground(RequestHandler):
    """A page to stand on: for the victim to log in at, or for the attacker to attack from."""

    def get(self) -> None:
        self.finish("<!doctype html><title>a page</title>")


@pytest.fixture(scope="module")
def twin() -> Iterator[int]:
    """The site without a door, in a thread of its own; its port."""
    with in_a_thread(lambda: site(Chat, ("/", Ground))) as ((at, _), _loop):
        yield at.port


def attack(page: Page, hostile: str, port: int) -> str:
    """Visit the hostile page in the victim's browser; what its script gets to hear."""
    tab = page.context.new_page()
    tab.goto(hostile)
    heard: str = tab.evaluate(_OPEN_AND_SPEAK, [f"ws://127.0.0.1:{port}/ws/chat", _MESSAGE])
    tab.close()
    return heard


@pytest.mark.sampled(2)
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_page_of_another_origin(host: str, visit: Visit, demo: Running, twin: int) -> None:
    """The browser sends the victim's cookie from another port: the site obeys, the demo does not.

    Another port is the same site to a browser, so that `SameSite` does not keep the cookie back.
    """
    victim = visit("alice")
    victim.wait_for_selector("#state[data-state=open]")
    tab = victim.context.new_page()
    tab.goto(f"http://127.0.0.1:{twin}/")
    logged_in = tab.evaluate(
        """body => fetch("/auth/login", {method: "POST", body}).then(answer => answer.status)""",
        f'{{"username": "alice", "password": "{PASSWORDS["alice"]}"}}',
    )
    assert logged_in == 200
    # From a page of the demo's own port the site without a door is taken over ...
    stolen = attack(victim, f"http://127.0.0.1:{demo.port}/static/mark.svg", twin)
    assert '"I was robbed"' in stolen
    assert '"alice"' in stolen
    # A page on another port of this machine cannot open the demo's socket, under any host name.
    since = demo.entries()[-1]["seq"]
    assert attack(victim, f"http://{host}:{twin}/", demo.port) == "closed"
    entry = demo.wait_recorded("malicious_cors", since=since, cause="origin-not-allowed")
    assert f"{host}:{twin}" in entry["detail"]


@pytest.mark.extended
@pytest.mark.parametrize("path", ["/auth/logout", "/auth/login"])
def test_a_page_cannot_log_anybody_in_or_out(
    path: str, visit: Visit, demo: Running, twin: int
) -> None:
    """A form of a hostile page reaches the demo with the cookie, and changes nothing."""
    victim = visit("alice")
    victim.wait_for_selector("#state[data-state=open]")
    tab = victim.context.new_page()
    tab.goto(f"http://127.0.0.1:{twin}/")
    with tab.expect_response(f"**{path}") as response:
        tab.evaluate(
            """action => {
                const form = document.createElement("form");
                Object.assign(form, {method: "post", action});
                document.body.append(form);
                form.submit();
            }""",
            f"http://127.0.0.1:{demo.port}{path}",
        )
    assert response.value.status == 403
    victim.reload()
    victim.wait_for_selector("#state[data-state=open]")


@pytest.mark.extended
def test_a_page_cannot_frame_the_demo(visit: Visit, demo: Running, twin: int) -> None:
    """Only the demo's own pages can frame its pages and read its files (clickjacking)."""
    victim = visit("alice")
    tab = victim.context.new_page()
    tab.goto(f"http://127.0.0.1:{twin}/")
    shown = tab.evaluate(
        """url => new Promise(resolve => {
            const frame = document.createElement("iframe");
            frame.onload = () => {
                try { resolve(frame.contentDocument === null ? "foreign" : "blank"); }
                catch { resolve("foreign"); }
            };
            frame.src = url;
            document.body.append(frame);
            setTimeout(() => resolve("nothing"), 10_000);
        })""",
        f"http://127.0.0.1:{demo.port}/chat",
    )
    assert shown == "foreign"
    [frame] = [one for one in tab.frames if one != tab.main_frame]
    assert not frame.url.startswith(demo.origin)
    loaded = tab.evaluate(
        """url => new Promise(resolve => {
            const script = document.createElement("script");
            script.onload = () => resolve("loaded");
            script.onerror = () => resolve("refused");
            script.src = url;
            document.body.append(script);
            setTimeout(() => resolve("nothing"), 10_000);
        })""",
        f"http://127.0.0.1:{demo.port}/static/element.js",
    )
    assert loaded == "refused"
    tab.close()
