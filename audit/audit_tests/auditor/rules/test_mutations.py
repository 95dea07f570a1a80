"""The verdict on a fixture stays when its code is written in another way that means the same."""

import ast
import copy
from collections.abc import Callable
from pathlib import Path

import pytest

from audit_tests.auditor.fixtures import expected, fixture, found_in
from audit_tests.auditor.sampling import chosen
from stormdoor_audit.auditor.rule import Rule
from stormdoor_audit.auditor.rules import RULES

Mutation = Callable[[ast.Module], ast.Module]


class _Renamed(ast.NodeTransformer):
    """Every class of the file has another name."""

    def __init__(self, names: set[str]) -> None:
        self.names = names

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        self.generic_visit(node)
        if node.name in self.names:
            node.name = f"Q{node.name}7"
        return node

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id in self.names:
            node.id = f"Q{node.id}7"
        return node


def renamed(tree: ast.Module) -> ast.Module:
    """Classes have other names."""
    names = {one.name for one in ast.walk(tree) if isinstance(one, ast.ClassDef)}
    return ast.Module([_Renamed(names).visit(one) for one in tree.body], [])


def _is_handler(node: ast.stmt) -> bool:
    return isinstance(node, ast.ClassDef) and any(
        "Handler" in ast.unparse(base) for base in node.bases
    )


def in_a_mixin(tree: ast.Module) -> ast.Module:
    """Everything that a handler defines stands in a mixin."""
    body: list[ast.stmt] = []
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and _is_handler(node):
            mixin = copy.copy(node)
            mixin.name, mixin.bases, mixin.decorator_list = f"{node.name}Part", [], []
            node.body = [ast.Pass()]
            node.bases = [ast.Name(mixin.name, ast.Load()), *node.bases]
            body.append(mixin)
        body.append(node)
    return ast.Module(body, [])


_HOOKS = frozenset({"prepare", "open", "on_message", "post"})


def through_a_helper(tree: ast.Module) -> ast.Module:
    """`prepare`, `open`, `on_message` and `post` call another method that does the work."""
    for owner in ast.walk(tree):
        if not isinstance(owner, ast.ClassDef):
            continue
        added: list[ast.stmt] = []
        for node in owner.body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name in _HOOKS:
                if node.decorator_list or node.args.kwonlyargs or node.args.vararg:
                    continue
                names = [one.arg for one in node.args.args]
                inner = copy.copy(node)
                inner.name = f"work_of_{node.name}"
                called: ast.expr = ast.Call(
                    ast.Attribute(ast.Name("self", ast.Load()), inner.name, ast.Load()),
                    [ast.Name(name, ast.Load()) for name in names[1:]],
                    [],
                )
                if isinstance(node, ast.AsyncFunctionDef):
                    called = ast.Await(called)
                node.body = [ast.Return(called)]
                added.append(inner)
        owner.body.extend(added)
    return tree


def other_imports(tree: ast.Module) -> ast.Module:
    """`from a import b` is `import a`, and `a.b` where it is used."""
    body: list[ast.stmt] = []
    moved: dict[str, str] = {}
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            body.append(ast.Import([ast.alias(node.module)]))
            for name in node.names:
                moved[name.asname or name.name] = f"{node.module}.{name.name}"
        else:
            body.append(node)

    class Spelled(ast.NodeTransformer):
        def visit_Name(self, node: ast.Name) -> ast.AST:
            if node.id in moved and isinstance(node.ctx, ast.Load):
                return ast.parse(moved[node.id], mode="eval").body
            return node

    return ast.Module([Spelled().visit(one) for one in body], [])


MUTATIONS: tuple[Mutation, ...] = (renamed, in_a_mixin, through_a_helper, other_imports)

EXCEPTIONS: dict[tuple[str, str], str] = {}
"""What a rule does not see through, with the reason."""

CASES = chosen(
    {
        f"{rule.meta.id}-{mutation.__name__}": (mutation, rule)
        for rule in RULES
        if fixture(rule, "bad").suffix == ".py"
        for mutation in MUTATIONS
    }
)


@pytest.mark.unmeasured
@pytest.mark.parametrize(("mutation", "rule"), CASES.values(), ids=CASES)
def test_same_verdict(mutation: Mutation, rule: Rule, tmp_path: Path) -> None:
    """As many findings as lines are marked, in code that means the same; none in what was good."""
    why = EXCEPTIONS.get((rule.meta.id, mutation.__name__))
    if why is not None:
        pytest.skip(why)
    for kind in ("bad", "good"):
        text = fixture(rule, kind).read_text(encoding="utf-8")
        tree = ast.fix_missing_locations(mutation(ast.parse(text)))
        folder = tmp_path / kind
        folder.mkdir()
        (folder / "app.py").write_text(ast.unparse(tree), encoding="utf-8")
        marked = expected(text, rule.meta.id) if kind == "bad" else []
        assert len(found_in(folder, rule.meta.id)) == len(marked), kind
