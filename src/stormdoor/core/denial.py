"""The causes of denials, and the public answer to each.

One table for two audiences: the HTTP client before the 101, and the WebSocket client after it. The
operator's explanation is in `Refusal.detail` and goes only to the log and the trail (ASVS 16.5.1).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from msgspec.structs import force_setattr

from stormdoor.core.needs import Needs
from stormdoor.core.value import value

__all__ = ["ANSWERS", "Answer", "Denial", "Refusal"]


class Denial(Enum):
    """The closed list of causes."""

    __hash__ = object.__hash__  # each is one object: no need to hash its name at each use

    MALFORMED = "malformed"
    INSECURE_TRANSPORT = "insecure-transport"
    HOST = "host-not-allowed"
    ORIGIN = "origin-not-allowed"
    HANDSHAKE_RATE = "handshake-rate"
    NO_CREDENTIAL = "no-credential"
    AMBIGUOUS_CREDENTIAL = "ambiguous-credential"
    BAD_CREDENTIAL = "bad-credential"
    EXPIRED = "expired"
    REVOKED = "revoked"
    BACKOFF = "authentication-backoff"
    AUTHENTICATION_TIMEOUT = "authentication-timeout"
    FORBIDDEN = "forbidden"
    STEP_UP = "step-up-required"
    UNDECLARED = "undeclared-endpoint"
    TOO_MANY_CONNECTIONS = "too-many-connections"
    BUSY = "busy"
    UNAVAILABLE = "unavailable"
    INTERNAL = "internal"
    INVALID_MESSAGE = "invalid-message"
    MESSAGE_TOO_LARGE = "message-too-large"
    MESSAGE_RATE = "message-rate"
    SLOW_CONSUMER = "slow-consumer"
    SLOW_REQUEST = "slow-request"
    ENDED = "ended"
    SHUTDOWN = "shutdown"
    RESTART = "restart"


@dataclass(frozen=True, slots=True)
class Answer:
    """The public answer to a denial.

    Attributes:
        status: HTTP status of a refused handshake.
        close_code: WebSocket close code (RFC 6455 §7.4; IANA 3000, 3003, 3008).
        error: The `error` field of a reply to a message.
        text: The body of a refused handshake and the reason of a close.
    """

    status: int
    close_code: int
    error: str
    text: str


_UNAUTHENTICATED = "authentication required"
_FORBIDDEN = "forbidden"

ANSWERS: dict[Denial, Answer] = {
    Denial.MALFORMED: Answer(400, 1008, "invalid", "bad request"),
    Denial.INSECURE_TRANSPORT: Answer(403, 1008, "forbidden", _FORBIDDEN),
    Denial.HOST: Answer(403, 1008, "forbidden", _FORBIDDEN),
    Denial.ORIGIN: Answer(403, 1008, "forbidden", _FORBIDDEN),
    Denial.HANDSHAKE_RATE: Answer(429, 1013, "rate-limited", "too many requests"),
    Denial.NO_CREDENTIAL: Answer(401, 3000, "unauthenticated", _UNAUTHENTICATED),
    Denial.AMBIGUOUS_CREDENTIAL: Answer(400, 1008, "invalid", "bad request"),
    Denial.BAD_CREDENTIAL: Answer(401, 3000, "unauthenticated", _UNAUTHENTICATED),
    Denial.EXPIRED: Answer(401, 3000, "unauthenticated", _UNAUTHENTICATED),
    Denial.REVOKED: Answer(401, 3000, "unauthenticated", _UNAUTHENTICATED),
    Denial.BACKOFF: Answer(429, 1013, "rate-limited", "too many requests"),
    Denial.AUTHENTICATION_TIMEOUT: Answer(503, 3008, "unavailable", "try again later"),
    Denial.FORBIDDEN: Answer(403, 3003, "forbidden", _FORBIDDEN),
    Denial.STEP_UP: Answer(403, 3003, "step-up", "stronger authentication required"),
    Denial.UNDECLARED: Answer(403, 3003, "forbidden", _FORBIDDEN),
    Denial.TOO_MANY_CONNECTIONS: Answer(429, 1013, "rate-limited", "too many connections"),
    Denial.BUSY: Answer(503, 1013, "unavailable", "try again later"),
    Denial.UNAVAILABLE: Answer(503, 1013, "unavailable", "try again later"),
    Denial.INTERNAL: Answer(500, 1011, "unavailable", "internal error"),
    Denial.INVALID_MESSAGE: Answer(400, 1008, "invalid", "invalid message"),
    Denial.MESSAGE_TOO_LARGE: Answer(413, 1009, "too-large", "message too large"),
    Denial.MESSAGE_RATE: Answer(429, 1008, "rate-limited", "too many messages"),
    Denial.SLOW_CONSUMER: Answer(503, 1013, "unavailable", "reading too slowly"),
    Denial.SLOW_REQUEST: Answer(408, 1008, "unavailable", "request timeout"),
    Denial.ENDED: Answer(403, 1008, "unauthenticated", "ended"),
    Denial.SHUTDOWN: Answer(503, 1001, "unavailable", "going away"),
    Denial.RESTART: Answer(503, 1012, "unavailable", "service restart"),
}
"""INVARIANT: every `Denial` has exactly one row."""

_PASSING = frozenset({1012, 1013})

_WITHDRAWN = frozenset(
    {
        Denial.BAD_CREDENTIAL,
        Denial.EXPIRED,
        Denial.REVOKED,
        Denial.FORBIDDEN,
        Denial.UNAVAILABLE,
    }
)


@value
@dataclass(frozen=True, slots=True)
class Refusal:
    """A refusal as a value.

    Attributes:
        denial: The cause.
        detail: For the operator only: the observation, and the line that would allow it.
        retry_after: Whole seconds until another attempt makes sense, or None.
        policy_ids: The policies that decided, if a policy did.
        headers: Names and values for the answer to a handshake, such as a challenge. They are public.
        charged: Whether the address is charged with a failed authentication.
        needs: The missing requirements, if a stronger authentication would be enough.
        ref: The reference, which the client gets, and the log and the trail have, too. A refusal has one once
            it is recorded. It is no part of the comparison.
    """

    denial: Denial
    detail: str = ""
    retry_after: int | None = None
    policy_ids: tuple[str, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    charged: bool = True
    needs: Needs | None = None
    ref: str = field(default="", compare=False, repr=False)

    def __post_init__(self) -> None:
        """Keep the detail on one line: it may quote a client, and a log entry is one line."""
        if not self.detail.isprintable():
            plain = "".join(one if one.isprintable() else ascii(one)[1:-1] for one in self.detail)
            force_setattr(self, "detail", plain)  # type: ignore[arg-type]

    @property
    def answer(self) -> Answer:
        """The public answer of this refusal."""
        return ANSWERS[self.denial]

    @property
    def withdraws(self) -> bool:
        """Whether the client has lost the right to read, so that queued messages are dropped at the end."""
        return self.denial in _WITHDRAWN

    @property
    def text(self) -> str:
        """The public text: that of the answer, with the reference."""
        text = self.answer.text
        return f"{text}; reference {self.ref}" if self.ref else text

    @property
    def close_reason(self) -> str:
        """The reason in the close frame (RFC 6455 §5.5.1).

        That of a restart (1012) and of "try again later" (1013) says after how many seconds to return.
        """
        if self.retry_after is None or self.answer.close_code not in _PASSING:
            return self.text
        return f"{self.text}; retry after {self.retry_after} s"
