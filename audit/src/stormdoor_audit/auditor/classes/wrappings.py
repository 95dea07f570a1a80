"""Functions that a handler is put through on its way into the routes: `(path, secure(cls))`."""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from stormdoor_audit.auditor.classes.callers import FunctionDefinition
from stormdoor_audit.auditor.classes.classinfo import ClassInfo
from stormdoor_audit.auditor.classes.knowledge import Knowledge
from stormdoor_audit.auditor.classes.loops import Loops, loops_around, place_in
from stormdoor_audit.auditor.reading.module import Module
from stormdoor_audit.auditor.reading.project import Project

__all__ = ["Wrapping", "Wrappings"]


@dataclass(frozen=True, slots=True)
class Wrapping:
    """A call that gives another class for one.

    Args:
        module: Its file.
        entry: Where the other class is routed.
        call: What is called, with what.
        name: How the class is called among its arguments.
        test: The condition under which it is called, or None.
    """

    module: Module
    entry: ast.AST
    call: ast.Call
    name: str
    test: ast.expr | None = None


class Wrappings(Loops):
    """Changes to classes before they are routed."""

    def __init__(self, project: Project, knowledge: Knowledge) -> None:
        super().__init__(project, knowledge)
        self.wrappings: dict[int, list[Wrapping]] = {}
        """By the identity of the class that is put through them, in order."""
        self.bare: set[int] = set()
        """Classes, by their identity, that a loop routes as they are."""

    def put_through_in_loop(
        self, module: Module, entry: ast.AST, call: ast.Call
    ) -> Iterator[ClassInfo]:
        """The classes of `[(path, secure(cls)) for path, cls in ROUTES]`, where `secure` has each of them."""
        for loop in loops_around(module, call):
            if _leaves_some_out(loop) or _is_used_again(module, loop):
                continue
            for name in _names_given(call):
                place = place_in(loop.target, name)
                for info in self.classes_in(module, loop.iter, place):
                    if isinstance(info, ClassInfo):
                        self._note(info, Wrapping(module, entry, call, name))
                        yield info

    def put_through_before(
        self,
        module: Module,
        entry: ast.AST,
        target: ast.Name,
        scopes: tuple[ast.AST, ...],
        info: ClassInfo,
    ) -> None:
        """`if options.password: handler = secure(handler)`, before `handler` is routed."""
        around = next(
            (one for one in reversed(scopes) if isinstance(one, FunctionDefinition)), None
        )
        for test, call in _rebound(around or module.tree, target.id):
            if call.lineno < target.lineno:
                self._note(info, Wrapping(module, entry, call, target.id, test))

    def forget_where_bare(self, info: int, entries: Iterable[ast.AST]) -> None:
        """A class that is routed as it is, too, is judged as it is.

        Args:
            info: The identity of the class.
            entries: Where it is routed.
        """
        through = [one.entry for one in self.wrappings.get(info, ())]
        if info in self.bare or any(
            one not in self.wrapped and one not in through for one in entries
        ):
            self.wrappings.pop(info, None)

    def _note(self, info: ClassInfo, wrapping: Wrapping) -> None:
        known = self.wrappings.setdefault(id(info), [])
        if wrapping.call not in [one.call for one in known]:
            known.append(wrapping)


def _leaves_some_out(loop: ast.For | ast.AsyncFor | ast.comprehension) -> bool:
    if isinstance(loop, ast.comprehension):
        return bool(loop.ifs)
    return any(isinstance(one, ast.If | ast.Match | ast.Try) for one in ast.walk(loop))


def _is_used_again(module: Module, loop: ast.For | ast.AsyncFor | ast.comprehension) -> bool:
    """Return True if a file uses the iterated items for something else, such as routing them bare."""
    listed = loop.iter
    return isinstance(listed, ast.Name) and any(
        isinstance(node, ast.Name)
        and node.id == listed.id
        and node is not listed
        and isinstance(node.ctx, ast.Load)
        for node in ast.walk(module.tree)
    )


def _names_given(call: ast.Call) -> list[str]:
    return [one.id for one in call.args if isinstance(one, ast.Name)]


def _rebound(place: ast.AST, name: str) -> Iterator[tuple[ast.expr | None, ast.Call]]:
    """The calls that give a name anew what they make of it, with the condition around each."""
    body = getattr(place, "body", [])
    for statement in body if isinstance(body, list) else ():
        match statement:
            case ast.Assign(targets=[ast.Name(id=bound)], value=ast.Call() as call) if (
                bound == name and name in _names_given(call)
            ):
                yield None, call
            case ast.If(test=test):
                for inner, call in _rebound(statement, name):
                    if inner is None:
                        yield test, call
            case _:
                pass
