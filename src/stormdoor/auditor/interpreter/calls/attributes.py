"""Attributes of objects, classes, modules and settings."""

import ast
from functools import cached_property
from typing import cast

from stormdoor.auditor.classes.classinfo import ClassInfo
from stormdoor.auditor.classes.classinfo import Member as ClassMember
from stormdoor.auditor.classes.linearisation import defines
from stormdoor.auditor.classes.stores import filled_by, stores_in
from stormdoor.auditor.interpreter.calls.decorators import Decorators
from stormdoor.auditor.interpreter.calls.functions import is_replaceable
from stormdoor.auditor.interpreter.events import Stage
from stormdoor.auditor.interpreter.expressions.names import edited
from stormdoor.auditor.interpreter.outcomes import Thrown, TooFar
from stormdoor.auditor.interpreter.pieces import PIECES
from stormdoor.auditor.interpreter.values import (
    Authenticated,
    Bound,
    ClassRef,
    Const,
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
    settled,
    text_of,
)
from stormdoor.auditor.naming import lexicon
from stormdoor.auditor.reading.module import Assigned, Binding, Defined, FunctionNode, Module
from stormdoor.auditor.reading.project import External, Meaning

__all__ = ["Attributes"]

THREADS = frozenset({"threading.Thread", "multiprocessing.Process", "threading.Timer"})
"""Bases whose `start()` runs the object's `run()`."""
_ENUMERATIONS = frozenset({"Enum", "IntEnum", "StrEnum", "Flag", "IntFlag"})
_SWITCHES = frozenset(
    ["allow", "any", "check", "cors", "debug", "dev", "insecure", "origin", "origins", "testing"]
)
"""Words of a flag that is there to turn a check of origins off."""
_PUTS = frozenset({"add", "append", "setdefault", "update"})
_GETTER = 80
"""Steps of `__getattr__` that are followed: one that looks into a table is short."""


class Attributes(Decorators):
    """Attributes, along the method resolution order."""

    @cached_property
    def finders(self) -> dict[str, ClassInfo]:
        """Classes of the project that were asked for what only a base has that was not read."""
        return {}

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
            case Bound(function=Function() as inner) if name in inner.attrs:
                return inner.attrs[name]
            case Mapping() if value.text in {"urlparse", "match"} and name in value.items:
                return value.items[name]
            case Nobody():
                if value.certain:
                    self.check(node, value.text)
                    raise Thrown("AttributeError", node, self.frame.module, check=True)
                negative = lexicon.is_negative(name) or name == "returncode"
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
            case Const(value=None) if self._is_nothing(node):
                raise Thrown("AttributeError", node, self.frame.module)
            case Const() if name == "value":
                return value  # of an enumeration: nothing else that is written down has one
            case _:
                return Member(value, name, labels_of(value), f"{text_of(value)}.{name}")

    def _is_nothing(self, node: ast.AST) -> bool:
        """Whether None is certainly what is asked for an attribute: of a variable, or of `self.user`."""
        if self.mode != "anonymous" or self.stage == Stage.IMPORT:
            return False
        match node:
            case ast.Attribute(value=ast.Name(id=name)):
                return name in self.frame.env.names
            case ast.Attribute(value=ast.Attribute(value=ast.Name(id="self"), attr=name) as held):
                if not (
                    self.accepted
                    and self.handler is not None
                    and self.frame.receiver is self.handler
                    and name in self.handler.attrs
                    and (lexicon.is_person(name) or self._is_its_own(name))
                ):
                    return False
                self.check(held, self.frame.module.source(held), remembered=True)
                return True
            case _:
                return False

    def _is_its_own(self, name: str) -> bool:
        """Whether it says who somebody is, and nobody else has the connection who might set it."""
        return lexicon.is_identity_name(name) and not any(one.kind == "join" for one in self.events)

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
            if name in PIECES and node is self.called:
                return Member(value, name, frozenset({"setting"}), dotted)  # of one of its texts
            return self.setting_named(f"options.{name}", name, node)
        if lexicon.is_setting_chain(value.name.split(".")[-1:]) and node is not self.called:
            return self.setting_named(dotted, name, node)
        for one in self.project.deeper(External(value.name), name):
            if isinstance(one, Meaning):
                return self.meaning(one, name, node)
        return Named(dotted)

    def instance_attribute(self, value: Instance, name: str, node: ast.AST) -> Value:
        """An attribute of an object of the project."""
        if name == "__dict__" and not value.handler:
            return Mapping(dict(value.attrs.items()), exact=False)
        if name in value.attrs:
            held = value.attrs[name]
            if (
                value.shared
                and isinstance(held, Const)
                and (held.value is None or isinstance(held.value, bool | str))
            ):
                if held.value is None and self._is_made_later(value.info, name):
                    return Unknown(text=f"{text_of(value)}.{name}")
                return Setting(f"{text_of(value)}.{name}", held, text=name)
            if value.shared and isinstance(held, Mapping):
                edited(held, name)
            if (
                value.shared
                and isinstance(held, Mapping | Sequence)
                and not held.items
                and held.exact
                and self.stage != Stage.IMPORT
                and self._is_filled_later(value.info, name)
            ):
                held.exact = False
            return held
        if name == "__class__":
            return ClassRef(value.info, text=value.info.name)
        if value.handler and name == "current_user":
            return self.current_user(value, node)
        found = self._member(value.info, name, None)
        if found is not None and value.shared and _is_placeholder(found):
            stored = self.stored_attribute(value, name)
            if stored is not None:
                return stored
        if found is not None:
            return self._bound_member(found, value, name, node)
        if name == "start" and self._is_thread(value.info):
            return Bound(Special("thread.start", text=f"{text_of(value)}.start"), value)
        if name == "_replace" and not value.handler:
            return Bound(Special("replace", text=name), value)
        getter = self._member(value.info, "__getattr__", None)
        if getter is not None and not value.handler:
            return self._given_by(getter, value, name, node)
        return self.missing_attribute(value, name, node)

    def _given_by(self, getter: ClassMember, value: Instance, name: str, node: ast.AST) -> Value:
        """What `__getattr__` of an object gives; of one that a module makes a switch is a setting."""
        text = f"{text_of(value)}.{name}"
        method = self.member_value(getter, value.info)
        if "client" in value.labels:
            return self.client_field(value, name, text)
        if not value.shared or not isinstance(method, Function):
            return Unknown(text=text)
        cap, self.cap = self.cap, min(self.cap, self.steps + _GETTER)
        leaning, self.leaning = self.leaning, False
        happened = len(self.events)
        try:
            given = self.call(method, [value, Const(name)], {}, node)
        except (Thrown, TooFar):
            if self.steps > cap:
                raise
            del self.events[happened:]
            return Unknown(text=text)
        finally:
            self.cap, self.leaning = cap, leaning
        if isinstance(given, Const) and (
            given.value is None or isinstance(given.value, bool | str)
        ):
            return Setting(text, given, text=name)
        return given if isinstance(given, Setting) else Unknown(text=text)

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
                    self._may_define(info, name, one.name)
                continue
            if one.unresolved:
                self._may_define(info, name, one.unresolved[0])
            put = self.overlays.get(id(one))
            if put is None:
                put = self.overlay(one)
            if name in put:
                return ClassMember(one, Assigned(ast.Constant(None)), value=put[name])
            patch = one.replaced.get(name) if one.replaced else None
            if (
                patch is not None
                and id(patch) not in self.patching
                and (
                    patch.module is None
                    or self._is_bound(patch.module, patch.module.tree, patch.binding)
                )
            ):
                return patch
            bindings = self.hierarchy.members(one).get(name)
            if bindings is None:
                continue
            # What `@name.setter` puts under the name is read as the property did it before.
            for binding in reversed([one for one in bindings if not _sets(one, name)] or bindings):
                if self._is_bound(one.module, one.node, binding):
                    return ClassMember(one, binding)
        return None

    def _may_define(self, info: ClassInfo, name: str, base: str) -> None:
        """A base of the handler that was not read may have this method; others do not matter."""
        if self.handler is None or info is self.handler.info:
            self.uncertain.setdefault(name, base)

    def _is_bound(self, module: Module, scope: ast.Module | ast.ClassDef, binding: Binding) -> bool:
        """Whether the conditions under which a class body, or a module, binds a name hold.

        As shipped, and in a way of its own for a setting that has to do with who is let in.
        """
        node = binding.node if isinstance(binding, Defined) else getattr(binding, "value", None)
        for test, wanted in self.hierarchy.conditions_in(scope).get(id(node), ()):
            value = self.in_module(module, test)
            known: object = value.value if isinstance(value, Const) else None
            if isinstance(value, Setting):
                known = self.truth_of_default(value)
                if (
                    known is not None
                    and self.mode == "anonymous"
                    and lexicon.concerns_identity(value.name)
                ):
                    known = self.assume(value, test)
            if known is not None and bool(known) is not wanted:
                return False
        return True

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
                    held = self.placed[id(binding.value)] = self._in_class(
                        owner, binding.value, info
                    )
                return held
            case _:
                return self.meaning(self.project.follow(module, binding), "", owner.node)

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
        if isinstance(value, Instance) and self._member(value.info, "__get__", None) is not None:
            default = value.attrs.get("default")
            if default is not None:
                return Setting(name, settled(default), text=name)  # a descriptor of settings
        if isinstance(value, Partial) and value.text == "partialmethod":
            return Partial(Bound(value.function, instance), value.args, value.words)
        put = member.value is not None or member.module is not None
        if isinstance(value, Function) or (put and isinstance(value, Partial | Named)):
            return Bound(value, instance)
        if isinstance(value, Authenticated):
            return Bound(value, instance)
        if instance.handler and self._is_set_later(instance.info, name, value):
            return Const(value=True)
        if (
            isinstance(value, Const)
            and (value.value is None or isinstance(value.value, bool | str))
            and name not in self.stored_names(instance.info)
            and not _is_enumeration(instance.info)
            and not (instance.handler and self._declared_again(instance.info, name))
            and not (not instance.handler and self._is_said_by_kinds(instance.info, name))
            and not (instance.handler and name in self.hierarchy.noted_from_outside)
        ):
            return Setting(name, value, text=name)
        if _is_field(binding) and is_replaceable(name, value):
            return Setting(name, value, text=name)
        if isinstance(value, Sequence | Mapping):
            value.exact = value.exact and bool(value.items)
            value.text = value.text or name
        if isinstance(value, Setting) and not value.text:
            made = self._trait_default(instance, name, node)
            return Setting(name, value.default if made is None else made, text=name)
        return value

    def _trait_default(self, instance: Instance, name: str, node: ast.AST) -> Value | None:
        """What `@default("name")`, or `_name_default()`, gives where nobody sets the trait."""
        for one in instance.info.mro:
            for method, bindings in (
                self.hierarchy.members(one).items() if isinstance(one, ClassInfo) else ()
            ):
                binding = bindings[-1]
                if (
                    isinstance(one, ClassInfo)
                    and isinstance(binding, Defined)
                    and not isinstance(binding.node, ast.ClassDef)
                    and (method == f"_{name}_default" or _makes_default(binding.node, name))
                ):
                    value = self.member_value(ClassMember(one, binding), instance.info)
                    try:
                        return self.call(value, [instance], {}, node)
                    except Thrown:
                        return None
        return None

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

    def _is_said_by_kinds(self, info: ClassInfo, name: str) -> bool:
        """Whether it depends on the kind of object, and not on who runs the program."""
        return any(
            self.hierarchy.is_said_by_kinds(one, name)
            for one in info.mro
            if isinstance(one, ClassInfo) and name in self.hierarchy.members(one)
        )

    def stored_names(self, info: ClassInfo) -> frozenset[str]:
        """Attributes that some method of the class or a base assigns."""
        known = self.hierarchy.stored.get(id(info))
        if known is None:
            # `cls.authenticator = ...` is for all connections: whoever sets it up.
            known = frozenset[str]().union(
                *(stores_in(one.node).on_objects for one in info.mro if isinstance(one, ClassInfo))
            )
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
        if name in {"__init__", "start"} and self._is_thread(instance.info):
            return Bound(Special(f"thread.{name}", text=f"super().{name}"), instance)
        return Unknown(text=f"super().{name}")

    def _is_thread(self, info: ClassInfo) -> bool:
        return any(isinstance(one, External) and one.name in THREADS for one in info.mro)

    def _class_attribute(self, value: ClassRef, name: str, node: ast.AST) -> Value:
        if name == "__name__":
            return Const(value.info.name)
        if name == "__subclasses__":
            return Bound(Special("subclasses", text=f"{value.info.name}.{name}"), value)
        found = self._member(value.info, name, None)
        if found is None:
            if self.hierarchy.is_socket(value.info):
                return Named(f"tornado.websocket.WebSocketHandler.{name}")
            self.finders[value.info.name] = value.info
            return Unknown(text=f"{value.info.name}.{name}")
        result = self.member_value(found, value.info)
        if _is_class_method(found):
            return Bound(result, value)
        if self._is_set_later(value.info, name, result):
            return Const(value=True)
        if (
            isinstance(result, Const)
            and (result.value is None or isinstance(result.value, bool | str))
            and name not in self.stored_names(value.info)
            and not _is_enumeration(value.info)
        ):
            return Setting(f"{value.info.name}.{name}", result, text=name)
        if isinstance(result, Sequence | Mapping):
            result.exact = False
            result.text = result.text or f"{value.info.name}.{name}"
        if (
            isinstance(result, Const)
            and isinstance(result.value, bool)
            and self.stage != Stage.IMPORT
            and name in self.stored_names(value.info)
        ):
            return Unknown(
                text=f"{value.info.name}.{name}"
            )  # whoever has the class may have set it
        return result

    def _is_filled_later(self, info: ClassInfo, name: str) -> bool:
        """Whether a method, and not only the constructor, puts something into a table of the object."""
        return any(
            name in filled_by(method, _PUTS)
            for one in info.mro
            if isinstance(one, ClassInfo)
            for method in one.node.body
            if isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef)
            and not _prepares(method.name)
        )

    def _is_made_later(self, info: ClassInfo, name: str) -> bool:
        """Whether a method puts something in the place of None while the program runs.

        Who is let in may hang on what is there; a part of the program that is made late is there.
        """
        if lexicon.concerns_identity(name):
            return False
        times = (
            stores_in(one.node).times.get(name, 0) for one in info.mro if isinstance(one, ClassInfo)
        )
        return sum(times) > 1

    def _is_set_later(self, info: ClassInfo, name: str, value: Value) -> bool:
        """Whether the program sets this flag of the class while it runs: `cls.running = True`.

        What a page gets is what it gets from a program that runs; a switch of the check is a setting.
        """
        if self.mode != "origin" or not isinstance(value, Const) or value.value is not False:
            return False
        if set(lexicon.words_of(name)) & _SWITCHES:
            return False
        return any(
            stores_in(one.node).switched_on.get(name, frozenset()) & {"cls", one.name}
            for one in info.mro
            if isinstance(one, ClassInfo)
        )

    def store_on_class(self, holder: ClassRef, name: str, value: Value) -> None:
        """`Class.name = value` while a class is being made."""
        self.record("store", holder.info.node, f"{holder.info.name}.{name}", values=(value,))


def _is_placeholder(member: ClassMember) -> bool:
    """`queue = None` in the body of a class whose constructor is given one."""
    match member.binding:
        case Assigned(value=ast.Constant(value=None)):
            return member.value is None and member.module is None
        case _:
            return False


def _prepares(method: str) -> bool:
    """Whether a method runs when the program starts: what it puts there is configuration."""
    words = lexicon.words_of(method)
    return method == "__init__" or words[:1] in (["setup"], ["init"], ["configure"], ["load"])


def _sets(binding: Binding, name: str) -> bool:
    """`@name.setter`, `@name.deleter`: what a property does on top of being read."""
    return isinstance(binding, Defined) and any(
        isinstance(one, ast.Attribute)
        and one.attr in {"setter", "deleter"}
        and isinstance(one.value, ast.Name)
        and one.value.id == name
        for one in binding.node.decorator_list
    )


def _is_field(binding: Binding) -> bool:
    """`tokens: list[str] = field(default_factory=list)`: part of a configuration, and no state."""
    return (
        isinstance(binding, Assigned)
        and isinstance(binding.value, ast.Call)
        and _last(binding.value) in {"field", "Field", "attrib", "ib"}
    )


def _is_enumeration(info: ClassInfo) -> bool:
    """Whether its attributes are names for states and kinds, which nobody configures."""
    return any(
        isinstance(one, External) and one.name.rpartition(".")[2] in _ENUMERATIONS
        for one in info.mro
    )


def _makes_default(method: FunctionNode, name: str) -> bool:
    """`@default("token")`."""
    return any(
        isinstance(one, ast.Call)
        and _last(one) == "default"
        and one.args
        and isinstance(one.args[0], ast.Constant)
        and one.args[0].value == name
        for one in getattr(method, "decorator_list", ())
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
