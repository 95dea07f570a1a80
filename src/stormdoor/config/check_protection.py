"""Checks of a configuration: the permissions that `[protect]` requires."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from stormdoor.config.subject import Subject
from stormdoor.core.permission import granted
from stormdoor.settings.finding import Finding
from stormdoor.settings.place import Place
from stormdoor.settings.section import close_match

__all__ = ["PROTECTION_CHECKS"]


def _ungranted(subject: Subject) -> Iterator[Finding]:
    policies = subject.parsed.policies
    grants = [pattern for one in policies.role for pattern in one.grants]
    grants += [pattern for one in policies.permit for pattern in one.permissions]
    if not grants:
        return  # found already, or the application adds its own policies
    for place, permission in _required(subject):
        if not granted(permission, grants):
            yield subject.finding(
                "ungranted-permission",
                "warning",
                place,
                f"no role and no permit grants {permission!r}, so that it is refused to all"
                + close_match(permission, grants),
                f'grants = ["{permission}"] in a [[policies.role]]',
            )


def _required(subject: Subject) -> Iterable[tuple[Place, str]]:
    """Return the permissions in `[protect]`, with their places."""
    table = subject.parsed.protect
    for name in ("permission", "permissions", "pages"):
        value = getattr(table, name)
        if isinstance(value, str):
            yield ("protect", name), value
        elif isinstance(value, Mapping):
            for path, one in value.items():
                if isinstance(one, str):
                    yield ("protect", name, path), one
    for position, messages in enumerate(table.messages):
        place: Place = ("protect", "messages", position)
        for type, permission in messages.permissions.items():
            yield (*place, "permissions", type), permission
        if isinstance(messages.default, str):
            yield (*place, "default"), messages.default


PROTECTION_CHECKS: tuple[Callable[[Subject], Iterator[Finding]], ...] = (_ungranted,)
"""Checks of `[protect]`."""
