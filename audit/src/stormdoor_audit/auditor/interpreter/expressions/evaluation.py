"""Values of expressions for a client without a credential."""

import ast
from collections.abc import Iterable
from dataclasses import replace

from stormdoor_audit.auditor.interpreter.expressions.conditions import Conditions
from stormdoor_audit.auditor.interpreter.pieces import chosen_only, is_of_secrets
from stormdoor_audit.auditor.interpreter.tables import is_chosen, key_named, named
from stormdoor_audit.auditor.interpreter.values import (
    NONE,
    ClassRef,
    Const,
    Environment,
    Function,
    Instance,
    Mapping,
    Sequence,
    Setting,
    Unknown,
    Value,
    labels_of,
    text_of,
)
from stormdoor_audit.auditor.naming import lexicon

__all__ = ["Expressions"]

_MAX_ITEMS = 48


class Expressions(Conditions):
    """Evaluation of expressions."""

    def evaluate(self, node: ast.expr) -> Value:
        """The value of an expression."""
        self.tick()
        match node:
            case ast.Name():
                return self.name(node.id, node)
            case ast.Attribute():
                return self.attribute(self.evaluate(node.value), node.attr, node)
            case ast.Call():
                return self.call_expression(node)
            case ast.Constant():
                return Const(node.value)
            case ast.Yield() if self.frame.sent is not None:
                if node.value:
                    self.evaluate(node.value)
                return self.frame.sent
            case ast.YieldFrom():
                around, self.delegated = self.delegated, node.value
                try:
                    return self.awaited(self.evaluate(node.value), node)
                finally:
                    self.delegated = around
            case ast.Await() | ast.Yield():
                return self.awaited(self.evaluate(node.value), node) if node.value else Const(None)
            case ast.BoolOp() | ast.Compare():
                return self.logic(node)
            case ast.UnaryOp():
                return self._unary(node)
            case ast.IfExp():
                return self.evaluate(node.body if self.test(node.test) else node.orelse)
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
                _tell_apart(items)
                return Sequence(items, type(node).__name__.lower(), exact)
            case ast.Dict():
                entries: dict[object, Value] = {}
                exact, spread = True, NONE
                for key, item in zip(node.keys, node.values, strict=True):
                    value = self.evaluate(item)
                    if key is None:
                        if isinstance(value, Mapping):
                            entries.update(value.items)
                            exact = exact and value.exact
                            spread |= value.labels
                        else:
                            exact = False
                            spread |= labels_of(value)
                        continue
                    name = named(self.evaluate(key))
                    if isinstance(name, Const) and isinstance(name.value, str | int | bytes):
                        entries[name.value] = _shown_under(name.value, value)
                    elif isinstance(name, ClassRef):
                        entries[key_named(name)] = value
                    else:
                        exact = False
                        entries[("?", len(entries))] = value
                        spread |= chosen_only(name) if is_chosen(name) else NONE
                _tell_apart(list(entries.values()))
                return Mapping(entries, exact, spread)
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
            source = self.as_shipped(source)
            items = self.items_of(source, _MAX_ITEMS) if _has_items(source) else []
            chosen = node is self.of_each and "client" in labels_of(source)
            if chosen and not self.truth(source, generator.iter):
                return Sequence([], "list")  # of nothing everything is true, and nothing is
            simple = len(node.generators) == 1 and isinstance(source, Sequence) and source.exact
            results: list[Value] = []
            entries: dict[object, Value] = {}
            hanging: Setting | None = None
            for item in items[: _MAX_ITEMS if simple else 1]:
                self.assign(generator.target, item)
                for inner in node.generators[1:]:
                    self.assign(inner.target, self.items_of(self.evaluate(inner.iter), 1)[0])
                keep = True
                for condition in [c for g in node.generators for c in g.ifs]:
                    value = self.logic_value(condition)
                    if isinstance(value, Const):
                        keep = keep and bool(value.value)
                    elif isinstance(value, Setting) and self.mode == "anonymous":
                        shipped = self.truth_of_default(value)
                        hanging = hanging or (value if shipped is False else None)
                        keep = keep and shipped is not False
                if isinstance(node, ast.DictComp):
                    key = named(self.evaluate(node.key))
                    value = self.evaluate(node.value)
                    results.append(Unknown(labels_of(key, value)))
                    if keep and isinstance(key, Const) and isinstance(key.value, str | int | bytes):
                        entries[key.value] = value
                elif keep or not simple:
                    self.pick(_names_of(generator.target), generator.ifs, ast.Eq)
                    made = self.evaluate(node.elt)
                    own = self._own_among(node) if self.mode == "member" else None
                    results.append(made if own is None else Unknown(labels_of(own), text_of(made)))
            if simple and entries and len(entries) == len(items):
                return Mapping(entries, exact=len(items) < _MAX_ITEMS)
            if simple and not isinstance(node, ast.DictComp):
                made = Sequence(results, _kind_of(node), exact=len(items) < _MAX_ITEMS)
                if hanging is not None and not results:
                    return Setting(hanging.name, made, text=hanging.text)  # none as shipped
                return Setting(given.name, made) if isinstance(given, Setting) else made
            if isinstance(node, ast.DictComp):
                return Mapping(entries, exact=False, labels=labels_of(source))
            return Sequence(results, _kind_of(node), exact=False, labels=labels_of(source))
        finally:
            frame.env = outer

    def pick(self, names: set[str], conditions: Iterable[ast.expr], op: type[ast.cmpop]) -> None:
        """`next(one for one in listeners if one.name == message["to"])`: it is found by what is said."""
        for condition in conditions:
            match condition:
                case ast.Compare(left=left, ops=[how], comparators=[right]) if isinstance(how, op):
                    pairs = ((left, right), (right, left))
                case _:
                    continue
            for one, other in pairs:
                found = names & _names_of(one)
                if not found or names & _names_of(other) or not isinstance(other, _PLAIN):
                    continue
                chosen = self.evaluate(other)
                for name in found if is_chosen(chosen) else ():
                    held = self.frame.env.names.get(name)
                    if isinstance(held, Unknown):
                        labels = held.labels | labels_of(chosen) | {"found"}
                        self.frame.env.names[name] = Unknown(labels, held.text)

    def _own_among(self, node: ast.expr) -> Value | None:
        """Return the user's items, if the collection iterated over holds no others."""
        keeper = _keeper(node)
        own = self.evaluate(keeper) if keeper is not None else None
        if own is None:
            return None
        labels = labels_of(own)
        return own if "principal" in labels and "client" not in labels else None


def _shown_under(key: object, value: Value) -> Value:
    """Return the client's value that is passed on as proof: `{"apikey": argument}`."""
    if (
        isinstance(value, Unknown)
        and isinstance(key, str)
        and "client" in value.labels
        and is_of_secrets(lexicon.words_of(key))
    ):
        return replace(value, labels=value.labels | {"credential"})
    return value


_PLAIN = (ast.Name, ast.Attribute, ast.Subscript)


def _kind_of(node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> str:
    """The kind of what a comprehension makes; what is only gone through is taken for a list."""
    match node:
        case ast.SetComp():
            return "set"
        case ast.DictComp():
            return "dict"
        case _:
            return "list"


def _names_of(node: ast.expr) -> set[str]:
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}


def _keeper(node: ast.expr) -> ast.expr | None:
    """`own` of `[one for one in named if one in own]`, `me` of `[one for one in all if one.owner == me]`."""
    match node:
        case ast.ListComp(
            elt=ast.Name(id=kept),
            generators=[
                ast.comprehension(
                    target=ast.Name(id=target),
                    ifs=[
                        ast.Compare(
                            left=(ast.Attribute() | ast.Subscript()) as part,
                            ops=[ast.Eq()],
                            comparators=[(ast.Name() | ast.Attribute()) as own],
                        ),
                        *_,
                    ],
                )
            ],
        ) if kept == target and target in _names_of(part):
            return own
        case ast.ListComp(
            elt=ast.Name(id=kept),
            generators=[
                ast.comprehension(
                    target=ast.Name(id=target),
                    ifs=[
                        ast.Compare(
                            left=ast.Name(id=asked),
                            ops=[ast.In()],
                            comparators=[(ast.Name() | ast.Attribute()) as own],
                        ),
                        *_,
                    ],
                )
            ],
        ) if kept == target == asked:
            return own
        case _:
            return None


def _tell_apart(items: list[Value]) -> None:
    """Keep the arguments that objects of a class get in one table as each object's own: no setting."""
    made = [one for one in items if isinstance(one, Instance) and one.shared]
    for one in made:
        if sum(other.info is one.info for other in made) > 1:
            one.shared = False


def _has_items(value: Value) -> bool:
    return not (isinstance(value, Sequence) and value.exact and not value.items)
