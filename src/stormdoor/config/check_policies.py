"""Checks of a configuration: roles and policies."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from stormdoor.config.subject import Subject
from stormdoor.core.permission import granted
from stormdoor.settings.finding import Finding

__all__ = ["POLICY_CHECKS"]


def _nothing(subject: Subject) -> Iterator[Finding]:
    policies = subject.parsed.policies
    if subject.under_run and subject.document.preset is None:
        return  # stormdoor run takes the preset of the application
    if not policies.role and not policies.permit:
        yield subject.finding(
            "no-policies",
            "warning",
            ("policies",),
            "no principal is allowed anything, unless the application adds its own policies",
            '[[policies.role]] with name = "member" and grants = ["chat:*"]',
        )


def _roles(subject: Subject) -> Iterator[Finding]:
    policies = subject.parsed.policies
    inherited = {name for one in policies.role for name in one.inherits}
    named = {name for one in policies.permit for name in one.roles or ()}
    named |= {name for one in policies.forbid for name in one.roles or ()}
    for position, one in enumerate(policies.role):
        place = ("policies", "role", position)
        if "*" in one.grants:
            across = " of every tenant" if one.across_tenants else ""
            yield subject.finding(
                "almighty-role",
                "error" if one.across_tenants else "warning",
                (*place, "grants"),
                f"the role {one.name!r} may do everything{across}, also permissions that are added later",
                f'grants = ["{one.name}:*"], or one permission after the other',
            )
        elif one.across_tenants:
            yield subject.finding(
                "across-tenants",
                "note",
                (*place, "across_tenants"),
                f"the role {one.name!r} reaches the resources of other tenants",
            )
        if not one.grants and not one.inherits and one.name not in named:
            used = "; roles that inherit it gain nothing" if one.name in inherited else ""
            yield subject.finding(
                "empty-role",
                "warning",
                place,
                f"the role {one.name!r} grants nothing, and no policy names it{used}",
                'grants = ["chat:say"], or leave the role out',
            )
        for pattern, wider in _covered(one.grants):
            yield subject.finding(
                "covered-grant",
                "note",
                (*place, "grants"),
                f"{pattern!r} is covered by {wider!r}",
                f"leave {pattern!r} out, or {wider!r} if that is too much",
            )


def _covered(patterns: Sequence[str]) -> Iterator[tuple[str, str]]:
    for pattern in patterns:
        bare = pattern.removesuffix(":*")
        for other in patterns:
            if other != pattern and other.endswith("*") and granted(f"{bare}:x", [other]):
                yield pattern, other


def _permits(subject: Subject) -> Iterator[Finding]:
    for position, one in enumerate(subject.parsed.policies.permit):
        place = ("policies", "permit", position)
        conditions = one.when is not None
        if one.roles is None and not conditions:
            what = ", ".join(one.permissions)
            # A requirement restricts how a principal has authenticated, not which principal.
            enough = "" if one.require is None else ", strongly and freshly enough,"
            yield subject.finding(
                "open-permit",
                "error" if "*" in one.permissions else "warning",
                place,
                f"every principal that can authenticate{enough} may {what}",
                'roles = ["member"], or a condition in when',
            )
        elif "*" in one.permissions:
            yield subject.finding(
                "almighty-permit",
                "warning",
                (*place, "permissions"),
                "it permits everything, including permissions that are added later",
                'permissions = ["chat:*"]',
            )
        if one.across_tenants:
            yield subject.finding(
                "across-tenants",
                "note",
                (*place, "across_tenants"),
                "it reaches the resources of other tenants",
            )


def _forbids(subject: Subject) -> Iterator[Finding]:
    for position, one in enumerate(subject.parsed.policies.forbid):
        conditions = one.when is not None or one.unless is not None
        if "*" in one.permissions and one.roles is None and not conditions:
            yield subject.finding(
                "shut",
                "error",
                ("policies", "forbid", position),
                "it forbids everything to all principals",
                "a condition in when, or leave it out",
            )


POLICY_CHECKS: tuple[Callable[[Subject], Iterator[Finding]], ...] = (
    _nothing,
    _roles,
    _permits,
    _forbids,
)
"""Checks of roles and policies."""
