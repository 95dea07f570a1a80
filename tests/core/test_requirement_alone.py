"""A requirement asked by itself, and explained in a policy."""

from stormdoor.core.decision import AccessRequest, Environment
from stormdoor.core.policy import PolicySet, permit, role
from stormdoor.core.principal import Principal
from stormdoor.core.requirement import require


def _asked(strength: int) -> AccessRequest:
    environment = Environment(
        now=0.0,
        address="::1",
        endpoint="/",
        kind="session",
        authentication_age=0.0,
        strength=strength,
    )
    return AccessRequest(Principal("ann", frozenset({"m"})), "a:b", None, environment)


def test_a_requirement_is_a_condition() -> None:
    """True when it is met."""
    assert [require(strength=2)(_asked(n)) for n in (1, 2)] == [False, True]


def test_an_explanation_says_what_lacks() -> None:
    """An explanation names the missing facts, or says that there are none."""
    policies = PolicySet([role("m"), permit("a:b", roles=["m"], when=require(strength=2))])
    said = [" ".join(one.said for one in policies.explain(_asked(n))) for n in (1, 2)]
    assert "needs" in said[0]
    assert "its requirement is met" in said[1]
