"""A principal and its evidence are values: comparable, unchangeable, empty unless filled."""

import math
from dataclasses import FrozenInstanceError, replace

import pytest

from stormdoor.core.principal import ANONYMOUS, Authentication, Principal, find_flaw
from tests.core.flawed_results import FLAWS, GOOD, NOW, Again


def test_a_principal_has_no_rights_by_default() -> None:
    """Without roles, tenant and attributes a principal has none of them."""
    principal = Principal("alice")
    assert (principal.roles, principal.tenant, dict(principal.attributes)) == (
        frozenset(),
        None,
        {},
    )


def test_anonymous_holds_nothing() -> None:
    """The anonymous principal has no role, no tenant and no attribute."""
    assert Principal("anonymous") == ANONYMOUS


def test_default_attributes_cannot_be_filled() -> None:
    """The shared empty attributes are read-only, so no principal can add to those of another."""
    with pytest.raises(TypeError):
        Principal("alice").attributes["department"] = "x"  # type: ignore[index]


@pytest.mark.parametrize("field", ["id", "roles", "tenant", "attributes"])
def test_a_principal_cannot_be_changed(field: str) -> None:
    """A principal is frozen."""
    with pytest.raises(FrozenInstanceError):
        setattr(Principal("alice"), field, frozenset({"administrator"}))


def test_a_principal_is_hashable() -> None:
    """Attributes do not count for the hash, since they may hold lists."""
    one = Principal("alice", attributes={"rooms": ["lobby"]})
    assert hash(one) == hash(Principal("alice", attributes={"rooms": ["other"]}))


def test_attributes_count_for_equality() -> None:
    """Two principals with different attributes are different."""
    assert Principal("alice", attributes={"a": 1}) != Principal("alice", attributes={"a": 2})


def test_authentication_defaults_are_the_strict_ones() -> None:
    """One factor, no session, not live; no restriction of scopes only where none was named."""
    evidence = Authentication(Principal("alice"), "jwt", "id", False, 0.0, 0.0)
    assert (evidence.strength, evidence.session_id, evidence.live, evidence.scopes) == (
        1,
        None,
        False,
        None,
    )


def test_authentication_cannot_be_changed() -> None:
    """Neither the principal nor the expiry of a verified credential can be replaced in place."""
    evidence = Authentication(Principal("alice"), "jwt", "id", False, 0.0, 0.0)
    with pytest.raises(FrozenInstanceError):
        evidence.expires_at = None  # type: ignore[misc]


@pytest.mark.parametrize("name", FLAWS)
def test_a_flaw_is_named(name: str) -> None:
    """The text names the field of the result on which the guard cannot rely."""
    result, flaw = FLAWS[name]
    assert flaw in (find_flaw(result, NOW) or "")


def test_a_sound_result_has_no_flaw() -> None:
    """Each optional field may be left out or set, and an end may be infinitely far."""
    whole = replace(
        GOOD,
        principal=Principal("alice", frozenset({"member"}), "acme", {"floor": 2}),
        expires_at=math.inf,
        idle_seconds=1,
        scopes=frozenset({"chat:*"}),
        session_id="s",
        recheck=Again(),
        issued_at=int(NOW),
    )
    patient = replace(GOOD, recheck=Again(grace_seconds=math.inf))
    assert [find_flaw(one, NOW) for one in (GOOD, whole, patient)] == [None, None, None]
