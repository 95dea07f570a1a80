"""Surroundings of a class or an expression: parameters of a factory, locals of `main()`.

A parameter is what the calls of its function give; where there are none it is a setting.
"""

import ast
from collections.abc import Callable
from functools import lru_cache, partial

from stormdoor_audit.auditor.classes.callers import FunctionDefinition
from stormdoor_audit.auditor.classes.classinfo import ClassInfo
from stormdoor_audit.auditor.classes.registrations import handed_in
from stormdoor_audit.auditor.classes.stores import filled_by, parameters_of, stored_by
from stormdoor_audit.auditor.interpreter.calls.dispatch import Calls
from stormdoor_audit.auditor.interpreter.calls.functions import is_replaceable
from stormdoor_audit.auditor.interpreter.events import Stage
from stormdoor_audit.auditor.interpreter.frame import Frame
from stormdoor_audit.auditor.interpreter.outcomes import Thrown, TooFar
from stormdoor_audit.auditor.interpreter.statements.jumps import Returned
from stormdoor_audit.auditor.interpreter.values import (
    ClassRef,
    Const,
    Environment,
    Function,
    Instance,
    Mapping,
    Setting,
    Unknown,
    Value,
)
from stormdoor_audit.auditor.naming import lexicon
from stormdoor_audit.auditor.reading.module import Assigned, Binding, Defined, Module
from stormdoor_audit.auditor.reading.needed import needed_by
from stormdoor_audit.auditor.reading.project import Meaning

__all__ = ["Surroundings"]

_WORTH = 300
_MOST_HANDED = 24
"""Calls that hand something to an object which are followed."""
_DEEP = 6
"""Nesting up to which surroundings are looked up."""


class Surroundings(Calls):
    """Names of the functions around."""

    worth = _WORTH
    """Steps that one name around may take."""

    def closure(self, owner: ClassInfo) -> Environment | None:
        """Names of the functions around a class: a factory's parameters."""
        known = self.environments.get(id(owner))
        if known is not None:
            return known
        functions = [one for one in owner.definition.scopes if isinstance(one, FunctionDefinition)]
        return self._around(owner.module, functions) if functions else None

    def in_place(self, module: Module, node: ast.expr) -> Value:
        """An expression evaluated where it stands, in a function or at the top of a module."""
        functions = self.hierarchy.functions_around(module, node)
        if not functions or self.around > _DEEP:
            return self.in_module(module, node)
        return self._evaluated(module, self._around(module, functions), node)

    def _evaluated(self, module: Module, env: Environment, node: ast.expr) -> Value:
        frame = Frame(module, Environment(outer=env), "<module>", node=node)
        stage, self.stage = self.stage, Stage.IMPORT
        catching, self.catching = self.catching, []
        cap, self.cap = self.cap, self.steps + self._share()
        frames, self.frames = self.frames, self.frames[:1]
        chosen = dict(self.chosen)
        leaning, self.leaning = self.leaning, False
        self.around += 1
        try:
            self.enter(frame, node)
            try:
                return self.evaluate(node)
            except Thrown:
                # What holds where nothing is there raises: so something is there.
                self.leaning, self.chosen = True, dict(chosen)
                return self.evaluate(node)
            finally:
                self.leave()
        except (Thrown, Returned):
            return Unknown()
        except TooFar:
            if self.steps > cap:
                raise
            made = self._made_by(module, node)
            return Unknown(text=module.source(node)) if made is None else made
        finally:
            self.stage, self.catching, self.cap = stage, catching, cap
            self.frames, self.leaning = frames, leaning
            self.around -= 1

    def _made_by(self, module: Module, node: ast.expr) -> Value | None:
        """The object that a function gives which is too long to follow: as its constructor leaves it."""
        if not isinstance(node, ast.Call):
            return None
        for one in self.project.resolve(module, node.func):
            binding = one.binding if isinstance(one, Meaning) else None
            if not isinstance(one, Meaning) or not isinstance(binding, Defined):
                return None
            made = _constructed_in(binding.node)
            for info in self.hierarchy.classes_of(one.module, made) if made is not None else ():
                if isinstance(info, ClassInfo):
                    return Instance(info, text=info.name, shared=True)
        return None

    def _share(self) -> int:
        """Of what is looked up for another name, two thirds of what is left: the rest is for that name."""
        left = self.cap - self.steps
        return min(self.worth, left if not self.around else left * 2 // 3)

    def _around(self, module: Module, functions: list[FunctionDefinition]) -> Environment:
        env = Environment()
        for function in functions:
            for name, default in parameters_of(function):
                env.pending[name] = partial(self._parameter, module, function, name, default)
            rest = function.args.kwarg
            if rest is not None:  # what it is not given is what `kwargs.pop(name, default)` says
                env.names[rest.arg] = Setting(rest.arg, Mapping({}, exact=False), text=rest.arg)
            bound, _ = self.project.scope(function)
            for name, bindings in bound.items():
                binding = bindings[-1]
                if isinstance(binding, Defined) and isinstance(binding.node, ast.ClassDef):
                    info = self.hierarchy.of_node(module, binding.node)
                    self.environments.setdefault(id(info), env)
                    env.names[name] = ClassRef(info, text=name)
                elif isinstance(binding, Defined) and not isinstance(binding.node, ast.ClassDef):
                    env.names[name] = Function(binding.node, module, None, env, text=name)
                elif self._hangs_on_settings(function, bindings):
                    env.pending.setdefault(
                        name, partial(self._as_shipped, module, env, function, name)
                    )
                elif isinstance(binding, Assigned) and isinstance(binding.value, ast.Constant):
                    value = Setting(name, Const(binding.value.value), text=name)
                    env.pending.setdefault(name, partial(_given, value))
                elif isinstance(binding, Assigned) and len(bindings) == 1 and not binding.unpacked:
                    env.pending.setdefault(
                        name, partial(self._made_in, module, env, function, name, binding.value)
                    )
            for name in needed_by(function) & env.pending.keys():
                env.pending[name] = partial(_there, env.pending[name])
        return env

    def _made_in(
        self,
        module: Module,
        env: Environment,
        function: FunctionDefinition,
        name: str,
        expression: ast.expr,
    ) -> Value:
        """Value of a name in a function, after the function passed its arguments on.

        `commands = Commands()`, and `commands.add("reboot", reboot)` after it.
        """
        value = self._evaluated(module, env, expression)
        if isinstance(value, Mapping) and not value.text and not value.items:
            return Mapping({}, exact=False, text=name)  # any function that receives it may fill it
        if not isinstance(value, Instance) or value.handler or self.mode == "origin":
            return value
        methods = self.hierarchy.registrars(value.info)
        calls = handed_in(function, name, methods) if methods else []
        env.names[name] = value
        for call in calls[:_MOST_HANDED]:
            self._evaluated(module, env, call)
        return value

    def _hangs_on_settings(self, function: FunctionDefinition, bindings: list[Binding]) -> bool:
        """`auth = None`, and `if options.users: auth = Users(options.users)` after it."""
        conditions = self.hierarchy.conditions_in(function)
        return (
            len(bindings) > 1
            and all(isinstance(one, Assigned) and not one.unpacked for one in bindings)
            and any(isinstance(one, Assigned) and id(one.value) in conditions for one in bindings)
        )

    def _as_shipped(
        self, module: Module, env: Environment, function: FunctionDefinition, name: str
    ) -> Value:
        """Value of a name where every setting has its default."""
        conditions = self.hierarchy.conditions_in(function)
        bound, _ = self.project.scope(function)
        for binding in reversed(bound[name]):
            if not isinstance(binding, Assigned):
                break
            holds: bool | None = True
            for test, wanted in conditions.get(id(binding.value), ()):
                truth = self._truth_as_shipped(self._evaluated(module, env, test))
                holds = None if truth is None else holds and truth is wanted
                if not holds:
                    break
            if holds is None:
                break
            if holds:
                value = self._evaluated(module, env, binding.value)
                return value if isinstance(value, Setting) else Setting(name, value, text=name)
        return Unknown(text=name)

    def _truth_as_shipped(self, value: Value) -> bool | None:
        match value:
            case Const():
                return bool(value.value)
            case Setting():
                return self.truth_of_default(value)
            case _:
                return None

    def _parameter(
        self, module: Module, function: FunctionDefinition, name: str, default: ast.expr | None
    ) -> Value:
        """Argument that the calls of the function pass for a parameter."""
        if name == "self":
            return self._object_around(module, function)
        given: dict[str, tuple[Module, ast.expr]] = {}
        whole = True
        if self.around <= _DEEP:
            for caller, call in self.hierarchy.calls_of(module, function)[:8]:
                argument = _argument(call, function, name)
                if argument is None and default is None:
                    whole = False
                elif argument is not None:
                    given[ast.dump(argument)] = (caller, argument)
                elif default is not None:
                    given[ast.dump(default)] = (module, default)
        if len(given) == 1 and whole:
            caller, argument = next(iter(given.values()))
            value = self.in_place(caller, argument)
            is_default = default is not None and argument is default
            plain = _plain(value) or (is_default and is_replaceable(name, value))
            return Setting(name, value, text=name) if plain else value
        if (
            not given
            and default is None
            and name in self.project.settings
            and function.decorator_list
        ):
            return self.setting_named(name, name, function)  # `@click.option("--name")`
        if default is not None:
            value = self.in_module(module, default)
            return Setting(name, value, text=name) if is_replaceable(name, value) else value
        if lexicon.is_setting_name(name) or lexicon.is_credential_name(name):
            labels = {"setting", "secret"} if lexicon.is_credential_name(name) else {"setting"}
            return Setting(name, None, frozenset(labels), text=name)
        return Unknown(text=name)

    def _object_around(self, module: Module, method: FunctionDefinition) -> Value:
        """Return the object of the method that contains a node."""
        for definition in module.classes:
            if method in definition.node.body:
                info = self.hierarchy.of(module, definition)
                if self.handler is not None and info in self.handler.info.mro:
                    return self.handler
                return Instance(info, text=info.name, shared=True)
        return Unknown(text="self")

    def told_to_class(self, info: ClassInfo, name: str) -> Const | None:
        """Value that a set-up class method gives to the class, for all connections."""
        for one in info.mro:
            told = _told(one.node).get(name) if isinstance(one, ClassInfo) else None
            if told is not None and (told.value is None or isinstance(told.value, bool | str)):
                return Const(told.value)
        return None

    def told_to_holder(self, name: str) -> Const | None:
        """The default of what one class of the program, and no other, is told and keeps under a name."""
        held = self.hierarchy.kept_defaults(name)
        return Const(held[0].value, text=name) if len(held) == 1 else None

    def stored_attribute(self, instance: Instance, name: str) -> Value | None:
        """Value that the constructor of a class stores, where no object of it was made here."""
        if self.around > _DEEP:
            return None
        for one in instance.info.mro:
            if not isinstance(one, ClassInfo):
                continue
            stored = self._set_up(one).get(name)
            if stored is not None:
                function, expression = stored
                env = self._around(one.module, [function])
                first = next(iter(function.args.args), None)
                if first is not None:
                    env.pending.pop(first.arg, None)
                    env.names[first.arg] = instance
                instance.attrs[name] = Unknown(text=name)  # it may be made of itself
                value = self._evaluated(one.module, env, expression)
                if is_replaceable(name, value) and name in filled_by(function, _PUTS):
                    value = Setting(name, value, text=name)  # no user is in it as shipped
                instance.attrs[name] = value
                return value
        return None

    def _set_up(self, info: ClassInfo) -> dict[str, tuple[FunctionDefinition, ast.expr]]:
        """Attributes that the set-up methods store once, each by the first method that does."""
        known = self.hierarchy.set_up.get(info.node)
        if known is None:
            known = self.hierarchy.set_up[info.node] = {}
            members = self.hierarchy.members(info)
            makers = ["__init__", *(method for method in members if _sets_up(method))]
            for binding in (binding for method in makers for binding in members.get(method, ())):
                if isinstance(binding, Defined) and not isinstance(binding.node, ast.ClassDef):
                    for name, values in stored_by(binding.node).items():
                        if len(values) == 1:
                            known.setdefault(name, (binding.node, values[0]))
        return known


_PUTS = frozenset({"add", "append", "extend", "update"})
_SETS_UP = frozenset({"init", "initialize", "setup", "configure", "start", "make", "build"})


def _sets_up(method: str) -> bool:
    """Return True if a method of this name prepares an object before it serves: `init_auth`."""
    return method != "__init__" and lexicon.words_of(method)[:1] in [[one] for one in _SETS_UP]


@lru_cache(maxsize=4096)
def _constructed_in(function: ast.AST) -> ast.expr | None:
    """`Config` of a function that does `config = Config()` and only ever returns that."""
    if not isinstance(function, FunctionDefinition):
        return None
    names = {
        inner.value.id if isinstance(inner.value, ast.Name) else ""
        for inner in ast.walk(function)
        if isinstance(inner, ast.Return)
    }
    calls = [
        inner.value
        for inner in ast.walk(function)
        if isinstance(inner, ast.Assign)
        and any(isinstance(one, ast.Name) and one.id in names for one in inner.targets)
    ]
    if len(names) != 1 or len(calls) != 1 or not isinstance(calls[0], ast.Call):
        return None
    return calls[0].func


def _there(found: Callable[[], Value]) -> Value:
    """Return the value that the enclosing function does not go on without."""
    value = found()
    if not isinstance(value, Setting):
        return value
    return Setting(value.name, Const(...), value.labels, value.text)


def _given(value: Value) -> Value:
    return value


def _plain(value: Value) -> bool:
    return isinstance(value, Const) and (value.value is None or isinstance(value.value, bool | str))


def _argument(call: ast.Call, function: FunctionDefinition, name: str) -> ast.expr | None:
    for word in call.keywords:
        if word.arg == name:
            return word.value
    names = [one.arg for one in [*function.args.posonlyargs, *function.args.args]]
    if name not in names:
        return None
    at = names.index(name) - (names[:1] in (["self"], ["cls"]))
    before = call.args[: at + 1]
    if 0 <= at < len(call.args) and not any(isinstance(one, ast.Starred) for one in before):
        return call.args[at]
    return None


@lru_cache(maxsize=4096)
def _told(node: ast.ClassDef) -> dict[str, ast.Constant]:
    """`cls.auth = None` of class methods that set a class up, before anything else is told."""
    found: dict[str, ast.Constant] = {}
    for method in node.body:
        if not isinstance(method, ast.FunctionDef) or not any(
            isinstance(one, ast.Name) and one.id == "classmethod" for one in method.decorator_list
        ):
            continue
        for inner in method.body:
            if (
                isinstance(inner, ast.Assign)
                and isinstance(inner.value, ast.Constant)
                and isinstance(inner.targets[0], ast.Attribute)
                and isinstance(inner.targets[0].value, ast.Name)
                and inner.targets[0].value.id == "cls"
            ):
                found.setdefault(inner.targets[0].attr, inner.value)
    return found
