"""One topic, and each listener sees of it what it may: permission and redaction at delivery.

A monitor publishes a patient's pulse. A nurse sees the patient's name, a technician sees the number without
the name, a visitor sees only that all is well, and a guest receives nothing.
"""

import asyncio
import secrets
import time

from tornado.web import Application

from stormdoor import (
    Guard,
    GuardedHandler,
    JwtAuthenticator,
    JwtIssuer,
    JwtKey,
    PolicySet,
    Principal,
    Reply,
    Resource,
    Topic,
    protect,
    role,
)

KEY = JwtKey("HS256", secrets.token_bytes(32))
WARD = Topic("ward:3", "ward:hear", Resource("ward", "3"))


class Pulse(Reply, tag="pulse", omit_defaults=True):
    alarm: bool
    patient: str | None = None
    pulse: int | None = None


class Ward(GuardedHandler):
    permission = "ward:connect"

    def open(self) -> None:
        guard.channels.subscribe(self.connection, WARD)

    def on_message(self, message: str | bytes) -> None:
        """There is nothing to say here."""


def seen(by: Principal, patient: str, pulse: int) -> Pulse | None:
    """Return the view of a measurement for `by`; None withholds it."""
    alarm = not 50 <= pulse <= 120
    if "nurse" in by.roles:
        return Pulse(alarm=alarm, patient=patient, pulse=pulse)
    if "technician" in by.roles:
        return Pulse(alarm=alarm, pulse=pulse)
    return Pulse(alarm=alarm)


def measured(patient: str, pulse: int) -> int:
    """Send it to all subscribers with the permission. Returns how many received it."""
    return guard.channels.publish(WARD, None, view=lambda by: seen(by, patient, pulse))


guard = Guard(
    origins=["http://127.0.0.1:8888"],
    authenticators=[JwtAuthenticator(keys=[KEY], issuer="example", audience="ward")],
    policies=PolicySet(
        [
            role("guest", "ward:connect"),
            role("visitor", "ward:hear", inherits=["guest"]),
            role("technician", inherits=["visitor"]),
            role("nurse", inherits=["visitor"]),
        ]
    ),
)
app = protect(Application([("/ward", Ward)], websocket_ping_interval=20), guard)


async def main() -> None:
    issuer = JwtIssuer(KEY, "example", "ward")
    for name in ("nurse", "technician", "visitor", "guest"):
        token = issuer.issue(name, now=time.time(), claims={"roles": [name]})
        print(f"export {name.upper()}={token.token}")
    app.listen(8888, "127.0.0.1")
    while True:
        await asyncio.sleep(0.5)
        measured("Ann Example", 48 + secrets.randbelow(80))


if __name__ == "__main__":
    asyncio.run(main())
