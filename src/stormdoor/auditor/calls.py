"""What a call does: functions of the project by their body, others by what is known of them."""

import ast
import sys
from functools import lru_cache
from typing import cast

from stormdoor.auditor import lexicon
from stormdoor.auditor.hierarchy import ClassInfo, defines
from stormdoor.auditor.hierarchy import Member as ClassMember
from stormdoor.auditor.machine import Frame, Stage, Thrown, TooFar
from stormdoor.auditor.module import Assigned, Defined, Module
from stormdoor.auditor.project import External
from stormdoor.auditor.statements import Returned, Statements
from stormdoor.auditor.texts import concrete_function, concrete_method
from stormdoor.auditor.values import (
    Authenticated,
    Bound,
    ClassRef,
    Const,
    Coroutine,
    Environment,
    Function,
    Instance,
    Mapping,
    Member,
    ModuleRef,
    Named,
    Nobody,
    Partial,
    Sequence,
    Setting,
    Special,
    SuperRef,
    Unknown,
    Value,
    labels_of,
    text_of,
)

__all__ = ["Calls"]

_LOGGING = frozenset(
    [
        "debug",
        "info",
        "warning",
        "warn",
        "error",
        "exception",
        "critical",
        "log",
        "print",
        "isEnabledFor",
        "trace",
        "incr",
        "inc",
        "dec",
        "observe",
        "labels",
    ]
)
_HARMLESS = frozenset(
    [
        "encode",
        "decode",
        "strip",
        "lower",
        "upper",
        "split",
        "rsplit",
        "partition",
        "rpartition",
        "join",
        "format",
        "replace",
        "keys",
        "values",
        "items",
        "copy",
        "startswith",
        "endswith",
        "count",
        "index",
        "find",
        "title",
        "hex",
        "digest",
        "hexdigest",
        "total_seconds",
        "isoformat",
        "timestamp",
        "strftime",
        "time",
        "lstrip",
        "rstrip",
        "splitlines",
        "isdigit",
        "current",
        "instance",
        "set_nodelay",
        "get_compression_options",
        "done",
        "result",
        "set_result",
    ]
)
_DELIVERS = frozenset(
    [
        "send",
        "send_multipart",
        "send_string",
        "send_json",
        "send_bytes",
        "sendall",
        "write",
        "writelines",
        "put",
        "put_nowait",
        "publish",
        "emit",
        "append",
        "add",
        "push",
        "extend",
        "insert",
        "setex",
        "save",
        "broadcast",
        "forward",
        "enqueue",
        "notify",
    ]
)
"""What hands something on and gives no answer about it."""
_SPAWN = frozenset(
    [
        "add_callback",
        "spawn_callback",
        "call_later",
        "call_soon",
        "call_at",
        "create_task",
        "ensure_future",
        "submit",
        "start_soon",
        "add_future",
        "add_timeout",
        "add_done_callback",
        "run_coroutine_threadsafe",
        "add_callback_from_signal",
        "call_soon_threadsafe",
        "Thread",
        "PeriodicCallback",
    ]
)
_THROUGH = frozenset(
    [
        "wait_for",
        "shield",
        "gather",
        "run_in_executor",
        "to_thread",
        "with_timeout",
        "maybe_future",
        "convert_yielded",
        "sync_to_async",
        "run_on_executor",
        "multi",
        "timeout",
        "await_maybe",
        "ensure_async",
        "run_sync",
        "run",
    ]
)
_PASS_DECORATORS = frozenset(
    [
        "coroutine",
        "engine",
        "asynchronous",
        "wraps",
        "override",
        "abstractmethod",
        "staticmethod",
        "classmethod",
        "property",
        "cached_property",
        "lru_cache",
        "cache",
        "run_on_executor",
        "return_future",
        "contextmanager",
        "asynccontextmanager",
        "no_type_check",
        "final",
        "overload",
        "gather",
        "deprecated",
    ]
)
_JWT = (
    "jwt.",
    "jose.",
    "authlib.",
    "joserfc.",
    "itsdangerous.",
    "google.oauth2",
    "firebase_admin",
    "nacl.",
)
_CONSTRUCTION = 400
"""Steps of a constructor that are followed."""
_MADE_UP = ("secrets.token", "uuid.uuid", "os.urandom")
_NOT_OF_NONE = frozenset({"loads", "int", "len", "json_decode", "b64decode", "float"})
_STDLIB = sys.stdlib_module_names


class Calls(Statements):
    """Calls, attributes and decorators."""

    def call_expression(self, node: ast.Call) -> Value:
        """A call as it stands in the source."""
        if isinstance(node.func, ast.Name) and node.func.id == "super":
            return self._super(node)
        if isinstance(node.func, ast.Attribute):
            receiver = self.evaluate(node.func.value)
            self.called = node.func
            function = self.attribute(receiver, node.func.attr, node.func)
        else:
            function = self.evaluate(node.func)
        args: list[Value] = []
        for argument in node.args:
            if isinstance(argument, ast.Starred):
                inner = self.evaluate(argument.value)
                if isinstance(inner, Sequence):
                    args.extend(inner.items)
                    if not inner.exact and not inner.items:
                        args.append(Unknown(labels_of(inner), "*"))
                else:
                    args.append(Unknown(labels_of(inner), text_of(inner)))
            else:
                args.append(self.evaluate(argument))
        words: dict[str, Value] = {}
        for word in node.keywords:
            value = self.evaluate(word.value)
            if word.arg is not None:
                words[word.arg] = value
            elif isinstance(value, Mapping):
                words.update({key: one for key, one in value.items.items() if isinstance(key, str)})
        return self.call(function, args, words, node)

    def _super(self, node: ast.Call) -> Value:
        frame = next((one for one in reversed(self.frames) if one.receiver is not None), self.frame)
        receiver: Value | None = frame.receiver
        owner = frame.owner
        if len(node.args) == 2:
            receiver = self.evaluate(node.args[1])
            first = self.evaluate(node.args[0])
            if isinstance(first, ClassRef):
                owner = first.info
        if receiver is None or owner is None:
            return Unknown(text="super()")
        return SuperRef(receiver, owner)

    def call(
        self, function: Value, args: list[Value], words: dict[str, Value], node: ast.AST
    ) -> Value:
        """The value of a call."""
        self.tick()
        match function:
            case Function():
                return self._call_function(function, args, words, node)
            case Bound():
                return self.call(function.function, [function.receiver, *args], words, node)
            case Partial():
                return self.call(
                    function.function, [*function.args, *args], {**function.words, **words}, node
                )
            case Authenticated():
                self._authenticated(function, args, node)
                return self.call(function.function, args, words, node)
            case ClassRef():
                return self._construct(function, args, words, node)
            case Instance():
                method = self.attribute(function, "__call__", node)
                if isinstance(method, Bound | Function):
                    return self.call(method, args, words, node)
                return self.unknown_call(function, text_of(function), args, words, node)
            case Setting(default=Function() | Bound() as default):
                other = self._another(function, node)
                return self.call(default if other is None else other, args, words, node)
            case Special():
                return self.special_call(function, args, words, node)
            case Named():
                return self.named_call(function, args, words, node)
            case Member():
                return self._method(function, args, words, node)
            case Nobody():
                if function.certain:
                    raise Thrown("TypeError", node, self.frame.module)
                return Nobody(
                    function.text,
                    node,
                    self.frame.module,
                    function.truthy,
                    presumed=function.presumed,
                )
            case Const(value=None) if self._is_surely_none(node):
                raise Thrown("TypeError", node, self.frame.module)
            case _:
                return self.unknown_call(function, text_of(function), args, words, node)

    def _is_surely_none(self, node: ast.AST) -> bool:
        """`self.worker()`, where the connection was told None, and nobody else has the connection yet."""
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="self"), attr=name)):
                return (
                    self.handler is not None
                    and self.frame.receiver is self.handler
                    and name in self.handler.attrs
                    and not any(event.kind == "join" for event in self.events)
                )
            case _:
                return False

    # functions of the project ---------------------------------------------------------------

    def _call_function(
        self, function: Function, args: list[Value], words: dict[str, Value], node: ast.AST
    ) -> Value:
        if isinstance(function.node, ast.AsyncFunctionDef) and not _is_generator(function.node):
            return Coroutine(function, args, words, text=function.text)
        return self.run_function(function, args, words, node)

    def run_function(
        self, function: Function, args: list[Value], words: dict[str, Value], node: ast.AST
    ) -> Value:
        """Run the body of a function."""
        if sum(1 for frame in self.frames if frame.node is function.node) >= 3:
            return Unknown(labels_of(*args, *words.values()), function.text)
        env = Environment(outer=function.env)
        receiver = args[0] if args and isinstance(args[0], Instance | ClassRef) else None
        scopes: tuple[ast.AST, ...] = function.scopes
        name = getattr(function.node, "name", "<lambda>")
        frame = Frame(function.module, env, name, function.owner, receiver, function.node, scopes)
        with self.entered(frame, node):
            self._bind(function, args, words)
            if isinstance(function.node, ast.Lambda):
                return self.evaluate(function.node.body)
            try:
                self.execute(function.node.body)
            except Returned as returned:
                return returned.value
        return Const(None)

    def _bind(self, function: Function, args: list[Value], words: dict[str, Value]) -> None:
        arguments = function.node.args
        env = self.frame.env
        names = [one.arg for one in [*arguments.posonlyargs, *arguments.args]]
        positional = list(args)
        rest = dict(words)
        for at, name in enumerate(names):
            if at < len(positional):
                env.names[name] = positional[at]
            elif name in rest:
                env.names[name] = rest.pop(name)
            else:
                default = at - (len(names) - len(arguments.defaults))
                if 0 <= default < len(arguments.defaults):
                    env.names[name] = self.default(function, name, arguments.defaults[default])
                else:
                    env.names[name] = Unknown(text=name)
        if arguments.vararg is not None:
            env.names[arguments.vararg.arg] = Sequence(positional[len(names) :], "tuple")
        for one, value in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
            if one.arg in rest:
                env.names[one.arg] = rest.pop(one.arg)
            elif value is not None:
                env.names[one.arg] = self.default(function, one.arg, value)
            else:
                env.names[one.arg] = Unknown(text=one.arg)
        if arguments.kwarg is not None:
            env.names[arguments.kwarg.arg] = Mapping(dict(rest.items()))
        for name, held in list(env.names.items()):
            if (
                isinstance(held, Unknown)
                and "client" in held.labels
                and "credential" not in held.labels
                and lexicon.is_credential_name(name)
            ):
                env.names[name] = Unknown(
                    held.labels | {"credential"}, held.text or name, held.truthy
                )

    def default(self, function: Function, name: str, node: ast.expr) -> Value:
        """The default of a parameter: of a constructor's it is a setting."""
        value = self.in_module(function.module, node)
        called = getattr(function.node, "name", "")
        if called in {"initialize", "__init__"} and isinstance(value, Const | Instance | Function):
            return Setting(name, value, text=name)
        return value

    def in_module(self, module: Module, node: ast.expr) -> Value:
        """An expression evaluated at the top of a module."""
        if isinstance(node, ast.Constant):
            return Const(node.value)
        frame = Frame(module, Environment(), "<module>", node=node)
        stage, self.stage = self.stage, Stage.IMPORT
        try:
            with self.entered(frame, node):
                return self.evaluate(node)
        except (Thrown, Returned):
            return Unknown()
        finally:
            self.stage = stage

    def awaited(self, value: Value, node: ast.AST) -> Value:
        """What awaiting a value gives."""
        if isinstance(value, Coroutine):
            return self.run_function(value.function, value.args, value.words, node)
        if isinstance(value, Sequence):
            return Sequence(
                [self.awaited(one, node) for one in value.items], value.kind, value.exact
            )
        return value

    def in_background(self, value: Value, args: list[Value], node: ast.AST) -> None:
        """Something that was started and nobody waits for: its exceptions go nowhere."""
        self.background += 1
        try:
            if isinstance(value, Coroutine):
                self.awaited(value, node)
            elif isinstance(value, Function | Bound | Partial):
                self.awaited(self.call(value, args, {}, node), node)
        except Thrown:
            pass
        finally:
            self.background -= 1

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
            instance.attrs.update(words)
            if args and isinstance(args[0], Const) and not names:
                instance.attrs["status_code"] = args[0]
        if "self" in labels_of(*args, *words.values()) and self.accepted:
            self.record("join", node, info.name, values=tuple(args))
        return instance

    def _run_constructor(
        self, method: Function, args: list[Value], words: dict[str, Value], node: ast.AST
    ) -> None:
        """What is made of nothing that the client sent is followed only so far."""
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

    # decorators -----------------------------------------------------------------------------

    def decorated(self, function: Function, module: Module, owner: ClassInfo | None) -> Value:
        """A function with its decorators applied, innermost first."""
        node = function.node
        if isinstance(node, ast.Lambda):
            return function
        value: Value = function
        for decorator in reversed(node.decorator_list):
            value = self._decorate(decorator, value, module)
        return value

    def _decorate(self, decorator: ast.expr, value: Value, module: Module) -> Value:
        name = decorator.id if isinstance(decorator, ast.Name) else ""
        if name in {"staticmethod", "classmethod", "property"}:
            return value
        local = bool(self.frames) and self.frame.module is module
        applied = self.evaluate(decorator) if local else self.in_module(module, decorator)
        match applied:
            case Named(name=dotted):
                last = dotted.rpartition(".")[2]
                if dotted in {"tornado.web.authenticated", "tornado.web.auth.authenticated"}:
                    return Authenticated(value, decorator, module)
                if (
                    dotted.startswith("tornado.")
                    or last in _PASS_DECORATORS
                    or dotted.partition(".")[0] in _STDLIB
                ):
                    return value
                return self._foreign_decorator(dotted, value, decorator, module)
            case Function() | Bound() | ClassRef() | Partial() | Instance():
                site = decorator
                try:
                    result = self.awaited(self.call(applied, [value], {}, site), site)
                except Thrown:
                    return value
                if isinstance(
                    result, Function | Bound | Partial | Authenticated | Instance | Special
                ):
                    return result
                return value
            case Special(kind="identity"):
                return value
            case Unknown() | Member() | Setting():
                text = module.source(decorator)
                if "setter" in text or "getter" in text or "deleter" in text:
                    return value
                return self._foreign_decorator(text.partition("(")[0], value, decorator, module)
            case _:
                return value

    def _foreign_decorator(self, name: str, value: Value, node: ast.expr, module: Module) -> Value:
        last = name.rpartition(".")[2]
        words = set(lexicon.words_of(last))
        about_identity = (
            lexicon.is_verification_name(last)
            or words
            & {
                "protected",
                "secured",
                "require",
                "required",
                "guard",
                "token",
                "jwt",
                "user",
                "session",
            }
        ) and not words & {
            "allow",
            "unauthenticated",
            "public",
            "anonymous",
            "origin",
            "skip",
            "no",
        }
        if about_identity:
            return Partial(
                Special("foreign-check", text=f"@{name}"), [value, Const(node)], {}, text=name
            )
        return value

    def _authenticated(self, function: Authenticated, args: list[Value], node: ast.AST) -> None:
        if self.mode == "member" or not args or not isinstance(args[0], Instance):
            return
        user = self.attribute(args[0], "current_user", function.node)
        if isinstance(user, Coroutine):
            return  # a coroutine object is true, whoever is asked for
        if not self.truth(user, function.node):
            if not isinstance(user, Nobody):
                self.check(function.node, "@authenticated", module=function.module)
            self.finished = True
            raise Thrown(
                "tornado.web.HTTPError", function.node, function.module, status=403, check=True
            )

    # attributes -----------------------------------------------------------------------------

    def attribute(self, value: Value, name: str, node: ast.AST) -> Value:
        """The value of `value.name`."""
        match value:
            case Instance():
                return self.instance_attribute(value, name, node)
            case SuperRef():
                return self._super_attribute(value, name, node)
            case ClassRef():
                return self._class_attribute(value, name, node)
            case ModuleRef():
                return self.module_attribute(value.module, name, node)
            case Special():
                return self.special_attribute(value, name, node)
            case Named():
                return self._named_attribute(value, name, node)
            case Function() if name in value.attrs:
                return value.attrs[name]
            case Mapping() if value.text in {"urlparse", "match"} and name in value.items:
                return value.items[name]
            case Nobody():
                if value.certain:
                    self.check(node, value.text)
                    raise Thrown("AttributeError", node, self.frame.module, check=True)
                negative = lexicon.is_negative(name)
                return Nobody(
                    value.text, node, self.frame.module, truthy=negative, presumed=value.presumed
                )
            case Setting():
                if isinstance(value.default, Instance | ClassRef | ModuleRef):
                    other = self._another(value, node)
                    if other is None:
                        return self.attribute(value.default, name, node)
                    part = self.attribute(other, name, node)
                    # Who gives another gives one that has what is asked for.
                    return (
                        Unknown(part.labels, part.text, truthy=True)
                        if isinstance(part, Unknown | Setting | Nobody)
                        else part
                    )
                if value.default is None and node is not self.called:
                    return self.setting_named(f"{text_of(value)}.{name}", name, node)
                return Member(value, name, value.labels, f"{text_of(value)}.{name}")
            case Unknown():
                if isinstance(getattr(node, "ctx", None), ast.Load) and node is not self.called:
                    return self.by_words(value, name, f"{text_of(value)}.{name}", node)
                return Member(value, name, value.labels, f"{text_of(value)}.{name}")
            case _:
                return Member(value, name, labels_of(value), f"{text_of(value)}.{name}")

    def _another(self, setting: Setting, node: ast.AST) -> Value | None:
        """What whoever runs the program may give in place of the default that is an object.

        Only what has to do with who is let in is worth a way of its own.
        """
        if not lexicon.concerns_identity(setting.name) or self.stage == Stage.IMPORT:
            return None
        another = Setting(f"{setting.name} is another than the default", Const(value=False))
        return Unknown(text=setting.name) if self.assume(another, node) else None

    def module_attribute(self, module: Module, name: str, node: ast.AST) -> Value:
        """`module.name`."""
        return self.global_name(module, name, node)

    def _named_attribute(self, value: Named, name: str, node: ast.AST) -> Value:
        dotted = f"{value.name}.{name}"
        if value.name.endswith(("options.options", "os.environ")) and value.name.startswith(
            ("tornado", "os")
        ):
            if name in {"get", "items", "parse_command_line", "define", "parse_config_file"}:
                return Member(value, name, frozenset({"setting"}), dotted)
            return self.setting_named(f"options.{name}", name, node)
        if lexicon.is_setting_chain(value.name.split(".")[-1:]) and node is not self.called:
            return self.setting_named(dotted, name, node)
        return Named(dotted)

    def instance_attribute(self, value: Instance, name: str, node: ast.AST) -> Value:
        """An attribute of an object of the project."""
        if name in value.attrs:
            held = value.attrs[name]
            if (
                value.shared
                and isinstance(held, Const)
                and (held.value is None or isinstance(held.value, bool | str))
            ):
                return Setting(f"{text_of(value)}.{name}", held, text=name)
            return held
        if name == "__class__":
            return ClassRef(value.info, text=value.info.name)
        if value.handler and name == "current_user":
            return self.current_user(value, node)
        found = self._member(value.info, name, None)
        if found is not None:
            return self._bound_member(found, value, name, node)
        getter = self._member(value.info, "__getattr__", None)
        if getter is not None and not value.handler:
            return Unknown(text=f"{text_of(value)}.{name}")
        return self.missing_attribute(value, name, node)

    def _member(self, info: ClassInfo, name: str, after: ClassInfo | None) -> ClassMember | None:
        """The member of this name, past classes that were not read."""
        started = after is None
        for one in info.mro:
            if not started:
                started = one is after
                continue
            if isinstance(one, External):
                patch = self.hierarchy.patches.get((one.name, name))
                if patch is not None and id(patch) not in self.patching:
                    return patch
                if defines(one, name):
                    return None
                if not one.name.startswith("tornado.") and not self.hierarchy.is_inert(one):
                    self.uncertain.setdefault(name, one.name)
                continue
            if one.unresolved:
                self.uncertain.setdefault(name, one.unresolved[0])
            put = self.overlay(one).get(name)
            if put is not None:
                return ClassMember(one, Assigned(ast.Constant(None)), value=put)
            patch = one.replaced.get(name)
            if patch is not None and id(patch) not in self.patching:
                return patch
            bindings = self.hierarchy.members(one).get(name)
            if bindings:
                return ClassMember(one, bindings[-1])
        return None

    def overlay(self, info: ClassInfo) -> dict[str, Value]:
        """What was put into the class after its body ran."""
        raise NotImplementedError

    def _patched(self, member: ClassMember, module: Module) -> Value:
        """What a module puts into a class; what was there before is found while it is looked at."""
        binding = member.binding
        if not isinstance(binding, Assigned):
            return Unknown()
        self.patching.add(id(member))
        try:
            if isinstance(binding.value, ast.Lambda):
                return Function(binding.value, module, member.owner, None)
            return self.in_module(module, binding.value)
        finally:
            self.patching.discard(id(member))

    def member_value(self, member: ClassMember, info: ClassInfo) -> Value:
        """A member of a class body as a value, decorators applied."""
        if member.value is not None:
            return cast("Value", member.value)
        owner = member.owner
        if member.module is not None or owner is None:
            return self._patched(member, member.module or info.module)
        module = owner.module
        binding = member.binding
        match binding:
            case Defined(ast.FunctionDef() | ast.AsyncFunctionDef() as node):
                function = Function(
                    node,
                    module,
                    owner,
                    None,
                    (*owner.definition.scopes, owner.node),
                    text=node.name,
                )
                function.env = self.closure(owner)
                return self.decorated(function, module, owner)
            case Defined(ast.ClassDef() as node):
                return ClassRef(self.hierarchy.of_node(module, node))
            case Assigned():
                if isinstance(binding.value, ast.Lambda):
                    return Function(binding.value, module, owner, None)
                if isinstance(binding.value, ast.Name):
                    inner = self.hierarchy.members(owner).get(binding.value.id)
                    if inner and inner[-1] is not binding:
                        return self.member_value(ClassMember(owner, inner[-1]), info)
                held = self.placed.get(id(binding.value))
                if held is None:  # the class has it once, whoever looks
                    held = self.placed[id(binding.value)] = self.in_module(module, binding.value)
                return held
            case _:
                return self.meaning(self.project.follow(module, binding), "", owner.node)

    def closure(self, owner: ClassInfo) -> Environment | None:
        """Names of the functions around a class: a factory's parameters."""
        raise NotImplementedError

    def _bound_member(
        self, member: ClassMember, instance: Instance, name: str, node: ast.AST
    ) -> Value:
        binding = member.binding
        if isinstance(binding, Defined) and not isinstance(binding.node, ast.ClassDef):
            kinds = {_last(one) for one in binding.node.decorator_list}
            value = self.member_value(member, instance.info)
            if "staticmethod" in kinds:
                return value
            if "classmethod" in kinds:
                return Bound(value, ClassRef(instance.info))
            if kinds & {"property", "cached_property", "default"} or (
                "memoized_property" in kinds or "lazyproperty" in kinds
            ):
                return self.call(value, [instance], {}, node)
            return Bound(value, instance)
        value = self.member_value(member, instance.info)
        put = member.value is not None or member.module is not None
        if isinstance(value, Function) or (put and isinstance(value, Partial | Named)):
            return Bound(value, instance)
        if isinstance(value, Authenticated):
            return Bound(value, instance)
        if (
            isinstance(value, Const)
            and (value.value is None or isinstance(value.value, bool | str))
            and name not in self.stored_names(instance.info)
            and not (instance.handler and self._declared_again(instance.info, name))
        ):
            return Setting(name, value, text=name)
        if isinstance(value, Sequence | Mapping):
            value.exact = value.exact and bool(value.items)
            value.text = value.text or name
        if isinstance(value, Setting) and not value.text:
            return Setting(name, value.default, text=name)
        return value

    def _declared_again(self, info: ClassInfo, name: str) -> bool:
        """Whether a class of the project says for itself what a base leaves open: no setting."""
        return (
            sum(
                name in self.hierarchy.members(one)
                for one in info.mro
                if isinstance(one, ClassInfo)
            )
            > 1
        )

    def stored_names(self, info: ClassInfo) -> frozenset[str]:
        """Attributes that some method of the class or a base assigns."""
        known = self.hierarchy.stored.get(id(info))
        if known is None:
            names: set[str] = set()
            for one in info.mro:
                if isinstance(one, ClassInfo):
                    for inner in ast.walk(one.node):
                        if isinstance(inner, ast.Attribute) and isinstance(inner.ctx, ast.Store):
                            names.add(inner.attr)
            known = frozenset(names)
            self.hierarchy.stored[id(info)] = known
        return known

    def _super_attribute(self, value: SuperRef, name: str, node: ast.AST) -> Value:
        instance = value.instance
        if isinstance(instance, ClassRef):
            found = self._member(instance.info, name, value.owner)
            if found is None and name == "__new__" and self.making is not None:
                return Special("new-class", text=name)
            if found is None:
                return Unknown(text=name)
            member = self.member_value(found, instance.info)
            return Bound(member, instance) if _is_class_method(found) else member
        if not isinstance(instance, Instance):
            return Unknown(text=name)
        after = value.owner if value.owner in instance.info.mro else None
        found = self._member(instance.info, name, after)
        if found is not None:
            return self._bound_member(found, instance, name, node)
        if instance.handler:
            return self.tornado_method(instance, name, node)
        if name == "accept_connection":
            return Special("protocol.accept_connection", text=f"super().{name}")
        return Unknown(text=f"super().{name}")

    def _class_attribute(self, value: ClassRef, name: str, node: ast.AST) -> Value:
        if name == "__name__":
            return Const(value.info.name)
        found = self._member(value.info, name, None)
        if found is None:
            if self.hierarchy.is_socket(value.info):
                return Named(f"tornado.websocket.WebSocketHandler.{name}")
            return Unknown(text=f"{value.info.name}.{name}")
        result = self.member_value(found, value.info)
        if _is_class_method(found):
            return Bound(result, value)
        if (
            isinstance(result, Const)
            and (result.value is None or isinstance(result.value, bool | str))
            and name not in self.stored_names(value.info)
        ):
            return Setting(f"{value.info.name}.{name}", result, text=name)
        if isinstance(result, Sequence | Mapping):
            result.exact = False
            result.text = result.text or f"{value.info.name}.{name}"
        return result

    def store_on_class(self, holder: ClassRef, name: str, value: Value) -> None:
        """`Class.name = value` while a class is being made."""
        self.record("store", holder.info.node, f"{holder.info.name}.{name}", values=(value,))

    # calls of what is not in the project ------------------------------------------------------

    def named_call(
        self, function: Named, args: list[Value], words: dict[str, Value], node: ast.AST
    ) -> Value:
        """A call of something outside the project, by its dotted name."""
        name = function.name
        if name in {"typing.cast", "typing_extensions.cast"} and len(args) == 2:
            return args[1]  # it speaks to type checkers only
        last = name.rpartition(".")[2]
        top = name.partition(".")[0]
        everything = [*args, *words.values()]
        labels = labels_of(*everything)
        self.record("call", node, name, values=tuple(args), words=tuple(words.items()))
        if (
            name.startswith("tornado.")
            and args
            and isinstance(args[0], Instance)
            and args[0].handler
        ) and (".web.RequestHandler." in name or ".websocket.WebSocketHandler." in name):
            return self.call(self.tornado_method(args[0], last, node), args[1:], words, node)
        if name.startswith("tornado.websocket.") and last == "accept_connection":
            return self.call(Special("protocol.accept_connection", text=name), args, words, node)
        if last in _SPAWN:
            return self._spawn(args, words, node)
        if (
            last in _THROUGH
            and args
            and (last != "run" or isinstance(args[0], Coroutine | Function | Bound | Partial))
        ):
            return self._through_call(last, args, node)
        known = self.library_call(name, args, words, node)
        if known is not None:
            return known
        if (
            self.mode != "origin"
            and name.startswith(_JWT)
            and (
                last
                in {
                    "decode",
                    "loads",
                    "verify",
                    "verify_oauth2_token",
                    "verify_id_token",
                    "deserialize",
                    "validate",
                    "unsign",
                }
            )
            and labels & {"client", "identity"}
        ):
            if self.mode == "anonymous":
                return self._verified_token(name, args, words, node)
            self.record("check", node, name, values=tuple(args))
            return Unknown(frozenset({"principal"}), f"{name}()", truthy=True)
        if top in _STDLIB or "." not in name or name.startswith("tornado."):
            return self._library_value(name, args, words, node)
        return self.unknown_call(function, name, args, words, node, recorded=True)

    def _verified_token(
        self, name: str, args: list[Value], words: dict[str, Value], node: ast.AST
    ) -> Value:
        off = words.get("verify")
        options = words.get("options")
        unsigned = isinstance(off, Const) and off.value is False
        if isinstance(options, Mapping):
            flag = options.items.get("verify_signature")
            unsigned = unsigned or (isinstance(flag, Const) and flag.value is False)
        if unsigned:
            return Unknown(labels_of(*args) - {"credential"}, f"{name}()", truthy=True)
        self.check(node, f"{name}()")
        raise Thrown(
            "InvalidTokenError" if "itsdangerous" not in name else "BadSignature",
            node,
            self.frame.module,
            check=True,
        )

    def _library_value(
        self, name: str, args: list[Value], words: dict[str, Value], node: ast.AST
    ) -> Value:
        """A function of the standard library or of Tornado: it computes, and decides nothing."""
        labels = labels_of(*args, *words.values())
        if name.rpartition(".")[2] in _NOT_OF_NONE and any(
            isinstance(one, Nobody) and one.certain for one in args[:1]
        ):
            self.check(node, text_of(args[0]))
            raise Thrown("TypeError", node, self.frame.module, check=True)
        nobody = next((one for one in args if isinstance(one, Nobody)), None)
        if nobody is not None and name not in {"print", "repr", "isinstance", "str", "type", "id"}:
            return Nobody(
                nobody.text, node, self.frame.module, nobody.truthy, presumed=nobody.presumed
            )
        if name == "isinstance" and nobody is not None:
            return Nobody(nobody.text, node, self.frame.module, presumed=nobody.presumed)
        concrete = concrete_function(name, args)
        if concrete is not None:
            return concrete
        if (
            "self" in labels
            and self.accepted
            and name.rpartition(".")[2]
            not in {
                "super",
                "isinstance",
                "getattr",
                "hasattr",
                "id",
                "repr",
                "str",
                "setattr",
                "type",
                "ref",
            }
            and name.partition(".")[0] not in {"logging", "weakref"}
        ):
            self.record("join", node, name, values=tuple(args))
        elif _acts(name):
            self.record("act", node, name, values=tuple(args), words=tuple(words.items()))
        return Unknown(
            labels - {"self", "setting"},
            f"{name}({', '.join(text_of(one) for one in args[:3])})",
            truthy=True if name.startswith(_MADE_UP) else None,
        )

    def _method(
        self, function: Member, args: list[Value], words: dict[str, Value], node: ast.AST
    ) -> Value:
        receiver, name = function.receiver, function.name
        everything = [*args, *words.values()]
        self.record(
            "call",
            node,
            function.text or name,
            values=tuple(args),
            words=tuple(words.items()),
            receiver=receiver,
        )
        if name in _SPAWN and any(
            isinstance(one, Function | Bound | Partial | Coroutine) for one in everything
        ):
            return self._spawn(args, words, node)
        if name in _THROUGH and any(
            isinstance(one, Function | Bound | Coroutine) for one in everything
        ):
            return self._through_call(name, args, node)
        if isinstance(receiver, Named) and receiver.name.endswith(("environ", "options")):
            return self._setting_get(receiver.name, args, node)
        if isinstance(receiver, Special):
            found = self.special_method(receiver, name, args, node)
            if found is not None:
                return found
        if isinstance(receiver, Setting):
            result = self._setting_method(receiver, name, args, words, node)
            if result is not None:
                return result
        concrete = concrete_method(receiver, name, args, words)
        if concrete is not None:
            return concrete
        if isinstance(receiver, Unknown) and "client" not in receiver.labels:
            configured = self._configured(name, args, words, node)
            if configured is not None:
                return configured
        if isinstance(receiver, Mapping | Sequence):
            return self._container_method(receiver, name, args, node)
        if isinstance(receiver, Const) or (
            "client" in labels_of(receiver)
            and not isinstance(receiver, Member)
            and not labels_of(receiver) & {"answer", "found"}
        ):
            if any(isinstance(one, Nobody) for one in args):
                return Unknown(labels_of(receiver), text_of(receiver))
            if (
                name in {"get", "pop"}
                and args
                and isinstance(args[0], Const)
                and isinstance(args[0].value, str)
            ):
                field_text = f"{text_of(receiver)}.{name}({args[0].value!r})"
                return self.client_field(receiver, args[0].value, field_text)
            return Unknown(
                labels_of(receiver, *everything) - {"self"}, f"{text_of(receiver)}.{name}()"
            )
        return self.unknown_call(function, function.text or name, args, words, node, recorded=True)

    def _container_method(
        self, receiver: Mapping | Sequence, name: str, args: list[Value], node: ast.AST
    ) -> Value:
        labels = labels_of(*args)
        if "self" in labels and name in {
            "add",
            "append",
            "setdefault",
            "insert",
            "update",
            "appendleft",
            "extend",
        }:
            self.record("join", node, f"{text_of(receiver)}.{name}", values=tuple(args))
        if isinstance(receiver, Sequence):
            if name in {"append", "add", "appendleft"} and args and receiver.exact:
                receiver.items.append(args[0])
                return Const(None)
            receiver.exact = receiver.exact and name in {"index", "count", "copy"}
            return Unknown(labels_of(receiver) | labels, f"{text_of(receiver)}.{name}()")
        if name in {"get", "pop"} and args:
            key = args[0]
            if isinstance(key, Const) and isinstance(key.value, str | int | bytes):
                if key.value in receiver.items:
                    return receiver.items[key.value]
                if receiver.exact:
                    return args[1] if len(args) > 1 else Const(None)
            if self.mode == "anonymous" and self.is_proof(key):
                return self.lookup(node, f"{text_of(receiver)}.{name}()", key)
            if isinstance(key, Nobody):
                return Nobody(key.text, node, self.frame.module, presumed=key.presumed)
            if receiver.exact and "client" in labels_of(key) and receiver.items:
                return self.picked(receiver, node, args[1] if len(args) > 1 else Const(None))
            found = {"found"} if "client" in labels_of(key) else set()
            return Unknown(labels_of(receiver) | labels | found, f"{text_of(receiver)}.{name}()")
        if name == "update":
            receiver.exact = False
        if name in {"values", "items", "keys"}:
            items: list[Value] = [
                Sequence([Const(key), value], "tuple")
                if name == "items"
                else value
                if name == "values"
                else Const(key)
                for key, value in receiver.items.items()
            ]
            return Sequence(items, "list", receiver.exact)
        return Unknown(labels_of(receiver) | labels, f"{text_of(receiver)}.{name}()")

    def _setting_get(self, holder: str, args: list[Value], node: ast.AST) -> Value:
        key = args[0].value if args and isinstance(args[0], Const) else "?"
        fallback = args[1] if len(args) > 1 else Const(None)
        return Setting(f"{holder}[{key!r}]", fallback, text=f"{holder}[{key!r}]")

    def _configured(
        self, name: str, args: list[Value], words: dict[str, Value], node: ast.AST
    ) -> Value | None:
        """`config.get("auth", False)`, `parser.getboolean("web", "auth", fallback=False)`.

        A file that was not read says what is set; the code says what holds where nothing is.
        """
        by_path = _path_of(args[0]) if args and name == "get" else ""
        if by_path and by_path in self.project.settings:
            return self.setting_named(by_path, by_path, node)
        keys = [str(one.value) for one in args if isinstance(one, Const) and one.value is not None]
        if not keys or not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            return None
        if name in {"getboolean", "getint", "getfloat"} or (name == "get" and "fallback" in words):
            key = ".".join(keys[:2])
            fallback = words.get("fallback")
            if fallback is None and key in self.project.settings:
                return self.setting_named(key, key, node)
            return Setting(key, fallback, frozenset({"setting"}), key)
        if name != "get" or not isinstance(args[0], Const):
            return None
        chain = lexicon.chain_of(self.frame.module.source(node.func.value))
        named = lexicon.is_setting_chain(chain[-1:])
        if not named and not (self.mode == "origin" and self.stage == Stage.ORIGIN and args[1:]):
            return None
        if not named:
            return Setting(keys[0], args[1], frozenset({"setting"}), keys[0])
        value = self.setting_named(keys[0], keys[0], node)
        if isinstance(value, Setting) and value.default is None and args[1:]:
            value.default = args[1]
        return value

    def _setting_method(
        self,
        receiver: Setting,
        name: str,
        args: list[Value],
        words: dict[str, Value],
        node: ast.AST,
    ) -> Value | None:
        if isinstance(receiver.default, Const) and receiver.default.value is not None:
            concrete = concrete_method(receiver.default, name, args, words)
            if concrete is not None:
                text = f"{receiver.name}.{name}()"
                return Setting(text, concrete, text=text)
        if name in {"get", "pop", "setdefault"} and args and isinstance(args[0], Const):
            key = str(args[0].value)
            if isinstance(receiver.default, Mapping) and args[0].value in receiver.default.items:
                return Setting(f"{receiver.name}.{key}", receiver.default.items[args[0].value])
            fallback = args[1] if len(args) > 1 else Const(None)
            named = self.setting_named(f"{receiver.name}.{key}", key, node)
            if isinstance(named, Setting) and named.default is None:
                named.default = fallback
            return named
        if name in {
            "tag",
            "strip",
            "lower",
            "upper",
            "split",
            "encode",
            "rstrip",
            "decode",
            "lstrip",
        }:
            return Setting(receiver.name, receiver.default, text=receiver.text)
        return None

    def _spawn(self, args: list[Value], words: dict[str, Value], node: ast.AST) -> Value:
        values = [*args, *words.values()]
        for at, one in enumerate(values):
            if isinstance(one, Function | Bound | Partial | Coroutine):
                self.in_background(one, values[at + 1 :], node)
                break
        return Unknown(text="task")

    def _through_call(self, name: str, args: list[Value], node: ast.AST) -> Value:
        for at, one in enumerate(args):
            if isinstance(one, Coroutine):
                value = self.awaited(one, node)
                if name == "gather":
                    rest = [self.awaited(other, node) for other in args[at + 1 :]]
                    return Sequence([value, *rest], "list")
                return value
            if isinstance(one, Function | Bound | Partial):
                return self.awaited(self.call(one, args[at + 1 :], {}, node), node)
        if name in {"run_in_executor", "to_thread"}:
            target = next((one for one in args if isinstance(one, Member | Named | Special)), None)
            if target is not None:
                return self.call(target, args[args.index(target) + 1 :], {}, node)
        return args[0] if args else Unknown(text=f"{name}()")

    def unknown_call(
        self,
        function: Value,
        text: str,
        args: list[Value],
        words: dict[str, Value],
        node: ast.AST,
        *,
        recorded: bool = False,
    ) -> Value:
        """A call of something that cannot be resolved: judged by its arguments and its name."""
        everything = [*args, *words.values()]
        if not recorded:
            self.record("call", node, text, values=tuple(args), words=tuple(words.items()))
        labels = (
            labels_of(*everything, function)
            if not isinstance(function, Function)
            else labels_of(*everything)
        )
        names = lexicon.chain_of(text)
        last = names[-1] if names else text
        if len(args) == 1 and isinstance(args[0], Setting):
            converted = concrete_function(last, args)
            if converted is not None:
                return converted
        if args and isinstance(args[0], Const) and lexicon.reads_setting(names):
            key = args[0].value
            if isinstance(key, str):
                shipped = words.get("default", args[1] if len(args) > 1 else None)
                return (
                    self.setting_named(key, key, node) if shipped is None else Setting(key, shipped)
                )
        if last in _LOGGING or (last in {"write", "append"} and not labels & {"self"}):
            return Unknown(text=f"{text}()")
        holder = names[-2] if len(names) > 1 else ""
        verifies = lexicon.is_verification_name(last) or (
            bool(
                set(lexicon.words_of(holder))
                & {"auth", "authenticator", "authorizer", "authz", "authn", "acl", "iam"}
            )
            and lexicon.words_of(last)[:1]
            in (["check"], ["validate"], ["get"], ["is"], ["has"], ["valid"], ["test"])
        )
        proof = (
            any(self.is_proof(one) for one in everything)
            and last not in _HARMLESS - {"find", "index", "count"}
            and last not in _DELIVERS
        )
        if isinstance(function, Member) and isinstance(function.receiver, Nobody):
            return Nobody(function.receiver.text, node, self.frame.module)
        if self.mode == "anonymous" and "origin" not in labels:
            if proof or (verifies and not lexicon.is_setting_name(last)):
                return self.verification(node, text, by_name=not proof, name=last)
            nobody = next((one for one in everything if isinstance(one, Nobody)), None)
            if nobody is not None and last not in _HARMLESS:
                if self.accepted:
                    self.record("act", node, text, values=tuple(args), words=tuple(words.items()))
                return Nobody(text, node, self.frame.module, presumed=True)
        elif self.mode == "member" and (proof or verifies):
            self.record("check", node, text, presumed=not proof, values=tuple(args))
            return Unknown((labels - {"client", "message"}) | {"principal"}, text)
        if self.accepted or self.stage in {Stage.OPEN, Stage.MESSAGE}:
            receiver = function.receiver if isinstance(function, Member) else None
            if "self" in labels:
                self.record("join", node, text, receiver=receiver, values=tuple(args))
            elif last not in _HARMLESS and last != "get":
                self.record(
                    "act",
                    node,
                    text,
                    values=tuple(args),
                    words=tuple(words.items()),
                    receiver=receiver,
                )
        return Unknown((labels - {"self", "setting"}) | {"answer"}, f"{text}()")

    def verification(self, node: ast.AST, text: str, *, by_name: bool, name: str) -> Value:
        """What a verification says of a client without a credential: nothing, or an exception."""
        raises = not self.catching and lexicon.raises_on_nothing(text)
        if self.catching:
            leaves, _ = self.catching[-1]
            raises = leaves or self.choose(node, 2) == 0
        if raises and not lexicon.is_predicate(name):
            self.check(node, f"{text}()", presumed=by_name)
            raise Thrown("?", node, self.frame.module, check=True, presumed=by_name)
        if lexicon.is_raising_name(name) and not lexicon.is_predicate(name):
            self.record("may-refuse", node, f"{text}()", presumed=by_name)
        return Nobody(
            f"{text}()", node, self.frame.module, truthy=lexicon.is_negative(name), presumed=by_name
        )

    def lookup(self, node: ast.AST, text: str, key: Value) -> Value:
        """What the server finds under a credential that is not valid."""
        if not text.endswith("()"):
            leaves = not self.catching or self.catching[-1][0]
            if leaves or self.choose(node, 2) == 0:
                self.check(node, text)
                raise Thrown("KeyError", node, self.frame.module, check=True)
        return Nobody(text, node, self.frame.module)

    def ignored_result(self, value: Nobody, node: ast.Call) -> None:
        """The result of a verification is not looked at; perhaps it raises instead."""
        name = (lexicon.chain_of(value.text) or [""])[-1]
        if value.node is node and lexicon.is_raising_name(name) and not lexicon.is_predicate(name):
            self.check(node, value.text, presumed=True)
            raise Thrown("?", node, self.frame.module, check=True, presumed=True)
        self.record("ignored", node, value.text)

    # refined by the model of Tornado ----------------------------------------------------------

    def current_user(self, handler: Instance, node: ast.AST) -> Value:
        """`self.current_user`."""
        raise NotImplementedError

    def missing_attribute(self, value: Instance, name: str, node: ast.AST) -> Value:
        """An attribute that no class that was read defines."""
        raise NotImplementedError

    def tornado_method(self, handler: Instance, name: str, node: ast.AST) -> Value:
        """A method that Tornado's handlers define."""
        raise NotImplementedError

    def special_attribute(self, value: Special, name: str, node: ast.AST) -> Value:
        """An attribute of one of Tornado's objects."""
        raise NotImplementedError

    def special_method(
        self, value: Special, name: str, args: list[Value], node: ast.AST
    ) -> Value | None:
        """A method of one of Tornado's objects."""
        raise NotImplementedError

    def special_call(
        self, function: Special, args: list[Value], words: dict[str, Value], node: ast.AST
    ) -> Value:
        """A call of one of Tornado's methods."""
        raise NotImplementedError

    def library_call(
        self, name: str, args: list[Value], words: dict[str, Value], node: ast.AST
    ) -> Value | None:
        """A call of a library whose meaning matters."""
        raise NotImplementedError


def _path_of(value: Value) -> str:
    """`["auth", "enabled"]` as `auth.enabled`; empty if it is no path into a configuration."""
    if not isinstance(value, Sequence) or not value.exact or len(value.items) < 2:
        return ""
    names = [
        one.value
        for one in value.items
        if isinstance(one, Const) and isinstance(one.value, str) and one.value.isidentifier()
    ]
    return ".".join(names[-2:]) if len(names) == len(value.items) else ""


@lru_cache(maxsize=65536)
def _is_generator(node: ast.AsyncFunctionDef) -> bool:
    return any(
        isinstance(inner, ast.Yield) for statement in node.body for inner in ast.walk(statement)
    )


def _is_class_method(member: ClassMember) -> bool:
    return (
        isinstance(member.binding, Defined)
        and not isinstance(member.binding.node, ast.ClassDef)
        and "classmethod" in {_last(one) for one in member.binding.node.decorator_list}
    )


def _last(node: ast.expr) -> str:
    match node:
        case ast.Name():
            return node.id
        case ast.Attribute():
            return node.attr
        case ast.Call():
            return _last(node.func)
        case _:
            return ""


def _acts(name: str) -> bool:
    top = name.partition(".")[0]
    return (
        top in {"subprocess", "os", "shutil", "socket", "pty", "multiprocessing", "ctypes"}
        and not name.startswith(("os.path", "os.environ", "os.getenv", "os.getpid", "os.fspath"))
    ) or name in {"open", "eval", "exec", "compile", "__import__"}
