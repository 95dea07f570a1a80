"""Values of loop variables, as far as they stand in the source: the entries of a list or a table."""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from stormdoor_audit.auditor.reading.module import Assigned, Loop, Module
from stormdoor_audit.auditor.reading.project import Meaning, Project

__all__ = ["Bound", "Listed"]

_Loop = ast.For | ast.AsyncFor | ast.comprehension
Bound = Mapping[str, ast.expr]
"""Values of the loop variables in one turn."""
_MOST = 64
"""Entries of one list that are looked at."""
_ROUTING = ("Application", "URLSpec", "handlers", "routes", "urls", "url(")
"""Words of which a file has one that lists where its handlers are."""


@dataclass(slots=True)
class Listed:
    """The loops of one file.

    Args:
        project: The files.
        module: The file.
    """

    project: Project
    module: Module
    _around: dict[ast.AST, tuple[_Loop, ...]] | None = field(default=None, init=False)

    def turns(self, node: ast.AST) -> Iterator[Bound]:
        """Yield the values of the names around an expression, turn by turn of its loops."""
        loops = self._loops().get(node, ())
        return self._bound(loops, {}) if loops else iter(())

    def _loops(self) -> dict[ast.AST, tuple[_Loop, ...]]:
        """The loops around each tuple, list and call that is in one."""
        if self._around is None:
            self._around = {}
            if any(word in line for line in self.module.lines for word in _ROUTING):
                self._index(self._around)
        return self._around

    def _index(self, index: dict[ast.AST, tuple[_Loop, ...]]) -> None:
        # The outermost loop first: one inside of it was gone through then.
        pending: list[tuple[ast.AST, tuple[_Loop, ...]]] = []
        pending += [(one, ()) for one in reversed(self.module.loops())]
        gone_through: set[ast.AST] = set()
        while pending:
            one, around = pending.pop()
            if isinstance(one, Loop):
                if one in gone_through:
                    continue
                gone_through.add(one)
            if around and isinstance(one, ast.Tuple | ast.List | ast.Call):
                index[one] = around
            if isinstance(one, ast.ListComp | ast.GeneratorExp | ast.SetComp):
                pending.append((one.elt, (*around, *one.generators)))
            elif isinstance(one, ast.For | ast.AsyncFor):
                pending += [(inner, (*around, one)) for inner in one.body]
            else:
                pending += [(inner, around) for inner in ast.iter_child_nodes(one)]

    def _bound(self, loops: tuple[_Loop, ...], known: dict[str, ast.expr]) -> Iterator[Bound]:
        if not loops:
            yield known
            return
        entries = list(self._entries(loops[0].iter))[:_MOST]
        for entry in entries:
            more = dict(_unpacked(loops[0].target, entry))
            yield from self._bound(loops[1:], {**known, **more})
        if not entries:
            yield from self._bound(loops[1:], known)

    def _entries(self, listed: ast.expr) -> Iterator[ast.expr]:
        match listed:
            case ast.List(elts=elts) | ast.Tuple(elts=elts) | ast.Set(elts=elts):
                yield from elts
            case ast.Dict(keys=keys):
                yield from (key for key in keys if key is not None)
            case ast.Call(func=ast.Attribute(value=table, attr="items"), args=[]):
                for shown in self._shown(table):
                    if isinstance(shown, ast.Dict):
                        yield from _pairs(shown)
            case ast.Call(func=ast.Name(id="enumerate"), args=[inner, *_]):
                for entry in self._entries(inner):
                    number = ast.copy_location(ast.Name("_", ast.Load()), entry)
                    yield ast.copy_location(ast.Tuple([number, entry], ast.Load()), entry)
            case ast.Call(func=ast.Name(id="list" | "sorted" | "tuple"), args=[inner, *_]):
                yield from self._entries(inner)
            case _:
                for shown in self._shown(listed):
                    if not isinstance(shown, ast.Name | ast.Attribute | ast.Call):
                        yield from self._entries(shown)

    def _shown(self, node: ast.expr) -> Iterator[ast.expr]:
        """The display itself, or what a name of this file stands for."""
        if isinstance(node, ast.Dict):
            yield node
            return
        for one in self.project.resolve(self.module, node):
            # INVARIANT: of this file, since names in it are looked up here.
            if not isinstance(one, Meaning) or one.module is not self.module:
                continue
            if isinstance(one.binding, Assigned) and not one.binding.unpacked:
                yield one.binding.value


def _pairs(table: ast.Dict) -> Iterator[ast.expr]:
    for key, value in zip(table.keys, table.values, strict=True):
        if key is not None:
            yield ast.copy_location(ast.Tuple([key, value], ast.Load()), key)


def _unpacked(target: ast.expr, entry: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    match target, entry:
        case ast.Name(id=name), _:
            yield name, entry
        case ast.Tuple(elts=names), ast.Tuple(elts=parts) | ast.List(elts=parts):
            for inner, part in zip(names, parts, strict=False):
                yield from _unpacked(inner, part)
        case _:
            pass
