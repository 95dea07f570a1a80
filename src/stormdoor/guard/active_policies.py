"""The roles and policies that decide at present, shared by every part that decides."""

from __future__ import annotations

from stormdoor.core.policy import PolicySet

__all__ = ["ActivePolicies"]


class ActivePolicies:
    """Holder of the present policies. A reload replaces them for all parts at once.

    Attributes:
        current: The present roles and policies.
    """

    __slots__ = ("current",)

    def __init__(self, policies: PolicySet) -> None:
        self.current = policies
