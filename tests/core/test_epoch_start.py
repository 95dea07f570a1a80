"""The beginning of the present log of revocations."""

from __future__ import annotations

from stormdoor.core.epoch_start import EpochStart


def test_a_node_that_has_not_started_refuses_nothing() -> None:
    """Before its start, a node admits no client, so nothing is compared."""
    epoch = EpochStart()
    assert not epoch.is_later_than("e1")
    assert not epoch.may_have_lost(0.0)


def test_values_from_before_a_change_may_be_used() -> None:
    """While the log changes, all that the store holds is of another epoch."""
    epoch = EpochStart("e1")
    assert not epoch.is_later_than("e1")
    epoch.change(1_000.0)
    assert epoch.is_later_than("e1")
    assert epoch.is_later_than("e2")
    epoch.epoch = "e2"
    assert epoch.is_later_than("e1")
    assert epoch.is_later_than(None)
    assert not epoch.is_later_than("e2")
    assert epoch.may_have_lost(1_000.0)
    assert not epoch.may_have_lost(1_000.5)
