"""Where Tornado's Application is made, and the settings that it gets."""

import ast

from stormdoor.auditor.facts.calls import Call
from stormdoor.auditor.facts.places import is_test, scopes_of
from stormdoor.auditor.judging.endpoint import Endpoint

__all__ = ["applications", "is_application", "setting"]

_APPLICATION = "tornado.web.Application"


def is_application(call: Call) -> bool:
    """Whether a call makes an Application."""
    return _APPLICATION in call.names


def applications(endpoint: Endpoint) -> list[Call]:
    """The calls that make an Application and stand in a file that routes to this endpoint."""
    found: dict[int, Call] = {}
    for module in {id(route.module): route.module for route in endpoint.routes}.values():
        if not module.inside or is_test(module):
            continue
        for node, _ in module.nodes():
            if isinstance(node, ast.Call):
                call = Call(endpoint.project, module, node, scopes_of(module, node))
                if is_application(call) and not _routes_elsewhere(call, endpoint):
                    found[id(node)] = call
    return list(found.values())


def _routes_elsewhere(call: Call, endpoint: Endpoint) -> bool:
    """Whether all its routes stand in it, and none is one of the endpoint's: a redirection, say."""
    shown = next(iter(call.node.args), call.words.get("handlers"))
    if not isinstance(shown, ast.List) or not shown.elts:
        return False
    if not all(isinstance(one, ast.Tuple | ast.Call) for one in shown.elts):
        return False
    entries = {id(one) for one in ast.walk(shown)}
    return not any(id(route.node) in entries for route in endpoint.routes)


def setting(call: Call, name: str) -> ast.expr | bool:
    """The value of a setting; False where it is not set, True where that cannot be seen."""
    given = call.words.get(name)
    if given is not None:
        return given
    return call.hidden or name in call.project.settings
