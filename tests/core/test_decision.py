"""A decision says why, and is false when it says no."""

from dataclasses import FrozenInstanceError

import pytest

from stormdoor.core.decision import (
    AccessRequest,
    Decision,
    Environment,
    Resource,
    authentication_age,
)
from stormdoor.core.principal import Authentication, Principal


@pytest.mark.parametrize("allowed", [True, False])
def test_a_decision_is_as_true_as_its_verdict(allowed: bool) -> None:
    """`if policies.decide(...)` means what it says: a refusal is not true for being an object."""
    assert bool(Decision(allowed, "a reason", ("a-policy",), ("an error",))) is allowed


def test_a_decision_names_no_policy_by_default() -> None:
    """The ids and errors of a decision are empty by default."""
    decision = Decision(False, "nothing grants it")
    assert (decision.policy_ids, decision.errors) == ((), ())


def test_a_decision_cannot_be_changed() -> None:
    """A refusal cannot be turned into a permission afterwards."""
    decision = Decision(False, "no")
    with pytest.raises(FrozenInstanceError):
        decision.allowed = True  # type: ignore[misc]


def test_a_resource_has_no_tenant_and_no_attributes_by_default() -> None:
    """A resource is its type and its id; the rest is said or absent."""
    resource = Resource("room", "lobby")
    assert (resource.tenant, resource.attributes) == (None, {})


def test_two_resources_do_not_share_attributes() -> None:
    """Each resource gets attributes of its own."""
    assert Resource("room", "a").attributes is not Resource("room", "a").attributes


def test_a_resource_is_hashable() -> None:
    """Attributes do not count for the hash, since they may hold lists."""
    assert hash(Resource("room", "a", attributes={"x": []})) == hash(Resource("room", "a"))


def test_an_access_request_is_a_value() -> None:
    """The same question is equal to itself, and cannot be changed while it is being answered."""
    environment = Environment(0.0, "192.0.2.1", "/chat", "jwt", 0.0, 1)
    one = AccessRequest(Principal("alice"), "chat:say", Resource("room", "lobby"), environment)
    assert one == AccessRequest(
        Principal("alice"), "chat:say", Resource("room", "lobby"), environment
    )
    with pytest.raises(FrozenInstanceError):
        one.permission = "chat:kick"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("authenticated_at", "age"),
    [
        pytest.param(40.0, 60.0, id="a-minute-ago"),
        pytest.param(100.0, 0.0, id="just-now"),
        pytest.param(219.0, 0.0, id="clocks-that-differ-a-little"),
        pytest.param(221.0, float("inf"), id="a-clock-that-was-set-back"),
    ],
)
def test_a_proof_from_the_future_is_old(authenticated_at: float, age: float) -> None:
    """Setting a clock back does not make an old proof fresh."""
    assert authentication_age(authenticated_at, 100.0) == age


def test_the_environment_of_a_credential_has_its_facts() -> None:
    """Kind, age, strength and class come from the credential; address and path from the request."""
    verified = Authentication(
        principal=Principal("alice"),
        kind="session",
        credential_id="c1",
        ambient=True,
        authenticated_at=900.0,
        issued_at=950.0,
        strength=2,
        acr="gold",
    )
    found = Environment.of(verified, now=1_000.0, address="192.0.2.1", endpoint="/ws")
    assert found == Environment(
        now=1_000.0,
        address="192.0.2.1",
        endpoint="/ws",
        kind="session",
        authentication_age=100.0,
        strength=2,
        acr="gold",
    )
