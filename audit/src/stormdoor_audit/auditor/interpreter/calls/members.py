"""Members of classes, along the method resolution order, and what they are of an object."""

import ast
from functools import cached_property
from typing import cast

from stormdoor_audit.auditor.classes.classinfo import ClassInfo
from stormdoor_audit.auditor.classes.classinfo import Member as ClassMember
from stormdoor_audit.auditor.classes.linearisation import defines
from stormdoor_audit.auditor.classes.stores import stores_in
from stormdoor_audit.auditor.interpreter.calls.decorators import Decorators
from stormdoor_audit.auditor.interpreter.calls.functions import is_replaceable
from stormdoor_audit.auditor.interpreter.outcomes import Thrown
from stormdoor_audit.auditor.interpreter.values import (
    Authenticated,
    Bound,
    ClassRef,
    Const,
    Function,
    Instance,
    Mapping,
    Named,
    Partial,
    Sequence,
    Setting,
    Unknown,
    Value,
    settled,
)
from stormdoor_audit.auditor.naming import lexicon
from stormdoor_audit.auditor.naming.words import words
from stormdoor_audit.auditor.reading.module import Assigned, Binding, Defined, FunctionNode, Module
from stormdoor_audit.auditor.reading.nodes import last_called
from stormdoor_audit.auditor.reading.project import External

__all__ = ["Members", "is_enumeration"]

_ENUMERATIONS = frozenset({"Enum", "IntEnum", "StrEnum", "Flag", "IntFlag"})
_MAX_REGISTERED = 24
"""Classes that are looked at for what they put into a table."""
_SWITCHES = words("allow any check cors debug dev insecure origin origins testing")
"""Words of a flag that is there to turn a check of origins off."""


class Members(Decorators):
    """Members of classes."""

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
        """Return True if the conditions under which a class body or module binds a name hold.

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
        """Value that a module puts into a class; its former value is found during the evaluation."""
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
                if held is None:  # the class has it once, for all of its users
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
            kinds = {last_called(one) for one in binding.node.decorator_list}
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
            and not is_enumeration(instance.info)
            and not (instance.handler and self._declared_again(instance.info, name))
            and not (not instance.handler and self._is_said_by_kinds(instance.info, name))
            and not (instance.handler and name in self.hierarchy.noted_from_outside)
        ):
            return Setting(name, value, text=name)
        if _is_field(binding) and is_replaceable(name, value):
            return Setting(name, value, text=name)
        if isinstance(value, Sequence | Mapping):
            if not value.items and not instance.handler:
                self._registered(value, member.owner or instance.info)
            value.exact = value.exact and (
                bool(value.items) or self._is_empty_at_first(instance, name, value)
            )
            value.text = value.text or name
        if isinstance(value, Setting) and not value.text:
            made = self._trait_default(instance, name, node)
            return Setting(name, value.default if made is None else made, text=name)
        return value

    def _is_empty_at_first(self, instance: Instance, name: str, value: Sequence | Mapping) -> bool:
        """`scopes = frozenset()`: what a connection has until it puts something else in its place."""
        return (
            instance.handler
            and isinstance(value, Sequence)
            and value.kind in {"frozenset", "tuple"}
            and name in self.stored_names(instance.info)
        )

    def _trait_default(self, instance: Instance, name: str, node: ast.AST) -> Value | None:
        """Value of `@default("name")`, or `_name_default()`, unless the trait is set."""
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

    @cached_property
    def registries(self) -> dict[int, tuple[Value, bool]]:
        """Tables of classes, by their id, and whether all that the program's files put there is in them."""
        return {}

    def _registered(self, table: Mapping | Sequence, owner: ClassInfo) -> bool:
        """Return True if the content of a class's table is known after all of its fillers ran."""
        if id(table) in self.registries:
            filled = self.registries[id(table)][1]
            return table.exact and (bool(table.items) or not filled)
        self.registries[id(table)] = table, bool(table.items)
        if table.items or self.mode == "origin":
            return False
        table.exact = True
        self.handed(owner.node, owner.name, owner)
        for one in self.made_with(owner)[:_MAX_REGISTERED]:
            self.overlay(one)
        self.registries[id(table)] = table, True
        return bool(table.items) and table.exact

    def _declared_again(self, info: ClassInfo, name: str) -> bool:
        """Return True if a class of the project overrides an open default of its base: no setting."""
        return (
            sum(
                name in self.hierarchy.members(one)
                for one in info.mro
                if isinstance(one, ClassInfo)
            )
            > 1
        )

    def _is_said_by_kinds(self, info: ClassInfo, name: str) -> bool:
        """Return True if the kind of object, and not the operator, decides the value."""
        return any(
            self.hierarchy.is_said_by_kinds(one, name)
            for one in info.mro
            if isinstance(one, ClassInfo) and name in self.hierarchy.members(one)
        )

    def stored_names(self, info: ClassInfo) -> frozenset[str]:
        """Attributes that some method of the class or a base assigns."""
        known = self.hierarchy.stored.get(id(info))
        if known is None:
            # `cls.authenticator = ...` is for all connections, wherever it is set.
            known = frozenset[str]().union(
                *(stores_in(one.node).on_objects for one in info.mro if isinstance(one, ClassInfo))
            )
            self.hierarchy.stored[id(info)] = known
        return known

    def _is_set_later(self, info: ClassInfo, name: str, value: Value) -> bool:
        """Return True if the program sets this flag of the class at run time: `cls.running = True`.

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
        and last_called(binding.value) in {"field", "Field", "attrib", "ib"}
    )


def is_enumeration(info: ClassInfo) -> bool:
    """Return True if the attributes are names of states or kinds, which no operator configures."""
    return any(
        isinstance(one, External) and one.name.rpartition(".")[2] in _ENUMERATIONS
        for one in info.mro
    )


def _makes_default(method: FunctionNode, name: str) -> bool:
    """`@default("token")`."""
    return any(
        isinstance(one, ast.Call)
        and last_called(one) == "default"
        and one.args
        and isinstance(one.args[0], ast.Constant)
        and one.args[0].value == name
        for one in getattr(method, "decorator_list", ())
    )
