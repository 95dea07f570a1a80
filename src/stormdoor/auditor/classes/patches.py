"""Methods that a module puts into a class from outside: `Door.prepare = checked`, `setattr(...)`."""

import ast
import re
from collections.abc import Iterator

from stormdoor.auditor.classes.classinfo import ClassInfo, Member
from stormdoor.auditor.classes.hierarchy import Hierarchy
from stormdoor.auditor.reading.module import Assigned, Module
from stormdoor.auditor.reading.project import Project

__all__ = ["collect_patches"]

_APPLICATION = re.compile(r"(^|_)app(lication)?$", re.IGNORECASE)


def collect_patches(project: Project, hierarchy: Hierarchy) -> None:
    """Note them with the classes they are put into, and what is stored on an application.

    Only what runs when the module is imported counts: a function may never be called.
    """
    for module in list(project.inside()):
        if module.is_test:
            continue
        for target, name, value in _stored(module):
            for one in hierarchy.classes_of(module, target):
                member = Member(None, Assigned(value), module)
                if isinstance(one, ClassInfo):
                    one.replaced[name] = Member(one, Assigned(value), module)
                elif not name.startswith("_"):  # of Tornado's own inner workings, for old versions
                    hierarchy.patches[one.name, name] = member
        for node, _ in module.nodes():
            match node:
                case ast.Assign(
                    targets=[ast.Attribute(value=ast.Name(id=holder), attr=name)], value=value
                ) if _APPLICATION.search(holder):
                    hierarchy.attributes.setdefault(name, []).append((module, value))
                case _:
                    pass


def _stored(module: Module) -> Iterator[tuple[ast.expr, str, ast.expr]]:
    for node, scopes in module.nodes():
        if scopes:
            continue
        match node:
            case ast.Assign(targets=[ast.Attribute(value=target, attr=name)], value=value):
                yield target, name, value
            case ast.Call(
                func=ast.Name(id="setattr"),
                args=[target, ast.Constant(value=str() as name), value],
            ):
                yield target, name, value
            case _:
                pass
