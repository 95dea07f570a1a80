"""Classes that `type(...)` makes in a loop, one for each class of a list."""

import ast
from collections.abc import Iterator

from stormdoor_audit.auditor.classes.bases import Bases, class_statement
from stormdoor_audit.auditor.classes.classinfo import ClassInfo
from stormdoor_audit.auditor.classes.knowledge import Knowledge
from stormdoor_audit.auditor.classes.linearisation import linearised
from stormdoor_audit.auditor.reading.module import Assigned, ClassDef, Module
from stormdoor_audit.auditor.reading.project import External, Meaning, Project

__all__ = ["Loops", "loops_around", "place_in"]

_Loop = ast.For | ast.AsyncFor | ast.comprehension
_MOST = 64
"""Entries of one list that are looked at."""


class Loops(Bases):
    """Effects of a loop on the classes that it iterates over."""

    def __init__(self, project: Project, knowledge: Knowledge) -> None:
        super().__init__(project, knowledge)
        self.wrapped: set[ast.AST] = set()
        """Entries of lists from which a loop derives other classes: they are not served as they are."""

    def made_in_loop(self, module: Module, call: ast.Call) -> Iterator[ClassInfo]:
        """The classes of `for path, cls in ROUTES: type(cls.__name__, (Mixin, cls), {})`."""
        bases = self._display(module, call.args[1], ())
        if not isinstance(bases, ast.Tuple | ast.List):
            return
        names = [one.id if isinstance(one, ast.Name) else "" for one in bases.elts]
        for loop in loops_around(module, call):
            for at, name in enumerate(names):
                place = place_in(loop.target, name)
                for entry in self.classes_in(module, loop.iter, place) if name else ():
                    yield self._made_of(module, call, bases.elts, at, entry)

    def classes_in(
        self, module: Module, listed: ast.expr, place: int | None
    ) -> Iterator[ClassInfo | External]:
        """The classes that a list has as such, or at one place of each of its entries."""
        if place is None:
            return
        holder, shown = module, listed
        for one in self.project.resolve(module, listed):
            if isinstance(one, Meaning) and isinstance(one.binding, Assigned):
                holder, shown = one.module, one.binding.value
            elif isinstance(one, External) and one.name in self.knowledge.lists:
                yield External(self.knowledge.lists[one.name])
        for entry in shown.elts[:_MOST] if isinstance(shown, ast.List | ast.Tuple) else ():
            parts = entry.args if isinstance(entry, ast.Call) else getattr(entry, "elts", [])
            found = entry if place < 0 else parts[place] if place < len(parts) else None
            for info in self.classes_of(holder, found) if found is not None else ():
                if isinstance(info, ClassInfo):
                    self.wrapped.add(entry)
                    yield info

    def _made_of(
        self,
        module: Module,
        call: ast.Call,
        bases: list[ast.expr],
        at: int,
        entry: ClassInfo | External,
    ) -> ClassInfo:
        given = call.args[0]
        name = (
            given.value
            if isinstance(given, ast.Constant) and isinstance(given.value, str)
            else entry.name.rpartition(".")[2]
        )
        node = class_statement(name, [], [], call)
        info = ClassInfo(module, ClassDef(node, name, ()))
        for place, base in enumerate(bases):
            found: list[ClassInfo | External] = (
                [entry] if place == at else self.classes_of(module, base)
            )
            info.bases.extend(found[:1])
            if not found:
                info.unresolved.append(module.source(base))
        info.mro = linearised(info)
        return info


def loops_around(module: Module, call: ast.Call) -> Iterator[_Loop]:
    """The loops that run a call, from the outermost."""
    for node in module.loops():
        if not node.lineno <= call.lineno <= (node.end_lineno or node.lineno):
            continue
        if isinstance(node, ast.For | ast.AsyncFor):
            yield node
        elif isinstance(node, ast.ListComp | ast.GeneratorExp) and any(
            inner is call for inner in ast.walk(node.elt)
        ):
            yield from node.generators


def place_in(target: ast.expr, name: str) -> int | None:
    """Position at which a loop binds a name: -1 for each entry itself, None for no position."""
    match target:
        case ast.Name(id=bound):
            return -1 if bound == name else None
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            names = [one.id if isinstance(one, ast.Name) else "" for one in parts]
            return names.index(name) if name and name in names else None
        case _:
            return None
