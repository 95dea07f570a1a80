"""Subscribe and publish: the permission is checked at the subscription, and again at each delivery."""

from __future__ import annotations

import asyncio
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
from stormdoor.guard.applied_log import AppliedLog
from stormdoor.guard.connection import Connection
from stormdoor.guard.registry import Registry
from stormdoor.guard.statistics import Statistics
from stormdoor.ports import Broker, Clock, Publication

__all__ = ["Hub", "Topic"]

_log = logging.getLogger("stormdoor.channels")

_HOLD_SECONDS = 10.0
"""Longest time for which a message of another node waits for revocations: as long as the fence holds."""
_MOST_WAITING = 10_000
_WRITE_SECONDS = 0.01
"""Time budget for writing a message at once. The other recipients get it in later iterations of the loop."""
_STEP = 64
"""Recipients between two looks at the clock."""


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
        log: The log of revocations, as this node has applied it.
    """

    def __init__(
        self,
        *,
        registry: Registry,
        statistics: Statistics,
        clock: Clock,
        broker: Broker,
        log: AppliedLog,
    ) -> None:
        self._broker = broker
        self._log = log
        log.on_applied = self.deliver_waiting
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
        self._has_written = False
        """True from a message that was written at once to the end of the iteration of the event loop."""
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
                self._registry.node, Publication(topic.name, encoded, self._log.newest)
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
        waiting, log = self._waiting, self._log
        while waiting:
            publication, until = waiting[0]
            passes = publication.may_pass(log.applied)
            if (
                not passes
                and self._monotonic() < until
                and not log.has_left(publication.applied.epoch)
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
        left_out, delivered = set(but), 0
        listeners = [one for one in self._topics.get(topic, ()) if one not in left_out]
        if view is not None:
            for connection in listeners:
                if not self._may_receive(connection, topic, self._now(), self._monotonic()):
                    continue
                seen = view(connection.principal)
                if seen is None:
                    self._statistics.withheld += 1
                elif connection.sink is not None:
                    encoded = encode(seen)
                    again = partial(_may_still, topic, view, encoded)
                    delivered += connection.sink.deliver(Prepared(encoded, again))
            return delivered
        payload = Prepared(encoded, partial(_may_still, topic, None, b""))
        frame, permission, written = payload.frame, topic.permission, 0
        # With a tenant, each decision depends on the recipient.
        lasting = topic.resource is None or topic.resource.tenant is None
        until = self._monotonic() + _WRITE_SECONDS
        at_once = self._may_write()
        for first in range(0, len(listeners), _STEP):
            now, monotonic = self._now(), self._monotonic()
            at_once = at_once and monotonic <= until
            for connection in listeners[first : first + _STEP]:
                # `_may_receive`, inlined for the usual case.
                if not (
                    lasting
                    and permission in connection.allowed
                    and not connection.is_expired(now, monotonic)
                ) and not self._may_receive(connection, topic, now, monotonic):
                    continue
                writer = connection.writer
                if at_once and writer is not None and writer.write_now(frame, monotonic):
                    written += 1
                elif connection.sink is not None:
                    delivered += connection.sink.deliver(payload)
        self._statistics.delivered += written
        return delivered + written

    def _may_receive(
        self, connection: Connection, topic: Topic, now: float, monotonic: float
    ) -> bool:
        """Return whether a subscriber may get a message now. End the connection if it has expired."""
        # INVARIANT: an expired connection receives nothing, even before the next tick.
        if connection.is_expired(now, monotonic):
            self._registry.end(connection, Refusal(Denial.EXPIRED, "its time is up"))
            return False
        # INVARIANT: checked again for each delivery, so that a role that was just removed has no effect.
        if not connection.may(topic.permission, topic.resource, now):
            self._statistics.withheld += 1
            return False
        return True

    def _may_write(self) -> bool:
        """Return whether a message may be written at once: the first of an iteration of the event loop.

        The later ones are joined for each recipient, so that many messages cost one `send()`.
        """
        if self._has_written:
            return False
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return False
        self._has_written = True
        loop.call_soon(self._begin_iteration)
        return True

    def _begin_iteration(self) -> None:
        self._has_written = False


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
