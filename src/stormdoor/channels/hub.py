"""Subscribe and publish: the permission is checked at the subscription, and again at each delivery."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from stormdoor.core.decision import Decision, Resource
from stormdoor.core.denial import Denial, Refusal
from stormdoor.core.frame import Prepared
from stormdoor.core.log_position import LogPosition
from stormdoor.core.message import encode
from stormdoor.core.permission import check_permission
from stormdoor.core.principal import Principal
from stormdoor.guard.connection import Connection
from stormdoor.guard.registry import Registry
from stormdoor.guard.statistics import Statistics
from stormdoor.ports import Clock

__all__ = ["Hub", "Publication", "Topic"]


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic of subscriptions.

    Attributes:
        name: Unique within a hub, for example `room:lobby`.
        permission: Permission that a subscriber needs.
        resource: The resource, for conditions and tenants; None if there is none.
    """

    name: str
    permission: str
    resource: Resource | None = None

    def __post_init__(self) -> None:
        """Reject a malformed permission.

        Raises:
            PolicyError: It is not well formed.
        """
        check_permission(self.permission)


@dataclass(frozen=True, slots=True)
class Publication:
    """A message of a topic as nodes exchange it.

    Attributes:
        topic: Name of the topic.
        message: The message; msgspec encodes it.
        applied: Position in the log of revocations that its publisher had applied. A node that has applied
            less holds the message: if Bob is removed and then a message is published, Bob never gets it.
    """

    topic: str
    message: object
    applied: LogPosition

    def may_pass(self, applied: LogPosition) -> bool:
        """Return whether a node that has applied the log up to `applied` may deliver the message."""
        return applied.epoch == self.applied.epoch and applied.seq >= self.applied.seq


class Hub:
    """The topics of one process and their subscribers.

    A connection is unsubscribed while it ends, so that no message is sent to it afterwards.
    """

    def __init__(
        self,
        *,
        registry: Registry,
        statistics: Statistics,
        clock: Clock,
        applied: Callable[[], LogPosition],
    ) -> None:
        self._applied = applied
        self._statistics = statistics
        self._now = clock.now
        self._monotonic = clock.monotonic
        self._registry = registry
        self._topics: dict[Topic, dict[Connection, None]] = {}
        self._of: dict[Connection, set[Topic]] = {}
        registry.on_end.append(self.forget)

    def subscribe(self, connection: Connection, topic: Topic) -> Decision:
        """Subscribe `connection` to `topic` if it has the permission. Returns the decision and its reason."""
        decision = connection.decide(topic.permission, topic.resource, self._now())
        if decision.allowed and not connection.open:
            return Decision(False, "the connection is not open")
        if decision.allowed:
            self._topics.setdefault(topic, {})[connection] = None
            self._of.setdefault(connection, set()).add(topic)
        return decision

    def unsubscribe(self, connection: Connection, topic: Topic) -> bool:
        """Unsubscribe. Returns whether it was subscribed."""
        listeners = self._topics.get(topic)
        if listeners is None or connection not in listeners:
            return False
        del listeners[connection]
        if not listeners:
            del self._topics[topic]
        topics = self._of[connection]
        topics.discard(topic)
        if not topics:
            del self._of[connection]
        return True

    def forget(self, connection: Connection) -> None:
        """Unsubscribe from everything."""
        for topic in list(self._of.get(connection, ())):
            self.unsubscribe(connection, topic)

    def topics(self, connection: Connection) -> frozenset[Topic]:
        """Return the topics of a connection."""
        return frozenset(self._of.get(connection, ()))

    def listeners(self, topic: Topic) -> list[Connection]:
        """Return the subscribers of a topic."""
        return list(self._topics.get(topic, ()))

    def publication(self, topic: Topic, message: object) -> Publication:
        """Return the message for other nodes, with the position that this node has applied."""
        return Publication(topic.name, message, self._applied())

    def publish(
        self,
        topic: Topic,
        message: object,
        *,
        view: Callable[[Principal], object | None] | None = None,
        but: Iterable[Connection] = (),
    ) -> int:
        """Send `message` to all subscribers of `topic` that still have the permission.

        Args:
            topic: The topic.
            message: A value that msgspec encodes. It is encoded once for all recipients.
            view: Function that returns the principal's view of the message, for redaction of fields; None
                from it withholds the message.
            but: Connections that are excluded.

        Returns:
            The number of connections that the message was queued for.
        """
        listeners = self._topics.get(topic)
        if not listeners:
            return 0
        # Encoded and framed once for all subscribers. The permission is checked for each one.
        payload = (
            Prepared(encode(message), partial(_may_still, topic, None, b""))
            if view is None
            else Prepared(b"")
        )
        left_out = set(but)
        now, monotonic, delivered = self._now(), self._monotonic(), 0
        for connection in list(listeners):
            sink = connection.sink
            if connection in left_out or sink is None:
                continue
            # INVARIANT: an expired connection receives nothing, even before the next tick.
            if connection.is_expired(now, monotonic):
                self._registry.end(connection, Refusal(Denial.EXPIRED, "its time is up"))
                continue
            # INVARIANT: checked again for each delivery, so that a role that was just removed has no
            # effect.
            if not connection.may(topic.permission, topic.resource, now):
                self._statistics.withheld += 1
                continue
            if view is not None:
                seen = view(connection.principal)
                if seen is None:
                    self._statistics.withheld += 1
                    continue
                encoded = encode(seen)
                payload = Prepared(encoded, partial(_may_still, topic, view, encoded))
            delivered += sink.deliver(payload)
        return delivered


def _may_still(
    topic: Topic,
    view: Callable[[Principal], object | None] | None,
    payload: bytes,
    connection: Connection,
) -> bool:
    """Return whether a recipient may still receive a message that has waited, with the same fields."""
    if not connection.may(topic.permission, topic.resource):
        return False
    if view is None:
        return True
    seen = view(connection.principal)
    return seen is not None and encode(seen) == payload
