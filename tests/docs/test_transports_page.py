"""The page about SockJS, Socket.IO and other transports: its programs serve as it says."""

from __future__ import annotations

import json
import time

import jwt
from tornado.httpclient import AsyncHTTPClient, HTTPResponse

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
    now = int(time.time())
    claims = {"iss": "me", "aud": "app", "sub": name, "roles": ["member"], "iat": now}
    token = jwt.encode({**claims, "exp": now + 60}, SECRET, algorithm="HS256")
    return {"Authorization": f"Bearer {token}"}


async def _ask(url: str, name: str | None, body: str | None = None) -> HTTPResponse:
    method = "GET" if body is None else "POST"
    headers = None if name is None else _headers(name)
    return await AsyncHTTPClient().fetch(
        url, method=method, headers=headers, body=body, raise_error=False
    )


async def test_the_programs_of_the_page() -> None:
    """Ada is served over each transport; nobody else is in her sessions."""
    page = module_of(PAGE, HERE)
    async with serving(page.app, page.guard) as at:
        client = socketio.AsyncClient(reconnection=False)
        await client.connect(f"http://{at}", headers=_headers("ada"))
        assert await client.call("whoami") == "ada"
        await client.disconnect()
        assert (await _ask(f"http://{at}/socket.io/?EIO=4&transport=polling", None)).code == 401
    await page.server.shutdown()


async def test_the_sockjs_application_of_the_page() -> None:
    """Its long polling."""
    page = module_of(PAGE, HERE)
    application = page.make_application(page.guard)
    async with serving(application, page.guard) as at:
        url = f"http://{at}/echo/0/session/xhr"
        assert (await _ask(url, None, "")).code == 401
        ada = await _ask(url, "ada", "")
        assert (ada.code, ada.body) == (200, b"o\n")
        assert (await _ask(url, "eve", "")).code == 403
    [router] = {one.target_kwargs["server"] for one in application.wildcard_router.rules}
    router._sessions_cleanup.stop()
    await page.server.shutdown()


async def test_the_declared_transport_of_the_page() -> None:
    """Its sessions have owners."""
    page = module_of(PAGE, HERE)
    async with serving(page.polling, page.guard) as at:
        url = f"http://{at}/poll"
        begun = await _ask(url, "ada")
        body = json.dumps({"sid": json.loads(begun.body)["sid"], "text": "hi"})
        assert (await _ask(url, "eve", body)).code == 403
        assert json.loads((await _ask(url, "ada", body)).body) == {"said": ["hi"]}
    await page.server.shutdown()
