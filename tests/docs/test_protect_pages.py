"""The pages about transports and about the start-up check: their programs serve as they say."""

from __future__ import annotations

import json
import time

import jwt
import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPResponse
from tornado.web import Application, RequestHandler

from tests.docs.pages import module_of, serving
from tests.support.project import ROOT
from tests.tornado.transports.plain_http import library

library("aiohttp")
socketio = library("socketio")
library("sockjs.tornado")

PAGE = ROOT / "docs" / "how-to" / "sockjs-and-socketio.md"
HERE = {'origins=["https://app.example"]': 'origins=["https://app.example", "http://127.0.0.1"]'}
SECRET = "1b4f8c7ad20e96357c0d8e5fa4b1c623"


def _headers(name: str) -> dict[str, str]:
    """Return the headers with a new token, which is another credential in each second."""
    now = int(time.time())
    claims = {"iss": "me", "aud": "app", "sub": name, "roles": ["member"], "iat": now}
    token = jwt.encode({**claims, "exp": now + 60}, SECRET, algorithm="HS256")
    return {"Authorization": f"Bearer {token}"}


async def _ask(url: str, headers: dict[str, str] | None, body: str | None = None) -> HTTPResponse:
    method = "GET" if body is None else "POST"
    return await AsyncHTTPClient().fetch(
        url, method=method, headers=headers, body=body, raise_error=False
    )


async def test_the_programs_of_the_page() -> None:
    """Ada uses each transport, and another principal cannot use her sessions."""
    page = module_of(PAGE, HERE)
    async with serving(page.app, page.guard) as at:
        client = socketio.AsyncClient(reconnection=False)
        await client.connect(f"http://{at}", headers=_headers("ada"))
        assert await client.call("whoami") == "ada"
        await client.disconnect()
        assert (await _ask(f"http://{at}/socket.io/?EIO=4&transport=polling", None)).code == 401
    await page.server.shutdown()


async def test_the_sockjs_application_of_the_page() -> None:
    """The long polling of the application on the page is guarded."""
    page = module_of(PAGE, HERE)
    application = page.make_application(page.guard)
    async with serving(application, page.guard) as at:
        url = f"http://{at}/echo/0/session/xhr"
        assert (await _ask(url, None, "")).code == 401
        ada = await _ask(url, _headers("ada"), "")
        assert (ada.code, ada.body) == (200, b"o\n")
        assert (await _ask(url, _headers("eve"), "")).code == 403
    [router] = {one.target_kwargs["server"] for one in application.wildcard_router.rules}
    router._sessions_cleanup.stop()
    await page.server.shutdown()


async def test_the_declared_transport_of_the_page() -> None:
    """The sessions of the declared transport have owners."""
    page, ada = module_of(PAGE, HERE), _headers("ada")
    async with serving(page.polling, page.guard) as at:
        url = f"http://{at}/poll"
        begun = await _ask(url, ada)
        body = json.dumps({"sid": json.loads(begun.body)["sid"], "text": "hi"})
        assert (await _ask(url, _headers("eve"), body)).code == 403
        assert json.loads((await _ask(url, ada, body)).body) == {"said": ["hi"]}
    await page.server.shutdown()


async def test_the_programs_of_the_start_up_check(capsys: pytest.CaptureFixture[str]) -> None:
    """A plug-in's loader, and a log function that is wrapped."""
    page = module_of(ROOT / "docs" / "reference" / "startup-check.md")
    application = Application([("/page", RequestHandler)])
    page.load_extension(application)
    assert application.settings["stormdoor_guard"].production
    async with serving(page.application) as at:
        await _ask(f"http://{at}/page?token=secret", None)
    assert capsys.readouterr().out == "404 /page?token=redacted\n"
