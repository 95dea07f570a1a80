"""The broker of one process, for all guards that it is given to."""

from __future__ import annotations

import logging
from collections.abc import Callable

from stormdoor.ports.broker import Publication

__all__ = ["LocalBroker"]

_log = logging.getLogger("stormdoor.channels")


class LocalBroker:
    """Implements `Broker` in the memory of this process. `publish` calls each receiver before it returns."""

    def __init__(self) -> None:
        self._receivers: dict[str, Callable[[Publication], None]] = {}
        self._subscribers: dict[str, dict[str, None]] = {}
        """Nodes by topic."""

    async def join(self, node: str, receive: Callable[[Publication], None]) -> None:
        """See `Broker.join`."""
        self._receivers[node] = receive

    async def leave(self, node: str) -> None:
        """See `Broker.leave`."""
        self._receivers.pop(node, None)
        for topic in [topic for topic, nodes in self._subscribers.items() if node in nodes]:
            self.unsubscribe(node, topic)

    def subscribe(self, node: str, topic: str) -> None:
        """See `Broker.subscribe`."""
        self._subscribers.setdefault(topic, {})[node] = None

    def unsubscribe(self, node: str, topic: str) -> None:
        """See `Broker.unsubscribe`."""
        nodes = self._subscribers.get(topic, {})
        nodes.pop(node, None)
        if not nodes:
            self._subscribers.pop(topic, None)

    def is_wanted(self, node: str, topic: str) -> bool:
        """See `Broker.is_wanted`."""
        nodes = self._subscribers.get(topic, ())
        return len(nodes) > (node in nodes)

    def publish(self, node: str, publication: Publication) -> None:
        """See `Broker.publish`."""
        for other in list(self._subscribers.get(publication.topic, ())):
            receive = self._receivers.get(other)
            if other == node or receive is None:
                continue
            try:
                receive(publication)
            except Exception:  # noqa: BLE001 - a receiver may raise anything
                _log.exception(
                    "the node %s cannot receive a message of %s", other, publication.topic
                )
