"""Subscribe and publish: the permission is checked at the subscription, and again at each delivery."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from stormdoor.core.decision import Decision, Resource
from stormdoor.core.denial import Denial, Refusal
from stormdoor.core.frame import Prepared
from stormdoor.core.message import encode
from stormdoor.core.permission import check_permission
from stormdoor.core.principal import Principal
from stormdoor.guard.connection import Connection
from stormdoor.guard.registry import Registry
from stormdoor.guard.statistics import Statistics
from stormdoor.guard.supervisor import ConnectionSupervisor
from stormdoor.ports import Broker, Clock, Publication

__all__ = ["Hub", "Topic"]

_log = logging.getLogger("stormdoor.channels")

_HOLD_SECONDS = 10.0
"""Longest time for which a message of another node waits for revocations: as long as the fence holds."""
_MOST_WAITING = 10_000


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


class Hub:
    """The topics of one process and their subscribers.

    A connection is unsubscribed while it ends, so that no message is sent to it afterwards.

    Args:
        registry: The open connections, and the name of this node.
        statistics: Counters.
        clock: Source of the time.
        broker: Carries messages to the other nodes.
        supervisor: Applies the log of revocations of this node.
    """

    def __init__(
        self,
        *,
        registry: Registry,
        statistics: Statistics,
        clock: Clock,
        broker: Broker,
        supervisor: ConnectionSupervisor,
    ) -> None:
        self._broker = broker
        self._supervisor = supervisor
        supervisor.on_applied = self.deliver_waiting
        self._waiting: deque[tuple[Publication, float]] = deque()
        """Messages of other nodes that wait for revocations, with the monotonic seconds of their end."""
        self._lost = 0
        """Messages of other nodes that were dropped, and are not logged yet."""
        self._statistics = statistics
        self._now = clock.now
        self._monotonic = clock.monotonic
        self._registry = registry
        self._topics: dict[Topic, dict[Connection, None]] = {}
        self._named: dict[str, dict[Topic, None]] = {}
        """The topics of `_topics` by their names."""
        self._of: dict[Connection, set[Topic]] = {}
        registry.on_end.append(self.forget)

    def subscribe(self, connection: Connection, topic: Topic) -> Decision:
        """Subscribe `connection` to `topic` if it has the permission. Returns the decision and its reason."""
        decision = connection.decide(topic.permission, topic.resource, self._now())
        if decision.allowed and not connection.open:
            return Decision(False, "the connection is not open")
        if decision.allowed:
            if topic not in self._topics:
                self._add(topic)
            self._topics[topic][connection] = None
            self._of.setdefault(connection, set()).add(topic)
        return decision

    def unsubscribe(self, connection: Connection, topic: Topic) -> bool:
        """Unsubscribe. Returns whether it was subscribed."""
        listeners = self._topics.get(topic)
        if listeners is None or connection not in listeners:
            return False
        del listeners[connection]
        if not listeners:
            self._remove(topic)
        topics = self._of[connection]
        topics.discard(topic)
        if not topics:
            del self._of[connection]
        return True

    def _add(self, topic: Topic) -> None:
        self._topics[topic] = {}
        if topic.name not in self._named:
            self._broker.subscribe(self._registry.node, topic.name)
        self._named.setdefault(topic.name, {})[topic] = None

    def _remove(self, topic: Topic) -> None:
        del self._topics[topic]
        named = self._named[topic.name]
        del named[topic]
        if not named:
            del self._named[topic.name]
            self._broker.unsubscribe(self._registry.node, topic.name)

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

    def publish(
        self,
        topic: Topic,
        message: object,
        *,
        view: Callable[[Principal], object | None] | None = None,
        but: Iterable[Connection] = (),
    ) -> int:
        """Send `message` to all subscribers of `topic` that still have the permission.

        The broker carries it to the subscribers on other nodes, unless there is a `view`: a function exists
        in this process only.

        Args:
            topic: The topic.
            message: A value that msgspec encodes. It is encoded once for all recipients.
            view: Function that returns the principal's view of the message, for redaction of fields; None
                from it withholds the message.
            but: Connections that are excluded.

        Returns:
            The number of connections of this process that the message was queued for.
        """
        shared = view is None and self._broker.is_wanted(self._registry.node, topic.name)
        if topic not in self._topics and not shared:
            return 0
        # Encoded and framed once for all subscribers. The permission is checked for each one.
        encoded = encode(message) if view is None else b""
        if shared:
            self._broker.publish(
                self._registry.node, Publication(topic.name, encoded, self._supervisor.newest)
            )
        return self._deliver(topic, encoded, view, but)

    def receive(self, publication: Publication) -> None:
        """Deliver a message of another node, after this node has applied the revocations before it."""
        if len(self._waiting) < _MOST_WAITING:
            self._waiting.append((publication, self._monotonic() + _HOLD_SECONDS))
        else:
            self._lost += 1
        self.deliver_waiting()

    def deliver_waiting(self) -> None:
        """Deliver the messages of other nodes that wait no more. Called after each read of the log."""
        waiting, supervisor = self._waiting, self._supervisor
        while waiting:
            publication, until = waiting[0]
            passes = publication.may_pass(supervisor.applied)
            if (
                not passes
                and self._monotonic() < until
                and not supervisor.has_left(publication.applied.epoch)
            ):
                return  # those behind it wait, too: a topic keeps its order
            waiting.popleft()
            if not passes:
                self._lost += 1
                continue
            for topic in list(self._named.get(publication.topic, ())):
                self._deliver(topic, publication.payload)
        if self._lost:
            _log.error(
                "%d messages of other nodes are dropped: this node cannot apply the revocations before them",
                self._lost,
            )
            self._lost = 0

    def _deliver(
        self,
        topic: Topic,
        encoded: bytes,
        view: Callable[[Principal], object | None] | None = None,
        but: Iterable[Connection] = (),
    ) -> int:
        """Queue a message for the subscribers of this process. Returns their number."""
        payload = Prepared(encoded, partial(_may_still, topic, None, b""))
        left_out = set(but)
        now, monotonic, delivered = self._now(), self._monotonic(), 0
        for connection in list(self._topics.get(topic, ())):
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
