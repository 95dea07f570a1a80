"""Functions and constructors of the project, by their bodies."""

import ast
from dataclasses import replace
from functools import lru_cache, partial

from stormdoor_audit.auditor.classes.classinfo import ClassInfo
from stormdoor_audit.auditor.classes.classinfo import Member as ClassMember
from stormdoor_audit.auditor.interpreter.calls.places import names_a_place
from stormdoor_audit.auditor.interpreter.calls.singletons import made_once
from stormdoor_audit.auditor.interpreter.events import Stage
from stormdoor_audit.auditor.interpreter.frame import Frame
from stormdoor_audit.auditor.interpreter.outcomes import Thrown, TooFar
from stormdoor_audit.auditor.interpreter.pieces import (
    is_plain_digest,
    is_put_together,
    names_a_thing,
    names_words,
)
from stormdoor_audit.auditor.interpreter.statements.execution import Statements
from stormdoor_audit.auditor.interpreter.statements.jumps import Returned
from stormdoor_audit.auditor.interpreter.values import (
    NONE,
    REST,
    Bound,
    ClassRef,
    Const,
    Coroutine,
    Environment,
    Function,
    Instance,
    Mapping,
    Partial,
    Sequence,
    Setting,
    Special,
    Unknown,
    Value,
    labels_of,
)
from stormdoor_audit.auditor.naming import lexicon
from stormdoor_audit.auditor.reading.module import Assigned, FunctionNode, Module
from stormdoor_audit.auditor.reading.project import External

__all__ = ["NEVER", "Functions", "is_replaceable", "yields"]

NEVER = "never"
"""The kind of what does not end before the connection does."""
_CONSTRUCTION = 400
"""Steps of a constructor that are followed."""


class Functions(Statements):
    """Bodies of functions, coroutines and constructors."""

    def _call_function(
        self, function: Function, args: list[Value], words: dict[str, Value], node: ast.AST
    ) -> Value:
        only = self._only_one(function, args)
        if only is not None:
            return only
        if isinstance(function.node, ast.AsyncFunctionDef) and not _is_generator(function.node):
            return Coroutine(function, args, words, text=function.text)
        if _makes_generator(function.node) and _is_told(function.node):
            return Coroutine(function, args, words, text=function.text)
        if node is self.left_alone and _is_coroutine(function.node):
            return self._run_unheard(function, args, words, node)
        return self.run_function(function, args, words, node)

    def _only_one(self, function: Function, args: list[Value]) -> Instance | None:
        """The object that a function makes when it is first asked for it: there from the start."""
        call = made_once(function.node)
        if call is None:
            return None
        of = args[0] if args and isinstance(args[0], ClassRef) else None
        key = (function.module.name, f"{of.text if of else ''}.{function.text}:{call.lineno}")
        held = self.globals.get(key)
        if held is None:
            if of is not None:
                env = Environment(outer=function.env)
                env.names["cls"] = of
                held = self.in_module(function.module, call, env)
            else:
                held = self.in_place(function.module, call)
            if not isinstance(held, Instance) or held.handler:
                return None
            held.shared = True
            self.globals[key] = held
        return held if isinstance(held, Instance) else None

    def _run_unheard(
        self, function: Function, args: list[Value], words: dict[str, Value], node: ast.AST
    ) -> Value:
        """Run a Tornado coroutine that no caller awaits: its exceptions are lost, its end comes late."""
        finished = self.finished
        try:
            self.run_function(function, args, words, node)
        except Thrown as error:
            if self.accepted:
                raise
            if error.check:
                self.record("swallowed", node, error.name)
        self.finished = finished
        return Unknown(text="task")

    def converse(self, generator: Coroutine, said: Value, node: ast.AST) -> Value:
        """`generator.send(message)`: the conversation to its end, of which each message is a part.

        Raises:
            Thrown: It is over.
        """
        if id(generator) in self.spoken_with or (isinstance(said, Const) and said.value is None):
            return Unknown(text=generator.text)
        self.spoken_with[id(generator)] = generator
        self.run_function(generator.function, generator.args, generator.words, node, sent=said)
        raise Thrown("StopIteration", node, self.frame.module, check=self._was_asked())

    def _was_asked(self) -> bool:
        """Return True if this client failed a check since its message arrived."""
        for event in reversed(self.events):
            if event.kind == "message":
                return False
            if event.kind == "check":
                return True
        return False

    def run_function(
        self,
        function: Function,
        args: list[Value],
        words: dict[str, Value],
        node: ast.AST,
        *,
        sent: Value | None = None,
    ) -> Value:
        """Run the body of a function; `sent` is what a generator is sent, whenever it yields."""
        if sum(1 for frame in self.frames if frame.node is function.node) >= 3:
            return Unknown(labels_of(*args, *words.values()), function.text)
        env = Environment(outer=function.env)
        receiver = args[0] if args and isinstance(args[0], Instance | ClassRef) else None
        scopes: tuple[ast.AST, ...] = function.scopes
        name = getattr(function.node, "name", "<lambda>")
        frame = Frame(function.module, env, name, function.owner, receiver, function.node, scopes)
        frame.sent = sent
        made = _makes_generator(function.node) and not _is_waited_for(node, self.delegated)
        self.enter(frame, node)
        try:
            self._bind(function, args, words)
            if isinstance(function.node, ast.Lambda):
                return self.evaluate(function.node.body)
            try:
                self.execute(function.node.body)
            except Returned as returned:
                if not made:
                    return self._answered(returned.value, [*args, *words.values()])
        finally:
            self.leave()
        if made:
            # Each value that it yields is there, and true.
            return Unknown(labels_of(*args, *words.values()) - {"self"}, function.text, truthy=True)
        return Const(None)

    def _answered(self, value: Value, given: list[Value]) -> Value:
        """Add the user to what a function gives that is told the user and the object.

        What it found is the object: its conditions on both are known.
        """
        found = "found" in value.labels
        if self.mode == "member" and isinstance(value, Unknown | Sequence) and not found:
            told = labels_of(*(one for one in given if not _is_handler(one)))
            if told >= {"principal", "client"}:
                both = {"principal", "client", "answer"}
                return replace(value, labels=value.labels | both)
        return value

    def _bind(self, function: Function, args: list[Value], words: dict[str, Value]) -> None:
        arguments = function.node.args
        env = self.frame.env
        names = [one.arg for one in [*arguments.posonlyargs, *arguments.args]]
        positional = list(args)
        rest = dict(words)
        spread = rest.pop(REST, None)
        for at, name in enumerate(names):
            if at < len(positional):
                env.names[name] = positional[at]
            elif name in rest:
                env.names[name] = rest.pop(name)
            elif spread is not None:
                env.names[name] = self._part_of(spread, name)
            else:
                default = at - (len(names) - len(arguments.defaults))
                if 0 <= default < len(arguments.defaults):
                    env.names[name] = self.default(function, name, arguments.defaults[default])
                else:
                    env.names[name] = Unknown(text=name)
        if arguments.vararg is not None:
            env.names[arguments.vararg.arg] = Sequence(
                positional[len(names) :], "tuple", exact=not self._is_served(function)
            )
        for one, value in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
            if one.arg in rest:
                env.names[one.arg] = rest.pop(one.arg)
            elif spread is not None:
                env.names[one.arg] = self._part_of(spread, one.arg)
            elif value is not None:
                env.names[one.arg] = self.default(function, one.arg, value)
            else:
                env.names[one.arg] = Unknown(text=one.arg)
        if arguments.kwarg is not None:
            env.names[arguments.kwarg.arg] = (
                Mapping(dict(rest.items()), exact=False, labels=frozenset({"client", "url"}))
                if self._is_served(function)
                else Mapping(
                    dict(rest.items()),
                    exact=spread is None,
                    labels=NONE if spread is None else labels_of(spread),
                )
            )
        for name, held in list(env.names.items()):
            if (
                isinstance(held, Unknown)
                and "client" in held.labels
                and "credential" not in held.labels
                and lexicon.is_credential_name(name)
                and not names_words(name, held.text)
                and not (
                    name == "key"
                    and (
                        self.mode == "member"
                        or names_a_place(function.node)
                        or is_put_together(held.text)
                        or names_a_thing(held.text)
                        or is_plain_digest(held.text)
                    )
                )
            ):
                env.names[name] = replace(
                    held, labels=held.labels | {"credential"}, text=held.text or name
                )

    def _part_of(self, spread: Value, name: str) -> Value:
        """Value of a parameter that `**message` fills: the message's field of that name."""
        if "client" in labels_of(spread):
            return self.client_field(spread, name, name)
        return Unknown(labels_of(spread), name)

    def _is_served(self, function: Function) -> bool:
        """Return True if Tornado calls it with the groups that the route captures from the address."""
        return (
            self.handler is not None
            and self.frame.receiver is self.handler
            and getattr(function.node, "name", "") in {"get", "open"}
        )

    def default(self, function: Function, name: str, node: ast.expr) -> Value:
        """The default of a parameter: of a constructor's it is a setting."""
        value = self.in_module(function.module, node)
        called = getattr(function.node, "name", "")
        if (
            called in {"initialize", "__init__"}
            and is_replaceable(name, value)
            and not self._is_said_here(function, name, value)
        ):
            return Setting(name, value, text=name)
        return value

    def _is_said_here(self, function: Function, name: str, value: Value) -> bool:
        """Return True if the caller decides the value by leaving the argument out.

        `User()`, made for a connection, names no user yet, and `Room("hall")` has no member yet: the
        operator cannot change that. Parts of the program are made when it starts.
        """
        if self.frame.receiver is self.handler:
            return False
        if self.stage != Stage.IMPORT:
            return isinstance(value, Const) and not lexicon.is_setting_name(name)
        given = [*function.node.args.args, *function.node.args.kwonlyargs]
        return (
            isinstance(value, Const)
            and value.value is None
            and lexicon.is_person(name)
            and not any(lexicon.is_credential_name(one.arg) for one in given)
        )

    def in_module(self, module: Module, node: ast.expr, env: Environment | None = None) -> Value:
        """An expression evaluated at the top of a module, with further names where it has some."""
        if isinstance(node, ast.Constant):
            return Const(node.value)
        frame = Frame(module, env or Environment(), "<module>", node=node)
        stage, self.stage = self.stage, Stage.IMPORT
        try:
            self.enter(frame, node)
            try:
                return self.evaluate(node)
            finally:
                self.leave()
        except (Thrown, Returned):
            return Unknown()
        finally:
            self.stage = stage

    def run_in_module(self, module: Module, statement: ast.stmt) -> None:
        """Have a statement at the top of a module do what it does when the file is read."""
        stage, self.stage = self.stage, Stage.IMPORT
        try:
            self.enter(Frame(module, Environment(), "<module>", node=statement), statement)
            try:
                self.execute([statement])
            finally:
                self.leave()
        except (Thrown, Returned):
            pass
        finally:
            self.stage = stage

    def _in_class(self, owner: ClassInfo, node: ast.expr, info: ClassInfo) -> Value:
        """An expression of a class body, which sees the names that are bound before it, and around it."""
        names = self.hierarchy.members(owner)
        env = Environment(outer=self.closure(owner))
        for inner in ast.walk(node):
            if isinstance(inner, ast.Name) and inner.id in names and inner.id not in env.pending:
                binding = names[inner.id][-1]
                if not (isinstance(binding, Assigned) and binding.value is node):
                    member = ClassMember(owner, binding)
                    env.pending[inner.id] = partial(self.member_value, member, info)
        return self.in_module(owner.module, node, env)

    def awaited(self, value: Value, node: ast.AST) -> Value:
        """Return the result of awaiting a value.

        Raises:
            Thrown: What is awaited, or what it comes to, raises; so does what never happens, in the end.
        """
        if isinstance(value, Coroutine):
            return self.run_function(value.function, value.args, value.words, node)
        if isinstance(value, Special) and value.kind == NEVER:
            raise Thrown("CancelledError", node, self.frame.module)
        if isinstance(value, Sequence):
            return Sequence(
                [self.awaited(one, node) for one in value.items], value.kind, value.exact
            )
        return value

    def in_background(
        self,
        value: Value,
        args: list[Value],
        node: ast.AST,
        *,
        words: dict[str, Value] | None = None,
        at_once: bool = False,
    ) -> None:
        """Started work that no caller awaits: its exceptions are lost.

        A task that a method of the connection starts with what it was given goes on with that
        method's work: what it asks and does counts as there.
        """
        named = words or {}
        goes_on = at_once and not self.background and self._goes_on(value, [*args, *named.values()])
        self.background += not goes_on
        catching, self.catching = self.catching, []
        asked = len(self.events)
        try:
            if isinstance(value, Coroutine):
                self.awaited(value, node)
            elif isinstance(value, Function | Bound | Partial):
                self.awaited(self.call(value, args, named, node), node)
        except Thrown as error:
            failed = any(event.kind == "check" for event in self.events[asked:])
            self.broken_off = self.broken_off or (goes_on and (error.check or failed))
        finally:
            self.background -= not goes_on
            self.catching = catching

    def _goes_on(self, value: Value, args: list[Value]) -> bool:
        if self.mode != "anonymous" or self.stage not in {Stage.OPEN, Stage.MESSAGE}:
            return False
        given = [*args]
        while isinstance(value, Bound | Partial | Coroutine):
            if isinstance(value, Bound):
                given.append(value.receiver)
            else:
                given += [*value.args, *value.words.values()]
            value = value.function
        if self.stage == Stage.OPEN:
            return any(one is self.handler for one in given)
        return "client" in labels_of(*given)

    def _construct(
        self, function: ClassRef, args: list[Value], words: dict[str, Value], node: ast.AST
    ) -> Value:
        info = function.info
        instance = Instance(info, text=info.name, shared=self.stage == Stage.IMPORT)
        found = self.hierarchy.find(info, "__init__")
        if args and any(
            isinstance(one, External) and one.name.startswith("tornado.websocket.WebSocketProtocol")
            for one in info.mro
        ):
            instance.attrs["handler"] = args[0]
        if isinstance(found, ClassMember):
            method = self.member_value(found, info)
            if isinstance(method, Function):
                self._run_constructor(method, [instance, *args], words, node)
        else:
            names = [
                one.target.id
                for one in info.node.body
                if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name)
            ]
            for name, value in zip(names, args, strict=False):
                instance.attrs[name] = value
            spread = words.get(REST)
            if spread is not None:
                instance.attrs.update(
                    {name: self.client_field(spread, name, name) for name in names}
                )
            instance.attrs.update({name: one for name, one in words.items() if name != REST})
            if args and isinstance(args[0], Const) and not names:
                instance.attrs["status_code"] = args[0]
        said = labels_of(*args, *words.values())
        if "client" in said and any(
            name.rpartition(".")[2] in _TABLES
            for one in info.mro
            for name in ([one.name] if isinstance(one, External) else one.unresolved)
        ):
            instance.labels |= said - {"self"}  # the client wrote every attribute of it
        if (
            "self" in said
            and self.accepted
            and not (self.stage == Stage.MESSAGE and self._is_followed(info))
        ):
            self.record("join", node, info.name, values=tuple(args))
        return instance

    def _is_followed(self, info: ClassInfo) -> bool:
        """Return True if the whole construction of an object was read: it only stores its arguments."""
        return all(isinstance(one, ClassInfo) or self.hierarchy.is_inert(one) for one in info.mro)

    def _run_constructor(
        self, method: Function, args: list[Value], words: dict[str, Value], node: ast.AST
    ) -> None:
        """Follow the construction of an object only to a bounded depth if no argument is the client's."""
        about = labels_of(*args[1:], *words.values()) & {"client", "credential", "self", "identity"}
        if about:
            self.run_function(method, args, words, node)
            return
        worth = _CONSTRUCTION * (4 if self.stage == Stage.IMPORT and len(args) == 1 else 1)
        cap, self.cap = self.cap, min(self.cap, self.steps + worth)
        leaning, self.leaning = self.leaning, False
        chosen = dict(self.chosen)
        try:
            try:
                self.run_function(method, args, words, node)
            except Thrown:
                # Not so, then: what cannot be told is followed both ways after all.
                self.leaning, self.chosen = leaning, chosen
                self.run_function(method, args, words, node)
        except TooFar:
            if self.steps > cap:
                raise
        finally:
            self.cap, self.leaning = cap, leaning


_TABLES = frozenset({"OrderedDict", "UserDict", "defaultdict", "dict"})
"""Bases of classes with tables as objects."""


def is_replaceable(name: str, default: Value) -> bool:
    """Return True if a default is a setting: a constant, or a replaceable part of the program."""
    match default:
        case Const() | Instance() | Function():
            return True
        case ClassRef():
            return lexicon.concerns_identity(name)
        case Sequence(exact=True) | Mapping(exact=True):
            # The list as shipped has no user on it, and that may mean all users.
            return not default.items and lexicon.concerns_identity(name)
        case _:
            return False


@lru_cache(maxsize=65536)
def _is_generator(node: ast.AsyncFunctionDef) -> bool:
    return any(
        isinstance(inner, ast.Yield) for statement in node.body for inner in ast.walk(statement)
    )


@lru_cache(maxsize=65536)
def yields(node: ast.AST) -> bool:
    """Return True if a function is a generator; nested functions do not count."""
    rest: list[ast.AST] = [*getattr(node, "body", ())] if not isinstance(node, ast.Lambda) else []
    while rest:
        one = rest.pop()
        if isinstance(one, ast.Yield | ast.YieldFrom):
            return True
        if not isinstance(one, FunctionNode | ast.ClassDef):
            rest.extend(ast.iter_child_nodes(one))
    return False


@lru_cache(maxsize=65536)
def _is_coroutine(node: ast.AST) -> bool:
    """Return True if a function is a generator under `gen.coroutine`."""
    return (
        isinstance(node, ast.FunctionDef)
        and any(ast.unparse(one).rpartition(".")[2] == "coroutine" for one in node.decorator_list)
        and yields(node)
    )


def _makes_generator(node: ast.AST) -> bool:
    """Return True if a call only makes a generator: no decorator turns it into a coroutine."""
    return isinstance(node, ast.FunctionDef) and not node.decorator_list and yields(node)


def _is_waited_for(call: ast.AST, delegated: ast.AST | None) -> bool:
    """`found = yield from search()`: what the generator returns is what there is then."""
    return isinstance(call, ast.YieldFrom) or call is delegated


@lru_cache(maxsize=65536)
def _is_told(node: ast.AST) -> bool:
    """Return True if a generator reads the values sent to it: `hello = yield`."""
    rest: list[ast.AST] = [*getattr(node, "body", ())]
    while rest:
        one = rest.pop()
        if isinstance(one, ast.Assign | ast.AnnAssign | ast.NamedExpr) and isinstance(
            one.value, ast.Yield
        ):
            return True
        if not isinstance(one, FunctionNode | ast.ClassDef):
            rest.extend(ast.iter_child_nodes(one))
    return False


def _is_handler(value: Value) -> bool:
    return isinstance(value, Instance) and value.handler
