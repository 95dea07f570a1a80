"""The clock of tests, which users have, too."""

from stormdoor.testing.clock import FakeClock

__all__ = ["FakeClock"]
