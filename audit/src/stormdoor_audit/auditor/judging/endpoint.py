"""One WebSocket endpoint with everything that is known about it: what a rule is given."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from stormdoor_audit.auditor.classes.classinfo import ClassInfo
from stormdoor_audit.auditor.classes.hierarchy import Hierarchy
from stormdoor_audit.auditor.classes.routes import Route
from stormdoor_audit.auditor.connection.origins import Origins, ask
from stormdoor_audit.auditor.connection.pathway import Pathway
from stormdoor_audit.auditor.connection.visits import explore
from stormdoor_audit.auditor.interpreter.events import Event, Stage
from stormdoor_audit.auditor.judging.authentication import judge
from stormdoor_audit.auditor.judging.optional import optional_part
from stormdoor_audit.auditor.judging.verdicts import Authentication
from stormdoor_audit.auditor.reading.budget import Budget, remembered
from stormdoor_audit.auditor.reading.module import Assigned, Defined, Module
from stormdoor_audit.auditor.reading.project import External, Project
from stormdoor_audit.report.finding import Location, Step

__all__ = ["Endpoint", "Method"]

_ADDRESS = re.compile(r"\^?(/[\w/-]*[\w])/?\??\$?")
"""A pattern of a route that only one path fits, but for a slash at its end."""
_GIVEN = frozenset({"project", "hierarchy", "info", "routes", "beside"})


@dataclass(frozen=True, slots=True)
class Method:
    """A method that runs for an endpoint.

    Args:
        name: Its name.
        owner: The class it stands in.
        node: Its statement, or the value that is bound to the name.
        placed: The file that puts it into the class from outside, or None.
    """

    name: str
    owner: ClassInfo
    node: ast.AST
    placed: Module | None = None

    @property
    def module(self) -> Module:
        """The file it stands in."""
        return self.placed or self.owner.module


class Endpoint:
    """A WebSocket handler class that a client can reach.

    Args:
        project: The files.
        hierarchy: The classes.
        info: The handler class.
        routes: Entries of routing tables that lead to it; empty where none was found.
    """

    def __init__(
        self, project: Project, hierarchy: Hierarchy, info: ClassInfo, routes: tuple[Route, ...]
    ) -> None:
        self.project = project
        self.hierarchy = hierarchy
        self.info = info
        self.routes = routes
        self.beside: tuple[Endpoint, ...] = ()
        """Other endpoints with a class in the same file."""

    def forget(self) -> None:
        """Free the memory of what was found out about it: it would be found again."""
        for name in vars(self).keys() - _GIVEN:
            delattr(self, name)
        self.budget.forget(self)

    @property
    def budget(self) -> Budget:
        """The steps of the work under way."""
        return self.project.budget

    @property
    def subject(self) -> str:
        """Fully qualified name of the class."""
        return self.info.qualname

    @property
    def module(self) -> Module:
        """The file of the class."""
        return self.info.module

    @property
    def node(self) -> ast.ClassDef:
        """The class statement."""
        return self.info.node

    @cached_property
    def location(self) -> Location:
        """The line of the class statement."""
        return self.module.location(self.node)

    @property
    def paths(self) -> tuple[str, ...]:
        """Route patterns that lead here."""
        return tuple(dict.fromkeys(route.pattern for route in self.routes if route.pattern))

    @cached_property
    def words(self) -> dict[str, tuple[Module, ast.expr]]:
        """Arguments that the routes give to `initialize`."""
        return {name: (route.module, value) for route in self.routes for name, value in route.words}

    # methods --------------------------------------------------------------------------------

    def method(self, name: str) -> Method | None:
        """The method of this name that runs, if a class that was read defines it."""
        for one in self.info.mro:
            if isinstance(one, ClassInfo):
                if name in one.replaced:
                    member = one.replaced[name]
                    if isinstance(member.binding, Defined | Assigned):
                        return Method(name, one, _node_of(member.binding), member.module)
                for binding in reversed(self.hierarchy.members(one).get(name, ())):
                    if isinstance(binding, Defined | Assigned):
                        return Method(name, one, _node_of(binding))
            else:
                patch = self.hierarchy.patches.get((one.name, name))
                if patch is not None and isinstance(patch.binding, Assigned):
                    return Method(name, self.info, patch.binding.value, patch.module)
        return None

    def methods(self) -> Iterator[Method]:
        """Every method of every class in the order of resolution, once a name."""
        seen: set[str] = set()
        for one in self.info.mro:
            if not isinstance(one, ClassInfo):
                continue
            for name, bindings in self.hierarchy.members(one).items():
                if name not in seen and isinstance(bindings[-1], Defined):
                    seen.add(name)
                    if not isinstance(bindings[-1].node, ast.ClassDef):
                        yield Method(name, one, bindings[-1].node)

    def unread(self) -> tuple[str, ...]:
        """Bases that were not read, Tornado's aside."""
        names = [
            one.name
            for one in self.info.mro
            if isinstance(one, External) and not one.name.startswith("tornado.")
        ]
        for one in self.info.mro:
            if isinstance(one, ClassInfo):
                names.extend(one.unresolved)
        return tuple(dict.fromkeys(names))

    # what happens ---------------------------------------------------------------------------

    @cached_property
    def anonymous(self) -> Pathway:
        """Actions of a client without a valid credential."""
        found = [_ADDRESS.fullmatch(pattern) for pattern in self.paths]
        at = found[0].group(1) if len(found) == 1 and found[0] is not None else ""
        return explore(self.project, self.hierarchy, self.info, "anonymous", self.words, at=at)

    @property
    @remembered
    def member(self) -> Pathway:
        """Actions of a client with a valid credential. Other endpoints of the file use them, too."""
        return explore(self.project, self.hierarchy, self.info, "member", self.words)

    @cached_property
    def authentication(self) -> Authentication:
        """Authentication that a client must pass, and its time."""
        return judge(self.anonymous, self.hierarchy.knowledge)

    @cached_property
    def optional_part(self) -> Authentication | None:
        """A check that is off as shipped, where another comes too late."""
        if self.authentication.kind in {"after-accept", "frames-pass", "skippable"}:
            return optional_part(self.anonymous)
        return None

    @cached_property
    def origins(self) -> Origins:
        """Origins that it admits."""
        return ask(self.project, self.hierarchy, self.info, self.words)

    @cached_property
    def _told(self) -> frozenset[ast.AST]:
        """Places where a value from the client is handed on."""
        return frozenset(
            event.node
            for event in self.member.events
            if "client" in event.labels and event.kind != "branch"
        )

    @cached_property
    def first_at_calls(self) -> tuple[Event, ...]:
        """First event of each call in the scanned files, for every kind of client."""
        first: dict[int, Event] = {}
        for event in (*self.anonymous.events, *self.member.events):
            if event.module.inside and isinstance(event.node, ast.Call):
                first.setdefault(id(event.node), event)
        return tuple(first.values())

    def calls(self, *names: str, stages: tuple[Stage, ...] = ()) -> Iterator[Event]:
        """Calls that can happen for a client that is let in, each place once.

        Args:
            names: Dotted names, or their ends: `pickle.loads`, `.execute`, `handler.write_message`.
            stages: Only in these stages.
        """
        seen: set[tuple[int, str]] = set()
        ends = tuple(name for name in names if name.startswith("."))
        for event in self.member.events:
            if event.kind != "call" or (stages and event.stage not in stages):
                continue
            if names and event.text not in names and not event.text.endswith(ends):
                continue
            key = (id(event.node), event.text)
            tainted = bool(event.labels & {"client"})
            if key in seen or (key[0], key[1] + "*") in seen:
                continue
            if tainted:
                seen.add((key[0], key[1] + "*"))
                yield event
            elif event.node not in self._told:
                seen.add(key)
                yield event

    def lineage(self, module: Module, node: ast.AST) -> tuple[Step, ...]:
        """The classes that lead from its own to the one that a place stands in."""
        line = getattr(node, "lineno", 0)
        around = [
            one
            for one in self.info.mro
            if isinstance(one, ClassInfo)
            and one.module is module
            and one.node.lineno <= line <= (one.node.end_lineno or line)
        ]
        if not around or self.info in around:
            return ()
        way, one = list[Step](), self.info
        while one is not around[0]:
            base = next(
                (
                    base
                    for base in one.bases
                    if isinstance(base, ClassInfo) and (base is around[0] or around[0] in base.mro)
                ),
                None,
            )
            if base is None:
                break  # a decorator, or a condition, gave it another one
            way.append(Step(one.module.location(one.node), f"{one.name} derives from {base.name}"))
            one = base
        return tuple(way)

    def let_past(self) -> tuple[Step, ...]:
        """The methods that a client comes through who is asked by none of them."""
        found = ((text, self.method(name)) for name, text in _LETS_PAST.items())
        return tuple(
            Step(
                method.module.location(method.node),
                f"{method.owner.name}.{method.name}() {text}",
            )
            for text, method in found
            if method is not None
        )

    def steps(self, *events: Event | None) -> tuple[Step, ...]:
        """The way to events, with the calls that led to them."""
        result: list[Step] = []
        for event in events:
            if event is None:
                continue
            for module, node, name in event.stack:
                step = Step(module.location(node), f"calls {name}")
                if step not in result and isinstance(node, ast.expr):
                    result.append(step)
            result.append(Step(event.module.location(event.node), _said(event)))
        return tuple(result)


_LETS_PAST = {
    "prepare": "refuses no client",
    "get": "refuses no client",
    "open": "runs for every client",
    "on_message": "acts for every client",
}
"""Effects of each method without authentication, in the order in which Tornado calls them."""


def _said(event: Event) -> str:
    match event.kind:
        case "check":
            return f"checks the client's identity: {event.text}"
        case "close":
            return "closes the connection"
        case "swallowed":
            return "discards the refusal"
        case "ignored":
            return f"does not use the result of {event.text}"
        case "accept":
            return "answers 101"
        case "send":
            return "sends to the client"
        case "join":
            return f"passes the connection to {event.text}"
        case "query":
            return f"reads {event.text!r} from the query string"
        case "dispatch":
            return "calls a method that the client names"
        case _:
            return event.text or event.kind


def _node_of(binding: Defined | Assigned) -> ast.AST:
    return binding.node if isinstance(binding, Defined) else binding.value
