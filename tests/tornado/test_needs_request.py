"""An authenticator that declares `needs_request` reads the request of the handshake; no other one does."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from tornado.httpclient import HTTPRequest
from tornado.httputil import HTTPServerRequest
from tornado.web import Application
from tornado.websocket import websocket_connect

from stormdoor import Authentication, Guard, GuardedHandler, PolicySet, Principal, protect, role
from stormdoor.core.credential import Credential, Place, Source
from stormdoor.core.handshake import Handshake
from stormdoor.ports import StoredState
from stormdoor.testing import serving


class Feed(GuardedHandler):
    permission = "feed:read"

    def on_message(self, message: str | bytes) -> None:
        self.write_message(message)


@dataclass
class AskTheRequest:
    """Accepts a header, and notes the request that it reads."""

    needs_request: bool
    kind: str = "asked"
    places: Sequence[Place] = (Place(Source.HEADER, "x-name"),)
    seen: list[object] = field(default_factory=list)

    def recognises(self, credential: Credential) -> bool:
        return True

    async def authenticate(
        self, credential: Credential, handshake: Handshake, *, state: StoredState, now: float
    ) -> Authentication:
        self.seen.append(handshake.request)
        principal = Principal(credential.secret, frozenset({"member"}))
        return Authentication(principal, self.kind, credential.secret, False, now, now)


@pytest.mark.parametrize("needed", [True, False])
async def test_only_an_authenticator_that_needs_the_request_gets_it(needed: bool) -> None:
    """The facts of the handshake have the request, or None."""
    authenticator = AskTheRequest(needed)
    guard = Guard(
        origins=["https://app.example"],
        hosts=["127.0.0.1"],
        authenticators=[authenticator],
        policies=PolicySet([role("member", "feed:read")]),
    )
    app = protect(Application([("/feed", Feed)], websocket_ping_interval=20), guard)
    async with serving(app) as served:
        url = f"ws://127.0.0.1:{served.port}/feed?colour=blue"
        socket = await websocket_connect(HTTPRequest(url, headers={"X-Name": "alice"}))
        socket.close()
    (seen,) = authenticator.seen
    if not needed:
        assert seen is None
        return
    assert isinstance(seen, HTTPServerRequest)
    assert seen.query_arguments == {"colour": [b"blue"]}


def test_the_request_is_in_no_text_of_the_facts() -> None:
    """A request contains cookies and tokens."""
    facts = Handshake(
        path="/",
        address="127.0.0.1",
        peer="127.0.0.1",
        scheme="http",
        host="app.example",
        request="a secret of the request",
    )
    assert "secret" not in repr(facts)
