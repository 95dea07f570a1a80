"""What stands in front of the application: a function or an object that a server is given in its place."""

import ast

from stormdoor.auditor.reading.module import Module
from stormdoor.auditor.reading.project import External, Project

__all__ = ["given_to_servers"]

_SERVER = "tornado.httpserver.HTTPServer"


def given_to_servers(project: Project) -> list[tuple[Module, ast.expr]]:
    """What `HTTPServer(...)` is given, with the module it stands in."""
    found: list[tuple[Module, ast.expr]] = []
    for module in project.inside():
        if module.is_test or not any("HTTPServer" in line for line in module.lines):
            continue
        for node, scopes in module.nodes():
            match node:
                case ast.Call(args=[(ast.Name() | ast.Attribute() | ast.Call()) as served, *_]):
                    meant = project.resolve(module, node.func, scopes)
                    if any(isinstance(one, External) and one.name == _SERVER for one in meant):
                        found.append((module, served))
                case _:
                    pass
    return found
