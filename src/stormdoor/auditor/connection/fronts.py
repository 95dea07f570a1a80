"""What is asked before the application is: `HTTPServer(guarded(application))`, `Application.__call__`."""

import ast

from stormdoor.auditor.classes.classinfo import Member as ClassMember
from stormdoor.auditor.connection.callbacks import Callbacks
from stormdoor.auditor.interpreter.events import Stage
from stormdoor.auditor.interpreter.outcomes import Thrown
from stormdoor.auditor.interpreter.values import (
    Bound,
    Function,
    Instance,
    Partial,
    Special,
    SuperRef,
    Value,
    settled,
)

__all__ = ["Fronts"]

_MAX_FRONTS = 4
_WORTH = 1500
"""Steps that it may take to find out what has the requests first."""


class ApplicationReached(Exception):
    """The request was handed on to the application."""


class Fronts(Callbacks):
    """Functions and objects that have the request first."""

    fronting = False
    """Whether it is found out what stands in front of the application, or that has the request."""

    def passes_fronts(self, node: ast.AST) -> bool:
        """Whether this client's request comes to the application.

        One that does nothing with it that could be read is not there.
        """
        if self.mode == "origin":
            return True
        self.fronting = True
        try:
            for front in self._fronts(node):
                asked = len(self.events)
                try:
                    self.awaited(
                        self.call(front, [Special("request", text="request")], {}, node), node
                    )
                except ApplicationReached:
                    continue
                except Thrown:
                    pass
                if any(event.kind == "check" for event in self.events[asked:]):
                    return False
        finally:
            self.fronting = False
        return True

    def _fronts(self, node: ast.AST) -> list[Value]:
        worth, self.worth = self.worth, _WORTH
        try:
            given = [
                settled(self.in_place(module, served))
                for module, served in self.hierarchy.fronts[:_MAX_FRONTS]
            ]
        finally:
            self.worth = worth
        found: list[Value] = [
            one
            for one in given
            if isinstance(one, Function | Bound | Partial)
            or (
                isinstance(one, Instance)
                and one.info not in self.hierarchy.applications
                and isinstance(self._member(one.info, "__call__", None), ClassMember)
            )
        ]
        for info in self.hierarchy.applications if len(self.hierarchy.applications) == 1 else ():
            member = self._member(info, "__call__", None)
            if isinstance(member, ClassMember):
                found.append(Bound(self.member_value(member, info), self.application(node)))
        return found[:1]

    def library_call(
        self, name: str, args: list[Value], words: dict[str, Value], node: ast.AST
    ) -> Value | None:
        """A call of a library; the application that is made is what the request is handed on to."""
        if self.fronting and name == "tornado.web.Application" and self.stage == Stage.IMPORT:
            return Special("application", text="self.application")
        return super().library_call(name, args, words, node)

    def attribute(self, value: Value, name: str, node: ast.AST) -> Value:
        """An attribute; an application of the project is called as Tornado's own are."""
        if self.fronting and name == "__call__":
            held = value.instance if isinstance(value, SuperRef) else value
            if (
                isinstance(held, Instance)
                and held.info in self.hierarchy.applications
                and (
                    isinstance(value, SuperRef)
                    or not isinstance(self._member(held.info, name, None), ClassMember)
                )
            ):
                return Bound(Special("application", text="self.application"), held)
        return super().attribute(value, name, node)

    def special_call(
        self, function: Special, args: list[Value], words: dict[str, Value], node: ast.AST
    ) -> Value:
        """A call of one of Tornado's objects.

        Raises:
            ApplicationReached: It is the application that is given the request.
        """
        if self.fronting and function.kind == "application" and self.stage == Stage.PREPARE:
            raise ApplicationReached
        return super().special_call(function, args, words, node)
