"""Changes and reads of shared state by a message, where the client names the object."""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from stormdoor_audit.auditor.interpreter.events import SERVING, Event
from stormdoor_audit.auditor.interpreter.expressions.proofs import mark_at
from stormdoor_audit.auditor.interpreter.tables import STORE, root_of
from stormdoor_audit.auditor.interpreter.values import (
    FIELD,
    NONE,
    Const,
    Instance,
    Labels,
    Mapping,
    Sequence,
    Unknown,
    Value,
    labels_of,
    text_of,
)
from stormdoor_audit.auditor.judging.given import values_in
from stormdoor_audit.auditor.judging.segments import Segment, is_of_lists, place_of
from stormdoor_audit.auditor.judging.statements import literals_of, statement_in
from stormdoor_audit.auditor.judging.usage import is_defined, is_statement
from stormdoor_audit.auditor.naming.stdlib import STDLIB
from stormdoor_audit.auditor.reading.project import Project

__all__ = ["Effect", "Effects", "Kind", "fields_in", "is_found", "store_of"]

Kind = str
"""`change`, `put`, `make` if there was none, `add`, `join`, `read`, or `call` if its answer is used."""

_FOUND = frozenset({"answer", "found"})
_WHO = frozenset({"principal"})
_LOOKS = frozenset({"copy", "count", "get", "index", "items", "keys", "values"})
"""Methods of Python's own tables and lists that change nothing."""
_KINDS = {"setdefault": "make"}
_OUTSIDE = frozenset({"os", "pathlib", "shutil"})
"""Modules of Python with functions that reach state shared by all connections: files."""


@dataclass(frozen=True, slots=True)
class Effect:
    """A change or a disclosure of shared state.

    Args:
        event: What happens.
        place: Where, with the calls that led there.
        at: Its index in the segment.
        kind: Change, addition, membership, read, or call with a used answer.
        root: The store that it is found in: `DOCS`, `store.rooms`, a table of a database.
        named_by: The fields of the client by which it is found.
        by_principal: It is found by the user, too.
        records: It notes the user as a part of what is kept.
    """

    event: Event
    place: tuple[int, ...]
    at: int
    kind: Kind
    root: str
    named_by: Labels
    by_principal: bool = False
    records: bool = False


def fields_in(labels: Labels) -> Labels:
    """The fields of the client that a value depends on; the message as a whole where no field is named.

    A name that the client has proven is its own, and none of them.
    """
    if "client" not in labels:
        return NONE
    return frozenset(one for one in labels if one[0] == FIELD) or frozenset({FIELD})


def is_found(labels: Labels) -> bool:
    """Return True if it was found by a value from the client."""
    return "client" in labels and bool(labels & _FOUND)


class Effects:
    """Finds effects in segments.

    Args:
        project: The files.
        segments: All segments of an endpoint.
    """

    def __init__(self, project: Project, segments: Iterable[Segment]) -> None:
        self._project = project
        self._stores: dict[str, str] = {}
        self._used: set[str] = set()
        for segment in segments:
            for event in segment.events:
                if event.kind == "call" and isinstance(event.node, ast.Call):
                    mark, store = mark_at(event.node), store_of(event)
                    if ":" in store or mark not in self._stores:
                        self._stores[mark] = store
                if event.kind not in {"branch", "check"}:
                    self._used.update(one for one in event.labels if one[0] == "@")

    def of(self, segment: Segment) -> Iterator[Effect]:
        """Effects of a message, and of `open()`, in order."""
        joins = {id(event.node) for event in segment.events if event.kind == "join"}
        for at, event in enumerate(segment.events):
            made = self._made(event, joins) if event.stage in SERVING else None
            if made is not None:
                yield Effect(
                    event,
                    place_of(event),
                    at,
                    made.kind,
                    made.store,
                    fields_in(made.naming),
                    by_principal="principal" in made.naming,
                    records="principal" in made.given,
                )

    def _made(self, event: Event, joins: set[int]) -> "_Made | None":
        match event.kind:
            case "store":
                return self._stored(event)
            case "act" if event.text.endswith(".__delitem__"):
                held = event.receiver or Unknown()
                found = is_found(held.labels)
                store = self._store_of(held) if found else root_of(f"{event.text}()")
                return _Made("change", store, labels_of(held, *event.values))
            case "call" | "act":
                return self._called(event, joins)
            case "send":
                return self._sent(event)
            case _:
                return None

    def _stored(self, event: Event) -> "_Made | None":
        holder = event.receiver.labels if event.receiver is not None else NONE
        *keys, value = event.values
        given = labels_of(value)
        if event.receiver is not None and is_found(holder):
            own = labels_of(*keys) & _WHO  # `room.seen[self.user] = now`
            return _Made("change", self._store_of(event.receiver), holder | own)
        key = labels_of(*keys)
        if "client" not in key or "client" in holder or event.text.startswith("self."):
            return None
        if given & _FOUND and fields_in(given) <= fields_in(key):
            return None  # it keeps what a look-up by this key gave
        return _Made("put", root_of(event.text), key | (holder & _WHO), given)

    def _called(self, event: Event, joins: set[int]) -> "_Made | None":
        holder = event.receiver.labels if event.receiver is not None else NONE
        arguments = [*event.values, *(value for _, value in event.words)]
        given = labels_of(*arguments)
        owner, _, name = event.text.rpartition(".")
        top = event.text.partition(".")[0]
        if not owner or top == "handler" or "credential" in given:
            return None
        if isinstance(event.receiver, Const):
            return None  # a text is made
        if (of_sql := statement_in(event.values)) is not None:
            reads = of_sql.kind == "read" or "client" not in of_sql.given
            made = _Made(of_sql.kind, store_of(event), of_sql.finding, of_sql.given)
            return None if reads else made
        if (top in STDLIB and (top not in _OUTSIDE or event.kind != "act")) or name in _LOOKS:
            return None
        if id(event.node) in joins:
            naming = holder if is_found(holder) else given
            return _Made("join", root_of(f"{event.text}()"), naming) if "client" in naming else None
        stated = is_statement(event.module, event.node)
        may_refuse = "principal" in given and is_defined(self._project, name)
        kind = _KINDS.get(name, "add" if is_of_lists(name) else "change")
        if event.receiver is not None and is_found(holder):
            if not stated or (kind == "change" and may_refuse):
                return None  # the use of its answer counts; or it is told the user, and can refuse
            return _Made(kind, self._store_of(event.receiver), holder, given)
        if "client" in holder or "client" not in given or name[:1].isupper():
            return None
        if "principal" in holder:
            return _Made(kind, root_of(f"{event.text}()"), given | _WHO) if stated else None
        parses = not stated and fields_in(given) == {FIELD}
        if may_refuse or parses or (not stated and mark_at(event.node) in self._used):
            return None  # it can refuse; or it reads the message, or is a look-up
        naming = given
        if "principal" in given and len(arguments) > 1:
            naming = labels_of(arguments[0])  # a library finds by what comes first
        return _Made(kind if stated else f"call {name}", store_of(event), naming, given)

    def _sent(self, event: Event) -> "_Made | None":
        for value in values_in(event):
            if not isinstance(value, Mapping | Sequence | Instance) and is_found(value.labels):
                return _Made("read", self._store_of(value), value.labels)
        return None

    def _store_of(self, value: Value) -> str:
        """The store that a value was found in: by the look-up that gave it, else by its text."""
        root = root_of(text_of(value))
        stores = [one for mark, one in self._stores.items() if mark in value.labels]
        stores += [one.removeprefix(STORE) for one in sorted(value.labels) if one[0] == STORE]
        same = (one for one in stores if one.partition(":")[0] == root)
        return next(same, stores[-1] if stores else root)


@dataclass(frozen=True, slots=True)
class _Made:
    kind: Kind
    store: str
    naming: Labels
    given: Labels = NONE


def store_of(event: Event) -> str:
    """The store that a call asks: with the table of a statement of SQL, or the class that is looked for."""
    root = root_of(f"{event.text}()")
    found = statement_in(event.values)
    table = found.table if found is not None else _class_in(event.node) or _prefix_in(event.values)
    return f"{root}:{table}" if table else root


def _class_in(node: ast.AST) -> str:
    """`Invoice` of `session.query(Invoice).filter_by(id=number).one()`."""
    for one in ast.walk(node):
        if isinstance(one, ast.Call) and one.args:
            first = one.args[0]
            name = first.attr if isinstance(first, ast.Attribute) else getattr(first, "id", "")
            if name[:1].isupper() and not name.isupper():
                return str(name)
    return ""


def _prefix_in(values: tuple[Value, ...]) -> str:
    """`room` of `f"room:{number}"`."""
    first = next((text for value in values[:1] for text in literals_of(value)), "")
    return first[:-1] if first[:-1].isidentifier() and first[-1] in ":/." else ""
