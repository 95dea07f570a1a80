"""Helpers for the tests of an application. Nothing in here runs in production."""

from stormdoor.prober.identity import Identity
from stormdoor.prober.login import Login
from stormdoor.testing.authenticators import ContractBroken, Presented, check_authenticator
from stormdoor.testing.clock import FakeClock
from stormdoor.testing.forged import forged_token, with_token, without_signature
from stormdoor.testing.guarded import (
    NotGuarded,
    assert_guarded,
    assert_guarded_async,
    assert_refused,
    assert_refused_async,
    log_in,
    log_in_async,
)
from stormdoor.testing.server import Served, running, serving
from stormdoor.testing.trail import trail_of

__all__ = [
    "ContractBroken",
    "FakeClock",
    "Identity",
    "Login",
    "NotGuarded",
    "Presented",
    "Served",
    "assert_guarded",
    "assert_guarded_async",
    "assert_refused",
    "assert_refused_async",
    "check_authenticator",
    "forged_token",
    "log_in",
    "log_in_async",
    "running",
    "serving",
    "trail_of",
    "with_token",
    "without_signature",
]
