"""Roles, permits and forbids in one set, and the one function that decides.

The order is fixed and the same for the handshake, for each message and for each delivery:

1. A credential restricted to scopes that do not cover the permission: deny.
2. A resource of another tenant: only grants marked `across_tenants` count.
3. A forbid that applies: deny. A forbid overrides every permit and role.
4. A condition that raises, or answers neither True nor False: deny.
5. A role that grants the permission, or a permit that applies: allow.
6. Nothing said yes: deny.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from stormdoor.core.condition import Condition, parse_condition
from stormdoor.core.decision import AccessRequest, Decision
from stormdoor.core.permission import check_pattern, expand, granted
from stormdoor.core.principal import Principal
from stormdoor.errors import PolicyError

__all__ = ["Policy", "PolicySet", "Role", "Step", "forbid", "permit", "role"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", re.ASCII)
_MEMO_LIMIT = 4096


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


@dataclass(frozen=True, slots=True)
class Step:
    """One line of an explanation: a role or a policy, and what it said."""

    id: str
    effect: Literal["role", "permit", "forbid", "scope", "tenant"]
    applies: bool
    said: str


def _names(values: Iterable[str], what: str) -> tuple[str, ...]:
    if isinstance(values, str):
        raise PolicyError(f"{what} must be a list; write [{values!r}]")
    for value in values:
        if not _NAME.fullmatch(value):
            raise PolicyError(f"{value!r} is not a name; use letters, digits, '.', '_' and '-'")
    return tuple(values)


def role(
    name: str,
    *grants: str,
    inherits: Iterable[str] = (),
    tenant: str | None = None,
    across_tenants: bool = False,
) -> Role:
    """Define a role.

    Args:
        name: Its name, as principals carry it.
        grants: Permission patterns: `chat:say`, `chat:*`, `*`.
        inherits: Names of roles whose grants it has too.
        tenant: Counts only for principals of this tenant.
        across_tenants: Its grants also reach resources of other tenants.

    Raises:
        PolicyError: A name or pattern is not well formed.
    """
    _names([name], "name")
    patterns = tuple(check_pattern(grant) for grant in grants)
    return Role(name, patterns, _names(inherits, "inherits"), tenant, across_tenants)


def _conditions(when: Condition | str | Iterable[Condition | str] | None) -> tuple[Condition, ...]:
    if when is None:
        return ()
    several = [when] if isinstance(when, str) or callable(when) else list(when)
    return tuple(parse_condition(one) if isinstance(one, str) else one for one in several)


def _policy(
    effect: Literal["permit", "forbid"],
    patterns: tuple[str, ...],
    roles: Iterable[str] | None,
    when: Condition | str | Iterable[Condition | str] | None,
    id: str | None,
    across_tenants: bool,
) -> Policy:
    if not patterns:
        raise PolicyError(f'{effect}() needs a permission; write {effect}("chat:say", ...)')
    checked = tuple(check_pattern(pattern) for pattern in patterns)
    names = None if roles is None else frozenset(_names(roles, "roles"))
    if names is not None and not names:
        raise PolicyError(f"{effect}(roles=[]) can never apply; leave roles out or name one")
    return Policy(effect, checked, names, _conditions(when), id or "", across_tenants)


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
        roles: Applies to principals that hold one of these roles; None applies to everybody.
        when: A function of an `AccessRequest`, a line of text (see `stormdoor.core.condition`), or a
            list of either: all must hold.
        id: Named in decisions and in the trail; made from the position if left out.
        across_tenants: Also reaches resources of other tenants.

    Raises:
        PolicyError: Something is not well formed.
    """
    return _policy("permit", permissions, roles, when, id, across_tenants)


def forbid(
    *permissions: str,
    roles: Iterable[str] | None = None,
    when: Condition | str | Iterable[Condition | str] | None = None,
    id: str | None = None,
) -> Policy:
    """Refuse `permissions` where all conditions hold, whatever else permits them.

    Takes what `permit` takes. A forbid whose condition raises denies.
    """
    return _policy("forbid", permissions, roles, when, id, True)


@dataclass(frozen=True, slots=True)
class _Standing:
    """What a set of roles amounts to in a tenant: patterns, and which of them reach other tenants."""

    names: frozenset[str]
    patterns: Mapping[str, str]  # pattern -> role that grants it
    across: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Relevant:
    """The policies that can speak on one permission."""

    forbids: tuple[Policy, ...]
    permits: tuple[Policy, ...]
    conditional: bool


class PolicySet:
    """All roles and policies of an application: immutable, shared, thread-safe to read.

    Args:
        items: What `role`, `permit` and `forbid` return.

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
        named = [policy.id for policy in policies if policy.id]
        for id in named:
            if named.count(id) > 1:
                raise PolicyError(f"the policy id {id!r} is used twice")
        self.roles: Mapping[str, Role] = MappingProxyType(roles)
        self.policies: tuple[Policy, ...] = tuple(
            policy if policy.id else _with_id(policy, f"{policy.effect}-{position}")
            for position, policy in enumerate(policies, 1)
        )
        self._check_references()
        self._relevant: dict[str, _Relevant] = {}
        self._standings: dict[tuple[frozenset[str], str | None], _Standing] = {}
        self._memos: dict[tuple[frozenset[str], str | None, frozenset[str] | None], set[str]] = {}

    def _check_references(self) -> None:
        for one in self.roles.values():
            for parent in one.inherits:
                if parent not in self.roles:
                    raise PolicyError(f"the role {one.name!r} inherits {parent!r}, which is not defined")
            self._lineage(one.name, ())
        for policy in self.policies:
            for name in policy.roles or ():
                if name not in self.roles:
                    raise PolicyError(f"the policy {policy.id!r} names the role {name!r}, which is not defined")

    def _lineage(self, name: str, path: tuple[str, ...]) -> frozenset[str]:
        if name in path:
            raise PolicyError("roles inherit in a circle: " + " -> ".join([*path, name]))
        found = {name}
        for parent in self.roles[name].inherits:
            found |= self._lineage(parent, (*path, name))
        return frozenset(found)

    def _standing(self, principal: Principal) -> _Standing:
        key = (principal.roles, principal.tenant)
        standing = self._standings.get(key)
        if standing is not None:
            return standing
        names: set[str] = set()
        # A role bound to another tenant counts for nothing here, nor do the roles that it inherits.
        for name in principal.roles:
            if name in self.roles and self.roles[name].tenant in (None, principal.tenant):
                names |= self._lineage(name, ())
        held = [
            self.roles[name]
            for name in sorted(names)
            if self.roles[name].tenant in (None, principal.tenant)
        ]
        standing = _Standing(
            names=frozenset(one.name for one in held),
            patterns={pattern: one.name for one in held for pattern in one.grants},
            across={p: one.name for one in held if one.across_tenants for p in one.grants},
        )
        if len(self._standings) >= _MEMO_LIMIT:
            self._standings.clear()
        self._standings[key] = standing
        return standing

    def _for(self, permission: str) -> _Relevant:
        relevant = self._relevant.get(permission)
        if relevant is None:
            matching = [p for p in self.policies if granted(permission, p.patterns)]
            relevant = _Relevant(
                forbids=tuple(p for p in matching if p.effect == "forbid"),
                permits=tuple(p for p in matching if p.effect == "permit"),
                conditional=any(p.conditions for p in matching),
            )
            if len(self._relevant) >= _MEMO_LIMIT:
                self._relevant.clear()
            self._relevant[permission] = relevant
        return relevant

    def conditional(self, permission: str) -> bool:
        """Whether the decision on `permission` can change from one message to the next."""
        return self._for(permission).conditional

    def memo(self, principal: Principal, scopes: frozenset[str] | None) -> set[str]:
        """The set in which callers note permissions that this standing has, whatever the message.

        INVARIANT: only permissions that are not `conditional` and were allowed are ever added. All
        principals with the same roles, tenant and scopes share one set: it costs a connection nothing.
        """
        key = (principal.roles, principal.tenant, scopes)
        memo = self._memos.get(key)
        if memo is None:
            if len(self._memos) >= _MEMO_LIMIT:
                self._memos.clear()
            memo = self._memos[key] = set()
        return memo

    def decide(self, request: AccessRequest, scopes: frozenset[str] | None = None) -> Decision:
        """Decide one request, in the order that this module's text gives.

        Args:
            request: The question.
            scopes: Permission patterns that the credential is restricted to, or None.
        """
        permission = request.permission
        if scopes is not None and not granted(permission, scopes):
            return Decision(False, f"the credential's scopes do not cover {permission}", ("scope",))
        standing = self._standing(request.principal)
        foreign = _foreign(request)
        relevant = self._for(permission)
        errors: list[str] = []
        for policy in relevant.forbids:
            if _applies(policy, request, standing, errors):
                return Decision(False, f"forbidden by {policy.id}", (policy.id,), tuple(errors))
        allowing = [
            policy.id
            for policy in relevant.permits
            if (policy.across_tenants or not foreign) and _applies(policy, request, standing, errors)
        ]
        if errors:
            failed = tuple(error.partition(":")[0] for error in errors)
            return Decision(False, "a condition failed: " + "; ".join(errors), failed, tuple(errors))
        grants = standing.across if foreign else standing.patterns
        allowing += [f"role:{grants[p]}" for p in expand(permission) if p in grants]
        if allowing:
            return Decision(True, f"{permission} allowed by {allowing[0]}", tuple(allowing))
        if foreign:
            return Decision(False, "the resource belongs to another tenant", ("tenant",))
        return Decision(False, f"nothing grants {permission} to {request.principal.id}")

    def explain(self, request: AccessRequest, scopes: frozenset[str] | None = None) -> list[Step]:
        """Every role and policy that could speak on `request`, and what each said."""
        permission, standing, foreign = request.permission, self._standing(request.principal), _foreign(request)
        steps: list[Step] = []
        if scopes is not None:
            covered = granted(permission, scopes)
            steps.append(Step("scopes", "scope", covered, "covers it" if covered else "does not cover it"))
        if foreign:
            steps.append(Step("tenant", "tenant", True, "the resource belongs to another tenant"))
        for policy in (*self._for(permission).forbids, *self._for(permission).permits):
            errors: list[str] = []
            applies = _applies(policy, request, standing, errors)
            said = "; ".join(errors) or ("applies" if applies else "does not apply")
            steps.append(Step(policy.id, policy.effect, applies or bool(errors), said))
        grants = standing.across if foreign else standing.patterns
        for pattern in expand(permission):
            if pattern in grants:
                steps.append(Step(f"role:{grants[pattern]}", "role", True, f"grants {pattern}"))
        for name in sorted(request.principal.roles - self.roles.keys()):
            steps.append(Step(f"role:{name}", "role", False, "is not defined and grants nothing"))
        return steps


def _with_id(policy: Policy, id: str) -> Policy:
    return Policy(
        policy.effect, policy.patterns, policy.roles, policy.conditions, id, policy.across_tenants
    )


def _foreign(request: AccessRequest) -> bool:
    resource = request.resource
    return (
        resource is not None
        and resource.tenant is not None
        and resource.tenant != request.principal.tenant
    )


def _applies(policy: Policy, request: AccessRequest, standing: _Standing, errors: list[str]) -> bool:
    """Whether `policy` speaks on `request`. A failure is noted in `errors`, which denies."""
    if policy.roles is not None and policy.roles.isdisjoint(standing.names):
        return False
    for condition in policy.conditions:
        try:
            holds: object = condition(request)
        except Exception as error:  # whatever a user's function raises
            errors.append(f"{policy.id}: {type(error).__name__}: {error}")
            return False
        if holds is False:
            return False
        if holds is not True:
            # An `async def` returns a coroutine, which is true in a boolean sense: never trust that.
            close = getattr(holds, "close", None)
            if callable(close):
                close()
            errors.append(f"{policy.id}: the condition returned {type(holds).__name__}, not True or False")
            return False
    return True
