"""Attributes of objects, classes, modules and settings."""

import ast
from functools import cached_property
from http import HTTPStatus

from stormdoor_audit.auditor.classes.classinfo import ClassInfo
from stormdoor_audit.auditor.classes.classinfo import Member as ClassMember
from stormdoor_audit.auditor.classes.stores import filled_by, stores_in
from stormdoor_audit.auditor.interpreter.calls.filled import Filled
from stormdoor_audit.auditor.interpreter.calls.members import is_enumeration
from stormdoor_audit.auditor.interpreter.events import Stage
from stormdoor_audit.auditor.interpreter.expressions.names import edited
from stormdoor_audit.auditor.interpreter.outcomes import Thrown, TooFar
from stormdoor_audit.auditor.interpreter.pieces import PIECES
from stormdoor_audit.auditor.interpreter.standard import constant_named
from stormdoor_audit.auditor.interpreter.values import (
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
    Sequence,
    Setting,
    Special,
    SuperRef,
    Unknown,
    Value,
    labels_of,
    text_of,
)
from stormdoor_audit.auditor.naming import lexicon
from stormdoor_audit.auditor.reading.module import Assigned, Defined, Module
from stormdoor_audit.auditor.reading.nodes import last_called
from stormdoor_audit.auditor.reading.project import External, Meaning

__all__ = ["Attributes"]

THREADS = frozenset({"threading.Thread", "multiprocessing.Process", "threading.Timer"})
"""Bases that define `start()`, which calls the object's `run()`."""
_STATUSES = frozenset({"http.HTTPStatus", "http.client", "httplib"})
"""Modules in which Python names the HTTP statuses."""
_PUTS = frozenset({"add", "append", "setdefault", "update"})
_GETTER = 80
"""Steps of `__getattr__` that are followed: one that looks into a table is short."""


class Attributes(Filled):
    """Attributes of every value that has some."""

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
            case Function(node=ast.FunctionDef() | ast.AsyncFunctionDef() as made) if (
                name == "__name__"
            ):
                return Const(made.name)
            case Bound(function=Function() as inner) if name in inner.attrs:
                return inner.attrs[name]
            case Mapping() if value.text in {"urlparse", "match"} and name in value.items:
                return value.items[name]
            case Mapping() if name == "update" and (holder := self.whose_attributes(node)):
                return Bound(Special("fill", text=name), holder)
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
            case Const(value=None) if (held := self._filled_later(node)) is not None:
                return self.attribute(Unknown(text=self.frame.module.source(held)), name, node)
            case Const() if name == "value":
                return value  # of an enumeration: nothing else that is written down has one
            case Const(text=text) if name == "name" and text:
                return Const(text.rpartition(".")[2])
            case _:
                return Member(value, name, labels_of(value), f"{text_of(value)}.{name}")

    def _filled_later(self, node: ast.AST) -> ast.Attribute | None:
        """Of `self.channel.publish`, what is None at first, and is put there by what is called back.

        What the connection itself holds for its client is not there before the client has shown it.
        """
        match node, self.frame.receiver:
            case (
                ast.Attribute(value=ast.Attribute(value=ast.Name(), attr=name) as held),
                Instance(handler=False, info=info),
            ) if self._is_made_later(info, name):
                return held
            case _:
                return None

    def _is_nothing(self, node: ast.AST) -> bool:
        """Return True if the value asked for an attribute is certainly None: a variable, or `self.user`."""
        if self.mode != "anonymous" or self.stage == Stage.IMPORT:
            return False
        match node:
            case ast.Attribute(value=ast.Name(id=name)):
                return name in self.frame.env.names
            case ast.Attribute(value=ast.Call()):
                return any(one.kind == "check" for one in self.events)
            case ast.Attribute(value=ast.Attribute(value=ast.Name(id="self"), attr=name) as held):
                if not (
                    self.accepted
                    and self.handler is not None
                    and self.frame.receiver is self.handler
                    and (lexicon.is_person(name) or self._is_its_own(name))
                ):
                    return False
                self.check(held, self.frame.module.source(held), remembered=True)
                return True
            case _:
                return False

    def _is_its_own(self, name: str) -> bool:
        """Return True if the attribute names the user and only this connection can have set it."""
        return lexicon.is_identity_name(name) and not any(one.kind == "join" for one in self.events)

    def _another(self, setting: Setting, node: ast.AST) -> Value | None:
        """Value that the operator may configure in place of a default that is an object.

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
        if value.name in _STATUSES and name in HTTPStatus.__members__:
            return Const(HTTPStatus[name].value, text=dotted)
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
        return constant_named(dotted) or Named(dotted)

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
                held.text = held.text or f"{text_of(value)}.{name}"
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
            return self.part_of_found(value, held)
        if name == "__class__":
            return ClassRef(value.info, text=value.info.name)
        if value.handler and name == "current_user":
            return self.current_user(value, node)
        found = self._member(value.info, name, None)
        if found is not None and value.shared and _is_placeholder(found):
            stored = self.stored_attribute(value, name)
            if stored is not None:
                return stored
        if (
            found is not None
            and "client" in value.labels
            and not value.handler
            and isinstance(found.binding, Assigned)
        ):
            return self.written_by_client(
                value, name
            )  # what stands in the class is what it begins with
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
        """Return the result of an object's `__getattr__`: a part, or, for a setting, a switch."""
        text = f"{text_of(value)}.{name}"
        method = self.member_value(getter, value.info)
        if "client" in value.labels:
            return self.client_field(value, name, text)
        if not value.shared or not isinstance(method, Function):
            return Unknown(text=text)
        for makes in (False, True):  # what is not there yet is made: `if name not in self.made:`
            given = self._followed_getter(method, [value, Const(name)], node, leaning=makes)
            if isinstance(given, Const) and (
                given.value is None or isinstance(given.value, bool | str)
            ):
                return Setting(text, given, text=name)
            if isinstance(given, Setting | Instance):
                return given
        return Unknown(text=text)

    def _followed_getter(
        self, method: Function, args: list[Value], node: ast.AST, *, leaning: bool
    ) -> Value | None:
        """Result of `__getattr__` with each undecided condition taken as `leaning`; None if it raises."""
        cap, self.cap = self.cap, min(self.cap, self.steps + _GETTER)
        before, self.leaning = self.leaning, leaning
        happened = len(self.events)
        try:
            return self.call(method, args, {}, node)
        except (Thrown, TooFar):
            if self.steps > cap:
                raise
            del self.events[happened:]
            return None
        finally:
            self.cap, self.leaning = cap, before

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
        if is_enumeration(value.info):
            return self.member_named(value.info, name, result)
        if self._is_set_later(value.info, name, result):
            return Const(value=True)
        if (
            isinstance(result, Const)
            and (result.value is None or isinstance(result.value, bool | str))
            and name not in self.stored_names(value.info)
            and not (self.mode == "member" and self._is_said_by_kinds(value.info, name))
        ):
            return Setting(f"{value.info.name}.{name}", result, text=name)
        if isinstance(result, Sequence | Mapping):
            result.exact = self._registered(result, found.owner or value.info)
            result.text = result.text or f"{value.info.name}.{name}"
        if (
            isinstance(result, Const)
            and isinstance(result.value, bool)
            and self.stage != Stage.IMPORT
            and name in self.stored_names(value.info)
        ):
            return Unknown(
                text=f"{value.info.name}.{name}"
            )  # any user of the class may have set it
        return result

    def _is_filled_later(self, info: ClassInfo, name: str) -> bool:
        """Return True if a method other than the constructor puts something into a table of the object."""
        return any(
            name in filled_by(method, _PUTS)
            for one in info.mro
            if isinstance(one, ClassInfo)
            for method in one.node.body
            if isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef)
            and not _prepares(method.name)
        )

    def _is_made_later(self, info: ClassInfo, name: str) -> bool:
        """Return True if a method replaces None in this attribute while the program runs.

        Who is let in may hang on what is there; a part of the program that is made late is there.
        """
        if lexicon.concerns_identity(name):
            return False
        times = (
            stores_in(one.node).times.get(name, 0) for one in info.mro if isinstance(one, ClassInfo)
        )
        return sum(times) > 1

    def store_on_class(self, holder: ClassRef, name: str, value: Value) -> None:
        """`Class.name = value` while a class is being made."""
        self.record("store", holder.info.node, f"{holder.info.name}.{name}", values=(value,))


def _is_placeholder(member: ClassMember) -> bool:
    """`queue = None` in the body of a class that gets the queue in its constructor."""
    match member.binding:
        case Assigned(value=ast.Constant(value=None)):
            return member.value is None and member.module is None
        case _:
            return False


def _prepares(method: str) -> bool:
    """Return True if a method runs at start-up: the values that it sets are configuration."""
    words = lexicon.words_of(method)
    return method == "__init__" or words[:1] in (["setup"], ["init"], ["configure"], ["load"])


def _is_class_method(member: ClassMember) -> bool:
    return (
        isinstance(member.binding, Defined)
        and not isinstance(member.binding.node, ast.ClassDef)
        and "classmethod" in {last_called(one) for one in member.binding.node.decorator_list}
    )
