"""A requirement says what lacks, exactly, and only where that is all that lacks."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormdoor.core.decision import AccessRequest, Environment, Resource
from stormdoor.core.needs import Needs
from stormdoor.core.policy import Policy, PolicySet, Role, forbid, permit, role
from stormdoor.core.principal import Principal
from stormdoor.core.requirement import Requirement, require
from stormdoor.errors import PolicyError

WEAK = Environment(0.0, "192.0.2.1", "/chat", "session", 1000.0, 1)
STRONG = replace(WEAK, authentication_age=0.0, strength=9, acr="gold")


def ask(
    *items: Role | Policy,
    environment: Environment = WEAK,
    roles: tuple[str, ...] = ("member",),
    scopes: frozenset[str] | None = None,
    resource: Resource | None = None,
) -> Any:
    """Return the decision of these policies about `vault:open`."""
    request = AccessRequest(
        Principal("alice", frozenset(roles)), "vault:open", resource, environment
    )
    return PolicySet([role("member"), role("keeper", "vault:*"), *items]).decide(request, scopes)


@pytest.mark.parametrize(
    ("fresh", "seconds"),
    [("5min", 300.0), ("30s", 30.0), ("1h", 3600.0), ("1 d", 86_400.0), (7, 7.0)],
)
def test_a_time_is_read(fresh: str | float, seconds: float) -> None:
    """`fresh` is a time with a unit, or seconds."""
    assert require(fresh=fresh).max_age == seconds


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"fresh": "5"},
        {"fresh": "five minutes"},
        {"fresh": ""},
        {"fresh": 0},
        {"fresh": -1},
        {"fresh": math.nan},
        {"fresh": math.inf},
        {"fresh": True},
        {"strength": 0},
        {"strength": True},
        {"strength": 2.0},
        {"strength": 10},
        {"acr": ""},
        {"acr": "x" * 257},
    ],
)
def test_what_requires_nothing_is_refused(wrong: dict[str, Any]) -> None:
    """A requirement that could always be met, or never, is a mistake."""
    with pytest.raises(PolicyError):
        require(**wrong)


@pytest.mark.parametrize(
    ("required", "changes", "lacks"),
    [
        (require(fresh="5min"), {"authentication_age": 300.0}, None),
        (require(fresh="5min"), {"authentication_age": 300.1}, Needs(max_age=300.0)),
        (require(fresh="5min"), {"authentication_age": math.nan}, Needs(max_age=300.0)),
        (require(fresh="5min"), {"authentication_age": math.inf}, Needs(max_age=300.0)),
        (require(strength=2), {"strength": 2}, None),
        (require(strength=2), {"strength": 1}, Needs(strength=2)),
        (require(acr="gold"), {"acr": "gold"}, None),
        (require(acr="gold"), {"acr": "Gold"}, Needs(acr="gold")),
        (require(acr="gold"), {"acr": None}, Needs(acr="gold")),
        (require(fresh=9, strength=2, acr="gold"), {"acr": "gold"}, Needs(9.0, 2)),
    ],
)
def test_exactly_what_lacks_is_named(
    required: Requirement, changes: dict[str, Any], lacks: Needs | None
) -> None:
    """Met requirements are not named, and a fact that is unknown does not meet one."""
    assert required.lacking(replace(WEAK, **changes)) == lacks


def test_what_lacks_is_short_on_the_wire() -> None:
    """The message to the client has only the missing facts, and whole numbers without a fraction."""
    assert Needs(max_age=300.0, strength=2).on_the_wire() == {"strength": 2, "max_age": 300}
    assert Needs(acr="gold").on_the_wire() == {"acr": "gold"}
    assert Needs(max_age=0.5).on_the_wire() == {"max_age": 0.5}


STRENGTH = require(strength=2)
DENIED: list[tuple[str, list[Any], dict[str, Any]]] = [
    ("nothing grants it", [], {}),
    ("a plain forbid", [permit("vault:open", when=STRENGTH), forbid("vault:open")], {}),
    ("the scopes", [permit("vault:open", when=STRENGTH)], {"scopes": frozenset({"chat:*"})}),
    ("another role", [permit("vault:open", when=STRENGTH, roles=["keeper"])], {}),
    ("another condition", [permit("vault:open", when=[STRENGTH, lambda _: False])], {}),
    ("a condition fails", [permit("vault:open", when=[STRENGTH, lambda _: 1 / 0 > 0])], {}),
    ("nothing but a forbid", [forbid("vault:open", unless=STRENGTH)], {}),
    (
        "another tenant",
        [permit("vault:open", when=STRENGTH)],
        {"resource": Resource("vault", "1", tenant="other")},
    ),
]


@pytest.mark.parametrize(("items", "more"), [one[1:] for one in DENIED], ids=[d[0] for d in DENIED])
def test_who_may_not_anyway_is_not_told_how(items: list[Any], more: dict[str, Any]) -> None:
    """A denial stays one: no hint at a stronger proof that would not help."""
    decision = ask(*items, **more)
    assert not decision.allowed
    assert decision.needs is None


def test_a_permit_that_requires() -> None:
    """A permit with a requirement applies to a strong authentication; a weak one is told what is missing."""
    vault = permit("vault:open", when=[STRENGTH, 'principal.id == "alice"'], id="vault")
    decision = ask(vault)
    assert (decision.needs, decision.policy_ids) == (Needs(strength=2), ("vault",))
    assert decision.reason == "vault needs strength = 2"
    assert ask(vault, environment=STRONG).allowed


def test_a_role_that_grants_is_enough_beside_a_permit_that_requires() -> None:
    """One yes is enough, as ever."""
    assert ask(permit("vault:open", when=STRENGTH), roles=("keeper",)).allowed


def test_a_forbid_unless() -> None:
    """A forbid with `unless` denies despite a permit, and the decision names all missing requirements."""
    rules = [
        forbid("vault:*", unless=require(strength=2), id="two"),
        forbid("vault:open", unless=require(fresh=60), id="soon"),
    ]
    decision = ask(*rules, roles=("keeper",))
    assert decision.needs == Needs(max_age=60.0, strength=2)
    assert decision.policy_ids == ("two", "soon")
    assert ask(*rules, roles=("keeper",), environment=STRONG).allowed


def test_of_two_permits_the_first_says_what_to_do() -> None:
    """Either would be enough."""
    rules = [permit("vault:open", when=require(acr="gold")), permit("vault:open", when=STRENGTH)]
    assert ask(*rules).needs == Needs(acr="gold")
    assert ask(*rules, environment=replace(WEAK, strength=2)).allowed


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: forbid("vault:open", when=require(strength=2)),
        lambda: forbid("vault:open", unless="environment.strength >= 2"),  # type: ignore[arg-type]
        lambda: permit("vault:open", when=[require(strength=2), require(fresh=5)]),
    ],
)
def test_what_would_mean_the_opposite_is_refused(wrong: Any) -> None:
    """A forbid for those who have proved most is a mistake, and one policy has one requirement."""
    with pytest.raises(PolicyError):
        wrong()


def test_it_is_never_remembered() -> None:
    """A permission that a requirement speaks on is decided anew each time."""
    policies = PolicySet([permit("vault:open", when=STRENGTH)])
    assert policies.conditional("vault:open")


_requirements = st.builds(
    require,
    fresh=st.none() | st.sampled_from([10, 2000]),
    strength=st.sampled_from([1, 2, 3]),
    acr=st.none() | st.just("gold"),
)
_policies = st.one_of(
    st.builds(lambda r: permit("vault:open", when=r), st.none() | _requirements),
    st.builds(lambda r: permit("vault:*", roles=["keeper"], when=r), st.none() | _requirements),
    st.builds(lambda r: forbid("vault:open", unless=r), _requirements),
    st.builds(
        lambda r: forbid("vault:open", roles=["keeper"], unless=r), st.none() | _requirements
    ),
)
_environments = st.builds(
    lambda age, strength, acr: replace(WEAK, authentication_age=age, strength=strength, acr=acr),
    st.sampled_from([0.0, 100.0, 5000.0]),
    st.integers(1, 3),
    st.sampled_from([None, "gold", "tin"]),
)


@given(
    items=st.lists(_policies, max_size=4),
    environment=_environments,
    roles=st.sampled_from([("member",), ("keeper",), ()]),
    scopes=st.sampled_from([None, frozenset({"vault:*"}), frozenset({"chat:*"})]),
)
def test_a_hint_is_true(items: Any, environment: Environment, roles: Any, scopes: Any) -> None:
    """A hint is sufficient for admission, and without a hint no stronger proof would be."""
    decision = ask(*items, environment=environment, roles=roles, scopes=scopes)
    strongest = ask(*items, environment=STRONG, roles=roles, scopes=scopes)
    if decision.allowed:
        assert decision.needs is None
        return
    assert (decision.needs is not None) is strongest.allowed
    if decision.needs is not None:
        needs = decision.needs
        done = replace(
            environment,
            authentication_age=environment.authentication_age if needs.max_age is None else 0.0,
            strength=environment.strength if needs.strength is None else needs.strength,
            acr=environment.acr if needs.acr is None else needs.acr,
        )
        assert ask(*items, environment=done, roles=roles, scopes=scopes).allowed
