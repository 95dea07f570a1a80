"""The measurements of a guard: each is counted where it happens, and each series exists from the start."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from stormdoor import Denial, Guard
from stormdoor.auth.authenticator import Rejected
from stormdoor.core.histogram import Histogram
from stormdoor.core.revocation import Revocation, Target
from stormdoor.guard.measured_inbound import MeasuredBinaryInbound, MeasuredInbound
from stormdoor.runtime.measurements import Family, measure
from stormdoor.stores import SqliteStore
from tests.guard.fakes import Tokens, authentication, bearer, make_guard, opened, refused, settle
from tests.guard.test_inbound import ACTIONS
from tests.support.clock import FakeClock


def families(guard: Guard) -> dict[str, Family]:
    """The metrics by name."""
    return {one.name: one for one in measure(guard)}


def number(guard: Guard, name: str, *labels: str) -> float:
    """The value of one series; of a histogram, the number of durations."""
    (value,) = [found for named, found in families(guard)[name].samples if named == labels]
    return value.cumulative()[-1][1] if isinstance(value, Histogram) else value


def seconds(guard: Guard, name: str, *labels: str) -> float:
    """The sum of the durations of one series."""
    (value,) = [found for named, found in families(guard)[name].samples if named == labels]
    assert isinstance(value, Histogram)
    value.fold()
    return value.total


class Slow(Tokens):
    """Takes a quarter of a second for each token."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__({"alice": authentication("alice")})
        self._clock = clock

    async def authenticate(self, *args: Any, **facts: Any) -> Any:
        """Wait, and look it up."""
        self._clock.advance(0.25)
        return await super().authenticate(*args, **facts)


def test_every_series_exists_before_its_first_event() -> None:
    """So `rate()` and `increase()` see the first event of a kind or cause."""
    found = families(make_guard())
    causes = [(one.value,) for one in Denial]
    for name in ("handshakes_refused", "messages_refused", "connections_ended"):
        assert [labels for labels, _ in found[f"stormdoor_{name}"].samples] == causes
        assert not any(count for _, count in found[f"stormdoor_{name}"].samples)
    admitted = found["stormdoor_handshakes_admitted"].samples
    assert admitted == [((kind,), 0) for kind in ("token", "session", "ticket", "public")]
    timed = found["stormdoor_authentication_seconds"].samples
    assert [labels for labels, _ in timed] == [("token",), ("session",), ("ticket",)]


def test_names_and_units() -> None:
    """Seconds and bytes are in the name; a name occurs once; labels fit their values."""
    found = list(measure(make_guard()))
    assert len({one.name for one in found}) == len(found)
    for one in found:
        assert one.unit == {"seconds": "s", "bytes": "By"}.get(one.name.rpartition("_")[2], "")
        assert (one.kind == "histogram") <= one.name.endswith("_seconds")
        assert all(len(labels) == len(one.labels) for labels, _ in one.samples)


async def test_a_handshake_is_measured_with_its_authenticator() -> None:
    """Accepted and refused ones apart; the time of the authenticator by its kind."""
    clock = FakeClock()
    guard = await settle(make_guard(Slow(clock), clock=clock))
    await opened(guard, bearer("alice"))
    await refused(guard, bearer("mallory"))
    await refused(guard, bearer("mallory", origin="https://evil.example"))
    assert number(guard, "stormdoor_handshake_seconds", "admitted") == 1
    assert seconds(guard, "stormdoor_handshake_seconds", "admitted") == pytest.approx(0.25)
    assert number(guard, "stormdoor_handshake_seconds", "refused") == 2
    assert seconds(guard, "stormdoor_handshake_seconds", "refused") == pytest.approx(0.25)
    assert number(guard, "stormdoor_authentication_seconds", "token") == 2
    assert seconds(guard, "stormdoor_authentication_seconds", "token") == pytest.approx(0.5)
    assert number(guard, "stormdoor_handshakes_refused", "origin-not-allowed") == 1
    await guard.close()


async def test_an_authenticator_that_fails_is_measured() -> None:
    """An exception does not lose the duration."""

    async def fail(_: object) -> Rejected:
        raise RuntimeError("a bug")

    guard = await settle(make_guard(Tokens({"alice": fail})))
    await refused(guard, bearer("alice"))
    assert number(guard, "stormdoor_authentication_seconds", "token") == 1
    await guard.close()


async def test_revocations_are_measured() -> None:
    """The age of an entry when it was applied, and the time until the close frame."""
    clock = FakeClock()
    guard = await settle(make_guard(clock=clock))
    _, sink = await opened(guard, bearer("alice"))
    await guard.tick()
    assert number(guard, "stormdoor_revocations_age_seconds") == 0.0
    at = clock.now()
    await guard.state.revocations.add_revocation(Revocation(Target.PRINCIPAL, "alice", at))
    await guard.state.revocations.add_revocation(
        Revocation(Target.PRINCIPAL, "bob", at - 3600.0, by_time=True)
    )
    clock.advance(0.3)
    assert number(guard, "stormdoor_revocations_age_seconds") == pytest.approx(0.3)
    shut = sink.shut

    def late(code: int, reason: str) -> None:
        clock.advance(0.02)
        shut(code, reason)

    sink.shut = late  # type: ignore[method-assign]
    await guard.tick()
    assert sink.closed == (3000, "authentication required")
    # The entry with a time of the operator has no age.
    assert number(guard, "stormdoor_revocation_lag_seconds") == 1
    assert seconds(guard, "stormdoor_revocation_lag_seconds") == pytest.approx(0.32)
    assert number(guard, "stormdoor_revocation_close_seconds") == 1
    assert seconds(guard, "stormdoor_revocation_close_seconds") == pytest.approx(0.02)
    await guard.close()


async def test_one_message_is_measured_after_each_tick() -> None:
    """And the next ones pass the usual evaluation, so that they cost nothing more."""
    guard = await settle(make_guard())
    connection, _ = await opened(guard, bearer("alice"))
    usual = guard.inbound
    for _ in range(2):
        await guard.tick()
        assert isinstance(guard.inbound, MeasuredInbound)
        assert guard.inbound.receive_raw(connection, "hello", None) is True
        assert guard.inbound is usual
        assert guard.inbound.receive_raw(connection, "hello", None) is True
    assert number(guard, "stormdoor_message_check_seconds") == 2
    assert number(guard, "stormdoor_messages") == 4
    await guard.close()


async def test_commands_are_measured_in_both_encodings() -> None:
    """Text of a command-based handler, and MessagePack."""
    guard = await settle(make_guard())
    connection, _ = await opened(guard, bearer("alice"))
    await guard.tick()
    guard.inbound.receive(connection, "{}", ACTIONS)
    await guard.tick()
    assert isinstance(guard.binary_inbound, MeasuredBinaryInbound)
    assert guard.binary_inbound.receive_text(connection, b"{}", ACTIONS)
    assert not isinstance(guard.binary_inbound, MeasuredBinaryInbound)
    assert number(guard, "stormdoor_message_check_seconds") == 2
    assert number(guard, "stormdoor_messages_refused", "invalid-message") == 2
    await guard.close()


@pytest.mark.parametrize(
    ("store", "named"),
    [(None, "memory"), ("sqlite:///{}/door.db", "sqlite"), ("made", "object")],
)
def test_the_information_names_versions_and_the_store(
    store: str | None, named: str, tmp_path: Any
) -> None:
    """Without the place of the store, since its URL may hold a password."""
    made: Any = store and store.format(tmp_path)
    guard = Guard(store=SqliteStore(tmp_path / "other.db") if store == "made" else made)
    info = families(guard)["stormdoor_info"]
    ((labels, value),) = info.samples
    assert value == 1
    assert dict(zip(info.labels, labels, strict=True))["store"] == named
    assert str(tmp_path) not in repr(dataclasses.asdict(info))
