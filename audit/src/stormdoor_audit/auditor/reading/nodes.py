"""Names of expressions in the source."""

import ast

__all__ = ["called", "last_called", "last_name"]


def last_name(node: ast.AST) -> str:
    """The last of the names: `jobs` of `self.jobs` and of `jobs`, and nothing of anything else."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


def called(node: ast.expr) -> ast.expr:
    """Return the called expression, or the decorator itself if it is not called."""
    return node.func if isinstance(node, ast.Call) else node


def last_called(node: ast.AST) -> str:
    """The last name of what is called, or of a decorator: `field` of `attrs.field` and of a call of it."""
    return last_called(node.func) if isinstance(node, ast.Call) else last_name(node)
