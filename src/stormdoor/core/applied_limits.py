"""The effective limits of one endpoint: every default filled in, and rates as numbers."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from stormdoor.core.bucket import Rate
from stormdoor.errors import ConfigurationError

__all__ = ["AppliedLimits"]


class AppliedLimits:
    """The limits of one endpoint. Made once for an endpoint, read for each message.

    Args:
        values: The fields of `EndpointLimits`, all of them set.
        names: The name by which the operator sets each of them.
        explicit: Names of the limits that the operator or the developer has set.
        own_protocol: Whether the handler reads its messages itself.

    Attributes:
        own_protocol: See the argument.
        connections_per_principal: See `EndpointLimits`.
        counts_all: Whether `connections_per_principal` counts the connections to every endpoint.
        message_bytes: The largest message.
        message_bytes_set: Whether an operator or developer has set it.
        charge: Largest number of bytes that the rate of bytes counts for one message.
        interval: Seconds of the connection's budget that one message costs. `principal_interval` and
            `byte_interval` are the same for the two other rates.
        tolerance: Seconds by which a connection may exceed its rate (the burst), and the microsecond of
            `core.bucket.spend`. `principal_tolerance` and `byte_tolerance` are the same for the two others.
        beyond: Refusal of a message for which reading had to pause for too long, by the name of the limit.
        messages: The rate of messages on a connection. `principal` and `bytes` are the other rates.
        holds: Rate of the microseconds per minute for which reading may pause; None if it never pauses.
        outbound_bytes: See `EndpointLimits`.

    Raises:
        ConfigurationError: A message of the largest size could never pass the rate of bytes.
    """

    __slots__ = (
        "_names",
        "_settings",
        "beyond",
        "byte_interval",
        "byte_tolerance",
        "bytes",
        "charge",
        "connections_per_principal",
        "counts_all",
        "holds",
        "interval",
        "message_bytes",
        "message_bytes_set",
        "messages",
        "outbound_bytes",
        "own_protocol",
        "principal",
        "principal_interval",
        "principal_tolerance",
        "tolerance",
    )

    def __init__(
        self,
        values: Mapping[str, Any],
        names: Mapping[str, str],
        explicit: Collection[str],
        *,
        own_protocol: bool,
    ) -> None:
        self._names = names
        self._settings = {name: f"{names[name]} = {value!r}" for name, value in values.items()}
        self.own_protocol = own_protocol
        self.connections_per_principal: int = values["connections_per_principal"]
        self.counts_all = (
            "connections_per_principal" in explicit
            and names["connections_per_principal"] == "limits.connections_per_principal"
        )
        self.message_bytes: int = values["message_bytes"]
        self.message_bytes_set = "message_bytes" in explicit
        self.outbound_bytes: int = values["outbound_bytes"]
        self.messages = Rate.parse(values["messages_per_connection"])
        self.principal = Rate.parse(values["messages_per_principal"])
        self.bytes = Rate.parse(values["bytes_per_connection"])
        if self.bytes.burst < self.message_bytes:
            self._fit({"message_bytes", "bytes_per_connection"}.intersection(explicit))
        # A microsecond absorbs the rounding of floats, as in `core.bucket.spend`.
        self.interval, self.tolerance = self.messages.interval, self.messages.tolerance + 1e-6
        self.principal_interval = self.principal.interval
        self.principal_tolerance = self.principal.tolerance + 1e-6
        self.byte_interval, self.byte_tolerance = self.bytes.interval, self.bytes.tolerance + 1e-6
        # The largest message costs the whole burst at most: a larger one gets the error for its size.
        self.charge = int(self.bytes.burst) if own_protocol else self.message_bytes
        hold_setting = self._settings["hold_seconds"]
        self.beyond = {
            name: f"{self._settings[name]}, beyond {hold_setting} of a minute"
            for name in (
                "messages_per_connection",
                "messages_per_principal",
                "bytes_per_connection",
            )
        }
        # In units of a microsecond: a bucket must hold at least one of them.
        hold = values["hold_seconds"] * 1e6
        self.holds = Rate(60.0 / hold, 60.0) if hold >= 1 else None

    def _fit(self, explicit: Collection[str]) -> None:
        """Adjust a default, so that the largest message fits the burst of bytes."""
        if not self.own_protocol or len(explicit) == 2:
            raise ConfigurationError(
                f"{self._names['bytes_per_connection']} has a burst below "
                f"{self._names['message_bytes']}, so that a message of that size could never pass; write "
                f"burst {self.message_bytes} or more"
            )
        if "message_bytes" in explicit:
            self.bytes = Rate(self.bytes.interval, self.bytes.interval * self.message_bytes)
        else:
            self.message_bytes = int(self.bytes.burst)
            self._settings["message_bytes"] = (
                f"{self._names['message_bytes']} = {self.message_bytes}"
            )

    def setting(self, name: str) -> str:
        """Return the setting of a limit and its value, as the operator writes them."""
        return self._settings[name]
