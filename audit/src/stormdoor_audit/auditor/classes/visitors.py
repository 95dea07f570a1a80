"""Signed cookies that every visitor is given: that there is one says nothing about who it is."""

import ast
from collections.abc import Iterator

from stormdoor_audit.auditor.classes.callers import FunctionDefinition
from stormdoor_audit.auditor.naming.words import words
from stormdoor_audit.auditor.reading.module import Module
from stormdoor_audit.auditor.reading.project import Project

__all__ = ["given_to_visitors"]

_GETTERS = frozenset({"get_secure_cookie", "get_signed_cookie"})
_SETTERS = frozenset({"set_secure_cookie", "set_signed_cookie"})
_MADE_UP = words(
    """
    b64encode bytes choice decode encode format getrandbits hex hexdigest hexlify int join md5 randint
    random randrange range sha1 sha256 str time token_bytes token_hex token_urlsafe urandom utf8
    uuid1 uuid4
    """
)
"""Calls that make a value without a proof from the client."""
_DRAWS = words(
    """
    choice getrandbits randint random randrange token_bytes token_hex token_urlsafe urandom uuid1
    uuid4
    """
)
_REFUSES = frozenset({"finish", "redirect", "send_error", "set_status"})


def given_to_visitors(project: Project) -> dict[str, ast.Constant | None]:
    """The cookies that are set where the request has none, and nothing was asked before.

    Returns:
        What each is given, where that is a constant.
    """
    given: dict[str, ast.Constant | None] = {}
    for module in project.inside():
        if module.is_test or not any(
            name in line for line in module.lines for name in ("set_secure_c", "set_signed_c")
        ):
            continue
        for function in _functions(module):
            for name, value in _given(function):
                given[name] = value if isinstance(value, ast.Constant) else None
    return given


def _functions(module: Module) -> Iterator[FunctionDefinition]:
    """Functions that run for every client: undecorated, in classes with a `prepare` that admits all."""
    for node, scopes in module.nodes():
        if not isinstance(node, ast.Call) or _attribute(node) not in _SETTERS:
            continue
        around = [one for one in scopes if isinstance(one, FunctionDefinition)]
        owner = next((one for one in reversed(scopes) if isinstance(one, ast.ClassDef)), None)
        prepared = [
            one
            for one in (owner.body if owner is not None else [])
            if isinstance(one, FunctionDefinition) and one.name == "prepare" and one not in around
        ]
        if len(around) == 1 and not any(map(_may_refuse, prepared)):
            decorators = {ast.unparse(one) for one in around[0].decorator_list}
            if decorators <= {"staticmethod", "classmethod", "gen.coroutine", "coroutine"}:
                yield around[0]


def _may_refuse(function: FunctionDefinition) -> bool:
    return bool(function.decorator_list) or any(
        isinstance(one, ast.Raise) or (isinstance(one, ast.Call) and _attribute(one) in _REFUSES)
        for one in ast.walk(function)
    )


def _given(function: FunctionDefinition) -> Iterator[tuple[str, ast.expr]]:
    """`if not self.get_secure_cookie("id"): self.set_secure_cookie("id", str(uuid4()))`."""
    held = dict(_held(function))
    made = {
        name: one.value
        for one in ast.walk(function)
        if isinstance(one, ast.Assign)
        for name in _names_in(one.targets)
    }
    own = {one.arg for one in ast.walk(function.args) if isinstance(one, ast.arg)}
    for name, value in [*_where_absent(function, held), *_always(function, made)]:
        names = {one.id for one in ast.walk(value) if isinstance(one, ast.Name)}
        emptied = isinstance(value, ast.Constant) and not value.value  # as a logout does
        if not own & names and not emptied and _is_made_up(value, made):
            yield name, value


def _where_absent(
    function: FunctionDefinition, held: dict[str, str]
) -> Iterator[tuple[str, ast.expr]]:
    for test, body in _branches(function.body):
        name = _absent(test, held)
        for cookie, value in map(_set, body):
            if name is not None and cookie == name and value is not None:
                yield name, value


def _always(
    function: FunctionDefinition, made: dict[str, ast.expr]
) -> Iterator[tuple[str, ast.expr]]:
    """Yield the cookies that a page first of all gives to every client that opens it, or its form.

    What a form gives otherwise may be what its log-in gives.
    """
    for statement in _first_of_all(function.body, made):
        if isinstance(statement, ast.If):
            drawn = dict(made)
            for one in _first_of_all(statement.body, made):
                name, value = _set(one)
                if isinstance(one, ast.Assign):
                    drawn |= dict.fromkeys(_names_in(one.targets), one.value)
                elif name is not None and value is not None and _is_drawn(value, drawn):
                    yield name, value
        elif function.name in {"get", "prepare"}:
            name, value = _set(statement)
            if name is not None and value is not None:
                yield name, value


def _first_of_all(body: list[ast.stmt], made: dict[str, ast.expr]) -> Iterator[ast.stmt]:
    """Yield the statements before any identity check: cookies that are set, generated values, buttons."""
    for statement in body:
        match statement:
            case ast.If(test=test) if _is_a_button(test):
                yield statement
            case ast.Assign(value=value) if _is_made_up(value, made):
                yield statement
            case ast.Pass() | ast.Expr(value=ast.Constant()):
                pass
            case _ if _set(statement)[1] is not None:
                yield statement
            case _:
                return


def _set(statement: ast.stmt) -> tuple[str | None, ast.expr | None]:
    """The cookie that a statement sets, and to what."""
    match statement:
        case ast.Expr(value=ast.Call() as call) if _attribute(call) in _SETTERS:
            told = {word.arg: word.value for word in call.keywords if word.arg is not None}
            name, value = [*call.args[:2], None, None][:2]
            name, value = name or told.get("name"), value or told.get("value")
            match name:
                case ast.Constant(value=str() as text):
                    return text, value
                case _:
                    return None, None
        case _:
            return None, None


def _branches(body: list[ast.stmt]) -> Iterator[tuple[ast.expr, list[ast.stmt]]]:
    """Conditions that every visitor comes to, with what is done under them."""
    for statement in body:
        match statement:
            case ast.If(
                test=ast.Call(func=ast.Name(id="isinstance"))
                | ast.UnaryOp(op=ast.Not(), operand=ast.Call(func=ast.Name(id="isinstance")))
            ):
                yield from _branches(statement.body)
                yield from _branches(statement.orelse)
            case ast.If():
                yield statement.test, statement.body
            case _:
                pass
        if any(
            isinstance(one, ast.Return | ast.Raise)
            or (isinstance(one, ast.Call) and _attribute(one) in _REFUSES)
            for one in ast.walk(statement)
        ):
            return


def _held(function: FunctionDefinition) -> Iterator[tuple[str, str]]:
    """Names that hold what a cookie says, with the name of the cookie."""
    for one in ast.walk(function):
        match one:
            case (
                ast.Assign(targets=[ast.Name(id=held)], value=value)
                | ast.NamedExpr(target=ast.Name(id=held), value=value)
            ):
                name = _read(value)
                if name is not None:
                    yield held, name
            case _:
                pass


def _absent(test: ast.expr, held: dict[str, str]) -> str | None:
    """The cookie that a condition says is not there."""
    match test:
        case ast.UnaryOp(op=ast.Not(), operand=inner):
            pass
        case ast.Compare(left=inner, ops=[ast.Is()], comparators=[ast.Constant(value=None)]):
            pass
        case _:
            return None
    if isinstance(inner, ast.NamedExpr):
        inner = inner.value
    return held.get(inner.id) if isinstance(inner, ast.Name) else _read(inner)


def _read(node: ast.expr) -> str | None:
    match node:
        case ast.Call(args=[ast.Constant(value=str() as name), *_]) if _attribute(node) in _GETTERS:
            return name
        case _:
            return None


def _is_made_up(value: ast.expr, made: dict[str, ast.expr], deep: int = 3) -> bool:
    for one in ast.walk(value):
        match one:
            case ast.Call():
                if _attribute(one) not in _MADE_UP:
                    return False
            case ast.Name(id=name) if name in made:
                if not deep or not _is_made_up(made[name], made, deep - 1):
                    return False
            case ast.Attribute(value=ast.Name(id="self")):
                return False
            case _:
                pass
    return True


def _names_in(targets: list[ast.expr]) -> list[str]:
    return [one.id for one in targets if isinstance(one, ast.Name)]


def _is_drawn(value: ast.expr, made: dict[str, ast.expr]) -> bool:
    """Return True if it is partly random."""
    parts = [*ast.walk(value)]
    parts += [
        inner
        for one in parts
        if isinstance(one, ast.Name) and one.id in made
        for inner in ast.walk(made[one.id])
    ]
    return any(isinstance(one, ast.Call) and _attribute(one) in _DRAWS for one in parts)


def _is_a_button(test: ast.expr) -> bool:
    """`if self.get_argument("start", None):`, which says no more than that it was pressed."""
    return (
        isinstance(test, ast.Call)
        and _attribute(test) in {"get_argument", "get_body_argument"}
        and bool(test.args)
        and isinstance(test.args[0], ast.Constant)
    )


def _attribute(call: ast.Call) -> str:
    match call.func:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
        case _:
            return ""
