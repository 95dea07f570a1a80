"""Membership in a list, a table, a text or a request, and the proof in it."""

import ast
import operator
import re
from collections.abc import Callable
from typing import Any

from stormdoor_audit.auditor.interpreter.expressions.operators import Operators
from stormdoor_audit.auditor.interpreter.kept import field_in, is_for_anybody
from stormdoor_audit.auditor.interpreter.pieces import (
    chosen_only,
    is_of_names,
    is_of_secrets,
    is_text,
)
from stormdoor_audit.auditor.interpreter.tables import is_shared
from stormdoor_audit.auditor.interpreter.texts import STAND_IN, stand_in
from stormdoor_audit.auditor.interpreter.values import (
    NONE,
    Bound,
    Const,
    Instance,
    Mapping,
    Named,
    Nobody,
    Sequence,
    Setting,
    Special,
    Unknown,
    Value,
    labels_of,
    settled,
    text_of,
)
from stormdoor_audit.auditor.interpreter.which import WHICH, last_word, only_says_which
from stormdoor_audit.auditor.naming import lexicon
from stormdoor_audit.auditor.naming.words import words
from stormdoor_audit.auditor.reading.defaults import is_given_anyway

__all__ = [
    "NAMES_OF_KINDS",
    "OPERATORS",
    "Memberships",
    "chosen",
    "derived",
    "is_one_thing",
    "worth_guessing",
]

OPERATORS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_COMMON = frozenset({"environ", "get", "lower", "options", "settings", "strip", "upper"})
"""Words that occur in the names of many settings."""
_FILES = frozenset({"cfg", "conf", "config", "configuration", "settings"})
"""Last words of what is read from a file of settings."""


class Memberships(Operators):
    """Memberships, and constants compared."""

    def constants(self, left: Const, op: ast.cmpop, right: Const) -> Value:
        """A comparison of two constants."""
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
                    return Const(bool(OPERATORS[type(op)](left.value, right.value)), labels)
        except (TypeError, KeyError, ValueError):
            return Unknown(labels)

    def held_by(self, left: Value, right: Value, node: ast.AST) -> Value | None:
        """Return the answer of an object that defines its own membership test."""
        if not isinstance(right, Instance) or right.handler:
            return None
        asked = self.attribute(right, "__contains__", node)
        return self.call(asked, [left], {}, node) if isinstance(asked, Bound) else None

    def contained(self, left: Value, right: Value, node: ast.AST) -> Value:
        """`left in right`: the first of these that can tell decides."""
        if self.mode == "origin":
            left = stand_in(right, "in", left)
        found = (
            self._among_constants(left, right, node)
            or self._as_configured(left, right, node)
            or self._in_request(left, right, node)
            or self._for_a_page(left, right, node)
            or self._with_a_setting(left, right, node)
            or self._for_nobody(left, right, node)
        )
        which = WHICH if only_says_which([left], right) else NONE
        return found or Unknown(
            (labels_of(left, right) - WHICH) | which, self.frame.module.source(node)
        )

    def _among_constants(self, left: Value, right: Value, node: ast.AST) -> Value | None:
        """Of a list that stands in the source, with settings among its items perhaps."""
        if isinstance(left, Sequence | Mapping) and isinstance(right, Sequence):
            return (
                Const(value=False) if right.exact and all(map(is_one_thing, right.items)) else None
            )
        if not isinstance(left, Const):
            return None
        labels = labels_of(left, right)
        if isinstance(right, Const):
            return self.constants(left, ast.In(), right)
        if isinstance(right, Mapping) and right.exact:
            return Const(left.value in right.items, labels)
        if not isinstance(right, Sequence):
            return None
        values = [item.value for item in right.items if isinstance(item, Const)]
        if left.value in values:
            return Const(True, labels)
        text = self.frame.module.source(node)
        set_later = [settled(item) for item in right.items if isinstance(item, Setting)]
        if "origin" in left.labels and any(
            isinstance(one, Const) and one.value == left.value for one in set_later
        ):
            return Setting(text, Const(value=True), text=text)
        if set_later:
            return Const(False, labels) if "origin" in left.labels else Unknown(labels, text)
        return Const(False, labels) if right.exact and len(values) == len(right.items) else None

    def _as_configured(self, left: Value, right: Value, node: ast.AST) -> Value | None:
        """Of the environment, the command line, the application's settings, a file of settings."""
        if not isinstance(left, Const):
            return None
        anonymous = self.mode == "anonymous"
        match right:
            case Named(name="os.environ" | "sys.argv") if anonymous:
                text = self.frame.module.source(node)
                return Setting(text, Const(value=False), text=text)  # absent as shipped
            case Special(kind="settings"):
                given = self.project.settings.get(str(left.value), ())
                # An argument that is never given, or only beside another part, is absent as shipped.
                said = any(is_given_anyway(module, value) for module, value in given)
                return Setting(f"{str(left.value)!r} in {text_of(right)}", Const(said))
            case _ if (
                anonymous
                and isinstance(left.value, str)
                and not left.labels
                and lexicon.concerns_identity(left.value)
                and _is_configuration(right, node)
            ):
                return Setting(f"{left.value!r} in the configuration", Const(value=False))
            case _:
                return None

    def _in_request(self, left: Value, right: Value, node: ast.AST) -> Value | None:
        """Of the headers and the cookies; what no page can send is not there for a page."""
        if not isinstance(right, Special) or right.kind not in {"headers", "cookies"}:
            return None
        if self.mode == "origin" and isinstance(left, Const):
            if str(left.value).lower() == "origin":
                return Const(value=True)
            if self.is_never_sent(right, left):
                return Const(value=False)
        labels = labels_of(left, right) | {"client", "header"}
        return Unknown(labels, self.frame.module.source(node))

    def _for_a_page(self, left: Value, right: Value, node: ast.AST) -> Value | None:
        """Membership in a value unreadable here, where the origin of a page is checked."""
        if self.mode == "origin" and isinstance(right, Unknown) and is_text(right):
            # A text that cannot be read here contains a piece that a page names, too.
            self.looked_at.add("list")
            if not isinstance(left, Const):
                return right
            page = Const(f"https://{STAND_IN}", right.labels, right.text)
            return self.constants(left, ast.In(), page)
        if (
            isinstance(left, Const)
            and "origin" in left.labels
            and not labels_of(right) & {"client"}
        ):
            # An allow-list that is not known here does not hold the attacker's origin.
            return self._origin_list(left, right, self.frame.module.source(node), node)
        return None

    def _with_a_setting(self, left: Value, right: Value, node: ast.AST) -> Value | None:
        """Of a setting, or whether a setting is among what is allowed."""
        text = self.frame.module.source(node)
        if isinstance(right, Setting) and isinstance(left, Const):
            default = right.default
            known = (
                self.contained(left, default, node)
                if isinstance(default, Sequence) and default.exact
                else None
            )
            return derived(right, text, known)
        if isinstance(left, Setting) and isinstance(right, Sequence) and right.exact:
            shipped = settled(left)
            known = self.contained(shipped, right, node) if isinstance(shipped, Const) else None
            return derived(left, text, known)
        return None

    def _for_nobody(self, left: Value, right: Value, node: ast.AST) -> Value | None:
        """Membership of a client without a credential in a list."""
        text = self.frame.module.source(node)
        if isinstance(left, Nobody):
            if left.truthy and self._has_joined(text_of(right).rpartition(".")[2]):
                return Unknown(text=text)  # `f"user-{user}"`, under which it was put there itself
            return Nobody(left.text, node, self.frame.module, presumed=left.presumed)
        if "visitor" in left.labels and not is_for_anybody(left):
            # Who is not logged in is an object, too, and no list holds it.
            return Nobody(text, node, self.frame.module)
        if isinstance(right, Nobody) and not right.truthy and isinstance(left, Const):
            return Nobody(right.text, node, self.frame.module, presumed=right.presumed)
        if self.is_not_listed(left, right):
            # Who is listed may have proven anything, or nothing at all.
            self.check(node, text, presumed=True, remembered=True)
            return Const(value=False)
        field = field_in(right, str(left.value)) if isinstance(left, Const) else None
        if isinstance(field, Nobody):
            return field
        if self.mode != "anonymous" or "client" not in labels_of(left):
            return None
        if is_text(right) or text_of(right) in self.filled or is_of_names(right):
            return Unknown(chosen_only(left), text)  # one letter of it is in it, and so is none
        proof = _lists_secrets(right) or (
            self.is_proof(left) and not _is_list_of_words(left, right)
        )
        if proof and not isinstance(right, Special) and not chosen(right):
            self.tables_asked.add(text_of(right))
            return Nobody(text, node, self.frame.module)
        return None

    def is_not_listed(self, left: Value, right: Value) -> bool:
        """`id(self) in LISTED`, where nothing on this way has put the connection there."""
        own = (isinstance(left, Instance) and left.handler) or text_of(left) == "id(self)"
        if not own or self.mode != "anonymous" or not self.accepted:
            return False
        name = text_of(right).rpartition(".")[2]
        if isinstance(right, Unknown) and right.labels >= {"client", "found"}:
            name = (lexicon.chain_of(right.text) or [""])[0]  # `self in rooms.get(room, [])`
        elif not is_shared(right) and not self._lists_itself(right):
            return False
        if isinstance(right, Sequence | Mapping) and right.items:
            return False
        return not self._has_joined(name)

    def _has_joined(self, table: str) -> bool:
        """Return True if the connection has put itself into a table of this name."""
        return any(
            event.kind == "join" and table in re.findall(r"\w+", event.text)
            for event in self.events
        )

    def _lists_itself(self, listed: Value) -> bool:
        """Return True if the connection joins a collection that was not read: `room.listeners.add(self)`."""
        if not isinstance(listed, Unknown | Named) or labels_of(listed) or self.handler is None:
            return False
        name = text_of(listed).rpartition(".")[2]
        adding = re.compile(rf"\b{re.escape(name)}\.(?:add|append)\(self\)")
        return bool(name) and any(map(adding.search, self.handler.info.module.lines))

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


def chosen(value: Value) -> bool:
    """Return True if the client sends it, and the server has not looked it up for the client."""
    labels = labels_of(value)
    return "client" in labels and not labels & {"answer", "found"}


def is_one_thing(value: Value) -> bool:
    """Return True if it is a number, a text or None: no container."""
    return isinstance(value, Const) and not isinstance(value.value, tuple | frozenset)


def worth_guessing(one: Value, other: Const) -> bool:
    """A constant that a credential is compared with: `token == "s3cret"`, not `auth == "basic"`."""
    if not isinstance(other.value, str | bytes) or len(other.value) < 3:
        return False
    if _is_scheme(other.value):
        return False
    name = text_of(one).lower()
    return any(
        word in name for word in ("token", "password", "secret", "key", "passw", "pin", "auth")
    )


def _is_scheme(value: str | bytes) -> bool:
    """Return True if it names the scheme of a credential in a header: `kind != "Bearer"`."""
    text = value.decode("latin-1") if isinstance(value, bytes) else value
    return text.strip(" :=").lower() in _SCHEMES


_SCHEMES = words("apikey basic bearer digest hawk jwt negotiate ntlm oauth token")


def _is_configuration(held: Value, node: ast.AST) -> bool:
    """Return True if a value read from a file has the name of configuration, and no client sent it."""
    names = ast.unparse(node.comparators[-1]) if isinstance(node, ast.Compare) else ""
    return (
        isinstance(held, Unknown)
        and not held.labels - {"setting", "answer"}
        and bool(_FILES & set(lexicon.words_of((lexicon.chain_of(names) or [""])[-1])[-1:]))
    )


def _lists_secrets(listed: Value) -> bool:
    """`shown in ACCESS_TOKENS`: a list of secrets, under any name of the value shown."""
    held = settled(listed)
    return (
        isinstance(held, Sequence)
        and bool(held.items)
        and is_of_secrets(lexicon.words_of(last_word(listed)))
    )


def _is_list_of_words(one: Value, other: Value) -> bool:
    """Return True if all items stand in the source and none is a secret to guess: `key in ["id", "name"]`."""
    match other:
        case Sequence(items=items, exact=True):
            listed = [item.value if isinstance(item, Const) else None for item in items]
        case Mapping(items=entries, exact=True):
            listed = [name if isinstance(name, str) else None for name in entries]
        case _:
            return False
    plain = last_word(one) in NAMES_OF_KINDS  # of an entry, where many are listed
    return bool(listed) and all(
        held is not None and (plain or not worth_guessing(one, Const(held))) for held in listed
    )


NAMES_OF_KINDS = frozenset({"auth", "code", "key"})
"""Names that a kind of something may have as well as a secret."""


def _same(left: object, right: object) -> bool:
    return left is right or (type(left) is type(right) and left == right)


def derived(setting: Setting, text: str, known: Value | None) -> Setting:
    """Return a setting derived from another, under a name of its own."""
    own = [one for one in re.findall(r"\w+", setting.name) if one not in _COMMON]
    name = text if own and own[-1] in text else f"{text} of {setting.name}"
    return Setting(name, known if isinstance(known, Const) else None, text=name)
