"""A pending login is valid between its creation and its expiry."""

import pytest

from stormdoor.core.pending import Pending


@pytest.mark.parametrize(
    ("now", "alive"),
    [
        pytest.param(1_000.0, True, id="at-creation"),
        pytest.param(1_299.9, True, id="just-before-expiry"),
        pytest.param(1_300.0, False, id="at-expiry"),
        pytest.param(880.0, True, id="clock-two-minutes-behind"),
        pytest.param(879.9, False, id="clock-further-behind"),
    ],
)
def test_a_pending_login_is_valid_for_its_time(now: float, alive: bool) -> None:
    """A clock that was set back by more than two minutes does not revive it."""
    pending = Pending(id="p1", purpose="login", created_at=1_000.0, expires_at=1_300.0)
    assert pending.alive(now) is alive
