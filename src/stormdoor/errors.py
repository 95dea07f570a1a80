"""The exceptions of stormdoor: broken configuration, a broken store, or a broken program.

::

    StormdoorError
    ├── ConfigurationError      an option is wrong; the message names the line to write
    │   ├── PolicyError         a role, permit or forbid is wrong
    │   └── StartupRefused      the start-up check found an unsafe setting
    ├── StoreError              the store refused a change (a duplicate, an unknown id)
    └── StoreUnavailable        the store did not answer, and nothing changed; its caller must fail closed
        ├── NodeNameTaken       another process has the name of this node
        └── StoreInDoubt        the answer to a write was lost: it may have happened
            └── RevocationUnfinished    a revocation took effect in this process, and perhaps only there

A refusal of a client is never an exception: it is a value, `stormdoor.core.denial.Refusal`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

__all__ = [
    "ConfigurationError",
    "NodeNameTaken",
    "NotAMember",
    "PolicyError",
    "RevocationUnfinished",
    "StartupRefused",
    "StoreError",
    "StoreInDoubt",
    "StoreUnavailable",
    "StormdoorError",
]


class StormdoorError(Exception):
    """The root of every exception that stormdoor raises on purpose."""


class ConfigurationError(StormdoorError):
    """An option is missing or wrong. The message says which line to write."""


class PolicyError(ConfigurationError):
    """A role or a policy is invalid (unknown parent, cycle, malformed permission)."""


class StartupRefused(ConfigurationError):
    """The application is not safe to start.

    Attributes:
        problems: One sentence each: the unsafe setting, and the line that fixes it.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        lines = "\n".join(f"  - {problem}" for problem in self.problems)
        super().__init__(f"stormdoor refuses to start:\n{lines}")


class StoreError(StormdoorError):
    """The store refused a change: the object exists already, or does not exist."""


class StoreUnavailable(StormdoorError):
    """The store did not answer, and nothing changed. INVARIANT: no code turns this into an *allow*."""


class NodeNameTaken(StoreUnavailable):
    """Another process has the name of this node, and may hold a lease. This process gets none.

    Args:
        node: The name.
    """

    def __init__(self, node: str) -> None:
        super().__init__(
            f"another process has the node name {node!r}: give each process a name of its own "
            "(Guard(node=…)), or leave node out"
        )


class NotAMember(StoreUnavailable):
    """The beat of a node does not count: it was declared lapsed or removed, or another one has its name."""

    def __init__(self) -> None:
        super().__init__(
            "this node was declared lapsed or removed, or another process has its name; it must join again"
        )


class StoreInDoubt(StoreUnavailable):
    """The answer to a write was lost: it may have happened. A write that was cancelled is in doubt, too.

    The contract of each port says what its caller does: repeat the call, or treat the value as used. Code
    that only refuses treats it as every `StoreUnavailable`. Only code that relies on an unchanged store must
    distinguish the two.
    """


class RevocationUnfinished(StoreInDoubt):
    """A revocation took effect in this process, and not surely in the others. To repeat it is safe.

    Args:
        message: The answer of the store.
        outcome: As the attribute.

    Attributes:
        outcome: "kept": this process stores it as soon as the store answers, unless it ends before. "stored":
            not every node is known to have applied it. "here": it is neither stored nor kept, since too
            many changes wait.
    """

    def __init__(self, message: str, outcome: Literal["kept", "stored", "here"]) -> None:
        self.outcome = outcome
        super().__init__(message)
