"""Whose an object is that something is done to: the connection's own, or the program's."""

import ast
import builtins
from functools import lru_cache

from stormdoor.auditor.classes.classinfo import ClassInfo
from stormdoor.auditor.classes.stores import stored_by
from stormdoor.auditor.interpreter.events import Event
from stormdoor.auditor.interpreter.values import Unknown, labels_of
from stormdoor.auditor.judging.endpoint import Endpoint
from stormdoor.auditor.naming import lexicon
from stormdoor.auditor.reading.module import Module

__all__ = ["is_counted", "is_for_itself", "is_of_the_program", "is_statement"]

_BUILTINS = frozenset(dir(builtins))
_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_MAX_STEPS = 4
_MAKERS = frozenset({"__init__", "initialize"})
_TAKES = frozenset({"get", "pop", "setdefault"})


def is_of_the_program(endpoint: Endpoint, event: Event) -> bool:
    """Whether what is done is done to what a module or the application has.

    What a connection made or was given for itself is its own: `self.player.move(...)`.
    """
    named = isinstance(event.node, ast.Call) and isinstance(event.node.func, ast.Name)
    if named and _altered_by(event.node) is None:
        # What is called under a local name says in its text where it comes from.
        chain = lexicon.chain_of(event.text)
        return bool(chain) and chain[0] not in {"self", "cls"} | _BUILTINS
    places = [(module, node) for module, node, _ in event.stack]
    return _belongs(endpoint, [*places, (event.module, event.node)])


def _altered_by(node: ast.AST) -> ast.expr | None:
    """`self.lamp` of `setattr(self.lamp, "level", message)`."""
    match node:
        case ast.Call(func=ast.Name(id="setattr"), args=[held, *_]):
            return held
        case _:
            return None


def is_for_itself(endpoint: Endpoint, event: Event) -> bool:
    """`world.move(self.uid, data["x"])`: it is done to what the connection made or was given for itself.

    A number that stands in the source is that of a thing: `board.output(self.pin, 1)`.
    """
    if not isinstance(event.node, ast.Call):
        return False
    own = [one for one in endpoint.info.mro if isinstance(one, ClassInfo)]
    around = _around(event.module, event.node)
    if around.owner is None or not any(one.node is around.owner for one in own):
        return False
    return any(
        isinstance(argument, ast.Attribute)
        and isinstance(argument.value, ast.Name)
        and argument.value.id == "self"
        and isinstance(value, Unknown)
        and not labels_of(value) & {"client", "setting"}
        and not any(_is_handed_in(endpoint, one, argument.attr) for one in own)
        for argument, value in zip(event.node.args, event.values, strict=False)
    )


def _belongs(endpoint: Endpoint, places: list[tuple[Module, ast.AST]]) -> bool:
    if not places:
        return False
    module, node = places[-1]
    held = _altered_by(node)
    names = _chain(node.func if isinstance(node, ast.Call) else node)
    if isinstance(node, ast.Subscript):
        names = [*names, "item"]
    if held is not None:
        names = [*_chain(held), "attribute"]
    around = _around(module, node, *names[:1])
    for _ in range(_MAX_STEPS):
        if not names:
            return False
        if names[0] in {"self", "cls"}:
            if "application" in names:
                return True
            own = [one for one in endpoint.info.mro if isinstance(one, ClassInfo)]
            if not around.owner or any(one.node is around.owner for one in own):
                return len(names) > 2 and any(_is_handed_in(endpoint, one, names[1]) for one in own)
            return _belongs(endpoint, places[:-1])
        made = _bound_in(around.function, names[0]) if around.function is not None else None
        if made is None:
            break
        names = _chain(made)
    if around.function is not None and names[0] in _parameters(around.function):
        given = _given(around.function, names[0], places[-2][1]) if len(places) > 1 else None
        return given is not None and _belongs(endpoint, [*places[:-2], (places[-2][0], given)])
    return bool(endpoint.project.members(module, names[0]))


def _given(function: ast.AST, name: str, caller: ast.AST) -> ast.expr | None:
    """What a call gives for a parameter: `self._move(motors["left"])`."""
    if not isinstance(function, _Function) or not isinstance(caller, ast.Call):
        return None
    for word in caller.keywords:
        if word.arg == name:
            return word.value
    names = [one.arg for one in (*function.args.posonlyargs, *function.args.args)]
    bound = names[:1] in (["self"], ["cls"]) and isinstance(caller.func, ast.Attribute)
    at = names.index(name) - bound if name in names else -1
    return caller.args[at] if 0 <= at < len(caller.args) else None


def _is_handed_in(endpoint: Endpoint, info: ClassInfo, name: str) -> bool:
    """Whether the connection has it from its class, from the route or from a module, and made none itself."""
    for statement in info.node.body:
        match statement:
            case ast.Assign(
                targets=[ast.Name(id=bound)],
                value=ast.Call() | ast.Dict() | ast.List() | ast.Set(),
            ) if bound == name:
                return not _is_made_anew(info.node, name)
            case ast.FunctionDef():
                for value in stored_by(statement).get(name, []):
                    names = _chain(value)
                    called = any(isinstance(one, ast.Call) for one in ast.walk(value))
                    given = names[:1] and names[0] in _parameters(statement)
                    if given and statement.name in _MAKERS and (not called or names[-1] in _TAKES):
                        return True
                    if names and (not called or names[-1] in _TAKES) and not given:
                        return bool(endpoint.project.members(info.module, names[0]))
            case _:
                pass
    return False


@lru_cache(maxsize=4096)
def _is_made_anew(owner: ast.ClassDef, name: str) -> bool:
    """Whether a connection puts something of its own in the place of what the class has for all."""
    return any(
        name in stored_by(method)
        for method in owner.body
        if isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef)
    )


def _chain(node: ast.AST) -> list[str]:
    """`a`, `b`, `c` of `a.b(x)[y].c`."""
    names: list[str] = []
    while True:
        match node:
            case ast.Attribute(value=inner, attr=name):
                names.append(name)
                node = inner
            case ast.Subscript(value=inner):
                node = inner
            case ast.Call(func=inner) | ast.Await(value=inner):
                node = inner
            case ast.Name(id=name):
                return [name, *reversed(names)]
            case _:
                return []


class _Place:
    """The class and the function around a node."""

    __slots__ = ("function", "owner")

    def __init__(self, owner: ast.ClassDef | None, function: ast.AST | None) -> None:
        self.owner = owner
        self.function = function


def _around(module: Module, node: ast.AST, name: str = "") -> _Place:
    """Where a node stands; a lambda is a place only for a name that it is given."""
    owner: ast.ClassDef | None = None
    function: ast.AST | None = None
    for one in _scopes(module).get(id(node), ()):
        if isinstance(one, ast.ClassDef):
            owner = one
        elif not isinstance(one, ast.Lambda) or name in _parameters(one):
            function = one
    return _Place(owner, function)


@lru_cache(maxsize=256)
def _scopes(module: Module) -> dict[int, tuple[ast.AST, ...]]:
    """The classes and functions around each call and each target, from the outside in."""
    found: dict[int, tuple[ast.AST, ...]] = {}
    pending: list[tuple[ast.AST, tuple[ast.AST, ...]]] = [(module.tree, ())]
    while pending:
        node, scopes = pending.pop()
        if isinstance(node, ast.Call | ast.Attribute | ast.Subscript | ast.Name):
            found[id(node)] = scopes
        if isinstance(node, ast.ClassDef | _Function):
            scopes = (*scopes, node)
        pending.extend((inner, scopes) for inner in ast.iter_child_nodes(node))
    return found


def _bound_in(function: ast.AST, name: str) -> ast.expr | None:
    """What a function binds a name to."""
    for node in ast.walk(function):
        match node:
            case ast.Assign(targets=[ast.Name(id=bound)], value=value) if bound == name:
                return value
            case ast.For(target=ast.Name(id=bound), iter=value) if bound == name:
                return value
            case _:
                pass
    return None


def _parameters(function: ast.AST) -> set[str]:
    if not isinstance(function, _Function):
        return set()
    given = function.args
    named = {one.arg for one in (*given.posonlyargs, *given.args, *given.kwonlyargs)}
    return named | {one.arg for one in (given.vararg, given.kwarg) if one is not None}


def is_statement(module: Module, node: ast.AST) -> bool:
    """Whether nobody looks at what a call gives: it is made for what it does."""
    return id(node) in _statements(module)


@lru_cache(maxsize=256)
def _statements(module: Module) -> frozenset[int]:
    found: set[int] = set()
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Expr | ast.Lambda):
            value = node.value if isinstance(node, ast.Expr) else node.body
            while (
                isinstance(value, ast.Await | ast.Yield | ast.YieldFrom) and value.value is not None
            ):
                value = value.value
            found.add(id(value))
    return frozenset(found)


def is_counted(module: Module, node: ast.AST) -> bool:
    """Whether something is only made more or less, or its turn goes on: `self.application.seen += 1`."""
    return id(node) in _counted(module)


@lru_cache(maxsize=256)
def _counted(module: Module) -> frozenset[int]:
    return frozenset(
        id(target)
        for node in ast.walk(module.tree)
        for target in (
            [node.target]
            if isinstance(node, ast.AugAssign)
            else node.targets
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.BinOp)
            else []
        )
        if isinstance(node, ast.AugAssign) or _is_made_of_itself(target, node)
    )


def _is_made_of_itself(target: ast.expr, node: ast.AST) -> bool:
    """`self.turn = 1 - self.turn`: whoever is next."""
    before = ast.unparse(target)
    return isinstance(node, ast.Assign) and any(
        isinstance(one, ast.Attribute | ast.Name) and ast.unparse(one) == before
        for one in ast.walk(node.value)
    )
