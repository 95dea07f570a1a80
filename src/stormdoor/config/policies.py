"""The roles and policies of a configuration file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from stormdoor.config.document import Document
from stormdoor.config.shape import ForbidTable, PermitTable, RequireTable
from stormdoor.core.condition import Condition, parse_condition
from stormdoor.core.permission import check_pattern
from stormdoor.core.policy import Policy, PolicySet, Role, forbid, permit, role
from stormdoor.core.requirement import Requirement, require
from stormdoor.errors import PolicyError
from stormdoor.settings.place import Place
from stormdoor.settings.section import close_match

__all__ = ["build_policies"]


def build_policies(document: Document) -> PolicySet:
    """Return the roles and policies of a file. Mistakes are noted in the document.

    A policy without an id gets one from its position: `permit-1`, `forbid-1`.
    """
    before = len(document.problems)
    table = document.parsed.policies
    defined = [one.name for one in table.role]
    items: list[Role | Policy | None] = []
    for position, one in enumerate(table.role):
        place: Place = ("policies", "role", position)
        if one.name in defined[:position]:
            document.wrong((*place, "name"), f"the role {one.name!r} is defined twice")
        _each(document, (*place, "grants"), one.grants, check_pattern)
        _roles(document, (*place, "inherits"), one.inherits, defined)
        items.append(
            document.section(*place).make(
                role,
                one.name,
                *one.grants,
                inherits=one.inherits,
                tenant=one.tenant,
                across_tenants=one.across_tenants,
            )
        )
    for position, allowed in enumerate(table.permit):
        place = ("policies", "permit", position)
        _check(document, place, allowed, defined)
        items.append(document.section(*place).make(_permit, allowed, f"permit-{position + 1}"))
    for position, refused in enumerate(table.forbid):
        place = ("policies", "forbid", position)
        _check(document, place, refused, defined)
        items.append(document.section(*place).make(_forbid, refused, f"forbid-{position + 1}"))
    policies = None
    if len(document.problems) == before and not document.section("policies").is_unread:
        policies = document.attempt(
            ("policies",), PolicySet, [item for item in items if item is not None]
        )
    return policies or PolicySet()


def _permit(table: PermitTable, id: str) -> Policy:
    return permit(
        *table.permissions,
        roles=table.roles,
        when=_conditions(table),
        id=table.id or id,
        across_tenants=table.across_tenants,
    )


def _forbid(table: ForbidTable, id: str) -> Policy:
    return forbid(
        *table.permissions,
        roles=table.roles,
        when=table.when,
        unless=None if table.unless is None else _requirement(table.unless),
        id=table.id or id,
    )


def _each(
    document: Document, place: Place, values: Sequence[str], check: Callable[[str], object]
) -> None:
    for position, value in enumerate(values):
        document.attempt((*place, position), check, value)


def _roles(document: Document, place: Place, names: Iterable[str], defined: Sequence[str]) -> None:
    known = {*defined, *document.roles}
    for position, name in enumerate(names):
        if name not in known:
            hint = close_match(name, defined)
            document.wrong(
                (*place, position), f"the role {name!r} is not defined in policies.role{hint}"
            )


def _requirement(table: RequireTable) -> Requirement:
    return require(fresh=table.fresh, strength=table.strength, acr=table.acr)


def _conditions(table: PermitTable) -> str | list[Condition | str] | None:
    # An empty list is passed on, so that it is refused as in Python.
    if table.require is None or table.when == []:
        return table.when if isinstance(table.when, str | None) else list(table.when)
    conditions = [table.when] if isinstance(table.when, str) else table.when or []
    return [*conditions, _requirement(table.require)]


def _check(
    document: Document, place: Place, policy: PermitTable | ForbidTable, defined: Sequence[str]
) -> None:
    _each(document, (*place, "permissions"), policy.permissions, check_pattern)
    _roles(document, (*place, "roles"), policy.roles or (), defined)
    if isinstance(policy.when, str):
        document.attempt((*place, "when"), _condition, policy.when)
    else:
        _each(document, (*place, "when"), policy.when or (), _condition)
    required = policy.require if isinstance(policy, PermitTable) else policy.unless
    if required is not None:
        name = "require" if isinstance(policy, PermitTable) else "unless"
        document.attempt((*place, name), _requirement, required)


def _condition(text: str) -> Condition:
    if text.lstrip().startswith("require("):
        raise PolicyError(
            "a condition is a comparison; write beside it in a permit "
            'require = { fresh = "5min" }, and in a forbid unless = { fresh = "5min" }'
        )
    return parse_condition(text)
