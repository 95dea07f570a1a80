"""Helpers for the tests of an application. Nothing in here runs in production.

`assert_guarded`, `forged_token` and the other assertions of the prober are in `stormdoor_audit.testing`, of
the package `stormdoor-audit`.
"""

from stormdoor.settings.installation import AUDIT_PACKAGE, install_command
from stormdoor.testing.authenticators import ContractBroken, Presented, check_authenticator
from stormdoor.testing.clock import FakeClock
from stormdoor.testing.server import Served, running, serving
from stormdoor.testing.trail import trail_of

__all__ = [
    "ContractBroken",
    "FakeClock",
    "Presented",
    "Served",
    "check_authenticator",
    "running",
    "serving",
    "trail_of",
]

_MOVED = frozenset(
    {
        *("Identity", "Login", "NotGuarded", "assert_guarded", "assert_guarded_async"),
        *("assert_refused", "assert_refused_async", "forged_token", "log_in", "log_in_async"),
        *("with_token", "without_signature"),
    }
)


def __getattr__(name: str) -> object:
    if name in _MOVED:
        # An ImportError keeps its message in `from stormdoor.testing import …`.
        raise ImportError(
            f"{name} is in the package stormdoor-audit: {install_command(AUDIT_PACKAGE)}, then "
            f"from stormdoor_audit.testing import {name}"
        )
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
