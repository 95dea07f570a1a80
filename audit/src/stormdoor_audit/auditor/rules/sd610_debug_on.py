"""Debug mode in production.

What:
    `Application(...)` gets `debug=True`, `autoreload=True` or `serve_traceback=True`, or the code sets
    one of them later.

Why:
    The server sends errors with the code around them to clients. A file change restarts the server and
    ends every connection.

Example:
    app = Application(handlers, debug=True)

Instead:
    app = Application(handlers, debug=options.debug)

Fix:
    Read it from an option that is off by default.
"""

import ast
from collections.abc import Iterator

from stormdoor_audit.auditor.facts.applications import is_application, is_in_use
from stormdoor_audit.auditor.facts.bindings import Within
from stormdoor_audit.auditor.facts.calls import Call, in_files, on_the_way
from stormdoor_audit.auditor.facts.places import is_test, last_name, mentioned
from stormdoor_audit.auditor.rule import Found, rule
from stormdoor_audit.report.finding import Confidence, Level

__all__ = ["RULE"]


def _check(call: Call) -> Iterator[Found]:
    if is_test(call.module):
        return
    changes = last_name(call.node) == "update"
    if not changes and not (is_application(call) or "cookie_secret" in call.words):
        return
    settings = _added(call) if changes else call.words
    for name in ("debug", "autoreload", "serve_traceback"):
        given = settings.get(name)
        if (
            given is not None
            and call.constant(given) is True
            and not (_elsewhere(call, given) or _is_asked_for(call, given))
            and is_in_use(call)
        ):
            yield call.found(f"{name} is on.")
            return


def _added(call: Call) -> dict[str, ast.expr]:
    """Return changes of the settings of an existing Application: `web_app.settings.update(settings)`."""
    match call.node:
        case ast.Call(func=ast.Attribute(value=ast.Attribute(attr="settings"), attr="update")) if (
            any("tornado" in line for line in call.module.lines)
        ):
            given = call.node.args[0] if call.node.args else None
            return {**(call.entries(given) or {}), **call.words}
        case _:
            return {}


def _is_asked_for(call: Call, given: ast.expr) -> bool:
    """Return whether a value is a parameter that another value turns on: `debug or reload`."""
    if not isinstance(given, ast.Name) or call.function is None:
        return False
    within = Within(call.function)
    if given.id not in within.all_parameters:
        return False
    return all(
        any(mentioned(test) - {given.id} for test in within.conditions(one.node))
        for one in within.given.get(given.id, ())
    )


def _elsewhere(call: Call, given: ast.expr) -> bool:
    """Return whether a value comes from a `dict(...)` with a cookie_secret, which is already reported."""
    for word in call.node.keywords:
        found = call.literal(word.value) if word.arg is None else None
        if isinstance(found, ast.Call):
            names = {one.arg: one.value for one in found.keywords}
            if "cookie_secret" in names and given in names.values():
                return True
    return False


RULE = rule(
    __doc__,
    id="SD610",
    slug="debug-on",
    level=Level.WARNING,
    confidence=Confidence.HIGH,
    group="operation",
    cwe=(489, 209),
    asvs=("13.4.2",),
    threat="secret-leakage",
    on_endpoint=on_the_way(_check, "Application", "dict", "__init__", "update"),
    on_module=in_files(_check, "Application", "dict", "__init__", "update"),
)
