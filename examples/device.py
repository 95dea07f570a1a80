"""A server for devices that sign their handshakes, and one such device, in one program.

    python device.py

The device makes a key and is enrolled with the public half. It reports a temperature twice a second, and
shows that a recording of its handshake is useless to an attacker.
"""

import asyncio
import time

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.web import Application
from tornado.websocket import websocket_connect

from stormdoor import (
    AccountKeys,
    Command,
    Guard,
    GuardedHandler,
    JwtKey,
    Number,
    PolicySet,
    Reply,
    SignedRequestAuthenticator,
    action,
    protect,
    role,
)
from stormdoor.client import sign_request

URL = "ws://127.0.0.1:8888/readings"


class Reading(Command, tag="reading"):
    value: Number


class Noted(Reply, tag="noted"):
    device: str
    value: float


class Readings(GuardedHandler):
    permission = "readings:connect"

    @action("readings:report", limit="20/s")
    def report(self, command: Reading) -> Noted:
        return Noted(device=self.principal.id, value=command.value)


guard = Guard(
    hosts=["127.0.0.1"],
    authenticators=[SignedRequestAuthenticator(AccountKeys())],
    policies=PolicySet([role("device", "readings:*")]),
)
app = protect(Application([("/readings", Readings)], websocket_ping_interval=20), guard)


async def device(key: JwtKey) -> None:
    headers = sign_request(URL, key, created=time.time())
    socket = await websocket_connect(HTTPRequest(URL, headers=headers))
    try:
        await websocket_connect(HTTPRequest(URL, headers=headers))
    except HTTPClientError as error:
        print(f"the same handshake again: {error.code}", flush=True)
    temperature = 70.0
    while True:
        await socket.write_message(f'{{"type": "reading", "value": {temperature}}}')
        print(await socket.read_message(), flush=True)
        temperature = round(temperature + 0.1, 1)
        await asyncio.sleep(0.5)


async def main() -> None:
    private = Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    app.listen(8888, "127.0.0.1")
    async with guard:
        await guard.admin.add_principal(
            "boiler-7", roles=["device"], attributes={"request_keys": {"": public.decode()}}
        )
        await device(JwtKey("EdDSA", private, "boiler-7"))


if __name__ == "__main__":
    asyncio.run(main())
