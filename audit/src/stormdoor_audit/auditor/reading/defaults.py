"""Defaults of settings: `define`, `add_argument`, `Application(...)`, dictionaries."""

import ast
from collections.abc import Iterator
from functools import lru_cache

from stormdoor_audit.auditor.reading.module import Assigned, Defined, Module
from stormdoor_audit.auditor.reading.project import Meaning, Project

__all__ = ["collect_settings", "is_given_anyway"]

_OF_TORNADO = frozenset({"cookie_secret", "login_url", "xsrf_cookies", "debug"})
"""Settings of an application: a dictionary with one of them holds its settings, under any name."""
_ROUTES = frozenset({"handlers", "routes", "urls", "rules", "url_patterns"})


def collect_settings(project: Project) -> None:
    """Note the defaults that the parsed modules give to settings, by name."""
    for module in list(project.inside()):
        places: set[str] = set()
        for node, _ in module.nodes():
            match node:
                case ast.Call():
                    _call(project, module, node, places)
                case ast.ClassDef():
                    _traits(project, module, node)
                    _constructed(project, module, node)
                    _sections(project, module, node)
                case ast.Assign(
                    targets=[ast.Subscript(slice=ast.Constant(value=str() as name))], value=value
                ) if name.startswith("websocket_"):
                    _note(project, name, module, value)
                case ast.Assign(targets=[ast.Name(id=name)], value=ast.Dict() as value) if (
                    "settings" in name.lower() or "config" in name.lower()
                ):
                    _entries(project, module, value)
                case ast.Assign(targets=[ast.Name()], value=ast.Dict() as value):
                    _specified(project, module, value)
                case ast.Assign(
                    targets=[ast.Name(id=name)],
                    value=ast.Call(func=ast.Name(id="dict"), keywords=words),
                ) if "settings" in name.lower() or "config" in name.lower():
                    given = {word.arg: word.value for word in words if word.arg}
                    if not _OF_TORNADO & given.keys():  # else it is noted as a call
                        _given(project, module, given)
                case _:
                    pass


def is_given_anyway(module: Module, value: ast.expr) -> bool:
    """Return True if a setting is always given: under no condition, and not only tried."""
    line = getattr(value, "lineno", 0)
    return not any(first <= line <= last for first, last in _where_it_depends(module))


@lru_cache(maxsize=64)
def _where_it_depends(module: Module) -> tuple[tuple[int, int], ...]:
    """First and last lines of what a module does only under a condition, or tries."""
    found: list[tuple[int, int]] = []
    for node in ast.walk(module.tree):
        match node:
            case ast.If(body=[first, *rest]) if not _asks_for_main(node.test):
                last: ast.stmt = [first, *rest, *node.orelse][-1]
            case ast.Try(body=[first, *rest], handlers=[_, *_]):
                last = [first, *rest][-1]
            case _:
                continue
        found.append((first.lineno, last.end_lineno or last.lineno))
    return tuple(found)


def _asks_for_main(test: ast.expr) -> bool:
    return any(isinstance(one, ast.Name) and one.id == "__name__" for one in ast.walk(test))


def _note(project: Project, name: str, module: Module, value: ast.expr) -> None:
    project.settings.setdefault(name, []).append((module, value))


def _call(project: Project, module: Module, node: ast.Call, places: set[str]) -> None:
    name = (
        node.func.id
        if isinstance(node.func, ast.Name)
        else (node.func.attr if isinstance(node.func, ast.Attribute) else "")
    )
    first = node.args[0] if node.args else None
    words = {word.arg: word.value for word in node.keywords if word.arg}
    literal = (
        first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else None
    )
    for word, value in words.items():
        if isinstance(value, ast.Dict) and word.endswith(("settings", "config", "options")):
            _entries(
                project, module, value
            )  # what a part of the program is told in place of its own
    if name == "read_dict" and isinstance(first, ast.Dict):
        _entries(project, module, first)  # what holds where the file says nothing else
        return
    if name == "setdefault" and literal and literal.startswith("websocket_") and node.args[1:]:
        _note(project, literal, module, node.args[1])
        return
    if name == "define" and literal:
        value = words.get("default") or (node.args[1] if len(node.args) > 1 else ast.Constant(None))
        _note(project, literal, module, ast.copy_location(value, node))
        return
    if name == "set_defaults" or name.startswith("DEFINE_"):
        _told(project, module, node, literal)
        return
    if name in {"add_argument", "option", "add_option"} and literal is not None:
        _argument(project, module, node, words, places)
        return
    if name == "Application" or name.endswith("Application") or _makes_application(node):
        _application(project, module, node)
        return
    if name == "dict" and words.keys() & _OF_TORNADO:
        _given(project, module, words)


def _given(project: Project, module: Module, words: dict[str, ast.expr]) -> None:
    """`settings = dict(debug=True, sessions={"engine": "redis"})`."""
    for key, value in words.items():
        _note(project, key, module, value)
        if isinstance(value, ast.Dict):
            _entries(project, module, value, key)


def _application(project: Project, module: Module, node: ast.Call) -> None:
    """`Application(routes, debug=True, **settings)`."""
    for word in node.keywords:
        if word.arg is None:
            _spread(project, module, word.value, set())
            _handed_on(project, module, node, word.value, 0)
        elif word.arg != "handlers":
            _note(project, word.arg, module, word.value)


def _spread(project: Project, module: Module, node: ast.expr, seen: set[tuple[str, str]]) -> None:
    """`Application(routes, **settings)`: what is in that table, wherever it stands."""
    match node:
        case ast.Dict():
            known = {id(value) for held in project.settings.values() for _, value in held}
            for key, value in zip(node.keys, node.values, strict=True):
                if key is None:
                    _spread(project, module, value, seen)
                elif isinstance(key, ast.Constant) and id(value) not in known:
                    _note(project, str(key.value), module, value)
        case ast.Name() | ast.Attribute() if (module.name, ast.unparse(node)) not in seen:
            seen.add((module.name, ast.unparse(node)))
            for value in _put_into(module, node):
                _spread(project, module, value, seen)
            for meaning in project.resolve(module, node):
                if isinstance(meaning, Meaning) and isinstance(meaning.binding, Assigned):
                    _spread(project, meaning.module, meaning.binding.value, seen)
        case _:
            pass


def _handed_on(
    project: Project, module: Module, node: ast.Call, given: ast.expr, depth: int
) -> None:
    """Note what the calls of `make` give in `def make(**more): Application(routes, **more)`."""
    scopes = module.around(node)
    function = scopes[-1] if scopes else None
    if (
        not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        or function.args.kwarg is None
        or not isinstance(given, ast.Name)
        or given.id != function.args.kwarg.arg
        or depth > _DEEP
    ):
        return
    made = function if function.name != "__init__" or len(scopes) < 2 else scopes[-2]
    name = getattr(made, "name", "")
    own = {one.arg for one in (*function.args.args, *function.args.kwonlyargs)}
    for caller in project.naming(name):
        for call in caller.calls_of(name) if name in caller.names else ():
            for word in call.keywords:
                if word.arg is None:
                    _spread(project, caller, word.value, set())
                    _handed_on(project, caller, call, word.value, depth + 1)
                elif word.arg not in own:
                    _note(project, word.arg, caller, word.value)


def _put_into(module: Module, table: ast.expr) -> Iterator[ast.expr]:
    """`settings = {…}` and `settings.update(shared)`, in every function of the file.

    What is put in on a condition (`if config.require_key:`) is not there as shipped, for all that is known.
    """
    written = ast.dump(table)
    conditional = {
        id(inner)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.If)
        for inner in ast.walk(node)
        if isinstance(inner, ast.Call)
    }
    for node, _ in module.nodes():
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if (
                isinstance(table, ast.Name) and name == table.id
            ):
                yield value
            case ast.Call(func=ast.Attribute(value=held, attr="update"), args=[value]) if (
                id(node) not in conditional and ast.dump(held) == written
            ):
                yield value
            case _:
                pass


def _told(project: Project, module: Module, node: ast.Call, literal: str | None) -> None:
    """`parser.set_defaults(auth=False)`, and `flags.DEFINE_bool("auth", False, "ask")` of absl."""
    if literal is not None and len(node.args) > 1:
        _note(project, literal, module, node.args[1])
    for word in node.keywords if literal is None else ():
        if word.arg is not None:
            project.settings[word.arg] = [(module, word.value)]


def _makes_application(node: ast.Call) -> bool:
    """`super().__init__(handlers, debug=True)` and `Application.__init__(self, handlers, ...)`."""
    match node.func:
        case ast.Attribute(attr="__init__", value=ast.Call(func=ast.Name(id="super"))):
            routes = node.args[:1]
        case ast.Attribute(attr="__init__", value=ast.Name() | ast.Attribute()):
            routes = node.args[1:2]
        case _:
            return False
    return any(
        isinstance(one, ast.List) or (isinstance(one, ast.Name) and one.id in _ROUTES)
        for one in routes
    )


def _argument(
    project: Project,
    module: Module,
    node: ast.Call,
    words: dict[str, ast.expr],
    places: set[str],
) -> None:
    """An option of a parser; `places` are where those before it in the file put what they are given."""
    flags = [
        argument.value
        for argument in node.args
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    ]
    names = [flag.lstrip("-").replace("-", "_") for flag in flags if flag.startswith("--")] or [
        flag.lstrip("-").replace("-", "_") for flag in flags
    ]
    dest = words.get("dest")
    if isinstance(dest, ast.Constant) and isinstance(dest.value, str):
        names = [dest.value]
    default = words.get("default")
    required = words.get("required")
    if default is None and isinstance(required, ast.Constant) and required.value is True:
        # The operator gives it: any value, but not none.
        default = ast.copy_location(ast.Constant(...), node)
    if default is None:
        action = words.get("action")
        shown = action.value if isinstance(action, ast.Constant) else None
        is_flag = words.get("is_flag")
        boolean = isinstance(is_flag, ast.Constant) and is_flag.value is True
        default = ast.Constant(
            True if shown == "store_false" else False if shown == "store_true" or boolean else None
        )
        ast.copy_location(default, node)
    for name in names[:1]:
        if dest is None or name not in places:
            _note(project, name, module, default)  # the first of those with one place counts
        places.add(name)


def _traits(project: Project, module: Module, node: ast.ClassDef) -> None:
    """`auth_required = Bool(False)` in a configurable class."""
    for statement in node.body:
        if not isinstance(statement, ast.Assign) or not isinstance(statement.targets[0], ast.Name):
            continue
        value = statement.value
        if (
            isinstance(value, ast.Call)
            and isinstance(value.func, ast.Attribute)
            and value.func.attr == "tag"
        ):
            value = value.func.value
        if (
            isinstance(value, ast.Call)
            and isinstance(value.func, ast.Name)
            and value.func.id
            in {
                "Bool",
                "Unicode",
                "CBool",
                "Any",
                "Set",
                "List",
                "Type",
                "Instance",
            }
        ):
            words = {word.arg: word.value for word in value.keywords}
            default = value.args[0] if value.args else words.get("default_value")
            if isinstance(default, ast.Constant | ast.Name):
                _note(project, statement.targets[0].id, module, default)


def _constructed(project: Project, module: Module, node: ast.ClassDef) -> None:
    """`self.login_required = False` in the constructor of an application or a configuration."""
    if not node.name.endswith(("Application", "App", "Server", "Config", "Settings", "Options")):
        return
    for statement in node.body:
        if isinstance(statement, ast.FunctionDef) and statement.name == "__init__":
            for inner in statement.body:
                if (
                    isinstance(inner, ast.Assign)
                    and isinstance(inner.targets[0], ast.Attribute)
                    and isinstance(inner.value, ast.Constant)
                    and (inner.value.value is None or isinstance(inner.value.value, bool))
                ):
                    _note(project, inner.targets[0].attr, module, inner.value)


def _sections(project: Project, module: Module, node: ast.ClassDef) -> None:
    """Read `auth: AuthConfig = Field(default_factory=AuthConfig)`, with `enabled` of that class."""
    for statement in node.body:
        if not isinstance(statement, ast.AnnAssign) or not isinstance(statement.target, ast.Name):
            continue
        made = _made_section(statement)
        if made is None:
            continue
        for found in project.resolve(module, made):
            if not isinstance(found, Meaning) or not isinstance(found.binding, Defined):
                continue
            for field in found.binding.node.body:
                match field:
                    case ast.AnnAssign(
                        target=ast.Name(id=name), value=ast.Constant(value=bool() | None) as value
                    ):
                        _note(project, f"{statement.target.id}.{name}", found.module, value)


def _made_section(statement: ast.AnnAssign) -> ast.expr | None:
    """The class of a section made with nothing given: `Auth()`, `field(default_factory=Auth)`."""
    match statement.value:
        case ast.Call(func=ast.Name() as made, args=[], keywords=[]):
            return made
        case ast.Call(args=[], keywords=words):
            given = {word.arg: word.value for word in words}
            return given.get("default_factory") or given.get("factory")
        case _:
            return None


def _entries(project: Project, module: Module, node: ast.Dict, above: str = "") -> None:
    """Note them by name, and what is in a dictionary in it as `section.name`."""
    for key, value in zip(node.keys, node.values, strict=True):
        if isinstance(key, ast.Constant) and isinstance(key.value, str):
            _note(project, f"{above}.{key.value}" if above else key.value, module, value)
            if isinstance(value, ast.Dict):
                _entries(project, module, value, key.value)


_PARTS = frozenset({"items", "properties"})
_SPECIFIES = frozenset({"type", "description", "help", "required"})
_DEEP = 8


def _specified(
    project: Project, module: Module, node: ast.Dict, above: str = "", depth: int = 0
) -> None:
    """`{"auth": {"type": "dict", "items": {"enabled": {"type": "bool", "default": False}}}}`."""
    for key, given in zip(node.keys, node.values, strict=True):
        name = key.value if isinstance(key, ast.Constant) else None
        value = _shown(module, given.id) if isinstance(given, ast.Name) else given
        if not isinstance(name, str) or not isinstance(value, ast.Dict) or depth > _DEEP:
            continue
        fields = {
            one.value: field
            for one, field in zip(value.keys, value.values, strict=True)
            if isinstance(one, ast.Constant) and isinstance(one.value, str)
        }
        default = fields.get("default")
        if isinstance(default, ast.Constant) and _SPECIFIES & fields.keys():
            _note(project, f"{above}.{name}" if above else name, module, default)
        inner = name if name not in _PARTS else above
        _specified(project, module, value, inner, depth + 1)


def _shown(module: Module, name: str) -> ast.Dict | None:
    """The display that a name of the module stands for."""
    bindings = module.names.get(name, [])
    value = getattr(bindings[-1], "value", None) if len(bindings) == 1 else None
    return value if isinstance(value, ast.Dict) else None
