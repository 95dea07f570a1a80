"""Signs in the source that code waits for a connection's values: such files matter, too."""

import ast
from collections.abc import Iterator

from stormdoor_audit.auditor.interpreter.calls.queues import GETS, PUTS, QUEUES, givers
from stormdoor_audit.auditor.naming.lexicon import words_of
from stormdoor_audit.auditor.naming.words import words
from stormdoor_audit.auditor.reading.module import Imported, Module
from stormdoor_audit.auditor.reading.project import Project

__all__ = ["waiting_for"]

_ENTRIES = ("['", '["', ".get('", '.get("')
"""Text between a table and the name of its entry."""
_SHORT = 3
"""Names that are no longer stand for anything."""


def waiting_for(project: Project) -> set[tuple[str, Module]]:
    """Names in files that take from a queue, or read a value that is set, and names that mention them.

    Returns:
        Texts, each with the module that puts something there.
    """
    for module in list(project.inside()):
        _follow_what_hands_on(project, module)
    return {
        (text, module)
        for module in list(project.inside())
        for one in (_written, _set_elsewhere)
        for text in one(module)
    }


def _follow_what_hands_on(project: Project, module: Module) -> None:
    """Parse where a queue comes from, or a function that puts something into one: `put_job(message)`."""
    queues = set(_imported(module))
    for name, bindings in module.names.items():
        if name in queues or _HANDS_ON & set(words_of(name)):
            for one in bindings:
                if isinstance(one, Imported):
                    project.follow(module, one)


_HANDS_ON = words("add enqueue put push queue submit")


def _written(module: Module) -> Iterator[str]:
    if not any("ueue" in line or ".put" in line for line in module.lines):
        return
    queues = {*_made(module), *_imported(module)}
    for name in queues:
        if len(name) > _SHORT:
            yield from (f"{name}.{how}" for how in GETS - {"pop"})
        yield from (one for one in givers(module.tree, name) if len(one) > _SHORT)


def _set_elsewhere(module: Module) -> Iterator[str]:
    """Yield the attributes that a file of handlers sets in a module: `shared.heat = value`."""
    if not any("on_message" in line for line in module.lines):
        return
    for node, scopes in module.nodes():
        for target in node.targets if scopes and isinstance(node, ast.Assign) else ():
            match target:
                case ast.Attribute(value=ast.Name(id=name), attr=part):
                    written = [f"{name}.{part}"]
                case ast.Subscript(
                    value=ast.Name(id=name) | ast.Attribute(value=ast.Name(id=name)) as table,
                    slice=ast.Constant(value=str() as part),
                ):
                    held = ast.unparse(table)
                    written = [f"{held}{how}{part}" for how in _ENTRIES]
                case _:
                    continue
            if any(isinstance(one, Imported) for one in module.names.get(name, ())):
                yield from written


def _made(module: Module) -> Iterator[str]:
    """`jobs = asyncio.Queue()`: the names of queues."""
    for node in module.tree.body:
        match node:
            case ast.Assign(
                targets=[ast.Name(id=name)],
                value=ast.Call(func=ast.Name(id=made) | ast.Attribute(attr=made)),
            ) if made in QUEUES - {"deque"}:
                yield name
            case _:
                pass


def _imported(module: Module) -> Iterator[str]:
    """`jobs.put(message)`, where another file makes the queue."""
    if not any(".put" in line for line in module.lines):
        return
    for node, _ in module.nodes():
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=how)) if (
                how in PUTS and how.startswith("put")
            ):
                if any(isinstance(one, Imported) for one in module.names.get(name, ())):
                    yield name
            case _:
                pass
