"""The nodes of an installation, their beats and their leases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from stormdoor.core.log_position import LogPosition

__all__ = ["Member", "Members", "NodeStatus"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeStatus:
    """What a node reports with a beat.

    Attributes:
        applied: Position in the log of revocations up to which the node has applied every entry.
        lease: Seconds of its lease.
        version: Its version of stormdoor.
        policies: Digest of the policies by which it decides.
        connections: Number of its open connections.
        instance: Id of this start of the process: that of the start of its machine, a dot, and a random part;
            "" from code that knows none.
    """

    applied: LogPosition
    lease: float
    version: str = ""
    policies: str = ""
    connections: int = 0
    instance: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A node as the other nodes and operators see it.

    Attributes:
        node: Its name.
        beat: Number of its last beat that the engine recorded.
        age: Seconds since that beat, or since the node was declared lapsed, by the engine's clock; infinite
            if another clock has dated the row. It proves nothing, because a clock may be set.
        declared: Whether its lease was declared lapsed. It may still hold the lease of an earlier beat.
        status: What it reported with that beat.
    """

    node: str
    beat: int
    age: float
    declared: bool
    status: NodeStatus


class Members(Protocol):
    """The nodes, which are processes with a guard.

    In doubt, repeat the call.

    Attributes:
        lease_seconds: The default lease of a node. Infinite if all nodes are in one process.
    """

    lease_seconds: float

    async def beat(
        self,
        node: str,
        status: NodeStatus,
        *,
        joining: bool = False,
        replacing: Member | None = None,
    ) -> LogPosition:
        """Report that a node is alive, and return the head of the log of revocations.

        INVARIANT: the head contains every entry that was committed before this call. A networked engine
        commits a write for it, so that a server that cannot commit renews no lease. An embedded engine
        reads, and records the status later if it has changed, at least once a second.

        Args:
            node: Name of the node.
            status: Its status.
            joining: Add the node, or add it again after it was declared lapsed or removed. It holds no
                lease. The status is recorded before the call returns.
            replacing: Another instance with this name, which has no lease: it was declared lapsed after this
                beat of it, and the caller has waited for its lease since then. The engine's clock does not
                decide, because after a failover it is another one.

        Raises:
            NodeNameTaken: The node does not join, because another instance has the name. It is neither
                `replacing` nor removed.
            NotAMember: The instance was declared lapsed, removed or replaced, and does not join.
            StoreUnavailable: The engine does not answer, or answers with a warning. The beat renews no
                lease, also in doubt.
        """
        ...

    async def members(self) -> list[Member]:
        """Return all nodes by name, those that were declared lapsed or are long silent, too."""
        ...

    async def declare_lapsed(self, node: str, seen: int) -> bool:
        """Declare that the lease of a node lapses, if `seen` is still its last recorded beat.

        From the commit on, `beat` raises for this node until it joins again, also if the beat was asked
        before. The node may hold the lease of a beat before the commit.

        Args:
            node: Name of the node.
            seen: `Member.beat`.

        Returns:
            False if the node has beaten meanwhile, or there is no such node. True also if it was declared
            lapsed after the same beat before.
        """
        ...

    async def remove_member(self, node: str, instance: str = "") -> None:
        """Remove a node that shuts down, with its connections. It holds no lease any more.

        Args:
            node: Its name.
            instance: As of `NodeStatus`. If another instance has the name, nothing is removed.
        """
        ...

    async def remove_lapsed(self, seen: Member) -> None:
        """Remove a node that was declared lapsed, with its connections, unless it has joined again.

        The caller knows that no earlier beat of it has a lease left.

        Args:
            seen: The node. Its instance and its beat are still these, else nothing is removed.
        """
        ...
