"""Tokens of a login service, while its key is being replaced.

Two keys count; the `kid` in a token's header says which one signed it. Each is good for one
algorithm only. When no token of the old key can be alive any more, its line is removed.
"""

import asyncio
import time

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tornado.web import Application

from stormdoor import (
    Command,
    Guard,
    GuardedHandler,
    JwtAuthenticator,
    JwtIssuer,
    JwtKey,
    PolicySet,
    Reply,
    action,
    protect,
    role,
)

# The login service has the private keys; this program is the service as well, so that it runs.
old, new = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()


class Ask(Command, tag="time"):
    pass


class Told(Reply, tag="time"):
    now: float


class Clock(GuardedHandler):
    permission = "clock:connect"

    @action("clock:read")
    def tell(self, command: Ask) -> Told:
        return Told(now=time.time())


guard = Guard(
    origins=["http://127.0.0.1:8888"],
    authenticators=[
        JwtAuthenticator(
            keys=[
                JwtKey("EdDSA", new.public_key(), kid="2026-10"),
                JwtKey("EdDSA", old.public_key(), kid="2026-04"),
            ],
            issuer="https://login.example",
            audience="clock",
            max_age=600,
        )
    ],
    policies=PolicySet([role("reader", "clock:connect", "clock:read")]),
)
app = protect(Application([("/clock", Clock)], websocket_ping_interval=20), guard)


async def main() -> None:
    for name, private, kid in (("OLD", old, "2026-04"), ("NEW", new, "2026-10")):
        issuer = JwtIssuer(JwtKey("EdDSA", private, kid=kid), "https://login.example", "clock")
        token = issuer.issue("alice", now=time.time(), claims={"roles": ["reader"]})
        print(f"export {name}={token.token}")
    app.listen(8888, "127.0.0.1")
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
