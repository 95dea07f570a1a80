"""Classes and what they inherit: who is a WebSocket handler, and whose method runs."""

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field

from stormdoor.auditor.knowledge import Knowledge, Known
from stormdoor.auditor.module import Assigned, Binding, ClassDef, Defined, Module
from stormdoor.auditor.project import External, Meaning, Project

__all__ = ["ClassInfo", "Hierarchy", "Member", "defines"]

WEBSOCKET = "tornado.websocket.WebSocketHandler"
REQUEST = "tornado.web.RequestHandler"
SOCKET_METHODS = frozenset(
    [
        "get",
        "open",
        "on_message",
        "on_ping",
        "on_pong",
        "on_close",
        "close",
        "check_origin",
        "write_message",
        "ping",
        "select_subprotocol",
        "get_compression_options",
        "set_nodelay",
        "get_websocket_protocol",
    ]
)
"""What `WebSocketHandler` itself defines; the rest is `RequestHandler`'s, and comes later."""
REQUEST_METHODS = frozenset(
    [
        "prepare",
        "initialize",
        "get_current_user",
        "current_user",
        "get_login_url",
        "get_argument",
        "get_arguments",
        "get_cookie",
        "get_secure_cookie",
        "get_signed_cookie",
        "set_status",
        "write_error",
        "on_finish",
        "send_error",
        "finish",
        "redirect",
        "settings",
        "log_exception",
        "set_default_headers",
        "get_template_namespace",
    ]
)
FunctionDefinition = ast.FunctionDef | ast.AsyncFunctionDef
_STDLIB = sys.stdlib_module_names
_LOOKS_LIKE_SOCKET = re.compile(r"(web_?socket|^ws|sockjs).*(handler|connection)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Member:
    """A name in the body of a class.

    Args:
        owner: The class; None for what is put into one of Tornado's.
        binding: What it is bound to.
        module: Where it is put into the class from outside; None for its own body.
        value: What was put there while the class was made, as the interpreter knows it.
    """

    owner: "ClassInfo | None"
    binding: Binding
    module: Module | None = None
    value: object = None

    @property
    def place(self) -> Module | None:
        """The file it stands in."""
        return self.module or (self.owner.module if self.owner is not None else None)


@dataclass(slots=True, eq=False)
class ClassInfo:
    """A class with its bases resolved.

    Args:
        module: Its file.
        definition: Its statement.
        bases: Classes that were read, and names of those that were not.
        unresolved: Bases of which not even the name is certain, as source text.
        replaced: Methods that a module puts into it from outside.
        copied: A base that is a copy of Tornado's WebSocketHandler, taken for it.
    """

    module: Module
    definition: ClassDef
    bases: "list[ClassInfo | External]" = field(default_factory=list)
    unresolved: list[str] = field(default_factory=list)
    mro: "list[ClassInfo | External]" = field(default_factory=list)
    replaced: dict[str, Member] = field(default_factory=dict)
    copied: "ClassInfo | None" = None

    @property
    def node(self) -> ast.ClassDef:
        """The class statement."""
        return self.definition.node

    @property
    def name(self) -> str:
        """The plain name."""
        return self.definition.node.name

    @property
    def qualname(self) -> str:
        """Module and qualified name."""
        return f"{self.module.name}.{self.definition.qualname}"

    def __repr__(self) -> str:
        return f"<class {self.qualname}>"


class Hierarchy:
    """The classes of a project, made when first asked for."""

    def __init__(self, project: Project, knowledge: Knowledge) -> None:
        self.project = project
        self.knowledge = knowledge
        self._known: dict[int, ClassInfo] = {}
        self.stored: dict[int, frozenset[str]] = {}
        self.applications: list[ClassInfo] = []
        self.patches: dict[tuple[str, str], Member] = {}
        self.attributes: dict[str, list[tuple[Module, ast.expr]]] = {}
        self._shaped: dict[int, bool] = {}
        self._rebound: dict[int, frozenset[str]] = {}
        self._functions: dict[int, list[FunctionDefinition]] = {}
        self._calls: dict[str, list[tuple[Module, ast.Call]]] | None = None
        self._called: dict[int, list[tuple[Module, ast.Call]]] = {}
        self._derived: dict[tuple[int, ...], ClassInfo] = {}

    def of(self, module: Module, definition: ClassDef) -> ClassInfo:
        """The class of a class statement."""
        found = self._known.get(id(definition.node))
        if found is not None:
            return found
        info = ClassInfo(module, definition)
        self._known[id(definition.node)] = info  # before the bases: a class may name itself
        for base in definition.node.bases:
            self._add_base(info, base)
        info.mro = _linearised(info)
        return info

    def derived(self, static: ClassInfo, bases: "list[ClassInfo | External]") -> ClassInfo:
        """A class of a function, with the bases that this call of the function gives it."""
        key = (id(static.node), *(id(one) for one in bases))
        known = self._derived.get(key)
        if known is None:
            known = ClassInfo(static.module, static.definition, bases)
            known.mro = _linearised(known)
            self._derived[key] = known
        return known

    def is_rebound(self, module: Module, name: str) -> bool:
        """Whether a function of the module binds its name anew: `global instance`."""
        known = self._rebound.get(id(module))
        if known is None:
            known = frozenset(
                one
                for node in ast.walk(module.tree)
                if isinstance(node, ast.Global)
                for one in node.names
            )
            self._rebound[id(module)] = known
        return name in known

    def is_inert(self, base: External) -> bool:
        """Whether a class that was not read is known to answer no request."""
        if base.name.partition(".")[0] in _STDLIB or "." not in base.name:
            return True
        known = self.knowledge.about(base.name)
        return known is not None and known.inert

    def is_copy(self, info: ClassInfo) -> bool:
        """Whether a class is a copy of Tornado's own: it answers the handshake itself."""
        if not {"on_message", "write_message", "open"} <= self.members(info).keys():
            return False
        return any("Sec-WebSocket-Accept" in line for line in info.module.lines)

    def functions_around(self, module: Module, node: ast.AST) -> "list[FunctionDefinition]":
        """The functions that a node stands in, outermost first."""
        known = self._functions.get(id(module))
        if known is None:
            known = [one for one in ast.walk(module.tree) if isinstance(one, FunctionDefinition)]
            self._functions[id(module)] = known
        line = getattr(node, "lineno", 0)
        around = [
            one for one in known if one.body[0].lineno <= line <= (one.end_lineno or one.lineno)
        ]
        return sorted(around, key=lambda one: one.lineno)

    def calls_of(
        self, module: Module, function: "FunctionDefinition | ast.ClassDef"
    ) -> list[tuple[Module, ast.Call]]:
        """The calls of a function, or of a class, in what was read."""
        known = self._called.get(id(function))
        if known is not None:
            return known
        if self._calls is None:
            self._calls = {}
            for one in self.project.inside():
                if one.is_test:
                    continue
                for node, _ in one.nodes():
                    if isinstance(node, ast.Call) and isinstance(
                        node.func, ast.Name | ast.Attribute
                    ):
                        last = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
                        self._calls.setdefault(last, []).append((one, node))
        name, wanted = function.name, function
        if name == "__init__":
            owner = next((one for one in module.classes if function in one.node.body), None)
            if owner is None:
                return []
            name, wanted = owner.node.name, owner.node
        found = [
            (one, call)
            for one, call in self._calls.get(name, ())
            if self._means(one, call, module, wanted)
        ]
        self._called[id(function)] = found
        return found

    def _means(
        self,
        caller: Module,
        call: ast.Call,
        module: Module,
        wanted: "FunctionDefinition | ast.ClassDef",
    ) -> bool:
        match call.func:
            case ast.Attribute(value=ast.Name(id="self" | "cls")):
                return caller is module
            case _:
                pass
        for one in self.project.resolve(caller, call.func):
            if (
                isinstance(one, Meaning)
                and isinstance(one.binding, Defined)
                and one.binding.node is wanted
            ):
                return True
        # A function in a function, or a name imported inside of one, is not resolved.
        return caller is module and isinstance(call.func, ast.Name)

    def is_shaped(self, info: ClassInfo) -> bool:
        """Whether more than its body decides what is in it."""
        known = self._shaped.get(id(info))
        if known is None:
            known = (
                bool(info.node.decorator_list)
                or self.metaclass(info) is not None
                or any(
                    "__init_subclass__" in self.members(one)
                    for one in info.mro[1:]
                    if isinstance(one, ClassInfo)
                )
            )
            self._shaped[id(info)] = known
        return known

    def metaclass(self, info: ClassInfo) -> tuple[ClassInfo, ast.expr] | None:
        """The class that names the metaclass, with the expression; None without one."""
        return next(
            (
                (one, word.value)
                for one in info.mro
                if isinstance(one, ClassInfo)
                for word in one.node.keywords
                if word.arg == "metaclass"
            ),
            None,
        )

    def of_node(self, module: Module, node: ast.ClassDef) -> ClassInfo:
        """The class of a class statement that the project indexed."""
        return self.of(module, self.project.class_of(module, node))

    def _add_base(self, info: ClassInfo, base: ast.expr) -> None:
        if isinstance(base, ast.Starred):
            shown = self._display(info.module, base.value, info.definition.scopes)
            if not isinstance(shown, ast.Tuple | ast.List):
                info.unresolved.append(info.module.source(base))
                return
            for shown_base in shown.elts:
                self._add_base(info, shown_base)
            return
        if isinstance(base, ast.IfExp):
            base = self._as_shipped(info.module, base)
        found = self.classes_of(info.module, base, info.definition.scopes)
        chosen = next((one for one in found if isinstance(one, ClassInfo)), None)
        # Of alternatives (an import that failed, a condition) the one that is a handler decides.
        for one in found:
            if isinstance(one, ClassInfo) and one is not info and self.is_socket(one):
                chosen = one
                break
        external = next((one for one in found if isinstance(one, External)), None)
        if external is not None and self._is_socket_name(external.name):
            info.bases.append(external)
        elif chosen is not None and chosen is not info and self.is_copy(chosen):
            info.bases.append(External(WEBSOCKET))
            info.copied = chosen
        elif chosen is not None and chosen is not info:
            info.bases.append(chosen)
        elif external is not None:
            info.bases.append(external)
        elif not (isinstance(base, ast.Name) and base.id in {"object", "Exception"}):
            info.unresolved.append(info.module.source(base))

    def _display(
        self, module: Module, node: ast.expr, scopes: tuple[ast.AST, ...]
    ) -> ast.expr | None:
        """The tuple, list or dictionary that a name stands for."""
        if isinstance(node, ast.Tuple | ast.List | ast.Dict):
            return node
        for one in self.project.resolve(module, node, scopes):
            if isinstance(one, Meaning) and isinstance(one.binding, Assigned):
                return one.binding.value
        return None

    def _as_shipped(self, module: Module, node: ast.IfExp) -> ast.expr:
        """Of two bases the one that a constant of the project picks; both, where none does."""
        for one in self.project.resolve(module, node.test):
            if (
                isinstance(one, Meaning)
                and isinstance(one.binding, Assigned)
                and isinstance(one.binding.value, ast.Constant)
            ):
                return node.body if one.binding.value.value else node.orelse
        return node

    def classes_of(
        self, module: Module, node: ast.expr, scopes: tuple[ast.AST, ...] = (), depth: int = 0
    ) -> "list[ClassInfo | External]":
        """The classes an expression may stand for."""
        result: list[ClassInfo | External] = []
        if depth > 8:
            return result
        match node:
            case ast.Call(
                func=ast.Name(id="getattr"), args=[holder, ast.Constant(value=str() as name), *_]
            ):
                plain = ast.copy_location(ast.Attribute(holder, name, ast.Load()), node)
                return self.classes_of(module, plain, scopes, depth + 1)
            case ast.Call():
                return self._made(module, node, scopes, depth)
            case ast.Subscript(value=holder, slice=ast.Constant(value=key)):
                table = self._display(module, holder, scopes)
                if isinstance(table, ast.Dict):
                    return [
                        one
                        for entry, value in zip(table.keys, table.values, strict=True)
                        if isinstance(entry, ast.Constant) and entry.value == key
                        for one in self.classes_of(module, value, scopes, depth + 1)
                    ]
            case _:
                pass
        for meaning in self.project.resolve(module, node, scopes):
            match meaning:
                case External():
                    result.append(meaning)
                case Meaning(inner, Defined(ast.ClassDef() as found)):
                    result.append(self.of_node(inner, found))
                case Meaning(inner, Assigned(ast.Call() as call)):
                    result.extend(self.classes_of(inner, call, (), depth + 1))
                case _:
                    pass
        if not result and isinstance(node, ast.Name):
            result.extend(self._parameter(module, node, scopes, depth))
        return result

    def _parameter(
        self, module: Module, node: ast.Name, scopes: tuple[ast.AST, ...], depth: int
    ) -> "list[ClassInfo | External]":
        """A base that is a parameter of the function around: what the module passes for it."""
        for scope in reversed(scopes):
            if not isinstance(scope, ast.FunctionDef):
                continue
            names = [one.arg for one in scope.args.args]
            if node.id not in names:
                continue
            at = names.index(node.id)
            default = at - (len(names) - len(scope.args.defaults))
            found: list[ClassInfo | External] = []
            if 0 <= default < len(scope.args.defaults):
                found.extend(self.classes_of(module, scope.args.defaults[default], (), depth + 1))
            for call in module.calls_of(scope.name):
                passed = [word.value for word in call.keywords if word.arg == node.id]
                if len(call.args) > at:
                    passed.append(call.args[at])
                for one in passed:
                    if one is not node:
                        found.extend(self.classes_of(module, one, (), depth + 1))
            return found
        return []

    def _made(
        self, module: Module, call: ast.Call, scopes: tuple[ast.AST, ...], depth: int
    ) -> "list[ClassInfo | External]":
        """Classes made by `type(...)`, by a factory of the project, or passed through a call."""
        if isinstance(call.func, ast.Name) and call.func.id == "type" and len(call.args) == 3:
            return [self.made_by_type(module, call, scopes)]
        for meaning in self.project.resolve(module, call.func, scopes):
            match meaning:
                case Meaning(inner, Defined(ast.FunctionDef() as function)):
                    names, _ = self.project.scope(function)
                    found: list[ClassInfo | External] = []
                    for value in _returned(function):
                        if isinstance(value, ast.Name) and value.id in names:
                            found.extend(
                                self.of_node(inner, binding.node)
                                for binding in names[value.id]
                                if isinstance(binding, Defined)
                                and isinstance(binding.node, ast.ClassDef)
                            )
                        elif isinstance(value, ast.Call | ast.Name | ast.Attribute):
                            found.extend(self.classes_of(inner, value, (function,), depth + 1))
                    if found:
                        return found
                case External(name) if name.endswith(("with_metaclass", "NewType", "cast")):
                    arguments = call.args[1:] if len(call.args) > 1 else call.args
                    return [
                        one
                        for argument in arguments
                        for one in self.classes_of(module, argument, scopes, depth + 1)
                    ]
                case _:
                    pass
        return []

    def made_by_type(
        self, module: Module, call: ast.Call, scopes: tuple[ast.AST, ...]
    ) -> ClassInfo:
        """The class that `type(name, bases, body)` makes."""
        known = self._known.get(id(call))
        if known is not None:
            return known
        name, bases, body = call.args
        title = name.value if isinstance(name, ast.Constant) else None
        statements: list[ast.stmt] = []
        if isinstance(body, ast.Dict):
            for key, value in zip(body.keys, body.values, strict=True):
                if isinstance(key, ast.Constant) and isinstance(key.value, str):
                    target = ast.Name(id=key.value, ctx=ast.Store())
                    statements.append(
                        ast.copy_location(
                            ast.Assign(targets=[ast.copy_location(target, value)], value=value),
                            value,
                        )
                    )
        if (
            isinstance(body, ast.Call)
            and isinstance(body.func, ast.Name)
            and body.func.id == "dict"
        ):
            for word in body.keywords:
                if word.arg is not None:
                    target = ast.Name(id=word.arg, ctx=ast.Store())
                    statements.append(
                        ast.copy_location(
                            ast.Assign(
                                targets=[ast.copy_location(target, word.value)], value=word.value
                            ),
                            word.value,
                        )
                    )
        node = ast.copy_location(
            ast.ClassDef(
                name=title if isinstance(title, str) else "type",
                bases=list(bases.elts) if isinstance(bases, ast.Tuple | ast.List) else [],
                keywords=[],
                body=statements or [ast.copy_location(ast.Pass(), call)],
                decorator_list=[],
            ),
            call,
        )
        info = self.of(module, ClassDef(node, node.name, scopes))
        self._known[id(call)] = info
        return info

    # handlers -------------------------------------------------------------------------------

    def _is_socket_name(self, name: str) -> bool:
        return name == WEBSOCKET or self.knowledge.is_socket(name)

    def is_socket(self, info: ClassInfo) -> bool:
        """Whether it is a WebSocket handler as far as its bases are known."""
        return (
            any(isinstance(one, External) and self._is_socket_name(one.name) for one in info.mro)
            or self.copied_connection(info) is not None
        )

    def copied_connection(self, info: ClassInfo) -> tuple[str, Known] | None:
        """Its base, where the library that gives it connections was read, too."""
        bases = (one for one in info.mro[1:] if isinstance(one, ClassInfo))
        known = (self.knowledge.copied_connection(one.qualname) for one in bases)
        return next((one for one in known if one is not None), None)

    def connection(self, info: ClassInfo) -> tuple[str, Known] | None:
        """Its base, where that is no handler but is given connections by one of a library."""
        for one in info.mro[1:]:
            known = self.knowledge.about(one.name) if isinstance(one, External) else None
            if isinstance(one, External) and known is not None and known.connection:
                return one.name, known
        return self.copied_connection(info)

    def looks_like_socket(self, info: ClassInfo) -> bool:
        """A base that was not read is called like a handler, and the class has its methods."""
        if self.is_socket(info):
            return False
        outside = [one.name.rpartition(".")[2] for one in info.mro if isinstance(one, External)]
        inherited = [one for one in info.mro if isinstance(one, ClassInfo)]
        outside += [text.rpartition(".")[2] for one in inherited for text in one.unresolved]
        named = any(_LOOKS_LIKE_SOCKET.search(name) for name in outside)
        tornado = any(
            isinstance(one, External) and one.name.startswith("tornado.") for one in info.mro
        ) or any("tornado" in line for line in info.module.lines[:200] if "import" in line)
        own = {
            name
            for one in inherited
            for name in self.members(one)
            if name in {"on_message", "write_message", "check_origin", "open"}
        }
        return named and tornado and ("on_message" in own or "check_origin" in own)

    def members(self, info: ClassInfo) -> dict[str, list[Binding]]:
        """What the body of a class binds."""
        return self.project.scope(info.node)[0]

    def find(
        self, info: ClassInfo, name: str, after: ClassInfo | None = None
    ) -> Member | External | None:
        """Where a method comes from.

        Returns:
            The member of a class that was read; or the class that was not read and comes first
            in the order, which may or may not have it; or None.
        """
        started = after is None
        for one in info.mro:
            if not started:
                started = one is after
                continue
            if isinstance(one, External):
                patch = self.patches.get((one.name, name))
                if patch is not None:
                    return patch
                if one.name.startswith("tornado.") and not defines(one, name):
                    continue
                if self.is_inert(one):
                    continue
                return one
            if name in one.replaced:
                return one.replaced[name]
            bindings = self.members(one).get(name)
            if bindings:
                return Member(one, bindings[-1])
        return None

    def rest(self, info: ClassInfo, after: External) -> "list[ClassInfo | External]":
        """What follows a class that was not read in the order."""
        at = next((i for i, one in enumerate(info.mro) if one is after), len(info.mro) - 1)
        return info.mro[at + 1 :]


def defines(base: External, name: str) -> bool:
    """Whether one of Tornado's own classes defines a method."""
    if base.name == WEBSOCKET:
        return name in SOCKET_METHODS
    return base.name == REQUEST and name in REQUEST_METHODS | SOCKET_METHODS


def _returned(function: ast.FunctionDef) -> Iterator[ast.expr]:
    for node in ast.walk(function):
        if isinstance(node, ast.Return) and node.value is not None:
            yield node.value


def _linearised(info: ClassInfo) -> "list[ClassInfo | External]":
    """C3; where that fails, depth first without repeats."""
    sequences: list[list[ClassInfo | External]] = [
        *(
            _of_external(base) if isinstance(base, External) else list(base.mro or [base])
            for base in info.bases
        ),
        list(info.bases),
    ]
    result: list[ClassInfo | External] = [info]
    pending = [list(one) for one in sequences if one]
    while pending:
        head = next(
            (one[0] for one in pending if not any(_in(one[0], other[1:]) for other in pending)),
            None,
        )
        if head is None:
            head = pending[0][0]
        if not _in(head, result):
            result.append(head)
        pending = [[one for one in seq if not _same(one, head)] for seq in pending]
        pending = [seq for seq in pending if seq]
    return _request_handler_last(result)


def _request_handler_last(order: "list[ClassInfo | External]") -> "list[ClassInfo | External]":
    """Whatever was not read most likely derives from RequestHandler, which then comes after it.

    A class that was read and derives from nothing else stays behind it: its methods never run.
    """
    request = next(
        (one for one in order if isinstance(one, External) and one.name == REQUEST), None
    )
    if request is None:
        return order
    rest = [one for one in order if one is not request]
    at = order.index(request)
    behind = [i for i, one in enumerate(rest) if i >= at and _may_derive(one)]
    where = max(behind, default=at - 1) + 1
    return [*rest[:where], request, *rest[where:]]


def _may_derive(one: "ClassInfo | External") -> bool:
    if isinstance(one, External):
        return one.name not in {"object", "abc.ABC", "typing.Generic", "typing.Protocol"}
    return bool(one.unresolved) or any(isinstance(base, External) for base in one.bases)


def _of_external(base: External) -> "list[ClassInfo | External]":
    """What is known of the order of a class that was not read."""
    if base.name == WEBSOCKET:
        return [base, External(REQUEST)]
    return [base]


def _same(left: ClassInfo | External, right: ClassInfo | External) -> bool:
    return left is right or (isinstance(left, External) and left == right)


def _in(one: ClassInfo | External, sequence: "list[ClassInfo | External]") -> bool:
    return any(_same(one, other) for other in sequence)
