"""Conditions on the client's identity that precede something other than an effect."""

import ast

from stormdoor_audit.auditor.interpreter.events import Event, Stage
from stormdoor_audit.auditor.judging.distinctions import is_permission
from stormdoor_audit.auditor.judging.dominating import Way, is_open
from stormdoor_audit.auditor.judging.effects import fields_in
from stormdoor_audit.auditor.judging.endpoint import Endpoint
from stormdoor_audit.auditor.judging.segments import segments_of

__all__ = ["Asking"]


class Asking:
    """Conditions on the identity of a client that is let in.

    Args:
        endpoint: The endpoint.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._segments = segments_of(endpoint)
        self._asked = [one.asked for one in self._segments]

    @property
    def first(self) -> Event | None:
        """The first condition on what the client may do, if there is one."""
        return next(
            (one.event for asked in self._asked for one in asked if is_permission(one)), None
        )

    @property
    def before_accept(self) -> Event | None:
        """A condition that each client has to meet for the 101, if there is one."""
        accepts = [
            event for one in self._segments[:1] for event in one.events if event.kind == "accept"
        ]
        if not accepts or not self.asked_before(accepts[0].node):
            return None
        return next(
            (
                one.event
                for asked in self._asked
                for one in asked
                if is_permission(one) and one.event.stage in {Stage.PREPARE, Stage.GET}
            ),
            None,
        )

    def asked_before(self, node: ast.AST) -> bool:
        """Return True if a condition holds on every way of the interpreter to this place."""
        ways: list[Way] = []
        for segment, asked in zip(self._segments, self._asked, strict=True):
            for at, event in enumerate(segment.events):
                if event.node is node and event.kind != "branch":
                    before = [one for one in asked if one.at < at]
                    who = tuple(one for one in before if one.of_user)
                    ways.append(Way(who, tuple(one for one in before if not one.of_user)))
        return bool(ways) and not is_open(ways)

    def proves_name(self, event: Event) -> bool:
        """Return True if the message proves its name: a credential is checked for the same fields."""
        return any(
            one.kind in {"branch", "check"}
            and "credential" in one.labels
            and one.labels & fields_in(other.labels)
            for segment in self._segments
            for other in segment.events[segment.begins :]
            if other.node is event.node
            for one in segment.events[segment.begins :]
        )

    def acts_after(self, choice: Event, *, kinds: frozenset[str]) -> bool:
        """Return True if an event of these kinds follows on a way on which the client chose here."""
        for segment in self._segments:
            chosen = False
            for event in segment.events:
                if chosen and event.kind in kinds:
                    return True
                chosen = chosen or event.node is choice.node
        return False
