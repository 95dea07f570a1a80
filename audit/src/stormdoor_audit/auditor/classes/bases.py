"""Bases of a class statement: names, factories, `type(...)`."""

import ast
from collections.abc import Iterable, Iterator
from functools import lru_cache

from stormdoor_audit.auditor.classes.classinfo import ClassInfo, Fork
from stormdoor_audit.auditor.classes.knowledge import Knowledge
from stormdoor_audit.auditor.classes.linearisation import WEBSOCKET, linearised
from stormdoor_audit.auditor.classes.registrations import Registrations
from stormdoor_audit.auditor.reading.module import Assigned, Binding, ClassDef, Defined, Module
from stormdoor_audit.auditor.reading.project import External, Meaning, Project

__all__ = ["Bases", "class_statement", "made_class", "parts_of"]


class Bases(Registrations):
    """Classes with their bases, made when first asked for."""

    def __init__(self, project: Project, knowledge: Knowledge) -> None:
        super().__init__(project, knowledge)
        self._known: dict[int, ClassInfo] = {}
        self._making: set[int] = set()
        self._derived: dict[tuple[int, ...], ClassInfo] = {}
        self._borrowed: dict[tuple[int, str], ClassInfo] = {}

    def of(self, module: Module, definition: ClassDef) -> ClassInfo:
        """The class of a class statement."""
        found = self._known.get(id(definition.node))
        if found is not None:
            return found
        info = ClassInfo(module, definition)
        self._known[id(definition.node)] = info  # before the bases: a class may name itself
        for base in definition.node.bases:
            self._add_base(info, base)
        info.mro = linearised(info)
        return info

    def derived(self, static: ClassInfo, bases: "list[ClassInfo | External]") -> ClassInfo:
        """A class of a function, with the bases that this call of the function gives it."""
        key = (id(static.node), *(id(one) for one in bases))
        known = self._derived.get(key)
        if known is None:
            known = ClassInfo(static.module, static.definition, bases)
            known.mro = linearised(known)
            self._derived[key] = known
        return known

    def of_node(self, module: Module, node: ast.ClassDef) -> ClassInfo:
        """The class of a class statement that the project indexed."""
        return self.of(module, self.project.class_of(module, node))

    def borrowed(
        self, module: Module, node: ast.expr, scopes: tuple[ast.AST, ...]
    ) -> ClassInfo | None:
        """A WebSocket handler of another package, as a subclass that adds nothing: it is judged here.

        Args:
            module: The file that routes it.
            node: What stands in the route: a name, or a call that gives the class.
            scopes: The functions and classes around it.
        """
        for one in self.classes_of(module, node, scopes):
            if isinstance(one, ClassInfo):
                name, is_theirs = one.qualname, not one.module.inside and self.is_socket(one)
            else:
                name, is_theirs = one.name, self.knowledge.is_socket(one.name)
            if not is_theirs:
                continue
            known = self._borrowed.get((id(module), name))
            if known is None:
                title = name.rpartition(".")[2]
                standing = class_statement(title, [node], [], node)
                known = self.of(module, ClassDef(standing, title, scopes))
                self._borrowed[id(module), name] = known
            return known
        return None

    def unread_handlers(
        self, module: Module, node: ast.expr, scopes: tuple[ast.AST, ...]
    ) -> list[str]:
        """Classes of other packages that were not read, of which nothing is known."""
        return [
            one.name
            for one in self.classes_of(module, node, scopes)
            if isinstance(one, External)
            and not one.name.startswith("tornado.")
            and one.name.rpartition(".")[2][:1].isupper()
            and self.knowledge.about(one.name) is None
            and not self.is_inert(one)
        ]

    def _add_base(self, info: ClassInfo, base: ast.expr) -> None:
        if isinstance(base, ast.Starred):
            shown = self._display(info.module, base.value, info.definition.scopes)
            if not isinstance(shown, ast.Tuple | ast.List):
                info.unresolved.append(info.module.source(base))
                return
            for shown_base in shown.elts:
                self._add_base(info, shown_base)
            return
        fork = self._fork(info, base)
        if isinstance(base, ast.IfExp):
            base = self._as_shipped(info.module, base)
        self._add_resolved(info, base)
        if fork is not None and len(info.bases) == fork.at + 1:
            info.forks.append(fork)

    def _add_resolved(self, info: ClassInfo, base: ast.expr) -> None:
        found = self.classes_of(info.module, base, info.definition.scopes)
        chosen = next((one for one in found if isinstance(one, ClassInfo)), None)
        # Of alternatives (an import that failed, a condition) the one that is a handler decides.
        for one in found:
            if isinstance(one, ClassInfo) and one is not info and self.is_socket(one):
                chosen = one
                break
        outside = [one for one in found if isinstance(one, External)]
        external = next(
            (one for one in outside if self._is_socket_name(one.name)), next(iter(outside), None)
        )
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

    def _fork(self, info: ClassInfo, base: ast.expr) -> Fork | None:
        """Return the alternatives of a base: `A if AUTH else B`, a name for that, or a name under an `if`."""
        module, at = info.module, len(info.bases)
        bindings = module.names.get(base.id, []) if isinstance(base, ast.Name) else []
        if len(bindings) == 1 and isinstance(bindings[0], Assigned):
            base = bindings[0].value
        if isinstance(base, ast.IfExp):
            sides = [
                next(iter(self.classes_of(module, one, info.definition.scopes)), None)
                for one in (base.body, base.orelse)
            ]
            return Fork(at, module, base.test, *sides)
        conditions = self.conditions_in(module.tree) if len(bindings) > 1 else {}
        held: dict[bool, ClassInfo | External | None] = {}
        tests: list[ast.expr] = []
        for one in bindings:
            bound = one.node if isinstance(one, Defined) else getattr(one, "value", None)
            around = conditions.get(id(bound), ())
            if len(around) > 1 or (around and tests and around[0][0] is not tests[0]):
                return None
            tests.extend(test for test, _ in around)
            meaning = self._meant(module, one)
            for truth in {wanted for _, wanted in around} or {True, False}:
                held[truth] = meaning
        return Fork(at, module, tests[0], held.get(True), held.get(False)) if tests else None

    def _meant(self, module: Module, binding: Binding) -> ClassInfo | External | None:
        match binding:
            case Defined(ast.ClassDef() as node):
                return self.of_node(module, node)
            case Assigned(value):
                return next(iter(self.classes_of(module, value)), None)
            case _:
                return None

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
        if parts_of(call) is not None:
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
                case External(name) if self.knowledge.is_socket(name):
                    return [meaning]
                case _:
                    pass
        return []

    def _entries(
        self, module: Module, body: ast.expr, scopes: tuple[ast.AST, ...], depth: int = 0
    ) -> Iterator[tuple[str, ast.expr]]:
        """Yield the content of a display in a class body: `{...}`, `dict(...)`, a name, and `**` of them."""
        shown = body if isinstance(body, ast.Call) else self._display(module, body, scopes)
        match shown:
            case ast.Dict(keys=keys, values=values):
                for key, value in zip(keys, values, strict=True):
                    if isinstance(key, ast.Constant) and isinstance(key.value, str):
                        yield key.value, value
                    elif key is None and depth < 3:
                        yield from self._entries(module, value, scopes, depth + 1)
            case ast.Call(func=ast.Name(id="dict"), args=given, keywords=words):
                for one in given:
                    if depth < 3:
                        yield from self._entries(module, one, scopes, depth + 1)
                for word in words:
                    if word.arg is not None:
                        yield word.arg, word.value
                    elif depth < 3:
                        yield from self._entries(module, word.value, scopes, depth + 1)
            case _:
                pass

    def made_by_type(
        self, module: Module, call: ast.Call, scopes: tuple[ast.AST, ...]
    ) -> ClassInfo:
        """The class that `type(name, bases, body)` makes, or `types.new_class(name, bases, …)`.

        Args:
            module: Where it is called.
            call: Such a call.
            scopes: The functions around it.
        """
        known = self._known.get(id(call))
        if known is not None:
            return known
        if id(call) in self._making:
            self.project.fail(module, "it makes a class with that class among its bases")
            return made_class(module, "type", [], call)
        self._making.add(id(call))
        try:
            info = self._made_of_parts(module, call, scopes)
        finally:
            self._making.remove(id(call))
        self._known[id(call)] = info
        return info

    def _made_of_parts(
        self, module: Module, call: ast.Call, scopes: tuple[ast.AST, ...]
    ) -> ClassInfo:
        name, bases, body = parts_of(call) or (ast.Constant(""), ast.Tuple([]), None)
        title = name.value if isinstance(name, ast.Constant) else None
        statements: list[ast.stmt] = []
        for key, value in self._entries(module, body, scopes) if body is not None else ():
            target = ast.copy_location(ast.Name(id=key, ctx=ast.Store()), value)
            statements.append(ast.copy_location(ast.Assign(targets=[target], value=value), value))
        node = class_statement(
            title if isinstance(title, str) else "type",
            list(bases.elts) if isinstance(bases, ast.Tuple | ast.List) else [],
            statements,
            call,
        )
        info = self.of(module, ClassDef(node, node.name, scopes))
        if body is None:
            info.unresolved.append(module.source(call))
        return info


def parts_of(call: ast.Call) -> tuple[ast.expr, ast.expr, ast.expr | None] | None:
    """The name, the bases and the body of a class that a call makes; None of any other call.

    The body is None where a function fills it that is more than `lambda names: names.update(…)`.
    """
    match call:
        case ast.Call(func=ast.Name(id="type"), args=[name, bases, body]):
            return name, bases, body
        case ast.Call(func=ast.Attribute(attr="new_class"), args=[name, bases, *more]):
            filling = next((one.value for one in call.keywords if one.arg == "exec_body"), None)
            match more[1] if len(more) > 1 else filling:
                case ast.Lambda(body=ast.Call(func=ast.Attribute(attr="update"), args=[body])):
                    return name, bases, body
                case None | ast.Constant():
                    return name, bases, ast.Dict([], [])
                case _:
                    return name, bases, None
        case _:
            return None


def class_statement(
    name: str, bases: list[ast.expr], body: list[ast.stmt], place: ast.AST
) -> ast.ClassDef:
    """The class statement that something else stands for, at its place."""
    inside = body or [ast.copy_location(ast.Pass(), place)]
    node = ast.ClassDef(name=name, bases=bases, keywords=[], body=inside, decorator_list=[])
    return ast.copy_location(node, place)


def made_class(
    module: Module,
    name: str,
    body: list[ast.stmt],
    place: ast.AST,
    *,
    bases: Iterable[ClassInfo | External] = (),
) -> ClassInfo:
    """A class that no statement of the source makes."""
    info = ClassInfo(module, ClassDef(class_statement(name, [], body, place), name, ()))
    info.bases = [*bases]
    info.mro = linearised(info)
    return info


@lru_cache(maxsize=4096)
def _returned(function: ast.FunctionDef) -> tuple[ast.expr, ...]:
    return tuple(
        node.value
        for node in ast.walk(function)
        if isinstance(node, ast.Return) and node.value is not None
    )
