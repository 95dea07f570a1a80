"""Names and literals in the text of a file, as a rule reads them without running the program."""

import ast
import builtins
from collections.abc import Iterator
from dataclasses import dataclass

from stormdoor_audit.auditor.reading.module import Assigned, Defined, Module
from stormdoor_audit.auditor.reading.project import External, Meaning, Project

__all__ = ["Literals"]

_DEPTH = 8


@dataclass(frozen=True, eq=False)
class Literals:
    """Reads expressions of one place in a file.

    Args:
        project: The files.
        module: The file.
        scopes: The functions and classes around the place, outermost first.
    """

    project: Project
    module: Module
    scopes: tuple[ast.AST, ...]

    def named(self, node: ast.expr, depth: int = 0) -> Iterator[str]:
        """Dotted names that an expression may stand for; `name()` for what a call of it gives."""
        if depth > _DEPTH:
            return
        match node:
            case ast.Name():
                found = self.project.lookup(self.module, node.id, self.scopes)
                if not found and hasattr(builtins, node.id):
                    yield node.id
                for one in found:
                    yield from self._name_of(one, depth)
            case ast.Attribute():
                for base in set(self.named(node.value, depth + 1)):
                    yield f"{base}.{node.attr}"
            case ast.Call():
                for base in set(self.named(node.func, depth + 1)):
                    yield f"{base}()"
            case ast.Await() | ast.NamedExpr():
                yield from self.named(node.value, depth + 1)
            case _:
                pass

    def _name_of(self, one: Meaning | External, depth: int) -> Iterator[str]:
        match one:
            case External(name=name):
                yield name
            case Meaning(module, None):
                yield module.name
            case Meaning(module, Assigned(value=value, unpacked=False)):
                inner = self if module is self.module else Literals(self.project, module, ())
                yield from inner.named(value, depth + 1)
            case Meaning(module, Defined(found)):
                yield f"{module.name}.{found.name}"
            case _:
                pass

    def literal(self, node: ast.expr, depth: int = 0) -> ast.expr:
        """The expression that a name stands for, where it can stand for one only."""
        if depth > _DEPTH:
            return node
        found: list[Meaning | External] = []
        match node:
            case ast.Name():
                found = self.project.lookup(self.module, node.id, self.scopes)
            case ast.Attribute(value=ast.Name(id="self" | "cls"), attr=attr):
                owner = next(
                    (one for one in reversed(self.scopes) if isinstance(one, ast.ClassDef)), None
                )
                if owner is not None:
                    names, _ = self.project.scope(owner)
                    found = [
                        Meaning(self.module, one)
                        for one in names.get(attr, ())
                        if isinstance(one, Assigned)
                    ]
            case ast.Attribute():
                found = self.project.resolve(self.module, node, self.scopes)
            case _:
                return node
        if len(found) == 1:
            match found[0]:
                case Meaning(module, Assigned(value=value, unpacked=False)):
                    inner = self if module is self.module else Literals(self.project, module, ())
                    return inner.literal(value, depth + 1)
                case _:
                    pass
        return node

    def text(self, node: ast.expr | None) -> str | None:
        """The text of a literal, also of one that is encoded."""
        if node is None:
            return None
        match self.literal(node):
            case ast.Constant(value=str() as text):
                return text
            case ast.Constant(value=bytes() as raw):
                return raw.decode("latin-1")
            case ast.Call(func=ast.Attribute(value=inner, attr="encode")):
                return self.text(inner)
            case ast.Call(func=ast.Name(id="bytes" | "str"), args=[inner, *_]):
                return self.text(inner)
            case _:
                return None

    def constant(self, node: ast.expr | None) -> object:
        """The value of a literal; `...` where it is none."""
        found = self.literal(node) if node is not None else None
        return found.value if isinstance(found, ast.Constant) else ...

    def entries(self, node: ast.expr | None) -> dict[str, ast.expr] | None:
        """A dictionary with literal keys; None where it is something else."""
        found = self.literal(node) if node is not None else None
        match found:
            case ast.Dict(keys=keys, values=values):
                return {
                    key.value: value
                    for key, value in zip(keys, values, strict=True)
                    if isinstance(key, ast.Constant) and isinstance(key.value, str)
                }
            case ast.Call(func=ast.Name(id="dict"), args=[], keywords=keywords):
                return {word.arg: word.value for word in keywords if word.arg is not None}
            case _:
                return None
