"""The verdict on a program of the table does not depend on its spelling."""

import ast
import copy
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from audit_tests.auditor.programs.table import (
    ANSWERS,
    endpoint_of,
    lines_of,
    read_program,
    sampled,
)

Mutation = Callable[[ast.Module], ast.Module]


def _verdict(folder: Path, files: Mapping[str, str]) -> str:
    return ANSWERS["authentication"](endpoint_of(folder, files))


def asynchronous(tree: ast.Module) -> ast.Module:
    """`prepare` and `get` of every handler are coroutines."""

    class Turned(ast.NodeTransformer):
        def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
            self.generic_visit(node)
            if node.name not in {"prepare", "get"} or node.decorator_list or not node.args.args:
                return node
            for inner in ast.walk(node):
                if (
                    isinstance(inner, ast.FunctionDef | ast.Yield | ast.YieldFrom)
                    and inner is not node
                ):
                    return node
            turned = ast.AsyncFunctionDef(**{name: getattr(node, name) for name in node._fields})
            return ast.copy_location(turned, node)

        def visit_Call(self, node: ast.Call) -> ast.AST:
            self.generic_visit(node)
            function = node.func
            if (
                isinstance(function, ast.Attribute)
                and function.attr in {"prepare", "get"}
                and isinstance(function.value, ast.Call)
                and isinstance(function.value.func, ast.Name)
                and function.value.func.id == "super"
            ):
                return ast.Await(node)
            return node

    changed = Turned().visit(copy.deepcopy(tree))
    try:
        compile(ast.unparse(ast.fix_missing_locations(changed)), "app.py", "exec")
    except SyntaxError:
        return tree  # an `await` would stand in a plain function
    assert isinstance(changed, ast.Module)
    return changed


def under_another_name(tree: ast.Module) -> ast.Module:
    """The class is used through an alias, and its bases are, too."""
    body: list[ast.stmt] = []
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name == "Door":
            for at, base in enumerate(node.bases):
                if isinstance(base, ast.Name):
                    alias = ast.Name(f"_Base{at}", ast.Store())
                    body.append(ast.Assign([alias], base))
                    node.bases[at] = ast.Name(alias.id, ast.Load())
        body.append(node)
    return ast.Module(body, [])


MUTATIONS: tuple[Mutation, ...] = (asynchronous, under_another_name)
EACH_THIRD = dict(list(lines_of("authentication", group="authentication").items())[::3])


@pytest.mark.unmeasured
@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda one: one.__name__)
@pytest.mark.parametrize("name", sampled(EACH_THIRD))
def test_the_verdict_stays_in_another_spelling(
    name: str, mutation: Mutation, tmp_path: Path
) -> None:
    """Coroutines and aliases change nothing about the clients that are accepted."""
    files = read_program(EACH_THIRD[name].id)
    tree = mutation(ast.parse(files["app.py"]))
    files["app.py"] = ast.unparse(ast.fix_missing_locations(tree))
    assert _verdict(tmp_path, files) in EACH_THIRD[name].expected


MOVED = """
from tornado.web import Application
from moved import Door as Moved
class Door(Moved):
    pass
application = Application([("/moved", Door)])
"""


@pytest.mark.unmeasured
@pytest.mark.parametrize("name", sampled(EACH_THIRD))
def test_the_verdict_stays_in_another_file(name: str, tmp_path: Path) -> None:
    """A class that derives from one in another module accepts the same clients."""
    files = read_program(EACH_THIRD[name].id)
    program = files.pop("app.py")
    if "Server" in program or "import app" in "".join(files.values()):
        return  # the program names its own module
    files |= {"app.py": MOVED, "moved.py": program}
    assert _verdict(tmp_path, files) in EACH_THIRD[name].expected
