"""Attributes that all connections of a handler share, because they are on the class."""

import ast

from stormdoor_audit.auditor.classes.classinfo import ClassInfo
from stormdoor_audit.auditor.judging.endpoint import Endpoint

__all__ = ["shared_containers"]


def shared_containers(endpoint: Endpoint) -> set[str]:
    """Attributes of the classes that are lists, dictionaries or sets, and that no method replaces."""
    held = {
        target.id
        for one in endpoint.info.mro
        if isinstance(one, ClassInfo)
        for statement in one.node.body
        if isinstance(statement, ast.Assign | ast.AnnAssign)
        and isinstance(statement.value, ast.Dict | ast.List | ast.Set | ast.Call)
        for target in _targets(statement)
        if isinstance(target, ast.Name)
    }
    own = {
        node.attr
        for method in endpoint.methods()
        for node in ast.walk(method.node)
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Store)
        and isinstance(node.value, ast.Name)
        and node.value.id == "self"
    }
    return held - own


def _targets(statement: ast.Assign | ast.AnnAssign) -> list[ast.expr]:
    return statement.targets if isinstance(statement, ast.Assign) else [statement.target]
