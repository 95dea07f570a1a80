"""Names, attributes and items get values."""

import ast
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from typing import TypeGuard

from stormdoor_audit.auditor.interpreter.addresses import parts_in_order
from stormdoor_audit.auditor.interpreter.events import Stage
from stormdoor_audit.auditor.interpreter.expressions.evaluation import Expressions
from stormdoor_audit.auditor.interpreter.expressions.operators import of_bits
from stormdoor_audit.auditor.interpreter.kept import is_for_anybody, table_of
from stormdoor_audit.auditor.interpreter.pieces import (
    MADE_UP,
    is_plain_digest,
    is_put_together,
    names_a_thing,
    names_words,
)
from stormdoor_audit.auditor.interpreter.tables import is_chosen, is_shared, key_named
from stormdoor_audit.auditor.interpreter.values import (
    ClassRef,
    Const,
    Environment,
    Function,
    Instance,
    Mapping,
    ModuleRef,
    Named,
    Nobody,
    Sequence,
    Setting,
    Unknown,
    Value,
    labels_of,
    settled,
    text_of,
)
from stormdoor_audit.auditor.naming import lexicon
from stormdoor_audit.auditor.reading.module import FunctionNode, scope_of
from stormdoor_audit.auditor.reading.nodes import last_name

__all__ = ["Binding"]


_OF_ANYBODY = frozenset({"answer", "setting"})
_SENT = frozenset({"client", "message", "found", "self", "somebody"})
"""Labels of values that any client sends, and of values found or made with them."""
_ASKS = frozenset({"absent", "check", "may-refuse"})
"""Kinds of events that may have kept this client from something."""
_FOUND = frozenset({"answer", "found"})
_FOUND_OUT = frozenset({"answer", "credential", "found", "named", "principal", "somebody"})
"""Labels of what is more than what the client says."""


class Binding(Expressions):
    """Assignments, imports, deletions."""

    def assign(self, target: ast.expr, value: Value) -> None:
        """Bind a target."""
        match target:
            case ast.Name():
                if target.id in self.frame.globals:
                    self._altered(target.id, value, target)
                    self.globals[self.frame.module.name, target.id] = value
                else:
                    self._local(target.id, self._or_else(target.id, value))
            case ast.Attribute():
                self.store(self.evaluate(target.value), target.attr, value, target)
            case ast.Subscript():
                holder = self.evaluate(target.value)
                key = self.evaluate(target.slice)
                self.store_item(holder, key, value, target)
            case ast.Tuple() | ast.List():
                if isinstance(value, Sequence) and len(value.items) == len(target.elts):
                    for inner, item in zip(target.elts, value.items, strict=True):
                        self.assign(inner, item)
                    return
                parts = _parts_of(value, len(target.elts))
                if len(parts) == len(target.elts):
                    for inner, item in zip(target.elts, parts, strict=True):
                        self.assign(inner, item)
                    return
                for at, inner in enumerate(target.elts):
                    part = inner.value if isinstance(inner, ast.Starred) else inner
                    name = last_name(part)
                    if part is target.elts[0] and _is_pair(target) and isinstance(value, Unknown):
                        # The key of an entry, and no secret.
                        self.frame.env.names[name] = Unknown(value.labels, name)
                    elif isinstance(value, Nobody):
                        self.assign(
                            part,
                            Nobody(value.text, value.node, value.module, presumed=value.presumed),
                        )
                    elif "client" in labels_of(value):
                        # By its place, counted as `value[0]` does, as long as that is certain.
                        self.assign(part, self.client_field(value, name, name, at=at))
                    else:
                        self.assign(part, Unknown(labels_of(value), name))
            case ast.Starred():
                self.assign(target.value, value)
            case _:
                pass

    def _local(self, name: str, value: Value) -> None:
        if self.mode != "member" or name != "key":
            value = _shown_as(name, value)
        env: Environment | None = self.frame.env
        declared = _nonlocal(self.frame.node)
        if name in declared:
            env = self.frame.env.outer
            while env is not None and name not in env.names:
                env = env.outer
        (env or self.frame.env).names[name] = value

    def store(self, holder: Value, name: str, value: Value, node: ast.AST) -> None:
        """`holder.name = value`."""
        match holder:
            case Instance():
                if is_chosen(value) and not labels_of(value) & {"answer", "found", "named"}:
                    # What a connection is called is who it is: `self.name = data["name"]`.
                    value = _shown_as("nick" if holder.handler and name == "name" else name, value)
                if self._notes_who(holder, name, value):
                    value = replace(value, labels=value.labels | {"principal"})
                before = holder.attrs.get(name)
                if holder.handler and self.mode == "member" and _is_named_by_client(value):
                    value = replace(value, labels=value.labels | {"kept"})
                holder.attrs[name] = value
                if "found" in holder.labels and not holder.handler:
                    text = f"{text_of(holder)}.{name}"
                    self.record("store", node, text, values=(value,), receiver=holder)
                if holder.shared or holder.info in self.hierarchy.applications:
                    self._altered(f"{text_of(holder)}.{name}", value, node, holder)
                self.claimed = self.claimed or self._claims(name, value)
                if holder.handler and self._begins(name, value, node):
                    self.record("begun", node, name)
                if holder.handler and self.mode == "anonymous":
                    self._posed(name, before, value, node)
            case Function():
                holder.attrs[name] = value
            case ModuleRef():
                called = holder.module.name.rpartition(".")[2]
                self._altered(f"{called}.{name}", value, node, holder)
                self.globals[holder.module.name, name] = value
            case ClassRef():
                self._altered(f"{text_of(holder)}.{name}", value, node, holder)
                self.store_on_class(holder, name, value)
            case _:
                self.said.told.forget(holder, name)
                if "self" in labels_of(value):
                    self.record("join", node, f"{text_of(holder)}.{name}", values=(value,))
                elif not isinstance(holder, Named | Const):
                    self.record(
                        "store", node, f"{text_of(holder)}.{name}", values=(value,), receiver=holder
                    )

    def _notes_who(self, holder: Instance, name: str, value: Value) -> TypeGuard[Unknown]:
        """`self.user = found`: an admitted client is the user that the connection names."""
        return (
            self.mode == "member"
            and holder.handler
            and self.accepted
            and (lexicon.is_person(name) or name == "current_user")
            and isinstance(value, Unknown)
            and "client" not in value.labels
        )

    def _altered(self, text: str, value: Value, node: ast.AST, holder: Value | None = None) -> None:
        """Note that a message gives something of the program another value."""
        if self.stage == Stage.MESSAGE and "self" not in labels_of(value):
            self.record("alter", node, text, values=(value,), receiver=holder)

    def _claims(self, name: str, value: Value) -> bool:
        """Return True if a message names its user and is believed: `self.user = message["user"]`."""
        said = (isinstance(value, Const) and bool(value.value)) or (
            isinstance(value, Unknown)
            and is_chosen(value)
            and not value.labels & {"answer", "found"}
        )
        return (
            (said or _is_made_of_what_is_said(value))
            and self.mode == "anonymous"
            and self.stage == Stage.MESSAGE
            and lexicon.is_identity_name(name)
            and not self.weighed
            and not any(event.kind == "check" and not event.remembered for event in self.events)
        )

    def _posed(self, name: str, before: Value | None, value: Value, node: ast.AST) -> None:
        """Note the user that the connection claims, or the end of that claim."""
        if _poses(name, value):
            self.record("poses", node, name, values=(value,))
        elif before is not None and _poses(name, before):
            self.record("poses", node, name)

    def _begins(self, name: str, value: Value, node: ast.AST) -> bool:
        """Return True if any message causes this: `self.session = recorder.new_session()`.

        It is made of nothing that the client sent, in a turn that asked for nothing before: what is
        there from then on is the state of a protocol, and proves nothing.
        """
        if self.mode != "anonymous" or self.stage != Stage.MESSAGE:
            return False
        begun = isinstance(value, Const) and value.value is True
        made = isinstance(value, Instance) or (isinstance(value, Mapping) and bool(value.items))
        held = isinstance(value, Unknown) and value.truthy is not False
        if not (begun or made or held):
            return False
        if self.chosen.get((id(value),), (value, True))[1] is False:
            return False  # it is what a condition has found to be nothing
        made_of = _OF_ANYBODY if lexicon.is_identity_name(name) else _OF_ANYBODY | _SENT
        if labels_of(value) - made_of and not is_for_anybody(value):
            return False
        for event in reversed(self.events):
            if event.kind in {"check", "absent"}:
                return False
            if event.kind == "message":
                break
        function = self.frame.node
        return isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef) and all(
            self._is_plain(test) for test in _tests_around(function, node)
        )

    def _is_plain(self, test: ast.expr) -> bool:
        """Return True if a condition only tests the kind of the message, or that a value exists."""
        match test:
            case ast.Compare(comparators=[ast.Constant()]):
                return True
            case ast.Compare(comparators=[ast.Name(id=name)]) if name.isupper():
                return True
            case ast.Compare(ops=[ast.In() | ast.NotIn()], comparators=[table]):
                return text_of(self.evaluate(table)) in self.filled
            case ast.UnaryOp(op=ast.Not(), operand=inner):
                return self._is_plain(inner)
            case ast.BoolOp(values=values):
                return all(self._is_plain(one) for one in values)
            case ast.Call(func=ast.Name(id="isinstance")):
                return True
            case ast.Attribute(value=ast.Name(id="self")):
                return True
            case ast.Name(id=name):
                said = self.frame.env.find(name)
                return (
                    isinstance(said, Unknown)
                    and "client" in said.labels
                    and not said.labels & _FOUND
                )
            case _:
                return False

    def store_item(self, holder: Value, key: Value, value: Value, node: ast.AST) -> None:
        """`holder[key] = value`."""
        self.put_into(holder, key, value)
        if isinstance(holder, Unknown) and isinstance(key, Const):
            self.said.told.forget(holder, key.value)
        match holder:
            case Mapping():
                shipped = settled(key)
                if isinstance(shipped, Const) and isinstance(shipped.value, str | int | bytes):
                    holder.items[shipped.value] = value
                    if is_shared(holder) and is_chosen(value):
                        self.record("store", node, text_of(holder), values=(key, value))
                    return
                holder.exact = False
                record = isinstance(value, Mapping) or (
                    isinstance(value, Instance) and not value.handler
                )
                if record or not labels_of(value) & {"self"}:
                    holder.items[key_named(key)] = value
            case Sequence():
                holder.exact = False
                if not is_shared(holder):
                    holder.labels |= labels_of(value) - {"self"}
            case Unknown(labels=labels) if labels >= {"client", "message"} and not labels & _FOUND:
                if isinstance(key, Const) and isinstance(key.value, str):
                    holder.written = {**(holder.written or {}), key.value: value}
            case _:
                pass
        if is_shared(holder) and isinstance(value, Mapping | Sequence):
            value.text = value.text or f"{text_of(holder)}[]"
        if "self" in labels_of(value, key):
            # A missing log-in may be noted of any client.
            nobody = isinstance(value, Nobody)
            self.record("join", node, text_of(holder), values=(key, value), constant=nobody)
        elif not isinstance(holder, Mapping | Sequence) or (
            is_shared(holder) and (is_chosen(key) or is_chosen(value))
        ):
            self.record("store", node, text_of(holder), values=(key, value), receiver=holder)

    def _or_else(self, name: str, value: Value) -> Value:
        """`value = default`, and `try: value = parser.getboolean("server", name)`: that is its default."""
        before = self.frame.env.names.get(name)
        goes_on = bool(self.catching) and not self.catching[-1][0]
        if goes_on and isinstance(before, Const) and isinstance(value, Setting):
            return Setting(value.name, value.default or before, value.labels, value.text)
        return value

    def put_into(self, holder: Value, key: Value, value: Value) -> None:
        """Note what this client puts into a table, or has put into it, so that it can find it there."""
        table = is_shared(holder) or (
            isinstance(holder, Unknown | Named) and labels_of(holder) <= {"answer", "setting"}
        )
        shown = self.is_proof(key)
        if not shown and not (table and self._is_for_anybody(holder, key)):
            return
        # A client that sends a message for which a name is generated is told it in some way.
        asked = self.stage == Stage.MESSAGE and text_of(key).startswith(MADE_UP)
        self.fills(table_of(text_of(holder)), value, drawn=not shown, told=shown or asked)

    def _is_for_anybody(self, table: Value, key: Value) -> bool:
        """Return True if a generated name gets an entry for every client, without a check.

        A client that is told the name has requested it: it names a thing, and is no secret of a user. A
        test for an existing entry of this client is no check.
        """
        made_up = text_of(key).startswith(MADE_UP) or "drawn" in labels_of(key)
        if self.mode != "anonymous" or self.stage == Stage.IMPORT or not made_up:
            return False
        itself = re.compile(rf"\b{re.escape(text_of(table).rpartition('.')[2])}\b")
        for event in reversed(self.events):
            if event.kind == "check" and itself.search(event.text):
                continue
            if event.kind in _ASKS or event.labels >= {"client", "credential"}:
                return False
            if event.kind == "message":
                break
        return True

    def _augmented(self, node: ast.AugAssign) -> None:
        value = self.evaluate(node.value)
        current: Value
        if isinstance(node.target, ast.Name):
            current = self.name(node.target.id, node.target)
        elif isinstance(node.target, ast.Attribute):
            current = self.evaluate(node.target)
        else:
            current = Unknown()
        if (
            isinstance(current, Const)
            and isinstance(value, Const)
            and isinstance(node.op, ast.BitAnd | ast.BitOr | ast.BitXor)
        ):
            result: Value = of_bits(current, node.op, value)
        elif isinstance(current, Sequence) and isinstance(value, Sequence):
            result = Sequence([*current.items, *value.items], current.kind, exact=False)
        else:
            result = Unknown(labels_of(current, value) - {"setting"}, text_of(current))
        if isinstance(node.target, ast.Name | ast.Attribute):
            self.assign(node.target, result)
        elif isinstance(node.target, ast.Subscript):
            holder, key = self.evaluate(node.target.value), self.evaluate(node.target.slice)
            if is_chosen(key):
                self.store_item(holder, key, result, node.target)

    def _delete(self, node: ast.Delete) -> None:
        for target in node.targets:
            if isinstance(target, ast.Name):
                self.frame.env.names.pop(target.id, None)
            elif isinstance(target, ast.Subscript):
                self.delete_item(self.evaluate(target.value), self.evaluate(target.slice), target)

    def delete_item(self, holder: Value, key: Value, node: ast.AST) -> None:
        """`del holder[key]`."""
        if is_chosen(key) and (is_shared(holder) or isinstance(holder, Unknown)):
            self.record(
                "act", node, f"{text_of(holder)}.__delitem__", values=(key,), receiver=holder
            )
        if isinstance(holder, Mapping | Sequence):
            holder.exact = False

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        names, _ = scope_of([node])
        for name, bindings in names.items():
            found = self.project.follow(self.frame.module, bindings[-1])
            self.frame.env.names[name] = self.meaning(found, name, node)


def _is_named_by_client(value: Value) -> TypeGuard[Unknown]:
    return isinstance(value, Unknown) and "client" in value.labels


def _is_made_of_what_is_said(value: Value) -> bool:
    """`self.user = User(message["token"])`: an object that was read, and asked nothing when it was made."""
    return isinstance(value, Instance) and any(
        isinstance(held, Unknown)
        and "client" in held.labels
        and not held.labels & {"answer", "found", "principal"}
        for held in value.attrs.values()
    )


def _poses(name: str, value: Value) -> bool:
    """Return True if it is the name that the client claims, or the entry found for it: `self.user = row`."""
    labels = labels_of(value)
    if "somebody" not in labels or labels & {"credential", "principal"}:
        return False
    return not labels & _FOUND_OUT - {"somebody"} or lexicon.is_identity_name(name)


def _shown_as(name: str, value: Value) -> Value:
    """Return the client's value under the name that the program gives it: `token = get_argument("t")`."""
    if (
        isinstance(value, Unknown)
        and "client" in value.labels
        and lexicon.is_credential_name(name)
        and not names_words(name, value.text)
        and not (
            lexicon.words_of(name)[-1:] == ["key"]
            and (
                is_put_together(value.text)
                or value.text.startswith("int(")
                or is_plain_digest(value.text)
                or (name == "key" and names_a_thing(value.text))
            )
        )
    ):
        return replace(value, labels=value.labels | {"credential"}, text=value.text or name)
    if (
        isinstance(value, Unknown)
        and "client" in value.labels
        and not value.labels & _FOUND_OUT
        and lexicon.says_who(name)
    ):
        return replace(value, labels=value.labels | {"somebody"}, text=value.text or name)
    return value


def _parts_of(value: Value, many: int) -> list[Value]:
    """Split `module, _, name = settings.AUTH.rpartition(".")`, or a parsed address, among the names."""
    parts = parts_in_order(value)
    if parts:
        return parts if many == len(parts) else [one for one in parts if one is not parts[3]]
    if isinstance(value, Instance) and _is_tuple(value):
        return list(value.attrs.values())
    if not isinstance(value, Setting) or not isinstance(value.default, Sequence):
        return []
    return [
        Setting(f"{value.name}[{at}]", one, value.labels, value.text)
        for at, one in enumerate(value.default.items)
    ]


def _is_tuple(value: Instance) -> bool:
    """Return True if an object is a named tuple with all of its fields."""
    body = value.info.node.body
    return len(value.attrs) == len(body) and all(isinstance(one, ast.AnnAssign) for one in body)


def _tests_around(function: ast.AST, node: ast.AST) -> Iterator[ast.expr]:
    """The conditions that a statement of a function stands under."""
    for one in ast.walk(function):
        if isinstance(one, ast.If) and any(inner is node for inner in ast.walk(one)):
            yield one.test


def _is_pair(target: ast.Tuple | ast.List) -> bool:
    """`for key, value in table.items()`."""
    match target.elts:
        case [ast.Name(id="key"), ast.Name(id=name)]:
            return name in {"data", "item", "v", "val", "value"}
        case _:
            return False


@lru_cache(maxsize=65536)
def _nonlocal(node: ast.AST | None) -> frozenset[str]:
    """The names that a function itself declares; a function in it declares its own."""
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return frozenset()
    names: set[str] = set()
    rest: list[ast.AST] = [*node.body]
    while rest:
        one = rest.pop()
        if isinstance(one, ast.Nonlocal):
            names.update(one.names)
        elif not isinstance(one, FunctionNode | ast.ClassDef):
            rest.extend(ast.iter_child_nodes(one))
    return frozenset(names)
