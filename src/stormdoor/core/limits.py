"""How much of everything: the limits of a guard, with safe defaults."""

from __future__ import annotations

from dataclasses import dataclass, fields

from stormdoor.core.bucket import Rate
from stormdoor.errors import ConfigurationError

__all__ = ["Limits"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits of a guard. Rates are texts such as `5/s` or `100/min burst 20`.

    Attributes:
        handshakes_per_address: Handshakes from one address (IPv6: prefix), before anything else.
        failures_per_address: Failed authentications from one address, of whatever account.
        connections_per_address: Open connections from one address.
        connections_per_principal: Open connections of one principal.
        connections: Open connections of the process.
        ipv6_prefix: Bits of an IPv6 address that count as one client.
        authentication_seconds: How long an authenticator may take.
        connection_seconds: The greatest age of a connection, or None.
        expiry_notice_seconds: How long before its end a connection is told, a quarter of its time at most.
        refreshes_per_principal: Refreshed credentials of one principal on all its connections.
        proofs_per_principal: Second factors tried by one principal on all its connections.
        first_message_seconds: How long a connection may wait for its first message.
        first_message_bytes: The largest first message.
        pending_per_address: Connections from one address that wait for their first message.
        pending: Connections of the process that wait for their first message.
        unfinished_logins: Logins that strangers have begun and not finished, in the whole store: passkey
            challenges, and as many journeys to a provider.
        message_bytes: The largest message; a longer one is answered `too-large`.
        messages_per_connection: Messages on one connection.
        bytes_per_connection: Message bytes on one connection.
        messages_per_principal: Messages of one principal on all its connections.
        message_depth: How deep arrays and objects of a message may nest.
        hold_seconds: Seconds of each minute for which a connection that is too fast is not read, before
            what is too much is refused; 0 refuses at once.
        offences: Refused messages, within a minute, after which the connection is closed (1008).
        outbound_bytes: Bytes that may wait for a slow reader before its connection is closed.
        outbound_seconds: Seconds that a write may wait for a slow reader.
    """

    handshakes_per_address: str = "60/min burst 60"
    failures_per_address: str = "20/min burst 20"
    connections_per_address: int = 100
    connections_per_principal: int = 20
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
    message_bytes: int = 64 * 1024
    messages_per_connection: str = "20/s burst 40"
    bytes_per_connection: str = "131072/s burst 524288"
    messages_per_principal: str = "50/s burst 100"
    message_depth: int = 16
    hold_seconds: float = 2.0
    offences: int = 20
    outbound_bytes: int = 1024 * 1024
    outbound_seconds: float = 30.0

    def __post_init__(self) -> None:
        """Refuse what cannot work.

        Raises:
            ConfigurationError: A rate cannot be read, or a number is not positive.
        """
        for one in fields(self):
            value, usual = getattr(self, one.name), one.default
            if isinstance(usual, str):
                if not isinstance(value, str):
                    raise ConfigurationError(f'limits.{one.name} is a rate; write "{usual}"')
                Rate.parse(value)
            elif value is None and one.name == "connection_seconds":
                continue
            elif type(value) is not int and (type(value) is not float or isinstance(usual, int)):
                raise ConfigurationError(f"limits.{one.name} must be a number such as {usual}")
            elif value == 0 and one.name == "hold_seconds":
                continue
            elif not 0 < value < float("inf"):
                raise ConfigurationError(f"limits.{one.name} must be greater than 0, not {value}")
        if not 16 <= self.ipv6_prefix <= 128:
            raise ConfigurationError("limits.ipv6_prefix must be between 16 and 128; 64 is usual")
        if Rate.parse(self.bytes_per_connection).burst < self.message_bytes:
            raise ConfigurationError(
                "limits.bytes_per_connection has a burst below limits.message_bytes, so that a "
                f"message of that size could never pass; write burst {self.message_bytes} or more"
            )
