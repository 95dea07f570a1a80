"""The present roles and policies, shared by all parts of the guard."""

from __future__ import annotations

from stormdoor.core.policy import PolicySet

__all__ = ["ActivePolicies"]


class ActivePolicies:
    """Holds the present policies. A reload replaces them for all parts of the guard at once.

    Attributes:
        current: The present roles and policies.
    """

    __slots__ = ("current",)

    def __init__(self, policies: PolicySet) -> None:
        self.current = policies
