"""A page on another port plants a cookie with a name that looks like the session cookie's.

Cookies do not know ports. `__Host-` keeps other pages from setting that very name, but not from
setting a name that a server mistakes for it.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tornado.web import RequestHandler

from stormdoor.auth.session.cookie import SESSION_COOKIE
from tests.attacks.twin import Chat, site
from tests.browser.conftest import Visit
from tests.demo.running import Running
from tests.support.loops import in_a_thread

pytestmark = pytest.mark.extended

# `str.strip` removes each of them from a header that was decoded as Latin-1, as Tornado decodes it.
_SPACES = {"no-break space": b"\xa0", "next line": b"\x85"}


class Plant(RequestHandler):
    """The attacker's page: it sets a cookie byte for byte, which `set_cookie` would refuse to do."""

    async def get(self) -> None:
        space = bytes.fromhex(self.get_query_argument("space"))
        pair = f"{SESSION_COOKIE}={self.get_query_argument('secret')}".encode()
        stream = self.detach()
        await stream.write(
            b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n"
            b"Set-Cookie: " + space + pair + b"; Path=/\r\n\r\n"
        )
        stream.close()


class Read(RequestHandler):
    """A server that takes the word of Tornado's parser: it says which session cookie it was sent."""

    def get(self) -> None:
        self.finish(self.get_cookie(SESSION_COOKIE) or "")


@pytest.fixture(scope="module")
def attacker() -> Iterator[str]:
    """The attacker's server, on another port of the same machine."""
    pages = (("/plant", Plant), ("/read", Read))
    with in_a_thread(lambda: site(Chat, *pages)) as ((at, _), _loop):
        yield f"http://127.0.0.1:{at.port}"


@pytest.mark.parametrize("space", _SPACES.values(), ids=_SPACES.keys())
def test_a_planted_cookie_is_not_the_session_cookie(
    space: bytes, visit: Visit, demo: Running, attacker: str
) -> None:
    """It logs no victim in as the attacker, and locks no victim out."""
    [secret] = [
        cookie["value"]
        for cookie in visit("eve").context.cookies()
        if cookie["name"] == SESSION_COOKIE
    ]
    victim = visit(None)
    victim.goto(f"{attacker}/plant?space={space.hex()}&secret={secret}")
    # The browser has it, sends it to every port, and a server that trims names would take it.
    assert victim.goto(f"{attacker}/read").text() == secret  # type: ignore[union-attr]
    refused = victim.goto(f"{demo.origin}/auth/session")
    assert refused is not None
    assert (refused.status, refused.json()) == (401, {"error": "unauthenticated"})
    victim.goto(demo.origin)
    victim.fill("input[name=username]", "alice")
    victim.fill("input[name=password]", demo.password("alice"))
    victim.click("button[type=submit], form button")
    victim.wait_for_url("**/chat")
    victim.wait_for_selector("#state[data-state=open]")
    who = victim.evaluate("() => fetch('/auth/session').then(answer => answer.json())")
    assert who["principal"] == "alice"
