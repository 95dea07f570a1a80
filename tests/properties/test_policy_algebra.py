"""Laws for every policy set and every request: for example, a further forbid allows no more."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from stormdoor.core.decision import AccessRequest, Resource
from stormdoor.core.permission import check_pattern, expand, granted
from stormdoor.core.policy import Policy, PolicySet, Role
from stormdoor.core.principal import Principal
from tests.properties.strategies import (
    PERMISSIONS,
    ROLES,
    forbids,
    items,
    patterns,
    permits,
    requests,
    scopes,
)

Items = list[Role | Policy]
Scopes = frozenset[str] | None


def untenanted(request: AccessRequest) -> AccessRequest:
    """The same question about a resource of no tenant."""
    resource = replace(request.resource, tenant=None) if request.resource else None
    return replace(request, resource=resource)


def _covers(pattern: str, permission: str) -> bool:
    if pattern in ("*", permission):
        return True
    return pattern.endswith(":*") and permission.startswith(pattern[:-1])


def _holds(policy: Policy, request: AccessRequest) -> bool | None:
    """Return whether all conditions hold in sequence; None if one failed."""
    for condition in policy.conditions:
        try:
            answer: Any = condition(request)
        except Exception:  # noqa: BLE001 - any exception denies
            return None
        if hasattr(answer, "cr_frame"):
            answer.close()
        if answer is False:
            return False
        if answer is not True:
            return None
    return True


def oracle(everything: Iterable[Role | Policy], request: AccessRequest, scopes: Scopes) -> bool:
    """The rules of the module's text, written down again without any of its cleverness."""
    roles = {one.name: one for one in everything if isinstance(one, Role)}
    policies = [one for one in everything if isinstance(one, Policy)]
    permission, principal, resource = request.permission, request.principal, request.resource
    if scopes is not None and not any(_covers(scope, permission) for scope in scopes):
        return False
    held: set[str] = set()
    grew = True
    while grew:
        names = principal.roles | {parent for name in held for parent in roles[name].inherits}
        now = {
            name
            for name in names
            if name in roles and roles[name].tenant in (None, principal.tenant)
        }
        grew, held = now != held, now
    foreign = resource is not None and resource.tenant not in (None, principal.tenant)
    allowed = any(
        _covers(grant, permission) and (roles[name].across_tenants or not foreign)
        for name in held
        for grant in roles[name].grants
    )
    for policy in policies:
        if not any(_covers(pattern, permission) for pattern in policy.patterns):
            continue
        if policy.roles is not None and not policy.roles & held:
            continue
        if policy.effect == "permit" and foreign and not policy.across_tenants:
            continue
        holds = _holds(policy, request)
        if holds is None or (holds and policy.effect == "forbid"):
            return False
        allowed = allowed or holds
    return allowed


@given(items(), requests, scopes)
def test_decide_agrees_with_the_rules(everything: Items, request: AccessRequest, s: Scopes) -> None:
    """The verdict is what the six rules say, worked out in the slow and plain way."""
    assert PolicySet(everything).decide(request, s).allowed is oracle(everything, request, s)


@given(items(), requests, scopes, forbids())
def test_a_forbid_more_never_allows_more(
    everything: Items, request: AccessRequest, s: Scopes, more: Policy
) -> None:
    """A further forbid, also one with a failing condition, never allows a refused request."""
    if PolicySet([*everything, more]).decide(request, s):
        assert PolicySet(everything).decide(request, s)


@given(items(failing=False), requests, scopes, permits(failing=False))
def test_a_permit_less_never_allows_more(
    everything: Items, request: AccessRequest, s: Scopes, more: Policy
) -> None:
    """A permit with a condition that does not fail never removes a permission."""
    if PolicySet(everything).decide(request, s):
        assert PolicySet([*everything, more]).decide(request, s)


@given(items(failing=False, forbid_by_role=False), requests, scopes, st.sampled_from(ROLES))
def test_a_role_less_never_allows_more(
    everything: Items, request: AccessRequest, s: Scopes, name: str
) -> None:
    """A principal that loses a role gains no permission.

    Two things are left out, for there it is meant to be otherwise: a forbid for that role
    (`muted`), and a failing condition that concerns that role only.
    """
    policies = PolicySet(everything)
    principal = request.principal
    poorer = replace(request, principal=replace(principal, roles=principal.roles - {name}))
    if policies.decide(poorer, s):
        assert policies.decide(request, s)


@given(items(), requests, scopes, st.frozensets(patterns, max_size=3), st.data())
def test_narrower_scopes_never_allow_more(
    everything: Items, request: AccessRequest, s: Scopes, wider: frozenset[str], data: st.DataObject
) -> None:
    """Scopes taken away, or put where none were, allow nothing that was refused."""
    policies = PolicySet(everything)
    narrower = frozenset(data.draw(st.sets(st.sampled_from(sorted(wider)))) if wider else ())
    if policies.decide(request, narrower):
        assert policies.decide(request, wider)
        assert policies.decide(request, None)
    if policies.decide(request, s):
        assert policies.decide(request, None)


@given(items(), requests, scopes, st.data())
def test_order_does_not_matter(
    everything: Items, request: AccessRequest, s: Scopes, data: st.DataObject
) -> None:
    """The order of roles, permits and forbids does not change the verdict."""
    shuffled = data.draw(st.permutations(everything))
    first = PolicySet(everything).decide(request, s)
    assert PolicySet(shuffled).decide(request, s).allowed is first.allowed


@given(items(), st.lists(requests, max_size=5), requests, scopes)
def test_decide_is_deterministic(
    everything: Items, before: list[AccessRequest], request: AccessRequest, s: Scopes
) -> None:
    """A decision does not depend on earlier decisions."""
    policies = PolicySet(everything)
    for asked in before:
        policies.decide(asked, s)
    decision = policies.decide(request, s)
    assert decision == policies.decide(request, s) == PolicySet(everything).decide(request, s)


@given(items(), requests, requests, scopes)
def test_what_a_memo_holds_stays_true(
    everything: Items, request: AccessRequest, later: AccessRequest, s: Scopes
) -> None:
    """An allowed unconditional permission is allowed to all equal principals in all circumstances."""
    policies = PolicySet(everything)
    if policies.conditional(request.permission) or not policies.decide(untenanted(request), s):
        return
    alike = Principal("somebody", request.principal.roles, request.principal.tenant)
    asked = replace(untenanted(later), principal=alike, permission=request.permission)
    assert policies.decide(asked, s)
    assert policies.memo(alike, s) is policies.memo(request.principal, s)


@given(items(), requests, scopes)
def test_a_foreign_resource_needs_a_grant_across(
    everything: Items, request: AccessRequest, s: Scopes
) -> None:
    """Without `across_tenants` anywhere nothing reaches another tenant."""
    inside = [
        one
        if isinstance(one, Policy) and one.effect == "forbid"
        else replace(one, across_tenants=False)
        for one in everything
    ]
    tenant = "umbrella" if request.principal.tenant == "acme" else "acme"
    foreign = replace(request, resource=Resource("room", "lobby", tenant))
    assert not PolicySet(inside).decide(foreign, s)


@given(items(), requests, scopes)
def test_an_allow_names_who_allowed(everything: Items, request: AccessRequest, s: Scopes) -> None:
    """An allow rests on policies or roles that exist, and on no error."""
    policies = PolicySet(everything)
    decision = policies.decide(request, s)
    known = {one.id for one in policies.policies} | {f"role:{name}" for name in ROLES}
    if decision.allowed:
        assert decision.policy_ids
        assert set(decision.policy_ids) <= known
        assert not decision.errors


@given(items(), requests, scopes)
def test_an_explanation_fits_the_decision(
    everything: Items, request: AccessRequest, s: Scopes
) -> None:
    """Every policy and role that an allow names is explained as applying."""
    policies = PolicySet(everything)
    decision = policies.decide(request, s)
    applying = {step.id for step in policies.explain(request, s) if step.applies}
    if decision.allowed:
        assert set(decision.policy_ids) <= applying


@given(st.sampled_from(PERMISSIONS), st.sets(patterns))
def test_granted_agrees_with_covering(permission: str, some: set[str]) -> None:
    """A permission is granted exactly if one of the patterns covers it, read literally."""
    assert granted(permission, some) is any(_covers(pattern, permission) for pattern in some)


@given(st.from_regex(r"[a-z0-9][a-z0-9_.-]{0,5}(:[a-z0-9][a-z0-9_.-]{0,5}){0,4}", fullmatch=True))
def test_an_expansion_consists_of_patterns(permission: str) -> None:
    """Everything that an expansion lists is a pattern, and covers the permission."""
    assert all(_covers(check_pattern(one), permission) for one in expand(permission))
