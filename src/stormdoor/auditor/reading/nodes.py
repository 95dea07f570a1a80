"""How something is called where it is written."""

import ast

__all__ = ["last_name"]


def last_name(node: ast.AST) -> str:
    """The last of the names: `jobs` of `self.jobs` and of `jobs`, and nothing of anything else."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""
