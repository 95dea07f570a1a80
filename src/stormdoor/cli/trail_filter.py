"""The options that select entries of the trail."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from cyclopts import Group, Parameter

from stormdoor.cli.moment import parse_moment

if TYPE_CHECKING:
    from stormdoor.core.trail_filter import Filters

__all__ = ["EVERY", "Selected"]

_GROUP = Group.create_ordered("Only entries with")


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Selected:
    """Conditions for entries. All that are given must fit."""

    principal: Annotated[str | None, Parameter(group=_GROUP)] = None
    """This principal as the subject or the actor."""

    event: Annotated[str | None, Parameter(group=_GROUP)] = None
    """This name of the event, such as authn_login_fail."""

    cause: Annotated[str | None, Parameter(group=_GROUP)] = None
    """This cause of a refusal, such as origin."""

    address: Annotated[str | None, Parameter(group=_GROUP)] = None
    """This address of the client."""

    endpoint: Annotated[str | None, Parameter(group=_GROUP)] = None
    """This path of the endpoint."""

    node: Annotated[str | None, Parameter(group=_GROUP)] = None
    """This node, which wrote the entry."""

    ref: Annotated[str | None, Parameter(group=_GROUP)] = None
    """This reference of a refusal."""

    since: Annotated[str | None, Parameter(group=_GROUP)] = None
    """This time, such as 2026-11-24T16:44+01:00, or a later one. UTC without an offset."""

    until: Annotated[str | None, Parameter(group=_GROUP)] = None
    """An earlier time than this."""

    def filters(self) -> Filters:
        """Return the filter of the entries.

        Raises:
            UsageError: A time is malformed.
        """
        return {
            "principal": self.principal,
            "event": self.event,
            "cause": self.cause,
            "address": self.address,
            "endpoint": self.endpoint,
            "node": self.node,
            "ref": self.ref,
            "since": None if self.since is None else parse_moment(self.since),
            "until": None if self.until is None else parse_moment(self.until),
        }


EVERY = Selected()
"""No condition."""
