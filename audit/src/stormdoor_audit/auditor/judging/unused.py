"""Rights that a program defines or looks up, and never asks for."""

import ast
import re
from dataclasses import dataclass

from stormdoor_audit.auditor.classes.linearisation import REQUEST_METHODS, SOCKET_METHODS
from stormdoor_audit.auditor.naming import lexicon
from stormdoor_audit.auditor.reading.budget import remembered
from stormdoor_audit.auditor.reading.module import Module
from stormdoor_audit.auditor.reading.project import Project

__all__ = ["Unused", "unused_rights"]

_ASKS = (ast.Eq, ast.NotEq, ast.In, ast.NotIn)


@dataclass(frozen=True, slots=True)
class Unused:
    """A function that says whether a user has a right, and that nothing calls.

    Args:
        module: Its file.
        node: The function; or the assignment of a right that nothing reads.
        owner: The class around it, or None.
    """

    module: Module
    node: ast.AST
    owner: ast.ClassDef | None


@remembered
def unused_rights(project: Project, module: Module) -> tuple[Unused, ...]:
    """Functions and attributes of a file that tell users apart, and that no file uses."""
    found: list[Unused] = []
    for owner, node, name in _candidates(module):
        if not _is_used(project, name):
            found.append(Unused(module, node, owner))
    return tuple(found)


def _candidates(module: Module) -> list[tuple[ast.ClassDef | None, ast.AST, str]]:
    found: list[tuple[ast.ClassDef | None, ast.AST, str]] = []
    classes = [one for one in ast.walk(module.tree) if isinstance(one, ast.ClassDef)]
    who = _stored_users(module)
    for owner in (None, *classes):
        body = module.tree.body if owner is None else owner.body
        for node in body:
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            if _tells_users_apart(node, owner, who):
                found.append((owner, node, node.name))
            if owner is not None:
                found += [(owner, one, name) for one, name in _rights_kept(node)]
    return found


def _stored_users(module: Module) -> set[str]:
    """The attributes in which `prepare` keeps who the client is."""
    return {"current_user"} | {
        target.attr
        for function in module.functions()
        if function.name == "prepare"
        for node in ast.walk(function)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Attribute)
    }


def _tells_users_apart(
    node: ast.FunctionDef | ast.AsyncFunctionDef, owner: ast.ClassDef | None, who: set[str]
) -> bool:
    """Return True if a function compares a user with something, and answers or raises."""
    if node.name in REQUEST_METHODS | SOCKET_METHODS:
        return False  # Tornado calls it
    inner = list(ast.walk(node))
    asks_user = any(isinstance(one, ast.Attribute) and one.attr in who for one in inner)
    if not asks_user and ((owner is not None and owner.bases) or not _is_named_so(node.name)):
        return False
    given = {one.arg for one in node.args.args}
    compares = any(
        isinstance(one, ast.Compare)
        and isinstance(one.ops[0], _ASKS)
        and (asks_user or _is_of_given(one, given))
        for one in inner
    )
    return compares and any(
        isinstance(one, ast.Raise) or (isinstance(one, ast.Return) and one.value is not None)
        for one in inner
    )


def _is_named_so(name: str) -> bool:
    return (
        lexicon.is_predicate(name) or lexicon.is_access_word(name) or lexicon.is_raising_name(name)
    )


def _is_of_given(compared: ast.Compare, given: set[str]) -> bool:
    """`user in self.writers`: a parameter and a part of an object."""
    sides = (compared.left, compared.comparators[0])
    return any(isinstance(one, ast.Name) and one.id in given for one in sides) and any(
        isinstance(one, ast.Attribute | ast.Subscript) for one in sides
    )


def _rights_kept(
    method: ast.FunctionDef | ast.AsyncFunctionDef,
) -> list[tuple[ast.AST, str]]:
    """`self.role = roles.of(self.current_user)`."""
    return [
        (node, target.attr)
        for node in ast.walk(method)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Attribute)
        and lexicon.is_access_word(target.attr)
        and "current_user" in ast.unparse(node.value)
    ]


def _is_used(project: Project, name: str) -> bool:
    """Return True if a name stands outside of its definition."""
    word = re.compile(rf"\b{re.escape(name)}\b")
    return (
        sum(
            len(word.findall(line))
            for module in project.naming(name)
            for line in module.lines
            if name in line and not line.lstrip().startswith("#")
        )
        > 1
    )
