"""Calls that make Tornado's Application, and the settings that it gets."""

import ast
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from stormdoor_audit.auditor.classes.callers import FunctionDefinition
from stormdoor_audit.auditor.facts.calls import Call, calls_in
from stormdoor_audit.auditor.facts.literals import Literals
from stormdoor_audit.auditor.facts.places import is_test, last_name, scopes_of
from stormdoor_audit.auditor.judging.endpoint import Endpoint
from stormdoor_audit.auditor.naming.lexicon import words_of
from stormdoor_audit.auditor.reading.module import Defined, Imported, Module
from stormdoor_audit.auditor.reading.project import External, Meaning, Project

__all__ = [
    "applications",
    "initialized",
    "is_application",
    "is_in_use",
    "is_left_over",
    "is_on_loopback",
    "is_trial",
    "serves_no_socket",
    "setting",
]

_APPLICATION = "tornado.web.Application"
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_LISTENS = ("listen", "bind", "bind_sockets")
_DEVELOPMENT = frozenset({"dev", "development"})
_DEPTH = 8


def is_application(call: Call) -> bool:
    """Return True if a call makes an Application."""
    # `super().__init__()` is called everywhere, and asking what it means has other files read.
    return last_name(call.node) != "__init__" and _APPLICATION in call.names


def applications(endpoint: Endpoint) -> list[Call]:
    """The calls that make an Application in a file that routes to this endpoint.

    Where none stands there, the only one of the project; of a class of the project's own it is the call
    that hands the settings on.
    """
    routing = {id(route.module): route.module for route in endpoint.routes}.values()
    found = _made_in(endpoint, [module for module in routing if module.inside])
    if not found and endpoint.routes:
        found = _made_in(endpoint, endpoint.project.speaking("Application"))
        found = found if len(found) == 1 else []
    return [
        call
        for call in found
        if not (_routes_elsewhere(call, endpoint) or serves_no_socket(call)) and is_in_use(call)
    ]


def _made_in(endpoint: Endpoint, modules: Iterable[Module]) -> list[Call]:
    """The calls in these files that give an Application its settings; tests are left out."""
    return [
        call
        for module in modules
        if not is_test(module)
        for call in _made_in_file(endpoint.project, module)
    ]


@lru_cache(maxsize=8192)
def _made_in_file(project: Project, module: Module) -> tuple[Call, ...]:
    """The calls in a file that make an Application, or hand on to one; asked for every endpoint.

    A file that never says so is not looked into: a large project has thousands of them.
    """
    if not any("Application" in line for line in module.lines):
        return ()
    calls = calls_in(project, module, "Application", "__init__")
    return tuple(call for call in calls if _hands_on(call) or is_application(call))


@lru_cache(maxsize=8192)
def _listening(project: Project, module: Module) -> tuple[Call, ...]:
    if not any("listen" in line or "bind" in line for line in module.lines):
        return ()
    return tuple(calls_in(project, module, *_LISTENS))


def _hands_on(call: Call) -> bool:
    """`super().__init__(handlers, **settings)`, in a class that is an Application."""
    owner = next((one for one in reversed(call.scopes) if isinstance(one, ast.ClassDef)), None)
    match call.node.func:
        case ast.Attribute(value=ast.Call(func=ast.Name(id="super")), attr="__init__"):
            return owner is not None and any(
                last_name(base).endswith("Application") and _APPLICATION in set(call.named(base))
                for base in owner.bases
            )
        case ast.Attribute(value=of, attr="__init__"):
            return last_name(of).endswith("Application") and (
                f"{_APPLICATION}.__init__" in call.names
            )
        case _:
            return False


def _routes_elsewhere(call: Call, endpoint: Endpoint) -> bool:
    """Return True if all its routes are visible and none is the endpoint's, as in a redirection."""
    shown = _handlers(call)
    if not isinstance(shown, ast.List) or not shown.elts:
        return False
    if not all(isinstance(one, ast.Tuple | ast.Call) for one in shown.elts):
        return False
    entries = {id(one) for one in ast.walk(shown)}
    return not any(id(route.node) in entries for route in endpoint.routes)


def _handlers(call: Call) -> ast.expr | None:
    """Return the routes of a call that makes an Application, or forwards to one."""
    given = [one for one in call.node.args if not (isinstance(one, ast.Name) and one.id == "self")]
    return next(iter(given), call.words.get("handlers"))


def setting(call: Call, name: str) -> ast.expr | bool:
    """The value of a setting; False where it is not set, True where that cannot be seen."""
    given = call.words.get(name)
    if given is not None:
        return given
    holders = {"self"} if _hands_on(call) else _holders(call)
    return call.hidden or any(
        ast.unparse(changed) in holders
        for node, _ in call.module.nodes()
        for changed in _changed(call, node, name)
    )


def _holders(call: Call) -> set[str]:
    """Return the names and attributes that its file assigns an Application to."""
    return {
        ast.unparse(target)
        for node, _ in call.module.nodes()
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.NamedExpr) and node.value is call.node
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
    }


def _changed(call: Call, node: ast.AST, name: str) -> Iterator[ast.expr]:
    """Yield `application` in `application.settings[name] = 1`, and of `update` and `setdefault`."""
    match node:
        case ast.Assign(targets=targets):
            for target in targets:
                match target:
                    case ast.Subscript(
                        value=ast.Attribute(value=holder, attr="settings"),
                        slice=ast.Constant(value=key),
                    ) if key == name:
                        yield holder
                    case _:
                        pass
        case ast.Call(
            func=ast.Attribute(
                value=ast.Attribute(value=holder, attr="settings"), attr="update" | "setdefault"
            ),
            args=given,
        ):
            known = [call.entries(one) for one in given]
            if name in Call(call.project, call.module, call.scopes, node).words or any(
                entries is None or name in entries or call.text(one) == name
                for one, entries in zip(given, known, strict=True)
            ):
                yield holder
        case _:
            pass


def is_left_over(endpoint: Endpoint) -> bool:
    """Return True if the program of a class routes its neighbours, and no code names the class.

    Or routes another one of that name, and no code names the file of this one.
    """
    if endpoint.routes:
        return False
    project, own, name = endpoint.project, endpoint.module, endpoint.info.name
    neighbours = {one.node.name for one in own.classes} - {name}
    programs = [
        module
        for module in project.speaking("Application")
        if not is_test(module) and any(map(is_application, _made_in_file(project, module)))
    ]
    if any(module is own or _named(module, *neighbours) for module in programs):
        return sum(_named(module, name) for module in project.naming(name)) == 1
    return (
        any(_named(module, name) for module in programs)
        and any(
            one.node.name == name
            for module in project.naming(name)
            if module is not own
            for one in module.classes
        )
        and not any(module is not own for module in project.naming(own.file.stem))
    )


def is_in_use(call: Call) -> bool:
    """Return True if users other than the author may reach an Application made here.

    Not in use: an Application with development in its name; one in a function of a script without a
    caller; one that tries out a part of another program.
    """
    around = [one.name for one in call.scopes if isinstance(one, FunctionDefinition | ast.ClassDef)]
    if any(_DEVELOPMENT & set(words_of(name)) for name in around) or is_trial(call):
        return False
    return not (
        isinstance(call.scopes[0] if call.scopes else None, FunctionDefinition)
        and _is_never_run(call, around[0])
    )


def is_trial(call: Call) -> bool:
    """Return True if an Application of plain pages tries out a file that another program imports.

    It stands below `if __name__ == "__main__":`, and the project makes an Application elsewhere.
    """
    own, project, stem = call.module, call.project, call.module.file.stem
    if not any(_is_main(one) and call.node in ast.walk(one) for one in own.tree.body):
        return False
    if not serves_no_socket(call):
        return False

    def others(modules: Iterable[Module]) -> Iterable[Module]:
        return (one for one in modules if one is not own and not is_test(one))

    return any(_imports(one, stem) for one in others(project.naming(stem))) and any(
        is_application(made)
        for one in others(project.speaking("Application"))
        for made in _made_in_file(project, one)
    )


def _is_main(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "__main__" in ast.unparse(node.test)


def _imports(module: Module, stem: str) -> bool:
    """Return True if a file imports a module of this name, or something from it."""
    return any(
        isinstance(one, Imported) and stem in {one.module.rpartition(".")[2], one.name}
        for one in (*module.stars, *(each for bound in module.names.values() for each in bound))
    )


def _is_never_run(call: Call, name: str) -> bool:
    """Return True if a file is a program of its own that never names one of its functions."""
    own = call.module
    if not any(map(_is_main, own.tree.body)) or (own.file.parent / "__init__.py").exists():
        return False
    for node in ast.walk(own.tree):
        match node:
            case ast.Name(id=said) | ast.Attribute(attr=said) | ast.Constant(value=str() as said):
                if name in said:
                    return False
            case ast.FunctionDef(name=called, decorator_list=[_, *_]) if called == name:
                return False  # who gave it to a command may call it
            case _:
                pass
    return not any(one is not own for one in call.project.naming(name))


def _named(module: Module, *names: str) -> int:
    """Return the number of times that a file names any of these, in code or in words."""
    if not names:
        return 0
    name = re.compile(rf"\b(?:{'|'.join(map(re.escape, names))})\b")
    return sum(len(name.findall(line)) for line in module.lines)


def is_on_loopback(call: Call) -> bool:
    """Return True if the file of an Application, or else the program, listens only on loopback."""
    found = _listening(call.project, call.module) or [
        one
        for module in call.project.speaking("listen", "bind")
        for one in _listening(call.project, module)
    ]
    return bool(found) and all(
        call.text(one.argument(1, "address")) in _LOOPBACK for one in found if not one.hidden
    )


def serves_no_socket(call: Call) -> bool:
    """Return True if all handlers of an Application are known, and none of them is a WebSocket's."""
    if any("add_handlers" in line for line in call.module.lines):
        return False
    shown = _handlers(call)
    entries = call.literal(shown) if shown is not None else None
    if not isinstance(entries, ast.List) or not entries.elts:
        return False
    for entry in entries.elts:
        parts = entry.args if isinstance(entry, ast.Call) else getattr(entry, "elts", [])
        if len(parts) < 2 or not _is_page(call, call.module, parts[1], call.scopes, 0):
            return False
    return True


def initialized(call: Call) -> Call | None:
    """Call by which the project's own Application class forwards its routes."""
    found = call.project.resolve(call.module, call.node.func, call.scopes)
    bases: set[str] = set()
    inits: list[Call] = []
    for owner, defined in _family(call, found, 0):
        around = scopes_of(owner, defined)
        bases.update(*(_dotted(call, owner, base, around) for base in defined.bases))
        inits += [
            Call(call.project, owner, scopes_of(owner, node), node)
            for node in ast.walk(defined)
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "__init__"
        ]
    return inits[0] if _APPLICATION in bases and len(inits) == 1 else None


def _family(
    call: Call, found: Iterable[Meaning | External], depth: int
) -> Iterator[tuple[Module, ast.ClassDef]]:
    """A class, and its bases of the project."""
    for one in found:
        match one:
            case Meaning(owner, Defined(ast.ClassDef() as defined)) if depth < _DEPTH:
                yield owner, defined
                for base in defined.bases:
                    meant = call.project.resolve(owner, base, scopes_of(owner, defined))
                    yield from _family(call, meant, depth + 1)
            case _:
                pass


def _dotted(
    call: Call, module: Module, node: ast.expr, scopes: tuple[ast.AST, ...]
) -> frozenset[str]:
    return frozenset(Literals(call.project, module, scopes).named(node))


def _is_page(
    call: Call, module: Module, node: ast.expr, scopes: tuple[ast.AST, ...], depth: int
) -> bool:
    """Return True if a class is a handler of plain requests, by all its bases."""
    found = call.project.resolve(module, node, scopes)
    if not found or depth > _DEPTH:
        return False
    for one in found:
        match one:
            case External(name=name) if name.startswith("tornado.web.") or name == "object":
                continue
            case Meaning(owner, Defined(ast.ClassDef(bases=bases) as defined)) if bases or depth:
                around = scopes_of(owner, defined)
                if not all(_is_page(call, owner, base, around, depth + 1) for base in bases):
                    return False
            case _:
                return False
    return True
