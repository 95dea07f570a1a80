"""The roles and policies of a configuration file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from stormdoor.config.document import Document, close_match
from stormdoor.config.place import Place
from stormdoor.config.shape import ForbidTable, PermitTable
from stormdoor.core.condition import parse_condition
from stormdoor.core.permission import check_pattern
from stormdoor.core.policy import Policy, PolicySet, Role, forbid, permit, role

__all__ = ["build_policies"]


def build_policies(document: Document) -> PolicySet:
    """The roles and policies of a file. What is wrong with them is noted in the document.

    A policy without an id is called after its position: `permit-1`, `forbid-1`.
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
            _sound(
                document,
                place,
                lambda one=one: role(  # type: ignore[misc]
                    one.name,
                    *one.grants,
                    inherits=one.inherits,
                    tenant=one.tenant,
                    across_tenants=one.across_tenants,
                ),
            )
        )
    for position, allowed in enumerate(table.permit):
        place = ("policies", "permit", position)
        _check(document, place, allowed, defined)
        items.append(
            _sound(
                document,
                place,
                lambda one=allowed, n=position + 1: permit(  # type: ignore[misc]
                    *one.permissions,
                    roles=one.roles,
                    when=one.when,
                    id=one.id or f"permit-{n}",
                    across_tenants=one.across_tenants,
                ),
            )
        )
    for position, refused in enumerate(table.forbid):
        place = ("policies", "forbid", position)
        _check(document, place, refused, defined)
        items.append(
            _sound(
                document,
                place,
                lambda one=refused, n=position + 1: forbid(  # type: ignore[misc]
                    *one.permissions, roles=one.roles, when=one.when, id=one.id or f"forbid-{n}"
                ),
            )
        )
    policies = None
    if len(document.problems) == before:
        policies = document.attempt(
            ("policies",), PolicySet, [item for item in items if item is not None]
        )
    return policies or PolicySet()


def _sound(
    document: Document, place: Place, make: Callable[[], Role | Policy]
) -> Role | Policy | None:
    """What `make` makes, unless something inside of `place` is known to be wrong already."""
    if any(one.place[: len(place)] == place for one in document.problems):
        return None
    return document.attempt(place, make)


def _each(
    document: Document, place: Place, values: Sequence[str], check: Callable[[str], object]
) -> None:
    for position, value in enumerate(values):
        document.attempt((*place, position), check, value)


def _roles(document: Document, place: Place, names: Iterable[str], defined: Sequence[str]) -> None:
    for position, name in enumerate(names):
        if name not in defined:
            hint = close_match(name, defined)
            document.wrong(
                (*place, position), f"the role {name!r} is not defined in policies.role{hint}"
            )


def _check(
    document: Document, place: Place, policy: PermitTable | ForbidTable, defined: Sequence[str]
) -> None:
    _each(document, (*place, "permissions"), policy.permissions, check_pattern)
    _roles(document, (*place, "roles"), policy.roles or (), defined)
    if isinstance(policy.when, str):
        document.attempt((*place, "when"), parse_condition, policy.when)
    else:
        _each(document, (*place, "when"), policy.when or (), parse_condition)
