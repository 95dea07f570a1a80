"""Assertions for the tests of an application: the prober as an unauthenticated client and as the owner."""

from stormdoor_audit.prober.identity import Identity
from stormdoor_audit.prober.login import Login
from stormdoor_audit.testing.forged import forged_token, with_token, without_signature
from stormdoor_audit.testing.guarded import (
    NotGuarded,
    assert_guarded,
    assert_guarded_async,
    assert_refused,
    assert_refused_async,
    log_in,
    log_in_async,
)

__all__ = [
    "Identity",
    "Login",
    "NotGuarded",
    "assert_guarded",
    "assert_guarded_async",
    "assert_refused",
    "assert_refused_async",
    "forged_token",
    "log_in",
    "log_in_async",
    "with_token",
    "without_signature",
]
