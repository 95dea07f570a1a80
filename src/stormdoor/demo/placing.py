"""Which worker of the demo a client is connected to."""

from __future__ import annotations

from dataclasses import dataclass

from stormdoor import Reply

__all__ = ["ALONE", "Placing", "Worker"]


class Worker(Reply, tag="worker"):
    """The first message to a client, if there are several workers."""

    node: str
    number: int
    workers: int


@dataclass(frozen=True, slots=True)
class Placing:
    """The place of this process among the workers of the demo.

    Attributes:
        number: From 1.
        workers: Number of workers.
    """

    number: int
    workers: int

    def message(self, node: str) -> Worker | None:
        """Return the message that names the worker; None if there is only one.

        Args:
            node: Name of the process in the list of nodes.
        """
        return Worker(node, self.number, self.workers) if self.workers > 1 else None


ALONE = Placing(1, 1)
