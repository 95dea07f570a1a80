"""The options that select entries of the trail."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Annotated

from cyclopts import Group, Parameter

from stormdoor.cli.moment import parse_moment
from stormdoor.cli.reference import parse_reference
from stormdoor.cli.usage import UsageError

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
    """This cause of a refusal, such as origin-not-allowed."""

    address: Annotated[str | None, Parameter(group=_GROUP)] = None
    """This address of the client."""

    endpoint: Annotated[str | None, Parameter(group=_GROUP)] = None
    """This path of the endpoint."""

    node: Annotated[str | None, Parameter(group=_GROUP)] = None
    """This node, which wrote the entry."""

    ref: Annotated[str | None, Parameter(group=_GROUP)] = None
    """This reference of a refusal; `show` explains it."""

    since: Annotated[str | None, Parameter(group=_GROUP)] = None
    """This time, such as 2026-11-24T16:44+01:00, or a later one. UTC without an offset."""

    until: Annotated[str | None, Parameter(group=_GROUP)] = None
    """An earlier time than this."""

    name: Annotated[str | None, Parameter(show=False)] = None
    """The former name of `event`."""

    @property
    def options(self) -> list[str]:
        """The given options, as a command has them."""
        given = ((one.name, getattr(self, one.name)) for one in fields(self))
        return [f"--{name}={value}" for name, value in given if value is not None]

    def filters(self) -> Filters:
        """Return the filter of the entries.

        Raises:
            UsageError: A time or the reference is malformed, or the event has the former option.
        """
        if self.name is not None:
            raise UsageError(f"--name is --event now; write --event {shlex.quote(self.name)}")
        return {
            "principal": self.principal,
            "event": self.event,
            "cause": self.cause,
            "address": self.address,
            "endpoint": self.endpoint,
            "node": self.node,
            "ref": None if self.ref is None else parse_reference(self.ref),
            "since": None if self.since is None else parse_moment(self.since),
            "until": None if self.until is None else parse_moment(self.until),
        }


EVERY = Selected()
"""No condition."""
