"""Syntax trees that take less memory say the same."""

import ast
import itertools
from pathlib import Path

import pytest

from stormdoor_audit.auditor.reading.module import parse_module

_HERE = Path(__file__)


@pytest.mark.parametrize("file", sorted(_HERE.parents[2].glob("auditor/judging/*.py"))[:4])
def test_a_compact_tree_is_the_same(file: Path) -> None:
    """Code and places are those that the parser gives; only what has a default is left out."""
    content = file.read_bytes()
    module = parse_module(file, content, path="", name="", is_package=False, inside=True)
    plain = ast.parse(content)
    assert ast.dump(module.tree) == ast.dump(plain)
    for ours, theirs in itertools.zip_longest(ast.walk(module.tree), ast.walk(plain)):
        assert module.location(ours) == module.location(theirs)
        assert getattr(ours, "end_lineno", None) or ours.__dict__.get("lineno") == getattr(
            theirs, "end_lineno", None
        )


def test_nodes_share_the_number_of_their_line() -> None:
    """The parser makes an object for each number above 256."""
    content = b"\n" * 300 + b"left(right, 'text')\n"
    tree = parse_module(_HERE, content, path="", name="", is_package=False, inside=True).tree
    numbers = {id(node.lineno) for node in ast.walk(tree) if isinstance(node, ast.expr)}
    assert len(numbers) == 1
    assert (
        len(
            {id(node.lineno) for node in ast.walk(ast.parse(content)) if isinstance(node, ast.expr)}
        )
        > 1
    )
