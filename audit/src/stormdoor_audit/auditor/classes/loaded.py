"""Functions that a text names: `make = import_string(settings.FACTORY)`, and `make(...)` further down."""

import ast
from collections.abc import Iterator

from stormdoor_audit.auditor.reading.module import Assigned, Module
from stormdoor_audit.auditor.reading.project import Meaning, Project

__all__ = ["names_loaded"]


def names_loaded(project: Project, module: Module, function: str) -> Iterator[tuple[Module, str]]:
    """The names that stand for a function where it is loaded by its dotted path, with their modules."""
    dotted = f"{module.name}.{function}"
    speaking = [
        one for one in project.naming(function) if any(dotted in line for line in one.lines)
    ]
    if not speaking:
        return
    shipped = {
        (one.name, name)
        for one in speaking
        for name, bindings in one.names.items()
        for binding in bindings
        if isinstance(binding, Assigned) and _says(binding.value, dotted)
    }
    for one in project.inside():
        if one.is_test:
            continue
        for node, scopes in one.nodes():
            match node:
                case ast.Assign(
                    targets=[ast.Name(id=local)], value=ast.Call(args=[named], keywords=[])
                ) if _says(named, dotted) or (
                    isinstance(named, ast.Name | ast.Attribute)
                    and any(
                        isinstance(meant, Meaning)
                        and isinstance(meant.binding, Assigned)
                        and (meant.module.name, _last(named)) in shipped
                        for meant in project.resolve(one, named, scopes)
                    )
                ):
                    yield one, local
                case _:
                    pass


def _says(value: ast.expr, dotted: str) -> bool:
    return any(
        isinstance(inner, ast.Constant) and inner.value == dotted for inner in ast.walk(value)
    )


def _last(node: ast.Name | ast.Attribute) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr
