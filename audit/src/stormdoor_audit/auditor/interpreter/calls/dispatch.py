"""Effects of a call: functions of the project by their body, others by their known behaviour."""

import ast
from functools import lru_cache

from stormdoor_audit.auditor.classes.classinfo import Member as ClassMember
from stormdoor_audit.auditor.interpreter.calls.parts import Parts, part_of
from stormdoor_audit.auditor.interpreter.events import Stage
from stormdoor_audit.auditor.interpreter.outcomes import Thrown
from stormdoor_audit.auditor.interpreter.pieces import given_instead
from stormdoor_audit.auditor.interpreter.values import (
    REST,
    Authenticated,
    Bound,
    ClassRef,
    Const,
    Function,
    Instance,
    Mapping,
    Member,
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
from stormdoor_audit.auditor.naming import lexicon
from stormdoor_audit.auditor.reading.module import Assigned

__all__ = ["Calls"]


class Calls(Parts):
    """Calls, attributes and decorators."""

    def call_expression(self, node: ast.Call) -> Value:
        """A call as it stands in the source."""
        if isinstance(node.func, ast.Name) and node.func.id == "super":
            return self._super(node)
        if isinstance(node.func, ast.Attribute):
            receiver = self.evaluate(node.func.value)
            if isinstance(receiver, Const) and receiver.value is None:
                self._refuse_none(node.func.value)
            self.called = node.func
            function = self.attribute(receiver, node.func.attr, node.func)
        else:
            function = self.evaluate(node.func)
        args: list[Value] = []
        spread: list[Value] = []
        for argument in node.args:
            if isinstance(argument, ast.Starred):
                inner = self.evaluate(argument.value)
                if isinstance(inner, Sequence):
                    args.extend(inner.items)
                    if not inner.exact and not inner.items:
                        args.append(Unknown(labels_of(inner), "*"))
                else:
                    args.append(Unknown(labels_of(inner), text_of(inner)))
                    spread.append(inner)
            else:
                if isinstance(function, Named) and function.name in {"all", "any"}:
                    self.of_each = argument
                args.append(self.evaluate(argument))
        words: dict[str, Value] = {}
        for word in node.keywords:
            value = self.evaluate(word.value)
            if word.arg is not None:
                words[word.arg] = value
                continue
            if isinstance(value, Mapping):
                words.update({key: one for key, one in value.items.items() if isinstance(key, str)})
                if value.exact:
                    continue
            spread.append(value)
        if "client" in labels_of(*spread):
            words[REST] = Unknown(labels_of(*spread), text_of(spread[-1]))
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
            case Setting(default=Function() | Bound() | Partial() | Instance() as default):
                other = self._another(function, node)
                made = self.call(default if other is None else other, args, words, node)
                if self.stage == Stage.IMPORT and isinstance(made, ClassRef):
                    return part_of(function, made)  # which class a factory gives is picked with it
                return made
            case Setting(default=ClassRef() as default):
                # Which class it is may still be picked when its object is asked something.
                made = self.call(default, args, words, node)
                return Setting(function.name, made, function.labels, function.text)
            case Setting(default=Setting() as inner):
                return self.call(inner, args, words, node)
            case Special():
                return self.special_call(function, args, words, node)
            case Named():
                return self.named_call(function, args, words, node)
            case Member():
                return self._method(function, args, words, node)
            case Nobody():
                if function.certain:
                    raise Thrown("TypeError", node, self.frame.module)
                instead = given_instead(_method_of(node), args, words)
                if instead is not None:
                    return instead
                return Nobody(
                    function.text,
                    node,
                    self.frame.module,
                    function.truthy,
                    certain=_asks_for_somebody(node, args, words),
                    presumed=function.presumed,
                )
            case Const(value=None) if self._is_surely_none(node):
                raise Thrown("TypeError", node, self.frame.module)
            case _:
                return self.unknown_call(function, text_of(function), args, words, node)

    def _refuse_none(self, holder: ast.expr) -> None:
        """`self.user.can(…)`, where the connection still holds None: it raises.

        Raises:
            Thrown: No other code has set the value on this way.
        """
        if (
            not isinstance(holder, ast.Attribute)
            or not isinstance(holder.value, ast.Name)
            or holder.value.id != "self"
            or not self._holds_none(holder.attr)
        ):
            return
        asks = self.accepted and (
            lexicon.is_identity_name(holder.attr) or lexicon.is_authenticator(holder.attr)
        )
        if asks and self.mode == "anonymous":
            self.check(holder, self.frame.module.source(holder), remembered=True)
        raise Thrown("AttributeError", holder, self.frame.module, check=asks)

    def _holds_none(self, name: str) -> bool:
        """Return True if the connection was given None and no other code has the connection to change it."""
        return (
            self.handler is not None
            and self.frame.receiver is self.handler
            and (name in self.handler.attrs or self._is_none_of_class(name))
            and not any(event.kind == "join" for event in self.events)
        )

    def _is_none_of_class(self, name: str) -> bool:
        """Return True if the user is None in the class until the connection sets it: `user = None`."""
        if self.handler is None or not lexicon.is_identity_name(name):
            return False
        found = self._member(self.handler.info, name, None)
        if not isinstance(found, ClassMember) or not isinstance(found.binding, Assigned):
            return False
        value = found.binding.value
        return (
            isinstance(value, ast.Constant)
            and value.value is None
            and name in _told_to_itself(self.handler.info.node)
        )

    def _is_surely_none(self, node: ast.AST) -> bool:
        """`self.worker()`, where the connection was given None and no other code has the connection yet.

        So it is with `action()`, where `action = ACTIONS.get(name)` found none.
        """
        serving = self.mode == "anonymous" and self.stage != Stage.IMPORT
        match node:
            case ast.Call(func=ast.Name(id=name)):
                return serving and name in self.frame.env.names
            case ast.Call(func=ast.Call(func=ast.Attribute(attr="get"))):
                return serving
            case ast.Call(func=ast.Attribute(value=ast.Name(id="self"), attr=name)):
                return self._holds_none(name)
            case _:
                return False


def _method_of(node: ast.AST) -> str:
    """The name of the method that is called."""
    match node:
        case ast.Call(func=ast.Attribute(attr=name)):
            return name
        case _:
            return ""


def _asks_for_somebody(node: ast.AST, args: list[Value], words: dict[str, Value]) -> bool:
    """`session.get("user")`: None if no user is logged in, rather than merely false."""
    match node, args:
        case ast.Call(func=ast.Attribute(attr="get")), [Const(value=str() as name)] if not words:
            return lexicon.is_about_somebody(name)
        case _:
            return False


@lru_cache(maxsize=1024)
def _told_to_itself(node: ast.ClassDef) -> frozenset[str]:
    """Return the attributes that the methods of a class set on their object: `self.user = …`."""
    return frozenset(
        inner.attr
        for inner in ast.walk(node)
        if isinstance(inner, ast.Attribute)
        and isinstance(inner.ctx, ast.Store)
        and isinstance(inner.value, ast.Name)
        and inner.value.id == "self"
    )
