"""The limits of a guard, with safe defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from stormdoor.core.applied_limits import AppliedLimits
from stormdoor.core.bucket import Rate
from stormdoor.errors import ConfigurationError

__all__ = ["COMMAND_LIMITS", "OWN_PROTOCOL_LIMITS", "EndpointLimits", "Limits"]

_MAY_BE_ZERO = frozenset({"hold_seconds"})


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointLimits:
    """Limits of one WebSocket endpoint, or of one kind of endpoints. None: the default.

    Attributes:
        connections_per_principal: Open connections of one principal.
        message_bytes: The largest message, after decompression. A handler that reads commands answers a
            longer one with `too-large`; on any other the connection is closed (1009).
        messages_per_connection: Messages on one connection, as a rate.
        bytes_per_connection: Message bytes on one connection, after decompression, as a rate.
        messages_per_principal: Messages of one principal on all its connections, as a rate.
        hold_seconds: Seconds of each minute for which the server does not read a connection that is too
            fast, before it refuses messages; 0 refuses at once, 60 never refuses.
        outbound_bytes: Bytes that may wait for a slow reader before its connection is closed.

    Raises:
        ConfigurationError: A rate cannot be read, or a number is not positive.
    """

    connections_per_principal: int | None = None
    message_bytes: int | None = None
    messages_per_connection: str | None = None
    bytes_per_connection: str | None = None
    messages_per_principal: str | None = None
    hold_seconds: float | None = None
    outbound_bytes: int | None = None

    def __post_init__(self) -> None:
        """Reject invalid values."""
        for one in fields(EndpointLimits):
            value = getattr(self, one.name)
            if value is not None:
                _check(one.name, value, _EXAMPLES[one.name])

    def given(self) -> dict[str, Any]:
        """Return the limits that are set, by name."""
        found = {one.name: getattr(self, one.name) for one in fields(EndpointLimits)}
        return {name: value for name, value in found.items() if value is not None}


def _check(name: str, value: object, usual: object) -> None:
    """Reject a value that has another type than `usual`, or is not positive.

    Raises:
        ConfigurationError: The message says what to write.
    """
    if isinstance(usual, str):
        if not isinstance(value, str):
            raise ConfigurationError(f'limits.{name} is a rate; write "{usual}"')
        Rate.parse(value)
    elif type(value) is not int and (type(value) is not float or isinstance(usual, int)):
        raise ConfigurationError(f"limits.{name} must be a number such as {usual}")
    elif not (0 < value < float("inf") or (value == 0 and name in _MAY_BE_ZERO)):
        raise ConfigurationError(f"limits.{name} must be greater than 0, not {value}")


_EXAMPLES: Mapping[str, int | float | str] = {
    "connections_per_principal": 20,
    "message_bytes": 64 * 1024,
    "messages_per_connection": "20/s burst 40",
    "bytes_per_connection": "131072/s burst 524288",
    "messages_per_principal": "50/s burst 100",
    "hold_seconds": 2.0,
    "outbound_bytes": 1024 * 1024,
}

COMMAND_LIMITS = EndpointLimits(**_EXAMPLES)  # type: ignore[arg-type]
"""The defaults of a handler with messages that are commands."""

OWN_PROTOCOL_LIMITS = EndpointLimits(
    connections_per_principal=64,
    message_bytes=16 * 1024 * 1024,
    messages_per_connection="500/s burst 2000",
    bytes_per_connection="16777216/s burst 67108864",
    messages_per_principal="2000/s burst 8000",
    hold_seconds=30.0,
    outbound_bytes=16 * 1024 * 1024,
)
"""The defaults of a handler with a protocol of its own: one that reads its messages itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits(EndpointLimits):
    """The limits of a guard. Rates are texts such as `5/s` or `100/min burst 20`.

    The fields of `EndpointLimits` have two sets of defaults, `COMMAND_LIMITS` and `OWN_PROTOCOL_LIMITS`. A
    limit that is set here holds on every endpoint. One that is set in `own_protocol` holds on handlers with a
    protocol of their own. One that is set by `protect(limits=...)` holds on one endpoint. The most specific
    one counts.

    Attributes:
        own_protocol: Limits of the handlers that have a protocol of their own.
        handshakes_per_address: Handshakes from one address (IPv6: prefix).
        logins_per_address: Requests from one address to routes that check a password or a second factor, or
            that begin a login at a provider.
        callbacks_per_address: Requests from one address to the routes that a provider calls, or sends a
            browser back to.
        pages_per_address: Requests from one address to the other routes of stormdoor.
        foreign_per_address: Requests from one address that a page of another site caused, including
            handshakes.
        requests_per_address: HTTP requests of every kind from one address, and TCP connections, each of
            which counts as a request; where `guarded_server` listens.
        tcp_per_address: TCP connections from one address that carry no WebSocket; beyond it a new one
            closes the oldest idle one; where `guarded_server` listens.
        tcp: TCP connections of the process that carry no WebSocket; beyond it the server closes one of the
            address that has the most; where `guarded_server` listens.
        unfinished_requests_per_address: Requests from one address with a body that has not arrived
            completely; where `guarded_server` listens.
        body_seconds: Seconds within which the body of a request to stormdoor's own routes must arrive. For
            other routes, where `guarded_server` listens: seconds after which the rate of a body must be at
            least `body_bytes_per_second`.
        body_bytes_per_second: The slowest body on average; where `guarded_server` listens.
        unauthenticated_body_bytes: The largest body of a request without a living session; a smaller
            `max_body_size` of the server wins; where `guarded_server` listens.
        unfinished_body_bytes: Bytes of unfinished bodies that the process keeps; where `guarded_server`
            listens.
        failures_per_address: Failed authentications from one address, of all accounts together.
        connections_per_address: Open connections from one address.
        connections: Open connections of the process.
        ipv6_prefix: Bits of an IPv6 address that count as one client.
        authentication_seconds: Seconds for an authenticator.
        connection_seconds: The greatest age of a connection, or None.
        expiry_notice_seconds: Seconds before the end of a connection at which the client is told, but at most
            a quarter of the connection's lifetime.
        refreshes_per_principal: Refreshed credentials of one principal on all its connections.
        proofs_per_principal: Second factors tried by one principal on all its connections.
        first_message_seconds: Seconds for the first message.
        first_message_bytes: The largest first message.
        pending_per_address: Connections from one address that wait for their first message.
        pending: Connections of the process that wait for their first message, and requests that wait for the
            next beat after the event loop was blocked.
        unfinished_logins: Logins that unauthenticated clients have begun and not finished, in the whole
            store: passkey challenges, and as many logins at a provider.
        message_depth: Greatest depth of nested arrays and objects in a message.
        offences: Refused messages, within a minute, after which the connection is closed (1008). Messages of
            a type that the principal may not send do not count.
        outbound_seconds: Seconds that a write may wait for a slow reader.
        buffered_bytes: Bytes that the process keeps for all its connections: unfinished and delayed
            messages, and messages that wait for slow readers.
    """

    own_protocol: EndpointLimits = field(default_factory=EndpointLimits)
    handshakes_per_address: str = "60/min burst 60"
    logins_per_address: str = "60/min burst 60"
    callbacks_per_address: str = "1000/min burst 1000"
    pages_per_address: str = "600/min burst 300"
    foreign_per_address: str = "60/min burst 60"
    requests_per_address: str = "100/s burst 1000"
    tcp_per_address: int = 100
    tcp: int = 1000
    unfinished_requests_per_address: int = 32
    body_seconds: float = 10.0
    body_bytes_per_second: int = 8 * 1024
    unauthenticated_body_bytes: int = 1024 * 1024
    unfinished_body_bytes: int = 64 * 1024 * 1024
    failures_per_address: str = "20/min burst 20"
    connections_per_address: int = 100
    connections: int = 10_000
    ipv6_prefix: int = 64
    authentication_seconds: float = 10.0
    connection_seconds: float | None = 24 * 3600.0
    expiry_notice_seconds: float = 60.0
    refreshes_per_principal: str = "60/min burst 60"
    proofs_per_principal: str = "5/min burst 5"
    first_message_seconds: float = 5.0
    first_message_bytes: int = 9 * 1024
    pending_per_address: int = 10
    pending: int = 1000
    unfinished_logins: int = 10_000
    message_depth: int = 16
    offences: int = 20
    outbound_seconds: float = 30.0
    buffered_bytes: int = 256 * 1024 * 1024

    def __post_init__(self) -> None:
        """Reject invalid values.

        Raises:
            ConfigurationError: A rate cannot be read, a number is not positive, or two limits contradict
                each other.
        """
        EndpointLimits.__post_init__(self)
        for one in fields(self):
            value = getattr(self, one.name)
            if one.name == "own_protocol":
                if type(value) is not EndpointLimits:
                    raise ConfigurationError(
                        "limits.own_protocol must be limits of endpoints; write "
                        "Limits(own_protocol=EndpointLimits(message_bytes=1048576))"
                    )
            elif one.name not in _EXAMPLES and not (
                value is None and one.name == "connection_seconds"
            ):
                _check(one.name, value, one.default)
        if not 16 <= self.ipv6_prefix <= 128:
            raise ConfigurationError("limits.ipv6_prefix must be between 16 and 128; 64 is usual")
        for own_protocol in (False, True):
            self.applied(own_protocol=own_protocol)

    def applied(
        self, *, own_protocol: bool, endpoint: EndpointLimits | None = None
    ) -> AppliedLimits:
        """Return the limits that count on an endpoint.

        Args:
            own_protocol: Whether its handler reads its messages itself.
            endpoint: The limits that were set for this endpoint alone.

        Raises:
            ConfigurationError: A message of the largest size could never pass the rate of bytes.
        """
        defaults = OWN_PROTOCOL_LIMITS if own_protocol else COMMAND_LIMITS
        usual = "limits.own_protocol." if own_protocol else "limits."
        layers = [(usual, False, defaults.given()), ("limits.", True, self.given())]
        if own_protocol:
            layers.append(("limits.own_protocol.", True, self.own_protocol.given()))
        if endpoint is not None:
            layers.append(("EndpointLimits.", True, endpoint.given()))
        values: dict[str, Any] = {}
        names: dict[str, str] = {}
        explicit: set[str] = set()
        for prefix, by_hand, given in layers:
            values |= given
            names |= {name: prefix + name for name in given}
            if by_hand:
                explicit |= given.keys()
        return AppliedLimits(values, names, explicit, own_protocol=own_protocol)
