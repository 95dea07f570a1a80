"""Changes to a class at its creation: decorators, `__init_subclass__`, metaclasses.

They run on the same abstract values as everything else, and what they put into the class is looked up
before what stands in its body.
"""

import ast
from functools import partial

from stormdoor_audit.auditor.classes.classinfo import ClassInfo
from stormdoor_audit.auditor.classes.wrappings import Wrapping
from stormdoor_audit.auditor.interpreter.events import Stage
from stormdoor_audit.auditor.interpreter.frame import Frame
from stormdoor_audit.auditor.interpreter.makings import Makings
from stormdoor_audit.auditor.interpreter.outcomes import Thrown, TooFar
from stormdoor_audit.auditor.interpreter.statements.jumps import Returned
from stormdoor_audit.auditor.interpreter.values import (
    Bound,
    ClassRef,
    Const,
    Environment,
    Function,
    Instance,
    Mapping,
    Partial,
    Sequence,
    Setting,
    Value,
)
from stormdoor_audit.auditor.reading.module import Assigned, Defined, FunctionNode

__all__ = ["Shaping"]

_WORTH = 300
"""Steps that making a class may take."""


class Shaping(Makings):
    """Classes while they are made."""

    def shaped(self, info: ClassInfo) -> ClassInfo:
        """The class that stands under the name of this one after its decorators ran."""
        self.overlay(info)
        return self.replacements.get(id(info), info)

    def with_bases(self, info: ClassInfo) -> ClassInfo:
        """The class with the bases that conditions pick, where they are settings: one way for each."""
        bases = [
            self.with_bases(one)
            if isinstance(one, ClassInfo) and self.hierarchy.is_forked(one)
            else one
            for one in info.bases
        ]
        for fork in info.forks:
            value = self.in_module(fork.module, fork.test)
            if isinstance(value, Const):
                holds = bool(value.value)
            elif isinstance(value, Setting) and self.mode == "anonymous":
                holds = self.assume(value, fork.test)
            else:
                continue
            picked = fork.held if holds else fork.otherwise
            if picked is not None:
                bases[fork.at] = picked
        if all(one is other for one, other in zip(bases, info.bases, strict=True)):
            return info
        return self.hierarchy.derived(info, bases)

    def overlay(self, info: ClassInfo) -> dict[str, Value]:
        """Return the attributes put into the class after its body ran."""
        known = self.overlays.get(id(info))
        if known is None:
            known = self.overlays[id(info)] = {}
            if self.hierarchy.is_shaped(info):
                self._shape(info)
        return known

    def _shape(self, info: ClassInfo) -> None:
        frame = Frame(info.module, self.closure(info) or Environment(), "<module>", node=info.node)
        stage, self.stage = self.stage, Stage.IMPORT
        catching, self.catching = self.catching, []
        making, self.making = self.making, info
        cap, self.cap = self.cap, min(self.cap, self.steps + _WORTH)
        try:
            self.enter(frame, info.node)
            try:
                self._by_metaclass(info)
                self._by_base(info)
                self._by_decorators(info)
            finally:
                self.leave()
        except (Thrown, Returned):
            pass
        except TooFar:
            if self.steps > cap:
                raise
        finally:
            self.stage, self.catching, self.making, self.cap = stage, catching, making, cap

    def _by_metaclass(self, info: ClassInfo) -> None:
        owner, expression = self.hierarchy.metaclass(info) or (info, None)
        if expression is None:
            return
        meta = self.in_module(owner.module, expression)
        if isinstance(meta, ClassRef):
            self.make(info, partial(self._run_metaclass, meta, info))

    def _run_metaclass(self, meta: ClassRef, info: ClassInfo) -> None:
        functions: dict[object, Value] = {
            key: Function(method, info.module, info, None, text=key)
            for key, method in self._methods(info).items()
        }
        functions.update(self._constants_in(info))
        for name in ("__new__", "__init__"):
            found = self.hierarchy.find(meta.info, name)
            method = None if found is None else self._member(meta.info, name, None)
            function = None if method is None else self.member_value(method, meta.info)
            if not isinstance(function, Function):
                continue
            body = dict(functions)
            first = meta if name == "__new__" else ClassRef(info, text=info.name)
            self.run_function(
                function,
                [first, Const(info.name), Sequence([], "tuple"), Mapping(body)],
                {},
                info.node,
            )
            for key, value in body.items():
                if value is not functions.get(key) and isinstance(key, str):
                    self.overlays[id(info)][key] = value

    def _constants_in(self, info: ClassInfo) -> dict[object, Value]:
        """Constants in the body of a class, for its metaclass: `name = "login"`."""
        return {
            key: Const(last.value.value)
            for key, (*_, last) in self.hierarchy.members(info).items()
            if isinstance(last, Assigned) and isinstance(last.value, ast.Constant)
        }

    def _methods(self, info: ClassInfo) -> dict[str, FunctionNode]:
        """The functions in the body of a class, each name as its last binding has it."""
        known = self.hierarchy.methods.get(info.node)
        if known is None:
            known = self.hierarchy.methods[info.node] = {
                key: last.node
                for key, (*_, last) in self.hierarchy.members(info).items()
                if isinstance(last, Defined) and not isinstance(last.node, ast.ClassDef)
            }
        return known

    def _by_base(self, info: ClassInfo) -> None:
        found = self._member(info, "__init_subclass__", info)
        function = None if found is None else self.member_value(found, info)
        if isinstance(function, Function):
            given = {
                word.arg: self.evaluate(word.value)
                for word in info.node.keywords
                if word.arg is not None and word.arg != "metaclass"
            }
            self.run_function(function, [ClassRef(info, text=info.name)], given, info.node)

    def _by_decorators(self, info: ClassInfo) -> None:
        made = ClassRef(info, text=info.name)
        for decorator in reversed(info.node.decorator_list):
            applied = self.evaluate(decorator)
            if isinstance(applied, Function | Bound | Partial | ClassRef | Instance):
                result = self.call(applied, [made], {}, decorator)
                if isinstance(result, ClassRef):
                    made = result
        for wrapping in self.hierarchy.wrappings.get(id(info), ()):
            made = self._put_through(made, wrapping)
        if made.info is not info:
            self.replacements[id(info)] = made.info

    def _put_through(self, made: ClassRef, wrapping: Wrapping) -> ClassRef:
        """The class that a function gives for one that is routed, where its condition holds."""
        module, call = wrapping.module, wrapping.call
        test = wrapping.test
        if test is not None and not self.truth(self.in_place(module, test), test):
            return made
        given = [
            made
            if isinstance(one, ast.Name) and one.id == wrapping.name
            else self.in_place(module, one)
            for one in call.args
        ]
        words = {
            word.arg: self.in_place(module, word.value)
            for word in call.keywords
            if word.arg is not None
        }
        result = self.call(self.in_place(module, call.func), given, words, call)
        return result if isinstance(result, ClassRef) else made

    def store_on_class(self, holder: ClassRef, name: str, value: Value) -> None:
        """`Class.name = value`."""
        if self.stage == Stage.IMPORT:
            self.overlays.setdefault(id(holder.info), {})[name] = value
        elif (
            isinstance(value, Instance) and value.info is holder.info and not value.attrs.get(name)
        ):
            value.shared = True  # the only one there is: `cls._instance = cls()`
            self.overlay(holder.info)[name] = value
        super().store_on_class(holder, name, value)
