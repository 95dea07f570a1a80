"""An identity with everything that was declared about it: how it gets in, what is its own, what it may do."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Literal

from stormdoor_audit.prober.budget import Budget
from stormdoor_audit.prober.entrance import Entrance, filled
from stormdoor_audit.prober.identity import Identity, Pairs
from stormdoor_audit.prober.login import LoggedIn, Login, LoginFailed

__all__ = ["ActionRule", "Member", "Policy", "entered", "exchanged", "mentions"]

Meant = Literal["", "allowed", "refused"]


def _whole(id: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w-]){re.escape(id)}(?![\w-])")


def mentions(message: str, id: str) -> bool:
    """Return True if an id stands in a message, as a whole."""
    return bool(_whole(id).search(message))


def exchanged(message: str, id: str, other: str) -> str:
    """The message about another object."""
    return _whole(id).sub(lambda _: other, message)


@dataclass(frozen=True, slots=True)
class Member:
    """An identity that may connect.

    Args:
        identity: What they show. `{token}` and other captured values may stand in it.
        login: How they log in with a form.
        entrances: What else they do before they connect, in this order.
        ids: Objects that are theirs alone, as (kind, id).
        private: Texts that only they may read.
        allow: Patterns of the actions that it may do; None where that is not declared.
        all_objects: It may do them to the objects of all others, as an administrator does.
        recordings: Files with what they said.
        guessed: Ids that differ between what two of them said: no file declares that they are theirs alone.
    """

    identity: Identity
    login: Login | None = None
    entrances: tuple[Entrance, ...] = ()
    ids: Pairs = ()
    private: tuple[str, ...] = ()
    allow: tuple[str, ...] | None = None
    all_objects: bool = False
    recordings: tuple[str, ...] = ()
    guessed: Pairs = ()

    @property
    def name(self) -> str:
        """Its name in reports."""
        return self.identity.name

    def owns(self, message: str) -> str:
        """The first of their ids that stands in a message; "" where none does."""
        return next((id for _, id in (*self.ids, *self.guessed) if mentions(message, id)), "")

    def first(self, kind: str) -> str:
        """The first of their ids of a kind; "" where there is none."""
        return next((id for k, id in (*self.ids, *self.guessed) if k == kind), "")

    def kind(self, id: str) -> str:
        """Return the kind of the id."""
        return next((k for k, one in (*self.ids, *self.guessed) if one == id), "")


@dataclass(frozen=True, slots=True)
class ActionRule:
    """The declared rights of an action.

    Args:
        reads: It only reads.
        allow: Who may do it; None where that is not declared.
        shared: It may be done to the objects of all identities.
    """

    reads: bool = False
    allow: tuple[str, ...] | None = None
    shared: bool = False


def _base(action: str) -> str:
    return action.partition(" #")[0]


@dataclass(frozen=True, slots=True)
class Policy:
    """The declared rights: who may do what. What is not declared is not judged."""

    actions: dict[str, ActionRule] = field(default_factory=dict)

    def rule(self, action: str) -> ActionRule:
        """Return the declaration of an action."""
        for name in (action, _base(action)):
            if name in self.actions:
                return self.actions[name]
        return ActionRule()

    def meant(self, action: str, name: str, allow: Sequence[str] | None) -> Meant:
        """Return True if this identity is meant to do it; "" where that is not declared."""
        rule = self.rule(action)
        if rule.allow is not None:
            return "allowed" if name in rule.allow else "refused"
        if allow is not None:
            names = (action, _base(action))
            return "allowed" if any(fnmatchcase(n, p) for n in names for p in allow) else "refused"
        return ""


async def entered(member: Member, budget: Budget) -> tuple[Member, LoggedIn | None]:
    """The member with what they show by now: they have logged in, and fetched what they need.

    Raises:
        LoginFailed: They did not get in.
        NoAnswer: The server does not answer.
        BudgetSpent: No connection is left.
    """
    who, logged_in = member.identity, None
    if member.login is not None:
        logged_in = await member.login.log_in(who, budget)
        who = logged_in.identity
    captured: dict[str, str] = {}
    for one in member.entrances:
        got = await one.enter(who, captured, budget)
        who = replace(got.identity, extra=who.extra | got.identity.extra | got.secret)
        captured |= got.captured
    if captured:
        who = filled(who, captured)
    if who.empty and member.entrances:
        raise LoginFailed(f"{member.name} has got nothing that could be shown")
    if logged_in is not None:
        logged_in = replace(logged_in, identity=who)
    return replace(member, identity=who), logged_in
