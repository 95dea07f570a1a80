"""Classes and their inheritance: WebSocket handlers, and the methods that run."""

import ast
import re
from functools import cached_property

from stormdoor_audit.auditor.classes.callers import FunctionDefinition
from stormdoor_audit.auditor.classes.classinfo import ClassInfo, Member
from stormdoor_audit.auditor.classes.fronts import given_to_servers
from stormdoor_audit.auditor.classes.knowledge import Knowledge
from stormdoor_audit.auditor.classes.linearisation import defines
from stormdoor_audit.auditor.classes.visitors import given_to_visitors
from stormdoor_audit.auditor.classes.wrappings import Wrappings
from stormdoor_audit.auditor.reading.budget import remembered
from stormdoor_audit.auditor.reading.module import Defined, FunctionNode, Module
from stormdoor_audit.auditor.reading.project import External, Meaning, Project

__all__ = ["Hierarchy"]


_MAKE_CLASSES = frozenset({"__init__", "__init_subclass__", "__new__"})


class Hierarchy(Wrappings):
    """The classes of a project, made when first asked for."""

    def __init__(self, project: Project, knowledge: Knowledge) -> None:
        super().__init__(project, knowledge)
        self.stored: dict[int, frozenset[str]] = {}
        self.methods: dict[ast.ClassDef, dict[str, FunctionNode]] = {}
        self.defaults: dict[tuple[str, str], tuple[Module, ast.expr] | None] = {}
        self.set_up: dict[ast.ClassDef, dict[str, tuple[FunctionDefinition, ast.expr]]] = {}
        self.applications: list[ClassInfo] = []
        self.serving: dict[int, ClassInfo] = {}
        self.patches: dict[tuple[str, str], Member] = {}
        self.attributes: dict[str, list[tuple[Module, ast.expr]]] = {}
        self._shaped: dict[int, bool] = {}

    def look_up(self) -> None:
        """Go through all files for what most endpoints ask for."""
        self.calls_by_name()
        self.kept_defaults("")
        _ = self.needed, self.noted_from_outside, self.visitors, self.fronts

    def is_said_by_kinds(self, info: ClassInfo, name: str) -> bool:
        """Return True if classes that derive from one each define what it leaves open.

        `needs_login = True` of a command, and False of the one that logs in: no setting.
        """
        return any(name in self.members(one) for one in self.heirs(info))

    @remembered
    def is_put_somewhere(self, name: str) -> bool:
        """Return True if any file of the project sets an attribute of this name, or quotes it.

        `socket.notify = function`, `setattr(socket, "notify", function)`
        """
        put = re.compile(rf"\.{re.escape(name)}\s*=(?!=)|['\"]{re.escape(name)}['\"]")
        return any(
            put.search(line)
            for module in self.project.naming(name)
            for line in module.lines
            if name in line
        )

    @remembered
    def heirs(self, info: ClassInfo) -> list[ClassInfo]:
        """The classes of the project that derive from one, in the order in which they were read."""
        return [
            one
            for module in self.project.naming(info.name)
            for one in (self.of(module, definition) for definition in module.classes)
            if one is not info and info in one.mro
        ]

    @remembered
    def made_by(self, meta: ClassInfo) -> list[ClassInfo]:
        """The classes of the project that a metaclass makes."""
        return [
            one
            for module in self.project.inside()
            for one in (self.of(module, definition) for definition in module.classes)
            if (named := self.metaclass(one)) is not None
            and any(
                isinstance(found, Meaning)
                and isinstance(found.binding, Defined)
                and found.binding.node is meta.node
                for found in self.project.resolve(named[0].module, named[1])
            )
        ]

    def noting(self, module: Module, name: str) -> list[ClassInfo]:
        """The classes of a module that put into its table what is made by them or derives from them."""
        return [
            self.of(module, definition)
            for definition in module.classes
            if any(
                isinstance(one, ast.FunctionDef) and name in self.filled_by(one)
                for one in definition.node.body
                if getattr(one, "name", "") in _MAKE_CLASSES
            )
        ]

    @cached_property
    def visitors(self) -> dict[str, ast.Constant | None]:
        """Signed cookies that every visitor gets, with their values if these are constants."""
        return given_to_visitors(self.project)

    @cached_property
    def fronts(self) -> list[tuple[Module, ast.expr]]:
        """Fronts that servers are given to receive the requests."""
        return given_to_servers(self.project)

    def is_forked(self, info: ClassInfo) -> bool:
        """Return True if a condition picks one of its bases, or a base of those."""
        return any(isinstance(one, ClassInfo) and one.forks for one in info.mro)

    def is_shaped(self, info: ClassInfo) -> bool:
        """Return True if more than its body decides its content."""
        known = self._shaped.get(id(info))
        if known is None:
            known = (
                bool(info.node.decorator_list)
                or id(info) in self.wrappings
                or self.metaclass(info) is not None
                or any(
                    "__init_subclass__" in self.members(one)
                    for one in info.mro[1:]
                    if isinstance(one, ClassInfo)
                )
            )
            self._shaped[id(info)] = known
        return known

    def metaclass(self, info: ClassInfo) -> tuple[ClassInfo, ast.expr] | None:
        """The class that names the metaclass, with the expression; None without one."""
        return next(
            (
                (one, word.value)
                for one in info.mro
                if isinstance(one, ClassInfo)
                for word in one.node.keywords
                if word.arg == "metaclass"
            ),
            None,
        )

    def find(
        self, info: ClassInfo, name: str, after: ClassInfo | None = None
    ) -> Member | External | None:
        """Return the member that a name resolves to.

        Returns:
            The member of a class that was read; or the class that was not read and comes first
            in the order, which may or may not have it; or None.
        """
        started = after is None
        for one in info.mro:
            if not started:
                started = one is after
                continue
            if isinstance(one, External):
                patch = self.patches.get((one.name, name))
                if patch is not None:
                    return patch
                if one.name.startswith("tornado.") and not defines(one, name):
                    continue
                if self.is_inert(one):
                    continue
                return one
            if name in one.replaced:
                return one.replaced[name]
            bindings = self.members(one).get(name)
            if bindings:
                return Member(one, bindings[-1])
        return None

    def rest(self, info: ClassInfo, after: External) -> "list[ClassInfo | External]":
        """Return the classes after an unread one in the resolution order."""
        at = next((i for i, one in enumerate(info.mro) if one is after), len(info.mro) - 1)
        return info.mro[at + 1 :]
