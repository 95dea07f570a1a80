"""Messages of topics between the nodes of an installation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from stormdoor.core.log_position import LogPosition

__all__ = ["Broker", "Publication"]


@dataclass(frozen=True, slots=True)
class Publication:
    """A message of a topic as nodes exchange it.

    Attributes:
        topic: Name of the topic.
        payload: The encoded message.
        applied: Position in the log of revocations that its publisher had applied, also by a change of its
            own. A node that has applied less holds the message: if Bob is removed and then a message is
            published, Bob never gets it.
    """

    topic: str
    payload: bytes
    applied: LogPosition

    def may_pass(self, applied: LogPosition) -> bool:
        """Return whether a node that has applied the log up to `applied` may deliver the message."""
        return applied.includes(self.applied)


class Broker(Protocol):
    """Carries publications to the other nodes, each at most once.

    Publications of one node to one topic arrive in order. No safety depends on a broker: the receiving hub
    authorises every delivery, and holds a publication until its node has applied the same revocations.
    """

    async def join(self, node: str, receive: Callable[[Publication], None]) -> None:
        """Add a node without subscriptions.

        Args:
            node: Its name.
            receive: Called with each publication of another node to a topic that `node` subscribes to. An
                exception of it affects neither the publisher nor further publications.

        Raises:
            StoreUnavailable: The engine does not answer. The guard does not start.
        """
        ...

    async def leave(self, node: str) -> None:
        """Remove a node with its subscriptions. Nothing happens if it has not joined."""
        ...

    def subscribe(self, node: str, topic: str) -> None:
        """Send the publications of a topic to `node`, from a moment on that may be a little later."""
        ...

    def unsubscribe(self, node: str, topic: str) -> None:
        """Send no more publications of a topic to `node`."""
        ...

    def is_wanted(self, node: str, topic: str) -> bool:
        """Return False if no other node subscribes to a topic, so that `node` need not publish."""
        ...

    def publish(self, node: str, publication: Publication) -> None:
        """Send a publication of `node`. It neither waits nor raises.

        While the engine does not answer, publications are lost, and the engine logs that.
        """
        ...
