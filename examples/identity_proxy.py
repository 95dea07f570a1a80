"""Identity from a proxy in front: accepted with a proof of the proxy, refused from other clients.

    python identity_proxy.py

A few lines stand in for oauth2-proxy, Envoy or nginx: what they send is what counts here.
"""

import asyncio
import secrets

from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.web import Application
from tornado.websocket import websocket_connect

from stormdoor import (
    Guard,
    GuardedHandler,
    PolicySet,
    ProxyIdentityAuthenticator,
    TrustedProxy,
    protect,
    role,
)

URL = "ws://127.0.0.1:8888/feed"
SECRET = secrets.token_urlsafe(32)


class Feed(GuardedHandler):
    permission = "feed:connect"

    def open(self) -> None:
        seen = [name for name in self.request.headers if name.startswith("X-")]
        self.write_message(f"welcome, {self.principal.id}; the handler sees of the proxy: {seen}")

    def on_message(self, message: str | bytes) -> None:
        """There is nothing to say here."""


guard = Guard(
    origins=["http://127.0.0.1:8888"],
    authenticators=[
        ProxyIdentityAuthenticator(
            TrustedProxy(["127.0.0.1"], secrets=[SECRET]),
            convention="oauth2-proxy",
            roles={"staff": "member"},
        )
    ],
    policies=PolicySet([role("member", "feed:*")]),
)
app = protect(Application([("/feed", Feed)], websocket_ping_interval=20), guard)

USER = {
    "Origin": "http://127.0.0.1:8888",
    "X-Forwarded-User": "alice",
    "X-Forwarded-Groups": "staff",
}
PROVED = {**USER, "X-Proxy-Secret": SECRET}


async def send(what: str, headers: dict[str, str]) -> None:
    try:
        socket = await websocket_connect(HTTPRequest(URL, headers=headers))
    except HTTPClientError as error:
        print(f"{what}: {error.code}", flush=True)
        return
    print(f"{what}: {await socket.read_message()}", flush=True)


async def main() -> None:
    app.listen(8888, "127.0.0.1")
    await send("the proxy", PROVED)
    await send("somebody else", USER)
    await send("with another secret", {**USER, "X-Proxy-Secret": "x" * 40})
    await send("past the proxy, in another spelling", {**PROVED, "X_Forwarded_User": "ada"})
    await send("a hostile page through the proxy", {**PROVED, "Origin": "https://evil.example"})
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
