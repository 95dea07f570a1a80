"""Checks before the application.

`HTTPServer(guarded(application))`, `Application.__call__`, a router of the project's own, rules with
matchers.
"""

import ast

from stormdoor_audit.auditor.classes.classinfo import Member as ClassMember
from stormdoor_audit.auditor.classes.fronts import HAS_REQUEST
from stormdoor_audit.auditor.connection.callbacks import Callbacks
from stormdoor_audit.auditor.interpreter.events import Stage
from stormdoor_audit.auditor.interpreter.outcomes import Thrown
from stormdoor_audit.auditor.interpreter.values import (
    Bound,
    ClassRef,
    Const,
    Function,
    Instance,
    Nobody,
    Partial,
    Sequence,
    Special,
    SuperRef,
    Value,
    settled,
)

__all__ = ["Fronts"]

_MAX_FRONTS = 4
_ROUTERS = frozenset({"tornado.routing.ReversibleRuleRouter", "tornado.routing.RuleRouter"})
_WORTH = 1500
"""Steps that it may take to find out what has the requests first."""


class ApplicationReached(Exception):
    """The request was handed on to the application."""


class Fronts(Callbacks):
    """Functions and objects that have the request first."""

    fronting = False
    """True while it is determined which routers stand before the application or have the request."""

    def passes_fronts(self, node: ast.AST) -> bool:
        """Return True if this client's request reaches the application.

        A front without a readable effect is ignored, except a router that answers that the request is for
        no handler, or for another application.
        """
        if self.mode == "origin":
            return True
        self.fronting = True
        try:
            for front in self._fronts(node):
                asked = len(self.events)
                answer: Value = Const(None)
                try:
                    answer = self.awaited(
                        self.call(front, [Special("request", text="request")], {}, node), node
                    )
                except ApplicationReached:
                    continue
                except Thrown:
                    pass
                if (_routes(front) and _leads_elsewhere(answer)) or any(
                    event.kind == "check" for event in self.events[asked:]
                ):
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
        found: list[Value] = []
        for one in given:
            if isinstance(one, Function | Bound | Partial):
                found.append(one)
            elif isinstance(one, Instance) and one.info not in self.hierarchy.applications:
                found += [
                    self.attribute(one, name, node)
                    for name in HAS_REQUEST
                    if isinstance(self._member(one.info, name, None), ClassMember)
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
        if self.fronting and self.stage == Stage.IMPORT:
            if name == "tornado.web.Application":
                served = self._serves_it(args[0]) if args else True
                return Special("application" if served else "elsewhere", text="self.application")
            if name == "tornado.routing.Rule":
                return Sequence(args)
            if name in _ROUTERS and args and isinstance(args[0], Sequence):
                return Bound(Special("rules", text=name), args[0])
        return super().library_call(name, args, words, node)

    def _serves_it(self, entries: Value) -> bool:
        """Return True if the handler may be among the entries of an application, as far as is known."""
        match entries:
            case Sequence(items=items, exact=True):
                return any(map(self._serves_it, items))
            case ClassRef(info=info) if self.handler is not None:
                return info.qualname == self.handler.info.qualname
            case Const(value=named) if self.handler is not None:
                return str(named).rpartition(".")[2] == self.handler.info.name
            case _:
                return True

    def _ruled(self, rules: Sequence, request: Value, node: ast.AST) -> Value:
        """Route a request: the first rule with a matcher that does not return None has it.

        Raises:
            ApplicationReached: Some rule leads to the application, or none that was found does.
        """
        leads = False
        for rule in rules.items:
            match rule:
                case Sequence(items=[_, Special(kind="elsewhere")]):
                    pass
                case Sequence(items=[matcher, Special(kind="application")]):
                    leads = True
                    if not self._passes_by(matcher, request, node):
                        raise ApplicationReached
                case _:
                    raise ApplicationReached
        if not leads:
            raise ApplicationReached  # it has more rules, or the application more handlers, than are seen
        return Const(None)

    def _passes_by(self, matcher: Value, request: Value, node: ast.AST) -> bool:
        """Return True if a matcher of the project says that this request is not for its rule."""
        if not isinstance(matcher, Instance):
            return False  # some path of the application fits
        return _leads_elsewhere(
            self.call(self.attribute(matcher, "match", node), [request], {}, node)
        )

    def attribute(self, value: Value, name: str, node: ast.AST) -> Value:
        """An attribute; an application of the project is called as Tornado's own are."""
        if self.fronting and name == "get_handler_delegate":
            return Bound(Special("delegate", text=name), value)
        if self.fronting and name in HAS_REQUEST:
            if isinstance(value, Special) and value.kind in {"application", "elsewhere"}:
                return value
            if isinstance(value, Bound) and _routes(value):
                return value
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
        if self.fronting and self.stage == Stage.PREPARE:
            match function.kind, args:
                case "application", _:
                    raise ApplicationReached
                case "elsewhere", _:
                    return function
                case "delegate", [_, _, ClassRef() as handler, *_] if not self._serves_it(handler):
                    return Special("elsewhere", text=handler.text)
                case "delegate", _:
                    raise ApplicationReached
                case "rules", [Sequence() as rules, request, *_]:
                    return self._ruled(rules, request, node)
                case _:
                    pass
        return super().special_call(function, args, words, node)


def _routes(front: Value) -> bool:
    """Return True if it is a router, which decides where the request goes."""
    function = front.function if isinstance(front, Bound) else front
    return (isinstance(function, Special) and function.kind == "rules") or (
        isinstance(function, Function) and getattr(function.node, "name", "") == "find_handler"
    )


def _leads_elsewhere(answer: Value) -> bool:
    """Return True if the answer of a matcher or router certainly excludes the handler."""
    return isinstance(answer, Nobody) or (
        answer.kind == "elsewhere"
        if isinstance(answer, Special)
        else isinstance(answer, Const) and answer.value is None
    )
