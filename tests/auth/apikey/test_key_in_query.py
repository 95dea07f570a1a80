"""A key in the query opens a socket only where the operator says so, and is in no log."""

from __future__ import annotations

import logging

import pytest
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.web import Application
from tornado.websocket import websocket_connect

from stormdoor import ApiKeyAuthenticator, Guard, GuardedHandler, PolicySet, protect, role
from stormdoor.core.account import Account
from stormdoor.testing import Served, serving


class Feed(GuardedHandler):
    """An endpoint for programs."""

    permission = "feed:connect"

    def on_message(self, message: str | bytes) -> None:
        """Echo."""
        self.write_message(message)


async def status(served: Served, path: str) -> int:
    """Return 101 if the address alone opens the socket, else the status."""
    try:
        client = await websocket_connect(HTTPRequest(served.url(path)))
    except HTTPClientError as refused:
        return refused.code
    client.close()
    return 101


@pytest.mark.parametrize("named", [None, "key"])
async def test_a_key_in_the_query(named: str | None, caplog: pytest.LogCaptureFixture) -> None:
    """With `insecure_query` it opens the socket, and the start-up check reports it. Else it does not."""
    caplog.set_level(logging.INFO)
    guard = Guard(
        origins=["http://app.example"],
        hosts=["127.0.0.1"],
        authenticators=[ApiKeyAuthenticator(insecure_query=named)],
        policies=PolicySet([role("device", "feed:*")]),
        production=False,
    )
    application = protect(Application([("/feed", Feed)]), guard)
    await guard.start()
    async with serving(application) as served:
        await guard.state.accounts.add_account(Account(id="sensor", roles=frozenset({"device"})))
        issued = await guard.keys.issue("sensor", name="old library", scopes=["feed:*"])
        opened = await status(served, f"/feed?key={issued.secret}")
        assert opened == (401 if named is None else 101)
        assert await status(served, f"/feed?key={issued.secret[:-1]}x") == 401
        assert await status(served, f"/feed?other={issued.secret}") == 401
        trail = await guard.state.trail.entries()
    reported = "ApiKeyAuthenticator.insecure_query" in caplog.text
    assert reported is (named is not None)
    assert issued.secret[:-1] not in caplog.text
    assert issued.secret[:-1] not in repr(trail)
