"""Roles, permits and forbids in one set, and the one function that decides.

The order is fixed and the same for the handshake, for each message and for each delivery:

1. A credential restricted to scopes that do not cover the permission: deny.
2. A resource of another tenant: only grants marked `across_tenants` count.
3. A forbid that applies: deny. A forbid overrides every permit and role.
4. A condition that raises, or answers neither True nor False: deny.
5. A role that grants the permission, or a permit that applies: allow.
6. No role or permit allows it: deny.

A requirement (`require`) is evaluated last. Only if everything else allows the request, and the
authentication is too old or too weak, does the refusal name the missing requirements: it is a step-up.
"""

from __future__ import annotations

import re
from collections.abc import Coroutine, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from hashlib import sha256
from types import MappingProxyType
from typing import Literal

from stormdoor.core.condition import Condition, parse_condition
from stormdoor.core.decision import AccessRequest, Decision
from stormdoor.core.needs import Needs
from stormdoor.core.permission import check_pattern, expand, granted
from stormdoor.core.principal import Principal
from stormdoor.core.requirement import Requirement
from stormdoor.errors import PolicyError

__all__ = ["Policy", "PolicySet", "PolicyStep", "Role", "forbid", "permit", "role"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", re.ASCII)
_RESERVED = ("scope", "tenant")  # what a decision says when no policy decided
_MEMO_LIMIT = 4096
_MAX_ERROR = 200


@dataclass(frozen=True, slots=True)
class Role:
    """A named bundle of permissions (RBAC). Make one with `role`."""

    name: str
    grants: tuple[str, ...]
    inherits: tuple[str, ...]
    tenant: str | None
    across_tenants: bool


@dataclass(frozen=True, slots=True)
class Policy:
    """One permit or forbid (ABAC). Make one with `permit` or `forbid`."""

    effect: Literal["permit", "forbid"]
    patterns: tuple[str, ...]
    roles: frozenset[str] | None
    conditions: tuple[Condition, ...]
    id: str
    across_tenants: bool
    requirement: Requirement | None = None
    """A permit applies only if it is met, a forbid only if it is not."""


@dataclass(frozen=True, slots=True)
class PolicyStep:
    """One line of an explanation: a role or a policy, and its result."""

    id: str
    effect: Literal["role", "permit", "forbid", "scope", "tenant"]
    applies: bool
    said: str


def _names(values: Iterable[str], what: str) -> tuple[str, ...]:
    if isinstance(values, str):
        raise PolicyError(f"{what} must be a list; write [{values!r}]")
    names = tuple(values)
    for name in names:
        if not _NAME.fullmatch(name):
            raise PolicyError(f"{name!r} is not a name; use letters, digits, '.', '_' and '-'")
    return names


def role(
    name: str,
    *grants: str,
    inherits: Iterable[str] = (),
    tenant: str | None = None,
    across_tenants: bool = False,
) -> Role:
    """Define a role.

    Args:
        name: Its name, as in the roles of principals.
        grants: Permission patterns: `chat:say`, `chat:*`, `*`.
        inherits: Names of roles; it includes their grants.
        tenant: Applies only to principals of this tenant.
        across_tenants: Its grants also reach resources of other tenants.

    Raises:
        PolicyError: A name or pattern is not well formed.
    """
    _names([name], "name")
    patterns = tuple(check_pattern(grant) for grant in grants)
    return Role(name, patterns, _names(inherits, "inherits"), tenant, across_tenants)


def _conditions(
    when: Condition | str | Iterable[Condition | str] | None,
) -> tuple[tuple[Condition, ...], Requirement | None]:
    """Return the conditions of a policy, and its requirement."""
    if when is None:
        return (), None
    several = [when] if isinstance(when, str) or callable(when) else list(when)
    if not several:
        # A list that is empty by mistake must not turn a condition into "always".
        raise PolicyError("when=[] holds always; leave `when` out to say that")
    requirements = [one for one in several if isinstance(one, Requirement)]
    if len(requirements) > 1:
        raise PolicyError("when= holds two require(); write one with both")
    plain = [one for one in several if not isinstance(one, Requirement)]
    conditions = tuple(parse_condition(one) if isinstance(one, str) else one for one in plain)
    return conditions, requirements[0] if requirements else None


def _policy(
    effect: Literal["permit", "forbid"],
    patterns: tuple[str, ...],
    *,
    roles: Iterable[str] | None,
    when: Condition | str | Iterable[Condition | str] | None,
    id: str | None,
    across_tenants: bool,
    unless: Requirement | None = None,
) -> Policy:
    if not patterns:
        raise PolicyError(f'{effect}() needs a permission; write {effect}("chat:say", ...)')
    checked = tuple(check_pattern(pattern) for pattern in patterns)
    names = None if roles is None else frozenset(_names(roles, "roles"))
    if names is not None and not names:
        raise PolicyError(f"{effect}(roles=[]) can never apply; leave roles out or name one")
    if id is not None:
        _names([id], "id")
        if id in _RESERVED:
            raise PolicyError(
                f"the id {id!r} has a meaning of its own in decisions; choose another"
            )
    conditions, required = _conditions(when)
    if effect == "forbid" and required is not None:
        raise PolicyError(
            "forbid(when=require(...)) would refuse the strongest authentications; write "
            "forbid(..., unless=require(...))"
        )
    if unless is not None and not isinstance(unless, Requirement):
        raise PolicyError("unless= takes require(...); for anything else write when=")
    return Policy(effect, checked, names, conditions, id or "", across_tenants, required or unless)


def permit(
    *permissions: str,
    roles: Iterable[str] | None = None,
    when: Condition | str | Iterable[Condition | str] | None = None,
    id: str | None = None,
    across_tenants: bool = False,
) -> Policy:
    """Allow `permissions` where all conditions hold.

    Args:
        permissions: Permission patterns.
        roles: Applies to principals that hold one of these roles; None applies to all.
        when: A function of an `AccessRequest`, a line of text (see `stormdoor.core.condition`),
            `require(...)`, or a list of these: all must hold.
        id: Named in decisions and in the trail; made from the position if left out.
        across_tenants: Also reaches resources of other tenants.

    Raises:
        PolicyError: An argument is malformed.
    """
    return _policy(
        "permit", permissions, roles=roles, when=when, id=id, across_tenants=across_tenants
    )


def forbid(
    *permissions: str,
    roles: Iterable[str] | None = None,
    when: Condition | str | Iterable[Condition | str] | None = None,
    unless: Requirement | None = None,
    id: str | None = None,
) -> Policy:
    """Refuse `permissions` where all conditions hold, even if a permit allows them.

    Takes the arguments of `permit`. If a condition of a forbid raises, it denies.

    Args:
        permissions: See `permit`.
        roles: See `permit`.
        when: See `permit`, but no `require(...)`.
        unless: `require(...)`: it refuses only an authentication that is too old or too weak, and the
            answer names the missing requirements.
        id: See `permit`.

    Raises:
        PolicyError: An argument is malformed.
    """
    return _policy(
        "forbid", permissions, roles=roles, when=when, id=id, across_tenants=True, unless=unless
    )


@dataclass(frozen=True, slots=True)
class _RoleGrants:
    """Permission patterns that a set of roles grants in a tenant, and those that it grants across tenants."""

    names: frozenset[str]
    patterns: Mapping[str, str]  # pattern -> role that grants it
    across: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _RelevantPolicies:
    """The policies that may apply to one permission."""

    forbids: tuple[Policy, ...]
    permits: tuple[Policy, ...]
    conditional: bool


def _described(value: object) -> str:
    """Return the content of a role or a policy as text, in the same order in each process."""
    if isinstance(value, Role | Policy | Requirement):
        inner = [f"{one.name}={_described(getattr(value, one.name))}" for one in fields(value)]
        return f"{type(value).__name__}({', '.join(inner)})"
    if isinstance(value, frozenset):
        return repr(sorted(value))
    if isinstance(value, tuple):
        return f"({', '.join(map(_described, value))})"
    if callable(value):
        return str(
            getattr(value, "text", "") or getattr(value, "__qualname__", type(value).__name__)
        )
    return repr(value)


class PolicySet:
    """All roles and policies of an application: immutable, shared, thread-safe to read.

    Args:
        items: Results of `role`, `permit` and `forbid`.

    Raises:
        PolicyError: Two roles or policies share a name, a parent is unknown, or roles inherit in a
            circle.
    """

    def __init__(self, items: Iterable[Role | Policy] = ()) -> None:
        roles: dict[str, Role] = {}
        policies: list[Policy] = []
        for item in items:
            if isinstance(item, Role):
                if item.name in roles:
                    raise PolicyError(f"the role {item.name!r} is defined twice")
                roles[item.name] = item
            else:
                policies.append(item)
        self.roles: Mapping[str, Role] = MappingProxyType(roles)
        self.policies: tuple[Policy, ...] = tuple(
            policy if policy.id else replace(policy, id=f"{policy.effect}-{position}")
            for position, policy in enumerate(policies, 1)
        )
        ids: set[str] = set()
        for policy in self.policies:
            if policy.id in ids:
                raise PolicyError(f"the policy id {policy.id!r} is used twice")
            ids.add(policy.id)
        self._check_references()
        self._relevant: dict[str, _RelevantPolicies] = {}
        self._role_grants_memo: dict[tuple[frozenset[str], str | None], _RoleGrants] = {}
        self._memos: dict[tuple[frozenset[str], str | None, frozenset[str] | None], set[str]] = {}

    @cached_property
    def digest(self) -> str:
        """16 hexadecimal digits: nodes with the same policies show the same ones.

        A condition that is a function counts by its name only.
        """
        parts = [_described(one) for one in (*self.roles.values(), *self.policies)]
        return sha256("\n".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:16]

    def restricts(self, role: str) -> bool:
        """Return whether a forbid names a role, or one that it inherits: then the role lowers rights."""
        inherited, waiting = {role}, [role]
        while waiting:
            found = self.roles.get(waiting.pop())
            if found is not None:
                waiting += set(found.inherits) - inherited
                inherited |= set(found.inherits)
        return any(
            policy.effect != "permit" and not inherited.isdisjoint(policy.roles or ())
            for policy in self.policies
        )

    def _check_references(self) -> None:
        for one in self.roles.values():
            for parent in one.inherits:
                if parent not in self.roles:
                    raise PolicyError(
                        f"the role {one.name!r} inherits {parent!r}, which is not defined"
                    )
        try:
            TopologicalSorter({one.name: one.inherits for one in self.roles.values()}).prepare()
        except CycleError as error:
            circle = " -> ".join(reversed(error.args[1]))
            raise PolicyError(f"roles inherit in a circle: {circle}") from None
        for policy in self.policies:
            for name in policy.roles or ():
                if name not in self.roles:
                    raise PolicyError(
                        f"the policy {policy.id!r} names the role {name!r}, which is not defined"
                    )

    def _assigned_roles(self, principal: Principal) -> list[Role]:
        """Return the effective roles of `principal`, by name.

        A role that is bound to another tenant has no effect here, nor have the roles that it inherits.
        """
        if type(principal.roles) is not frozenset:
            # As a sequence of letters, the text "admin" would hold the roles "a", "d" and so on.
            raise TypeError(f"roles must be a frozenset, not {type(principal.roles).__name__}")
        assigned: dict[str, Role] = {}
        waiting = list(principal.roles)
        while waiting:
            found = self.roles.get(waiting.pop())
            if (
                found is not None
                and found.name not in assigned
                and found.tenant in (None, principal.tenant)
            ):
                assigned[found.name] = found
                waiting += found.inherits
        return [assigned[name] for name in sorted(assigned)]

    def _role_grants(self, principal: Principal) -> _RoleGrants:
        key = (principal.roles, principal.tenant)
        role_grants = self._role_grants_memo.get(key)
        if role_grants is not None:
            return role_grants
        assigned = self._assigned_roles(principal)
        role_grants = _RoleGrants(
            names=frozenset(one.name for one in assigned),
            patterns={pattern: one.name for one in assigned for pattern in one.grants},
            across={p: one.name for one in assigned if one.across_tenants for p in one.grants},
        )
        if len(self._role_grants_memo) >= _MEMO_LIMIT:
            self._role_grants_memo.clear()
        self._role_grants_memo[key] = role_grants
        return role_grants

    def _for(self, permission: str) -> _RelevantPolicies:
        relevant = self._relevant.get(permission)
        if relevant is None:
            matching = [p for p in self.policies if granted(permission, p.patterns)]
            relevant = _RelevantPolicies(
                # A policy that is not a permit forbids, regardless of how it was made.
                forbids=tuple(p for p in matching if p.effect != "permit"),
                permits=tuple(p for p in matching if p.effect == "permit"),
                conditional=any(p.conditions or p.requirement for p in matching),
            )
            if len(self._relevant) >= _MEMO_LIMIT:
                self._relevant.clear()
            self._relevant[permission] = relevant
        return relevant

    def conditional(self, permission: str) -> bool:
        """Return whether the decision on `permission` depends on more than roles, tenants and scopes."""
        return self._for(permission).conditional

    def memo(self, principal: Principal, scopes: frozenset[str] | None) -> set[str]:
        """Return the set in which callers cache permissions that hold for these roles and every message.

        INVARIANT: callers only add permissions that are not `conditional` and were allowed for a resource
        without a tenant, and only look up such resources: a resource with a tenant goes to `decide`. All
        principals with the same roles, tenant and scopes share one set, so it costs a connection no memory.
        """
        key = (principal.roles, principal.tenant, scopes)
        memo = self._memos.get(key)
        if memo is None:
            if len(self._memos) >= _MEMO_LIMIT:
                self._memos.clear()
            memo = self._memos[key] = set()
        return memo

    def decide(self, request: AccessRequest, scopes: frozenset[str] | None = None) -> Decision:
        """Decide one request, in the order of the docstring of this module.

        Args:
            request: The request.
            scopes: Permission patterns that the credential is restricted to, or None.
        """
        permission = request.permission
        if scopes is not None and not granted(permission, scopes):
            return Decision(False, f"the credential's scopes do not cover {permission}", ("scope",))
        role_grants = self._role_grants(request.principal)
        other_tenant = _is_other_tenant(request)
        relevant = self._for(permission)
        failed: dict[str, str] = {}
        barring: dict[str, Needs] = {}
        for policy in relevant.forbids:
            if _applies(policy, request, role_grants, failed):
                if policy.requirement is None:
                    errors = tuple(failed.values())
                    return Decision(False, f"forbidden by {policy.id}", (policy.id,), errors)
                _note_lacking(policy, request, barring)
        allowing: list[str] = []
        wanting: dict[str, Needs] = {}
        for policy in relevant.permits:
            speaks = policy.across_tenants or not other_tenant
            if not (speaks and _applies(policy, request, role_grants, failed)):
                continue
            if not _note_lacking(policy, request, wanting):
                allowing.append(policy.id)
        if failed:
            errors = tuple(failed.values())
            return Decision(
                False, "a condition failed: " + "; ".join(errors), tuple(failed), errors
            )
        grants = role_grants.across if other_tenant else role_grants.patterns
        allowing += [f"role:{grants[p]}" for p in expand(permission) if p in grants]
        if allowing and not barring:
            return Decision(True, f"{permission} allowed by {allowing[0]}", tuple(allowing))
        if allowing or wanting:
            return _step_up(barring, {} if allowing else wanting)
        if other_tenant:
            return Decision(False, "the resource belongs to another tenant", ("tenant",))
        return Decision(False, f"nothing grants {permission} to {request.principal.id}")

    def explain(
        self, request: AccessRequest, scopes: frozenset[str] | None = None
    ) -> list[PolicyStep]:
        """Return every role and policy that may apply to `request`, with its result."""
        permission, other_tenant = request.permission, _is_other_tenant(request)
        role_grants = self._role_grants(request.principal)
        steps: list[PolicyStep] = []
        if scopes is not None:
            covered = granted(permission, scopes)
            said = "covers it" if covered else "does not cover it"
            steps.append(PolicyStep("scopes", "scope", covered, said))
        if other_tenant:
            steps.append(
                PolicyStep("tenant", "tenant", True, "the resource belongs to another tenant")
            )
        for policy in (*self._for(permission).forbids, *self._for(permission).permits):
            if other_tenant and policy.effect == "permit" and not policy.across_tenants:
                said = "does not reach other tenants"
                steps.append(PolicyStep(policy.id, policy.effect, False, said))
                continue
            failed: dict[str, str] = {}
            applies = _applies(policy, request, role_grants, failed)
            said = failed.get(policy.id) or ("applies" if applies else "does not apply")
            if applies and policy.requirement is not None:
                lacking = policy.requirement.lacking(request.environment)
                applies = (lacking is None) is (policy.effect == "permit")
                said = f"needs {lacking}" if lacking else "its requirement is met"
            steps.append(PolicyStep(policy.id, policy.effect, applies or bool(failed), said))
        grants = role_grants.across if other_tenant else role_grants.patterns
        steps += [
            PolicyStep(f"role:{grants[pattern]}", "role", True, f"grants {pattern}")
            for pattern in expand(permission)
            if pattern in grants
        ]
        steps += [
            PolicyStep(f"role:{name}", "role", False, "is not defined and grants nothing")
            for name in sorted(request.principal.roles - self.roles.keys())
        ]
        return steps


def _note_lacking(policy: Policy, request: AccessRequest, noted: dict[str, Needs]) -> bool:
    """Note the unmet requirements of `policy` under its id. Returns whether there are any."""
    required = policy.requirement
    lacking = None if required is None else required.lacking(request.environment)
    if lacking is None:
        return False
    noted[policy.id] = lacking
    return True


def _step_up(barring: dict[str, Needs], wanting: dict[str, Needs]) -> Decision:
    """Return the missing requirements of an authentication, when everything else allows the request.

    If several permits lack something, meeting one of them is enough: the first one's requirements are named.
    """
    asking = {**barring, **dict(list(wanting.items())[:1])}
    needs: Needs | None = None
    for one in asking.values():
        needs = one if needs is None else needs.combined_with(one)
    return Decision(False, f"{', '.join(asking)} needs {needs}", tuple(asking), needs=needs)


def _is_other_tenant(request: AccessRequest) -> bool:
    resource = request.resource
    return (
        resource is not None
        and resource.tenant is not None
        and resource.tenant != request.principal.tenant
    )


def _applies(
    policy: Policy, request: AccessRequest, role_grants: _RoleGrants, failed: dict[str, str]
) -> bool:
    """Return whether `policy` applies to `request`. A failure is noted in `failed`, which denies."""
    if policy.roles is not None and policy.roles.isdisjoint(role_grants.names):
        return False
    for condition in policy.conditions:
        try:
            holds: object = condition(request)
        except Exception as error:  # noqa: BLE001 - a user's function that raises denies
            failed[policy.id] = f"{policy.id}: {type(error).__name__}: {_text(error)}"
            return False
        if holds is False:
            return False
        if holds is not True:
            # An `async def` returns a coroutine, and that is always true: never use its truth value.
            if isinstance(holds, Coroutine):
                holds.close()
            returned = type(holds).__name__
            failed[policy.id] = f"{policy.id}: the condition returned {returned}, not True or False"
            return False
    return True


def _text(error: Exception) -> str:
    """Return the text of `error`, shortened: it may quote a client's message, and the trail keeps it."""
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - a user's `__str__` may raise, and must not hide the refusal
        return "(its text cannot be read)"
    return text if len(text) <= _MAX_ERROR else text[:_MAX_ERROR] + "..."
