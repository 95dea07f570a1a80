"""The guard that a careful developer writes by hand, from well-known libraries.

The token is verified in `prepare`; each message then passes expiry, rate limit, `json.loads`, a
pydantic model and a dictionary of roles.
"""

import json
import time
from typing import Annotated, Any, Literal

import jwt
from limits import RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter
from policy import ACTION_PERMISSIONS, AUDIENCE, ISSUER, PATH, RATE, ROLE_PERMISSIONS, SECRET
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError
from serving import parser, run_loop, serve
from tornado.web import Application
from tornado.websocket import WebSocketHandler

Room = Annotated[str, StringConstraints(min_length=1, max_length=32)]


class Send(BaseModel):
    """The message that the benchmark sends."""

    model_config = ConfigDict(extra="forbid")
    action: Literal["send"]
    room: Room
    text: Annotated[str, StringConstraints(max_length=2000)]


class Join(BaseModel):
    """A second kind of message, as a real application has more than one."""

    model_config = ConfigDict(extra="forbid")
    action: Literal["join"]
    room: Room


MODELS: dict[str, type[BaseModel]] = {"send": Send, "join": Join}
LIMIT = RateLimitItemPerSecond(RATE)
LIMITER = FixedWindowRateLimiter(MemoryStorage())


class Guarded(WebSocketHandler):
    """Checks the connection once and every message, by hand."""

    claims: dict[str, Any]
    key: str

    def prepare(self) -> None:
        """Authenticate during the handshake."""
        scheme, _, token = self.request.headers.get("Authorization", "").partition(" ")
        try:
            if scheme.lower() != "bearer":
                raise jwt.InvalidTokenError("no bearer token")
            self.claims = jwt.decode(
                token, SECRET, algorithms=["HS256"], audience=AUDIENCE, issuer=ISSUER
            )
        except jwt.PyJWTError:
            self.set_status(401)
            self.finish()

    def open(self, *_arguments: str, **_named: str) -> None:
        """Names the connection's bucket."""
        self.key = f"connection-{id(self)}"

    def on_message(self, message: str | bytes) -> None:
        """Is it still true, not too much, sound, allowed: at each message."""
        if self.claims["exp"] < time.time():
            self.close(3000, "token expired")
            return
        if not LIMITER.hit(LIMIT, self.key):
            self.refuse("rate-limited")
            return
        try:
            fields = json.loads(message)
            command = MODELS[fields["action"]].model_validate(fields)
        except (ValueError, KeyError, TypeError, ValidationError):
            self.refuse("invalid")
            return
        permission = ACTION_PERMISSIONS[fields["action"]]
        if not any(permission in ROLE_PERMISSIONS[role] for role in self.claims["roles"]):
            self.refuse("forbidden")
            return
        self.write_message(command.model_dump_json())

    def refuse(self, cause: str) -> None:
        """Answers with an error and keeps the connection."""
        self.write_message(json.dumps({"error": cause}))


def main() -> None:
    """Serves the hand-written guard."""
    options = parser(__doc__).parse_args()
    application = Application([(PATH, Guarded)], log_function=lambda _: None)
    run_loop(serve(application, options.port), uvloop=options.uvloop)


if __name__ == "__main__":
    main()
