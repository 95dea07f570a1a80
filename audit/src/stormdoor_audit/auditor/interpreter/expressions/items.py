"""Items of a sequence, of a mapping, or of a value from the client."""

import ast
import re
from dataclasses import replace

from stormdoor_audit.auditor.interpreter.addresses import parts_in_order
from stormdoor_audit.auditor.interpreter.events import Stage
from stormdoor_audit.auditor.interpreter.expressions.proofs import Proofs
from stormdoor_audit.auditor.interpreter.kept import field_in, found_in
from stormdoor_audit.auditor.interpreter.namesakes import is_a_thing
from stormdoor_audit.auditor.interpreter.outcomes import Thrown
from stormdoor_audit.auditor.interpreter.pieces import chosen_only, is_of_names
from stormdoor_audit.auditor.interpreter.tables import (
    STORE,
    field_named,
    found_in_store,
    is_chosen,
    is_own,
    is_shared,
    key_named,
)
from stormdoor_audit.auditor.interpreter.told import part_in
from stormdoor_audit.auditor.interpreter.values import (
    FIELD,
    NONE,
    Bound,
    ClassRef,
    Const,
    Function,
    Instance,
    Labels,
    Mapping,
    Named,
    Nobody,
    Partial,
    Sequence,
    Setting,
    Special,
    Unknown,
    Value,
    labels_of,
    settled,
    text_of,
)
from stormdoor_audit.auditor.interpreter.which import last_word
from stormdoor_audit.auditor.naming import lexicon
from stormdoor_audit.auditor.naming.vocabulary import TICKETS

__all__ = ["PROVEN", "Items", "is_of_code"]

_OF_CLIENT = frozenset({"client", "origin", "self", "address"})
_FOUND: Labels = frozenset({"found"})
PROVEN: Labels = frozenset({"principal", "proven"})
"""Labels of the user: it is what the client has proven to be."""
_NAMES = re.compile(r"\w+")
_PICKS = frozenset({"client", "message"})
_OF_SERVERS = frozenset({"fetch", "get", "post", "put", "request", "send", "urlopen"})
"""Calls that query another server; its answer may only be passed on."""
_PIECES = (".partition()", ".rpartition()", ".split()", ".rsplit()")
"""Endings of a text that was cut into pieces, each of which is a text, too."""
_MAX_PICKED = 16
"""Entries of a table of actions that are followed one by one."""


class Items(Proofs):
    """Subscripts and what a loop sees."""

    def items_of(self, value: Value, limit: int) -> list[Value]:
        """Return the items that a loop over the value sees; at least one item."""
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

    def as_shipped(self, source: Value) -> Value:
        """Return the items that a loop of an origin check sees under the default configuration.

        A list that cannot be read here has one origin in it: a check is one for any content.
        """
        empty = isinstance(source, Sequence) and not source.items
        if self.mode != "origin" or not (empty or isinstance(source, Setting | Unknown)):
            return source
        shipped = settled(source)
        if isinstance(shipped, Sequence | Mapping) and shipped.items:
            return shipped
        if isinstance(shipped, Const) and shipped.value is not None:
            return shipped
        labels = labels_of(source)
        if labels & _OF_CLIENT:
            return source
        self.looked_at.add("list")
        return Sequence([Const(self.listed, labels | {"stand-in"}, text_of(source))])

    def is_proof(self, value: Value) -> bool:
        """Return True if the client must know a value, not merely choose it."""
        labels = labels_of(value)
        return "credential" in labels and "client" in labels and "named" not in labels

    def opens(self, table: Value, key: Value) -> bool:
        """Return True if a key is a credential, by its own or its table's name: `sessions[cookie]`."""
        holder = (lexicon.chain_of(text_of(table)) or [""])[-1].removesuffix("s")
        return self.is_proof(key) or (
            labels_of(key) >= {"client", "cookie"} and lexicon.is_credential_name(holder.lower())
        )

    def _of_credential(self, table: Value, key: Value, node: ast.AST, text: str) -> Value | None:
        """Entry of a table under the credential that an unauthenticated client shows, if it shows one."""
        if self.mode != "anonymous" or not self.opens(table, key) or is_of_names(table):
            return None
        if is_a_thing(key, self.frame.module):
            return None
        return self.kept_for_anybody(table, key) or self.lookup(node, text, key)

    def kept_for_anybody(self, table: Value, key: Value) -> Value | None:
        """Entry under a key that the server gives to all clients."""
        name = text_of(table)
        self.tables_asked.add(name)
        if name not in self.filled:
            return None
        return found_in(name, self.filled[name], labels_of(table, key))

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
                    for one in map(settled, bounds)
                    if isinstance(one, Const) and isinstance(one.value, int | None)
                ]
                if len(numbers) == 3:
                    try:
                        return Const(value.value[slice(*numbers)], value.labels)
                    except (TypeError, ValueError):
                        return Unknown(value.labels)
            if self.mode == "anonymous" and "client" in labels_of(*bounds):
                return Unknown(chosen_only(*bounds), text_of(value))  # as much of it as it likes
            if isinstance(value, Nobody | Sequence | Setting):
                return value
            return Unknown(labels_of(value), text_of(value))
        index = self.evaluate(node.slice)
        return self.item(value, index, node)

    def item(self, value: Value, index: Value, node: ast.AST) -> Value:
        """`value[index]`."""
        text = self.frame.module.source(node)
        parts = parts_in_order(value)
        match value:
            case Mapping() if parts and isinstance(index, Const) and isinstance(index.value, int):
                if -len(parts) <= index.value < len(parts):
                    return parts[index.value]
            case Mapping() if isinstance(index, Const) and isinstance(
                index.value, str | int | bytes
            ):
                if index.value in value.items:
                    return self.entry_of(value, value.items[index.value])
                if value.exact:
                    raise Thrown("KeyError", node, self.frame.module)
            case Mapping() if key_named(index) in value.items:
                return value.items[key_named(index)]
            case Mapping() if (entry := self.found_entry(value, index, node)) is not None:
                return entry
            case Mapping() if (
                value.exact
                and (value.items or self.is_empty_of_its_own(value, index))
                and "client" in labels_of(index)
            ):
                return self.picked(value, index, node)
            case Sequence() if isinstance(index, Const) and isinstance(index.value, int):
                try:
                    return value.items[index.value]
                except IndexError:
                    if value.exact:
                        raise Thrown("IndexError", node, self.frame.module) from None
            case Sequence(items=[_, *_]) if all(map(is_own, value.items)):
                return Unknown(labels_of(*value.items), text)
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
            case Named(name="os.environ") if (
                self.mode == "anonymous"
                and isinstance(index, Const)
                and isinstance(index.value, str)
                and lexicon.concerns_identity(index.value)
                and not lexicon.is_credential_name(index.value.rstrip("sS"))
            ):
                return Setting(text, Const(...), text=text)  # it does not start without
            case Named(name="os.environ") if self.mode == "origin":
                return Unknown(text=text)
            case ClassRef() | Named() if not (
                isinstance(index, Nobody) or labels_of(index) & {"client", "principal"}
            ):
                return value
            case Nobody():
                if value.certain or self._has_no_item(value, index):
                    self.check(node, value.text, presumed=value.presumed and not value.certain)
                    raise Thrown(self._of_no_item(value), node, self.frame.module, check=True)
                return Nobody(value.text, node, self.frame.module, presumed=value.presumed)
            case Setting() if "principal" in labels_of(index) and "client" not in labels_of(index):
                return Unknown(labels_of(value, index), text)  # what is there for this user
            case Setting() if (entry := self.entry_of_setting(value, index, node)) is not None:
                return entry
            case Setting():
                key = index.value if isinstance(index, Const) else None
                if isinstance(value.default, Mapping) and isinstance(key, str | int):
                    return Setting(text, value.default.items.get(key), text=text)
                found = self._of_credential(value, index, node, text)
                return found or self.setting_named(text, str(key or ""), node)
            case _:
                pass
        return self._item_of_unknown(value, index, node)

    def _item_of_unknown(self, value: Value, index: Value, node: ast.AST) -> Value:
        """An item of what cannot be read, or does not say what is in it."""
        text = self.frame.module.source(node)
        found = field_in(value, field_named(index))
        if found is None and "client" in labels_of(value):
            at = index.value if isinstance(index, Const) else index
            return self.client_field(value, field_named(index), text, at=at, node=node)
        found = found or self._of_credential(value, index, node, text)
        if found is not None:
            return found
        if self.mode == "anonymous" and isinstance(index, Nobody):
            if self.expected & {"KeyError", "LookupError"}:
                self.check(node, text, presumed=index.presumed)
                raise Thrown("KeyError", node, self.frame.module, check=True)
            if index.certain and self.catching:
                return self.lookup(node, text, index)  # nothing stands under None
            return Nobody(text, node, self.frame.module, presumed=index.presumed)
        if (
            isinstance(index, Const)
            and isinstance(index.value, str)
            and not isinstance(value, Mapping)
        ):
            return self.by_words(value, index.value, text, node)
        if self.is_ticket_of(index, node):
            return Unknown((labels_of(value) - {"self"}) | {"principal", "proven"}, text)
        looked_up = self.found_in(value) if "client" in labels_of(index) else NONE
        return Unknown(labels_of(value, index) | looked_up, text)

    def found_in(self, table: Value) -> Labels:
        """Labels of what is found in a table by what the client sent."""
        return found_in_store(table) if self.mode == "member" else _FOUND

    def found_entry(self, table: Mapping, index: Value, node: ast.AST) -> Value | None:
        """Record that an admitted client finds in a table; None if it picks code to run."""
        if self.mode != "member" or "client" not in labels_of(index) or not is_shared(table):
            return None
        entries, text = list(table.items.values()), self.frame.module.source(node)
        labels = labels_of(index) | self.found_in(table)
        if self.is_shown(labels) and not is_of_code(table) and self.is_ticket_of(index, node):
            labels = PROVEN
        match entries[:1]:
            case [Mapping() | Sequence()] if not any(map(_holds_code, entries)):
                return Unknown(labels, text)
            case [Instance(info=info) as first] if all(
                isinstance(one, Instance) and one.info.name == info.name and not one.handler
                for one in entries
            ):
                return replace(first, labels=first.labels | labels)
            case _:
                return None

    def entry_of_setting(self, table: Setting, key: Value, node: ast.AST) -> Value | None:
        """Return the entry that a client that is let in finds in a table of the configuration."""
        text = self.frame.module.source(node)
        if self.is_ticket_of(key, node):
            return Unknown(PROVEN, text)
        if self.mode == "member" and is_chosen(key):
            return Unknown(labels_of(table, key) | self.found_in(table), text)
        return None

    def entry_of(self, table: Mapping, entry: Value) -> Value:
        """An object in a table of the program, found by a key that stands in the source."""
        if self.mode != "member" or not is_shared(table):
            return entry
        if not isinstance(entry, Instance) or entry.handler:
            return entry
        return replace(entry, labels=entry.labels | self.found_in(table) - _FOUND)

    def part_of_found(self, holder: Instance, part: Value) -> Value:
        """An attribute of an object that a client that is let in found by what it sent."""
        labels = holder.labels
        found = labels & {"found", "principal"} or any(one[0] == STORE for one in labels)
        if self.mode != "member" or not found or labels <= part.labels:
            return part
        if labels & {"found", "principal"}:
            part = _of_another(part)
        if isinstance(part, Const | Unknown | Mapping | Sequence) or (
            isinstance(part, Instance) and not part.handler
        ):
            return replace(part, labels=part.labels | labels)
        return part

    def is_empty_of_its_own(self, table: Mapping, index: Value) -> bool:
        """Return True if the connection made the table for itself, and it is still empty."""
        attributes = self.handler.attrs.values() if self.handler is not None else ()
        return (
            not table.text
            and is_chosen(index)
            and (self.mode == "member" or any(one is table for one in attributes))
            and not any(one is table for event in self.events for one in event.values)
        )

    def is_shown(self, labels: Labels) -> bool:
        """Return whether the handshake shows a cookie or a header, under which the user is found."""
        return (
            self.mode == "member"
            and self.stage in {Stage.PREPARE, Stage.GET, Stage.OPEN}
            and "client" in labels
            and bool(labels & {"cookie", "header"})
            and not labels & {"address", "host", "origin"}
        )

    def is_ticket_of(self, key: Value, node: ast.AST) -> bool:
        """Return whether only this client can show the key, such as a session or a ticket."""
        if self.mode != "member":
            return False
        if not self.is_shown(labels_of(key)) and not (
            self.is_proof(key)
            and TICKETS
            & {word for name in _NAMES.findall(text_of(key)) for word in lexicon.words_of(name)}
        ):
            return False  # the number of a session, or another name of a credential
        self.record("check", node, self.frame.module.source(node), values=(key,))
        return True

    def _has_no_item(self, value: Nobody, index: Value) -> bool:
        """Return True if an absent or empty value is indexed: `rows[0]`, `session["user"]`.

        A session is there for every visitor, and may hold other things.
        """
        if value.truthy or not isinstance(index, Const) or self.mode != "anonymous":
            return False
        if isinstance(index.value, str) and lexicon.is_about_somebody(index.value):
            return True
        answered = value.text.endswith("()")
        last = (lexicon.chain_of(value.text) or [""])[-1]
        return answered and last not in _OF_SERVERS

    def _of_no_item(self, value: Nobody) -> str:
        """Name of the exception raised then, among those that the callers catch."""
        expected = self.expected
        if value.certain or not expected & {"IndexError", "KeyError", "LookupError"}:
            return "TypeError"
        return "IndexError" if "IndexError" in expected else "KeyError"

    def picked(
        self, value: Mapping, index: Value, node: ast.AST, fallback: Value | None = None
    ) -> Value:
        """Entry that the client picks from a table by name; absent if the name is unknown."""
        told = self.said.told
        entries = [one for one in value.items if isinstance(one, tuple) or told.may_be(index, one)]
        entries = entries[:_MAX_PICKED]
        sure = bool(entries) and told.is_one(index, value.items) is True
        picked = self.choose(node, len(entries) + (not sure))
        if self.mode == "member":
            says_what = is_of_code(value) or all(
                isinstance(one, Const) for one in value.items.values()
            )
            picks = _PICKS | (labels_of(index) if says_what else _PICKS)
            self.record("branch", node, str(picked), values=(Unknown(picks, "a name"),))
        if picked < len(entries):
            told.note(index, [entries[picked]], holds=True)
            return value.items[entries[picked]]
        told.note(index, value.items, holds=False)
        if fallback is None:
            raise Thrown("KeyError", node, self.frame.module)
        return fallback

    def of_field(self, labels: Labels, name: str) -> Labels:
        """Labels of a field of what the client sent: with its path, unless it is one of a found object."""
        if self.mode != "member" or "found" in labels or any(one[0] == "@" for one in labels):
            return labels
        outer = {one for one in labels if one[0] == FIELD}
        place = next((one for one in ("url", "query", "cookie", "header") if one in labels), "")
        begins = outer or {f"{FIELD}.{place}" if place else FIELD}
        return (labels - outer) | {f"{one}.{name}" for one in begins}

    def client_field(
        self,
        value: Value,
        name: str,
        text: str,
        *,
        at: object = None,
        node: ast.AST | None = None,
    ) -> Value:
        """A part of something the client sent, or what the server has written there."""
        written: dict[str, Value] = getattr(value, "written", None) or {}
        if name in written:
            return written[name]
        found = labels_of(value)
        if node is not None and "query" in found and not found & {"answer", "body", "message"}:
            self.record("query", node, name)
        labels = self.of_field(found, str(at) if isinstance(at, int) else name)
        if lexicon.is_credential_name(name) and not (self.mode == "member" and name == "key"):
            if not lexicon.is_program(name, last_word(value)):
                labels |= {"credential"}
        elif "message" in labels and lexicon.is_name_of_somebody(name):
            labels -= {"credential"}  # `message["auth"]["user"]` is shown, and proves nothing
        if lexicon.says_who(name):
            labels |= {"somebody"}
        part = part_in(value, name if at is None else at)
        piece = isinstance(value, Unknown) and value.text.endswith(_PIECES)
        return self.as_proven(Unknown(labels, text, present=piece, part=part))


def is_of_code(table: Mapping) -> bool:
    """Return True if a table holds code to run: its keys name actions, and no objects."""
    return bool(table.items) and all(
        isinstance(one, ClassRef | Function | Bound | Partial) for one in table.items.values()
    )


def _of_another(part: Value) -> Value:
    """The same part of another object of the class: it has other values."""
    match part:
        case Const():
            return Unknown(part.labels, part.text)
        case Sequence(items=items):
            return replace(part, items=[*filter(_is_object, items)], exact=False)
        case Mapping(items=entries):
            kept = {key: one for key, one in entries.items() if _is_object(one)}
            return replace(part, items=kept, exact=False)
        case _:
            return part


def _is_object(value: Value) -> bool:
    return isinstance(value, Instance)


def _holds_code(value: Value) -> bool:
    match value:
        case Mapping(items=entries):
            return any(map(_holds_code, entries.values()))
        case Sequence(items=items):
            return any(map(_holds_code, items))
        case _:
            return not isinstance(value, Const | Unknown)
