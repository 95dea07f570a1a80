"""Tokens that are worth nothing to a thief: bound to the client's key, proved at each handshake (DPoP).

    python service.py

The client gets a nonce with its first answer, and is let in with the second. The thief has the
token, and a key of his own.
"""

import asyncio
import secrets
import time

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.web import Application
from tornado.websocket import WebSocketClientConnection, websocket_connect

from stormdoor import (
    DpopProof,
    Guard,
    GuardedHandler,
    JwtAuthenticator,
    JwtIssuer,
    JwtKey,
    PolicySet,
    protect,
    role,
)
from stormdoor.auth.jose.public_jwk import jwk_thumbprint
from stormdoor.client import dpop_proof

URL = "ws://127.0.0.1:8888/orders"
ISSUER = JwtKey("HS256", secrets.token_bytes(32))


class Orders(GuardedHandler):
    permission = "orders:connect"

    def on_message(self, message: str | bytes) -> None:
        self.write_message(f"{self.principal.id} said: {message!s}")


guard = Guard(
    hosts=["127.0.0.1"],
    authenticators=[
        JwtAuthenticator(
            keys=[ISSUER],
            issuer="https://login.example",
            audience="orders",
            proofs=[DpopProof(required=True, nonce_secret=secrets.token_bytes(32))],
        )
    ],
    policies=PolicySet([role("service", "orders:*")]),
)
app = protect(Application([("/orders", Orders)], websocket_ping_interval=20), guard)


async def connect(token: str, key: JwtKey, nonce: str | None = None) -> WebSocketClientConnection:
    proof = dpop_proof(URL, token, key, now=time.time(), nonce=nonce)
    headers = {"Authorization": f"DPoP {token}", "DPoP": proof}
    try:
        return await websocket_connect(HTTPRequest(URL, headers=headers))
    except HTTPClientError as error:
        challenge = error.response.headers.get("DPoP-Nonce") if error.response else None
        if challenge is None or nonce is not None:
            raise
        print("the server wants a nonce in the proof", flush=True)
        return await connect(token, key, challenge)


async def main() -> None:
    app.listen(8888, "127.0.0.1")
    key, thief = (JwtKey("ES256", generate_private_key(SECP256R1())) for _ in range(2))
    bound = {"roles": ["service"], "cnf": {"jkt": jwk_thumbprint(key)}}
    token = JwtIssuer(ISSUER, "https://login.example", "orders").issue(
        "billing", now=time.time(), claims=bound
    )
    socket = await connect(token.token, key)
    await socket.write_message("three crates of apples")
    print(await socket.read_message(), flush=True)
    try:
        await connect(token.token, thief)
    except HTTPClientError as error:
        print(f"the same token with another key: {error.code}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
