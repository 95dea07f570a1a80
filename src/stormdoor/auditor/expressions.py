"""What an expression means to a client without a credential."""

import ast
import builtins
import operator
import re
from collections.abc import Callable
from typing import Any

from stormdoor.auditor import lexicon
from stormdoor.auditor.hierarchy import ClassInfo
from stormdoor.auditor.machine import Core, Thrown
from stormdoor.auditor.module import Assigned, Defined, Module
from stormdoor.auditor.project import External, Meaning
from stormdoor.auditor.texts import PARSED
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

__all__ = ["Expressions"]

_OPERATORS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_PROOF = frozenset({"credential", "identity"})
_SENT = frozenset({"client", "credential", "cookie", "query", "header", "message", "url"})
"""Labels of what the client sends and nobody has compared with anything."""
_MAX_TEXT = 4096
_MAX_ITEMS = 48
_MAX_PICKED = 16
"""Entries of a table of actions that are followed one by one."""


class Expressions(Core):
    """Evaluation of expressions."""

    def evaluate(self, node: ast.expr) -> Value:
        """The value of an expression."""
        self.tick()
        match node:
            case ast.Constant():
                return Const(node.value)
            case ast.Name():
                return self.name(node.id, node)
            case ast.Attribute():
                return self.attribute(self.evaluate(node.value), node.attr, node)
            case ast.Call():
                return self.call_expression(node)
            case ast.Await() | ast.Yield() | ast.YieldFrom():
                return self.awaited(self.evaluate(node.value), node) if node.value else Const(None)
            case ast.BoolOp() | ast.Compare():
                return self.logic(node)
            case ast.UnaryOp():
                return self._unary(node)
            case ast.IfExp():
                branch = node.body if self.test(node.test) else node.orelse
                return self.evaluate(branch)
            case ast.Subscript():
                return self._subscript(node)
            case ast.JoinedStr():
                return self._joined(node)
            case ast.BinOp():
                return self._binary(node)
            case ast.Lambda():
                return Function(node, self.frame.module, self.frame.owner, self.frame.env)
            case ast.NamedExpr():
                value = self.evaluate(node.value)
                self.frame.env.names[node.target.id] = value
                return value
            case _:
                return self._display(node)

    def _display(self, node: ast.expr) -> Value:
        match node:
            case ast.List() | ast.Tuple() | ast.Set():
                items: list[Value] = []
                exact = True
                for item in node.elts:
                    if isinstance(item, ast.Starred):
                        inner = self.evaluate(item.value)
                        if isinstance(inner, Sequence):
                            items.extend(inner.items)
                            exact = exact and inner.exact
                        else:
                            exact = False
                            items.append(Unknown(labels_of(inner), text_of(inner)))
                    else:
                        items.append(self.evaluate(item))
                return Sequence(items, type(node).__name__.lower(), exact)
            case ast.Dict():
                entries: dict[object, Value] = {}
                exact = True
                for key, item in zip(node.keys, node.values, strict=True):
                    value = self.evaluate(item)
                    if key is None:
                        if isinstance(value, Mapping):
                            entries.update(value.items)
                            exact = exact and value.exact
                        else:
                            exact = False
                        continue
                    name = self.evaluate(key)
                    if isinstance(name, Const) and isinstance(name.value, str | int | bytes):
                        entries[name.value] = value
                    else:
                        exact = False
                        entries[("?", len(entries))] = value
                return Mapping(entries, exact)
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
                return self._comprehension(node)
            case ast.Starred():
                return self.evaluate(node.value)
            case ast.FormattedValue():
                return self.evaluate(node.value)
            case ast.Slice():
                for part in (node.lower, node.upper, node.step):
                    if part is not None:
                        self.evaluate(part)
                return Unknown()
            case _:
                return Unknown(text=type(node).__name__)

    def _comprehension(
        self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp
    ) -> Value:
        frame = self.frame
        outer = frame.env
        frame.env = Environment(outer=outer)
        try:
            generator = node.generators[0]
            given = source = self.evaluate(generator.iter)
            if isinstance(given, Setting) and isinstance(given.default, Sequence):
                source = given.default
            items = self.items_of(source, _MAX_ITEMS) if _has_items(source) else []
            simple = len(node.generators) == 1 and isinstance(source, Sequence) and source.exact
            results: list[Value] = []
            for item in items[: _MAX_ITEMS if simple else 1]:
                self.assign(generator.target, item)
                for inner in node.generators[1:]:
                    self.assign(inner.target, self.items_of(self.evaluate(inner.iter), 1)[0])
                keep = True
                for condition in [c for g in node.generators for c in g.ifs]:
                    value = self.logic_value(condition)
                    if isinstance(value, Const):
                        keep = keep and bool(value.value)
                if isinstance(node, ast.DictComp):
                    key = self.evaluate(node.key)
                    value = self.evaluate(node.value)
                    results.append(Unknown(labels_of(key, value)))
                elif keep or not simple:
                    results.append(self.evaluate(node.elt))
            if simple and not isinstance(node, ast.DictComp):
                made = Sequence(results, "list", exact=len(items) < _MAX_ITEMS)
                return Setting(given.name, made) if isinstance(given, Setting) else made
            return Sequence(results, "list", exact=False, labels=labels_of(source))
        finally:
            frame.env = outer

    def logic_value(self, node: ast.expr) -> Value:
        """A condition as a value, without a choice where it is not certain."""
        if isinstance(node, ast.Compare | ast.BoolOp):
            return self.logic(node)
        return self.evaluate(node)

    def items_of(self, value: Value, limit: int) -> list[Value]:
        """What a loop over the value sees; at least one item."""
        match value:
            case Sequence() if value.items:
                return value.items[:limit]
            case Mapping() if value.items:
                return [
                    Const(key) if not isinstance(key, tuple) else Unknown()
                    for key in list(value.items)[:limit]
                ]
            case Const(value=str() | bytes() | tuple() as text) if text:
                return [
                    Const(item, value.labels)
                    for item in (
                        text[i : i + 1] if not isinstance(text, tuple) else text[i]
                        for i in range(min(len(text), limit))
                    )
                ]
            case _:
                return [Unknown(labels_of(value), text_of(value))]

    # names ----------------------------------------------------------------------------------

    def name(self, name: str, node: ast.AST) -> Value:
        """The value of a plain name here."""
        frame = self.frame
        if name not in frame.globals:
            value = frame.env.find(name)
            if value is not None:
                return value
        return self.global_name(frame.module, name, node)

    def global_name(self, module: Module, name: str, node: ast.AST) -> Value:
        """The value of a module's name."""
        stored = self.globals.get((module.name, name))
        if stored is not None:
            return stored
        found = self.project.members(module, name)
        if not found:
            if name == "__name__":
                return Const(module.name)
            return Named(name) if name in _BUILTINS else self.unresolved(name, node)
        for one in found:
            if isinstance(one, External) and len(found) > 1 and _is_fallback(found):
                continue
            return self.meaning(one, name, node)
        return self.meaning(found[0], name, node)

    def unresolved(self, name: str, node: ast.AST) -> Value:
        """A name whose meaning is not known here: its words are all there is."""
        return Unknown(text=name)

    def meaning(self, meaning: Meaning | External, name: str, node: ast.AST) -> Value:
        """What was resolved, as a value."""
        match meaning:
            case External():
                return Named(meaning.name)
            case Meaning(module, None):
                return ModuleRef(module)
            case Meaning(module, Defined(ast.ClassDef() as found)):
                return ClassRef(self.hierarchy.of_node(module, found), text=name)
            case Meaning(module, Defined(found)) if not isinstance(found, ast.ClassDef):
                return self.decorated(Function(found, module, text=name), module, None)
            case Meaning(module, Assigned() as bound):
                return self._module_value(module, name, bound, node)
            case _:
                return Unknown(text=name)

    def decorated(self, function: Function, module: Module, owner: ClassInfo | None) -> Value:
        """A function with its decorators applied."""
        raise NotImplementedError

    def _module_value(self, module: Module, name: str, bound: Assigned, node: ast.AST) -> Value:
        """A module's variable: constants are settings, whoever installs the program may edit them."""
        key = (module.name, name)
        if len(self.frames) > 24 or bound.unpacked:
            return Unknown(text=name)
        self.globals[key] = Unknown(text=name)  # a name that is defined by itself ends here
        value = self.in_module(module, bound.value)
        if (
            isinstance(value, Const)
            and value.value is None
            and not lexicon.concerns_identity(name)
            and self.hierarchy.is_rebound(module, name)
        ):
            value = Unknown(text=name)  # what a function puts there is made while the program runs
        elif isinstance(value, Const) and (
            value.value is None or isinstance(value.value, bool | str)
        ):
            value = Setting(name, value, text=name)
        elif isinstance(value, Unknown) and not value.text:
            value = Unknown(value.labels, name)
        elif isinstance(value, Sequence | Mapping) and value.text not in PARSED:
            # What a module fills in later is not in the display.
            if isinstance(value, Mapping) and lexicon.is_setting_chain([name]):
                value = _as_settings(value, name)
            value = (
                Sequence(
                    value.items, value.kind, exact=bool(value.items) and name.isupper(), text=name
                )
                if isinstance(value, Sequence)
                else Mapping(value.items, exact=bool(value.items), text=name)
            )
        self.globals[key] = value
        return value

    def in_module(self, module: Module, node: ast.expr) -> Value:
        """An expression evaluated at the top of a module."""
        raise NotImplementedError

    # conditions -----------------------------------------------------------------------------

    def test(self, node: ast.expr, wanted: bool | None = None) -> bool:
        """Whether a condition holds; `wanted` is the outcome that refuses, where one does."""
        match node:
            case ast.UnaryOp(op=ast.Not()):
                return not self.test(node.operand, None if wanted is None else not wanted)
            case ast.BoolOp(op=ast.And()):
                for value in node.values:
                    if not self.test(
                        value, wanted if wanted is True or value is node.values[-1] else None
                    ):
                        return False
                return True
            case ast.BoolOp(op=ast.Or()):
                for value in node.values:
                    if self.test(
                        value, wanted if wanted is False or value is node.values[-1] else None
                    ):
                        return True
                return False
            case _:
                found = self.evaluate(node)
                if self._is_empty_identity(node, found):
                    self.check(node, self.frame.module.source(node))
                return self.truth(found, node, wanted)

    def _is_empty_identity(self, node: ast.expr, value: Value) -> bool:
        """`self.authenticated` is False until the client has proven something."""
        return (
            self.mode == "anonymous"
            and self.accepted
            and isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id == "self"
            and isinstance(value, Const)
            and not value.value
            and lexicon.is_identity_name(node.attr)
        )

    def truth(self, value: Value, node: ast.AST, wanted: bool | None = None) -> bool:
        """Whether a value counts as true for this client."""
        match value:
            case Const():
                return bool(value.value)
            case Nobody():
                self.check(node, value.text, presumed=value.presumed)
                return value.truthy
            case Setting():
                return self.assume(value, node)
            case Sequence(exact=True) | Mapping(exact=True):
                return bool(value.items)
            case Unknown(truthy=bool() as known):
                return known
            case Unknown() | Sequence() | Mapping() | Special() | Member():
                return self._unknown_truth(value, node, wanted)
            case _:
                return True

    def _unknown_truth(self, value: Value, node: ast.AST, wanted: bool | None) -> bool:
        labels = labels_of(value)
        text = value.text or (self.frame.module.source(node) if isinstance(node, ast.expr) else "")
        presumable = wanted is not None and _may_be_identity(value, text)
        if presumable and "client" in labels and labels <= _SENT:
            presumable = False  # it is tested for being there, and the client sends what it likes
        if self.mode == "anonymous" and wanted is not None and presumable:
            # A refusal with 401 or 403 that hangs on something that cannot be resolved.
            self.check(node, text, presumed=True)
            return wanted
        if self.mode == "anonymous" and _is_configured_part(value, node):
            # Whether the program has a part that authenticates is up to whoever runs it.
            return self.assume(Setting(text, None, text=text), node)
        memo = (id(value), id(node)) if not isinstance(value, Unknown) else (id(value),)
        known = self.chosen.get(memo)
        if known is not None:
            return known[1]
        if self.mode == "member" and labels >= {"principal", "client", "answer"}:
            # What was found for this user and this object decides.
            self.record("check", node, f"access: {text}", values=(value,))
        elif (
            self.mode == "member"
            and "principal" in labels
            and isinstance(node, ast.expr)
            and _asks_about_user(node)
        ):
            self.record("check", node, f"access: {text}", values=(value,))
        if self.mode == "origin" and "origin" in labels:
            # The origin itself is concrete: what is left unresolved is taken for a comparison.
            self.check(node, text, presumed=True)
            return False
        if self.leaning is not None and len(self.frames) > 2 and self.frame.name != "<module>":
            result = self.leaning
        else:
            result = self.choose(node, 2) == 0
        # INVARIANT: the value lives as long as its answer, or another would have its id.
        self.chosen[memo] = (value, result)
        return result

    def logic(self, node: ast.BoolOp | ast.Compare) -> Value:
        """`and`, `or` and comparisons as values."""
        if isinstance(node, ast.Compare):
            left = self.evaluate(node.left)
            result: Value = Const(value=True)
            for op, right_node in zip(node.ops, node.comparators, strict=True):
                right = self.evaluate(right_node)
                if (
                    isinstance(right, Const)
                    and not right.value
                    and self._is_empty_identity(node.left, left)
                ):
                    self.check(node, self.frame.module.source(node))
                result = self.compare(left, op, right, node)
                if isinstance(result, Const) and not result.value:
                    return result
                left = right
            return result
        value: Value = Const(None)
        for part in node.values:
            value = self.evaluate(part)
            if part is node.values[-1]:
                return value
            holds = self.truth(value, part)
            if isinstance(node.op, ast.Or) and holds:
                return value
            if isinstance(node.op, ast.And) and not holds:
                return value
        return value

    def compare(self, left: Value, op: ast.cmpop, right: Value, node: ast.AST) -> Value:
        """A comparison."""
        labels = labels_of(left, right)
        negated = isinstance(op, ast.NotEq | ast.IsNot | ast.NotIn)
        text = self.frame.module.source(node)
        if isinstance(left, Const) and isinstance(right, Const):
            return self._constants(left, op, right)
        if self.mode == "member" and labels >= {"principal", "client"}:
            self.record("check", node, f"access: {text}", values=(left, right))
        if isinstance(op, ast.Is | ast.IsNot | ast.Eq | ast.NotEq):
            identical = self._against_nothing(left, right, node) or self._against_nothing(
                right, left, node
            )
            if identical is not None:
                return _negated(identical) if negated else identical
        if isinstance(op, ast.In | ast.NotIn):
            found = self._contained(left, right, node)
            return _negated(found) if negated else found
        for one, other in ((left, right), (right, left)):
            if isinstance(one, Setting) and isinstance(other, Const):
                default = one.default
                known: Value | None = None
                if isinstance(default, Const):
                    known = (
                        self._constants(default, op, other)
                        if one is left
                        else self._constants(other, op, default)
                    )
                elif other.value is None and isinstance(
                    default, ClassRef | Instance | Function | Named | Sequence | Mapping
                ):
                    known = Const(isinstance(op, ast.IsNot | ast.NotEq))
                base = self.frame.module.source(node)
                return Setting(base, known if isinstance(known, Const) else None, text=base)
        if isinstance(left, Setting) and isinstance(right, Setting):
            shipped, wanted = _settled(left), _settled(right)
            if isinstance(shipped, Const) and isinstance(wanted, Const):
                agreed = self._constants(shipped, op, wanted)
                return Setting(text, agreed if isinstance(agreed, Const) else None, text=text)
        if (
            isinstance(left, Setting)
            and isinstance(left.default, Sequence)
            and isinstance(right, Sequence)
        ):
            default = self.compare(left.default, op, right, node)
            return Setting(text, default if isinstance(default, Const) else None, text=text)
        if self.mode == "anonymous" and isinstance(op, ast.Eq | ast.NotEq):
            matched = self._proof(left, right, node)
            if matched is not None:
                return _negated(matched) if negated else matched
        if isinstance(left, Nobody) or isinstance(right, Nobody):
            presumed = any(isinstance(one, Nobody) and one.presumed for one in (left, right))
            if isinstance(op, ast.Eq | ast.NotEq | ast.Is | ast.IsNot):
                return Nobody(text, node, self.frame.module, truthy=negated, presumed=presumed)
            return Nobody(text, node, self.frame.module, presumed=presumed)
        if (
            (
                isinstance(left, Sequence)
                and isinstance(right, Sequence)
                and left.exact
                and right.exact
            )
            and isinstance(op, ast.Eq | ast.NotEq)
            and all(isinstance(item, Const) for item in [*left.items, *right.items])
        ):
            same = [item.value for item in left.items if isinstance(item, Const)] == [
                item.value for item in right.items if isinstance(item, Const)
            ]
            return Const(same != negated)
        return Unknown(labels, text)

    def _constants(self, left: Const, op: ast.cmpop, right: Const) -> Value:
        labels = left.labels | right.labels
        try:
            match op:
                case ast.Is():
                    return Const(_same(left.value, right.value), labels)
                case ast.IsNot():
                    return Const(not _same(left.value, right.value), labels)
                case ast.In():
                    return Const(left.value in right.value, labels)  # type: ignore[operator]
                case ast.NotIn():
                    return Const(left.value not in right.value, labels)  # type: ignore[operator]
                case _:
                    return Const(bool(_OPERATORS[type(op)](left.value, right.value)), labels)
        except (TypeError, KeyError, ValueError):
            return Unknown(labels)

    def _against_nothing(self, one: Value, other: Value, node: ast.AST) -> Value | None:
        """`one == other` where `other` is None, False, empty: what an absent identity looks like."""
        if not isinstance(other, Const) or (
            other.value is not None and other.value not in ("", b"", False)
        ):
            return None
        match one:
            case Nobody():
                if other.value is None or not one.certain:
                    return Nobody(
                        one.text,
                        node,
                        self.frame.module,
                        truthy=not one.truthy,
                        presumed=one.presumed,
                    )
                return Const(value=False)
            case Instance() | Function() | ClassRef() | Bound() | ModuleRef() | Authenticated():
                return Const(value=False)
            case Sequence() | Mapping():
                return Const(value=False)
            case Unknown(truthy=True):
                return Const(value=False)
            case Unknown(present=True) if other.value is None:
                return Const(value=False)
            case Unknown(labels=labels) if (
                other.value is None
                and not labels & {"client", "self"}
                and lexicon.is_authenticator(_name_of(node) or one.text)
            ):
                return Const(value=False)  # the part that authenticates is there
            case Unknown(labels=labels) if "client" in labels and other.value is None:
                return Unknown(labels, f"{one.text} is absent")
            case Named():
                return Const(value=False)
            case _:
                return None

    def _contained(self, left: Value, right: Value, node: ast.AST) -> Value:
        text = self.frame.module.source(node)
        labels = labels_of(left, right)
        if isinstance(left, Const) and isinstance(right, Sequence):
            values = [item.value for item in right.items if isinstance(item, Const)]
            if left.value in values:
                return Const(True, labels)
            if any(isinstance(item, Setting) for item in right.items):
                return Const(False, labels) if "origin" in left.labels else Unknown(labels, text)
            if right.exact and len(values) == len(right.items):
                return Const(False, labels)
        if isinstance(left, Const) and isinstance(right, Mapping) and right.exact:
            return Const(left.value in right.items, labels)
        if isinstance(right, Special) and right.kind in {"headers", "cookies"}:
            return Unknown(labels | {"client", "header"}, text)
        if (
            isinstance(left, Const)
            and "origin" in left.labels
            and not labels_of(right) & {"client"}
        ):
            # An allow-list that is not known here does not hold the attacker's origin.
            return self._origin_list(left, right, text, node)
        if isinstance(right, Setting) and isinstance(left, Const):
            default = right.default
            if isinstance(default, Sequence) and default.exact:
                inner = self._contained(left, default, node)
                return Setting(text, inner if isinstance(inner, Const) else None, text=text)
            return Setting(text, None, text=text)
        if isinstance(left, Setting) and isinstance(right, Sequence) and right.exact:
            shipped = _settled(left)
            known = self._contained(shipped, right, node) if isinstance(shipped, Const) else None
            return Setting(text, known if isinstance(known, Const) else None, text=text)
        if isinstance(left, Nobody):
            return Nobody(left.text, node, self.frame.module, presumed=left.presumed)
        if self.mode == "anonymous" and "client" in labels_of(left):
            proof = self.is_proof(left)
            if proof and not isinstance(right, Special) and not _chosen(right):
                return Nobody(text, node, self.frame.module)
        return Unknown(labels, text)

    def _origin_list(self, left: Const, right: Value, text: str, node: ast.AST) -> Value:
        if isinstance(right, Setting):
            default = right.default
            if isinstance(default, Sequence) and any(
                isinstance(item, Const) and item.value == left.value for item in default.items
            ):
                return Setting(text, Const(value=True), text=text)
            if isinstance(default, Const) and isinstance(default.value, str):
                return Const(str(left.value) in default.value and default.value != "", left.labels)
        self.check(node, text)
        return Const(False, left.labels)

    def is_proof(self, value: Value) -> bool:
        """Whether a value the client sends is one it must know, not merely choose."""
        labels = labels_of(value)
        return "credential" in labels and "client" in labels

    def _proof(self, left: Value, right: Value, node: ast.AST) -> Value | None:
        """A credential compared with what the server holds: this client has none that fits."""
        for one, other in ((left, right), (right, left)):
            if not self.is_proof(one) and not (
                "client" in labels_of(one)
                and isinstance(other, Setting | Unknown | Nobody)
                and (
                    "secret" in labels_of(other)
                    or lexicon.is_credential_name(text_of(other).rpartition(".")[2])
                )
                and "client" not in labels_of(other)
            ):
                continue
            if "client" in labels_of(other) and "identity" not in labels_of(other):
                return None
            if isinstance(other, Const) and (other.value in (None, "", b"")):
                return None
            text = self.frame.module.source(node)
            if isinstance(other, Setting):
                default = self.truth_of_default(other)
                if default is False and not self.assume(other, node):
                    return Const(value=True)
            if isinstance(other, Const) and not _worth_guessing(one, other):
                return None
            return Nobody(text, node, self.frame.module)
        return None

    # operators ------------------------------------------------------------------------------

    def _unary(self, node: ast.UnaryOp) -> Value:
        value = self.evaluate(node.operand)
        if isinstance(node.op, ast.Not):
            match value:
                case Const():
                    return Const(not value.value, value.labels)
                case Nobody():
                    return Nobody(
                        value.text,
                        value.node,
                        value.module,
                        truthy=not value.truthy,
                        presumed=value.presumed,
                    )
                case Setting():
                    default = self.truth_of_default(value)
                    return Setting(
                        f"not ({value.name})", Const(not default) if default is not None else None
                    )
                case Sequence(exact=True) | Mapping(exact=True):
                    return Const(not value.items)
                case Unknown(truthy=bool() as known):
                    return Const(not known, value.labels)
                case Unknown() | Sequence() | Mapping() | Special() | Member():
                    return Const(not self.truth(value, node), labels_of(value))
                case _:
                    return Const(value=False)
        if (
            isinstance(value, Const)
            and isinstance(value.value, int | float)
            and isinstance(node.op, ast.USub)
        ):
            return Const(-value.value)
        return Unknown(labels_of(value), text_of(value))

    def _joined(self, node: ast.JoinedStr) -> Value:
        parts: list[Value] = [self.evaluate(part) for part in node.values]
        if all(isinstance(part, Const) for part in parts):
            text = "".join(str(part.value) for part in parts if isinstance(part, Const))
            return Const(text[:_MAX_TEXT], labels_of(*parts))
        return Unknown(labels_of(*parts) - {"setting"}, self.frame.module.source(node), truthy=True)

    def _binary(self, node: ast.BinOp) -> Value:
        left, right = self.evaluate(node.left), self.evaluate(node.right)
        labels = labels_of(left, right)
        if isinstance(left, Const) and isinstance(right, Const):
            a, b = left.value, right.value
            try:
                if isinstance(node.op, ast.Add) and isinstance(a, str) and isinstance(b, str):
                    return Const((a + b)[:_MAX_TEXT], labels)
                if isinstance(node.op, ast.Mod) and isinstance(a, str) and _plain_format(a):
                    return Const((a % b)[:_MAX_TEXT] if _small(b) else a, labels)
                if isinstance(a, int) and isinstance(b, int) and abs(a) < 2**40 and abs(b) < 2**40:
                    if isinstance(node.op, ast.Add):
                        return Const(a + b)
                    if isinstance(node.op, ast.Sub):
                        return Const(a - b)
                    if isinstance(node.op, ast.Mult):
                        return Const(a * b)
            except (TypeError, ValueError):
                return Unknown(labels)
        if isinstance(node.op, ast.Mod) and isinstance(left, Const) and isinstance(right, Sequence):
            values = [item.value for item in right.items if isinstance(item, Const)]
            if (
                len(values) == len(right.items)
                and isinstance(left.value, str)
                and _small(values)
                and _plain_format(left.value)
            ):
                try:
                    return Const((left.value % tuple(values))[:_MAX_TEXT], labels)
                except (TypeError, ValueError):
                    return Unknown(labels)
        if (
            isinstance(node.op, ast.Add | ast.BitOr)
            and isinstance(left, Sequence)
            and isinstance(right, Sequence)
        ):
            return Sequence([*left.items, *right.items], left.kind, left.exact and right.exact)
        return Unknown(
            labels - {"setting"} if "client" in labels else labels, self.frame.module.source(node)
        )

    def _subscript(self, node: ast.Subscript) -> Value:
        value = self.evaluate(node.value)
        if isinstance(node.slice, ast.Slice):
            bounds = [
                self.evaluate(part) if part is not None else Const(None)
                for part in (node.slice.lower, node.slice.upper, node.slice.step)
            ]
            if isinstance(value, Const) and isinstance(value.value, str | bytes):
                numbers = [
                    one.value
                    for one in bounds
                    if isinstance(one, Const) and isinstance(one.value, int | None)
                ]
                if len(numbers) == 3:
                    try:
                        return Const(value.value[slice(*numbers)], value.labels)
                    except (TypeError, ValueError):
                        return Unknown(value.labels)
            if isinstance(value, Nobody | Sequence | Setting):
                return value
            return Unknown(labels_of(value), text_of(value))
        index = self.evaluate(node.slice)
        return self.item(value, index, node)

    def item(self, value: Value, index: Value, node: ast.AST) -> Value:
        """`value[index]`."""
        text = self.frame.module.source(node)
        match value:
            case Mapping() if isinstance(index, Const) and isinstance(
                index.value, str | int | bytes
            ):
                if index.value in value.items:
                    return value.items[index.value]
                if value.exact:
                    raise Thrown("KeyError", node, self.frame.module)
            case Mapping() if value.exact and value.items and "client" in labels_of(index):
                return self.picked(value, node)
            case Sequence() if isinstance(index, Const) and isinstance(index.value, int):
                try:
                    return value.items[index.value]
                except IndexError:
                    if value.exact:
                        raise Thrown("IndexError", node, self.frame.module) from None
            case Const(value=str() | bytes() | tuple() as held) if isinstance(
                index, Const
            ) and isinstance(index.value, int):
                try:
                    return Const(held[index.value], value.labels)
                except IndexError:
                    raise Thrown("IndexError", node, self.frame.module) from None
            case Const(value=None) if isinstance(node, ast.Subscript) and isinstance(
                node.value, ast.Name
            ):
                raise Thrown("TypeError", node, self.frame.module)
            case Special():
                return self.special_item(value, index, node)
            case ClassRef() | Named() if not (
                isinstance(index, Nobody) or "client" in labels_of(index)
            ):
                return value
            case Nobody():
                if value.certain:
                    self.check(node, value.text)
                    raise Thrown("TypeError", node, self.frame.module, check=True)
                return Nobody(value.text, node, self.frame.module, presumed=value.presumed)
            case Setting():
                key = index.value if isinstance(index, Const) else None
                if isinstance(value.default, Mapping) and isinstance(key, str | int):
                    return Setting(text, value.default.items.get(key), text=text)
                if self.mode == "anonymous" and self.is_proof(index):
                    return self.lookup(node, text, index)
                return self.setting_named(text, str(key or ""), node)
            case _:
                pass
        if "client" in labels_of(value):
            name = index.value if isinstance(index, Const) and isinstance(index.value, str) else ""
            return self.client_field(value, name, text)
        if self.mode == "anonymous" and self.is_proof(index):
            return self.lookup(node, text, index)
        if self.mode == "anonymous" and isinstance(index, Nobody):
            return Nobody(text, node, self.frame.module, presumed=index.presumed)
        if (
            isinstance(index, Const)
            and isinstance(index.value, str)
            and not isinstance(value, Mapping)
        ):
            return self.by_words(value, index.value, text, node)
        found = {"found"} if "client" in labels_of(index) else set()
        return Unknown(labels_of(value, index) | found, text)

    def picked(self, value: Mapping, node: ast.AST, fallback: Value | None = None) -> Value:
        """What the client picks from a table by a name; nothing, where it names what is not there."""
        picked = self.choose(node, min(len(value.items), _MAX_PICKED) + 1)
        if picked < min(len(value.items), _MAX_PICKED):
            return list(value.items.values())[picked]
        if fallback is None:
            raise Thrown("KeyError", node, self.frame.module)
        return fallback

    def client_field(self, value: Value, name: str, text: str) -> Value:
        """A part of something the client sent."""
        labels = labels_of(value)
        if lexicon.is_credential_name(name):
            labels |= {"credential"}
        return Unknown(labels, text)

    # refined elsewhere ----------------------------------------------------------------------

    def call_expression(self, node: ast.Call) -> Value:
        """A call as it stands in the source."""
        raise NotImplementedError

    def awaited(self, value: Value, node: ast.AST) -> Value:
        """What awaiting a value gives."""
        raise NotImplementedError

    def assign(self, target: ast.expr, value: Value) -> None:
        """Bind a target."""
        raise NotImplementedError

    def special_item(self, value: Special, index: Value, node: ast.AST) -> Value:
        """An item of one of Tornado's objects."""
        raise NotImplementedError

    def setting_named(self, text: str, name: str, node: ast.AST) -> Value:
        """A configured value by its name."""
        raise NotImplementedError

    def lookup(self, node: ast.AST, text: str, key: Value) -> Value:
        """What the server finds under a credential that is not valid."""
        raise NotImplementedError

    def by_words(self, value: Value, name: str, text: str, node: ast.AST) -> Value:
        """An attribute or item that cannot be resolved, judged by its name."""
        raise NotImplementedError


_BUILTINS = frozenset(dir(builtins))


def _name_of(node: ast.AST) -> str:
    """The name that is compared."""
    left = node.left if isinstance(node, ast.Compare) else node
    return (
        left.id
        if isinstance(left, ast.Name)
        else left.attr
        if isinstance(left, ast.Attribute)
        else ""
    )


def _settled(value: Value | None) -> Value | None:
    """What a setting is as shipped, whatever it was made of."""
    while isinstance(value, Setting):
        value = value.default
    return value


def _has_items(value: Value) -> bool:
    return not (isinstance(value, Sequence) and value.exact and not value.items)


def _as_settings(value: Mapping, name: str) -> Mapping:
    """`CONFIG = {"auth": {"enabled": False}}`: whoever installs the program may edit it."""
    items: dict[object, Value] = {}
    for key, one in value.items.items():
        text = f"{name}[{key!r}]"
        if isinstance(one, Mapping):
            items[key] = _as_settings(one, text)
        elif isinstance(one, Const) and (one.value is None or isinstance(one.value, bool | str)):
            items[key] = Setting(text, one, text=text)
        else:
            items[key] = one
    return Mapping(items, value.exact, value.labels, value.text)


def _is_configured_part(value: Value, node: ast.AST) -> bool:
    """`if self.authenticator:`, of something that was not read and that no client sent."""
    if not isinstance(value, Unknown) or labels_of(value) - {"setting", "secret"}:
        return False
    names = [_name_of(node), (lexicon.chain_of(value.text) or [""])[-1]]
    return any(lexicon.is_authenticator(name) for name in names if name)


def _asks_about_user(node: ast.expr) -> bool:
    """Whether a condition looks at what the user is or has, and not only whether there is one."""
    match node:
        case ast.UnaryOp(op=ast.Not(), operand=inner):
            return _asks_about_user(inner)
        case ast.Compare(comparators=[ast.Constant(value=None | "" | False)]):
            return False
        case ast.Compare():
            return True
        case ast.Name(id=name):
            return not lexicon.is_identity_name(name)
        case ast.Attribute(attr=name):
            return not lexicon.is_identity_name(name) or "admin" in lexicon.words_of(name)
        case ast.Call(func=func):
            name = func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")
            return lexicon.is_predicate(name) or lexicon.is_access_word(name)
        case _:
            return False


def _may_be_identity(value: Value, text: str) -> bool:
    labels = labels_of(value)
    if labels & {"origin", "host"} and not labels & _PROOF:
        return False
    if "address" in labels and not labels & (_PROOF | {"query", "message", "url", "cookie"}):
        return False  # where it connects from says nothing about who it is
    words = set(lexicon.words_of(text))
    return not words & {
        "origin",
        "origins",
        "host",
        "referer",
        "cors",
        "ip",
        "port",
        "method",
        "upgrade",
    }


def _chosen(value: Value) -> bool:
    return "client" in labels_of(value)


def _worth_guessing(one: Value, other: Const) -> bool:
    """A constant that a credential is compared with: `token == "s3cret"`, not `auth == "basic"`."""
    if not isinstance(other.value, str | bytes) or len(other.value) < 3:
        return False
    name = text_of(one).lower()
    return any(
        word in name for word in ("token", "password", "secret", "key", "passw", "pin", "auth")
    )


def _same(left: object, right: object) -> bool:
    return left is right or (type(left) is type(right) and left == right)


def _negated(value: Value) -> Value:
    match value:
        case Const():
            return Const(not value.value, value.labels)
        case Nobody():
            return Nobody(
                value.text,
                value.node,
                value.module,
                truthy=not value.truthy,
                presumed=value.presumed,
            )
        case Setting(default=Const(value=default)):
            return Setting(f"not ({value.name})", Const(not default))
        case Setting():
            return Setting(f"not ({value.name})", None)
        case Unknown(truthy=bool() as known):
            return Const(not known, value.labels)
        case _:
            return Unknown(labels_of(value), f"not ({text_of(value)})")


def _plain_format(text: str) -> bool:
    """A width in a format can ask for any amount of memory."""
    return len(text) < _MAX_TEXT and re.search(r"%[^a-zA-Z%]*(\*|\d{3,})", text) is None


def _small(value: object) -> bool:
    if isinstance(value, list | tuple):
        return len(value) < 20 and all(_small(one) for one in value)
    return isinstance(value, int | float) or (isinstance(value, str) and len(value) < 500)


def _is_fallback(found: list[Meaning | External]) -> bool:
    return any(isinstance(one, Meaning) for one in found)


_ = (Authenticated, Coroutine, Member, Partial, SuperRef)
