"""Settings that are the attributes of a class under a prefix.

`{name[4:]: getattr(config, name) for name in dir(config) if name.startswith("web_")}` are those of Tornado.
"""

import ast
import re
from collections.abc import Iterator

from stormdoor_audit.auditor.reading.module import Module
from stormdoor_audit.auditor.reading.project import Project

__all__ = ["collect_prefixed"]


_ATTRIBUTES = re.compile(r"\b(?:dir|vars|__dict__)\b")
"""Signs that a file reads the names of attributes."""


def collect_prefixed(project: Project) -> None:
    """Note what classes say under a prefix that the program takes away, where nothing else says it."""
    modules = [one for one in project.inside() if not one.is_test]
    prefixes = tuple({one for module in modules for one in _prefixes(module)})
    if not prefixes:
        return
    known = set(project.settings)
    for module in modules:
        for definition in module.classes:
            for statement in definition.node.body:
                match statement:
                    case (
                        ast.Assign(targets=[ast.Name(id=name)], value=ast.expr() as value)
                        | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
                    ) if name.startswith(prefixes):
                        plain = next(
                            name.removeprefix(one) for one in prefixes if name.startswith(one)
                        )
                        if plain and plain not in known:
                            project.settings.setdefault(plain, []).append((module, value))
                    case _:
                        pass


def _prefixes(module: Module) -> Iterator[str]:
    """The prefixes that a comprehension takes away from the names of attributes."""
    if not any("startswith" in line for line in module.lines) or not any(
        _ATTRIBUTES.search(line) for line in module.lines
    ):
        return
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.DictComp) or len(node.generators) != 1:
            continue
        generator = node.generators[0]
        if not (_is_cut(node.key) and _names_attributes(generator.iter)):
            continue
        for test in generator.ifs:
            match test:
                case ast.Call(
                    func=ast.Attribute(attr="startswith"),
                    args=[ast.Constant(value=str() as prefix)],
                ) if len(prefix) > 1:
                    yield prefix
                case _:
                    pass


def _is_cut(key: ast.expr) -> bool:
    """`name[4:]`, `name.removeprefix("web_")`, `name.replace("web_", "")`."""
    match key:
        case ast.Subscript(slice=ast.Slice(lower=ast.expr(), upper=None)):
            return True
        case ast.Call(func=ast.Attribute(attr="removeprefix" | "replace")):
            return True
        case _:
            return False


def _names_attributes(source: ast.expr) -> bool:
    match source:
        case ast.Call(func=ast.Name(id="dir" | "vars")):
            return True
        case ast.Call(func=ast.Attribute(attr="items", value=inner)):
            return _names_attributes(inner)
        case ast.Attribute(attr="__dict__"):
            return True
        case _:
            return False
