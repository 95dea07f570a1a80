"""A session is valid between its start and the earlier of its two deadlines, under any clock."""

from dataclasses import replace

import pytest

from stormdoor.core.principal import Principal
from stormdoor.core.session import Session

NOW = 1_767_225_600.0
SESSION = Session(
    id="00" * 32,
    principal_id="alice",
    created_at=NOW,
    born_at=NOW,
    authenticated_at=NOW,
    last_seen_at=NOW + 100,
    expires_at=NOW + 3600,
    idle_seconds=600.0,
)


@pytest.mark.parametrize(
    ("at", "alive"),
    [
        (0, True),
        (100, True),
        (699.9, True),
        (700, False),  # idle
        (3600, False),
        (10**9, False),
        (-120, True),  # the clocks of two machines differ
        (-120.1, False),  # a clock that went back makes it void, not eternal
        (-(10**9), False),
    ],
)
def test_alive(at: float, alive: bool) -> None:
    """A session that is idle, expired or from the future is not alive."""
    assert SESSION.alive(NOW + at) is alive


@pytest.mark.parametrize(("at", "alive"), [(3599.9, True), (3600, False)])
def test_use_does_not_postpone_the_end(at: float, alive: bool) -> None:
    """However often it is used, the absolute end stays."""
    used = Session(
        id="00" * 32,
        principal_id="alice",
        created_at=NOW,
        born_at=NOW,
        authenticated_at=NOW,
        last_seen_at=NOW + at,
        expires_at=NOW + 3600,
        idle_seconds=600.0,
    )
    assert used.alive(NOW + at) is alive


@pytest.mark.parametrize(
    ("idle", "after", "due"),
    [(600.0, 59.9, False), (600.0, 60.0, True), (100.0, 24.9, False), (100.0, 25.0, True)],
)
def test_touch_is_due(idle: float, after: float, due: bool) -> None:
    """A use is stored after a minute, or after a quarter of a shorter idle time."""
    session = replace(SESSION, idle_seconds=idle)
    assert session.touch_is_due(session.last_seen_at + after) is due


def test_authentication() -> None:
    """A client with the cookie acts as the principal of now, with the facts of the session."""
    found = replace(SESSION, strength=2, acr="gold", device_id="d1").authentication(
        principal := Principal("alice", roles=frozenset({"member"}))
    )
    assert (found.principal, found.kind) == (principal, "session")
    assert found.session_id == found.credential_id == SESSION.id
    assert (found.issued_at, found.expires_at) == (SESSION.born_at, SESSION.expires_at)
    assert (found.strength, found.acr, found.device_id) == (2, "gold", "d1")
    assert found.idle_seconds == 600.0
    assert found.ambient
    assert found.live
