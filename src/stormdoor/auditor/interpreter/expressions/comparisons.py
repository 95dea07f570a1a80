"""What a comparison proves."""

import ast
import operator
import re
from collections.abc import Callable
from typing import Any

from stormdoor.auditor.interpreter.expressions.operators import Operators
from stormdoor.auditor.interpreter.pieces import (
    chosen_only,
    is_keyed_digest,
    is_of_secrets,
    is_text,
)
from stormdoor.auditor.interpreter.sets import compared
from stormdoor.auditor.interpreter.tables import is_shared
from stormdoor.auditor.interpreter.texts import STAND_IN, stand_in
from stormdoor.auditor.interpreter.values import (
    Authenticated,
    Bound,
    ClassRef,
    Const,
    Function,
    Instance,
    Mapping,
    ModuleRef,
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
from stormdoor.auditor.naming import lexicon
from stormdoor.auditor.reading.defaults import is_given_anyway

_COMMON = frozenset(["environ", "get", "lower", "options", "settings", "strip", "upper"])
"""What many settings have in their names."""

_FILES = frozenset({"cfg", "conf", "config", "configuration", "settings"})
"""Last words of what is read from a file of settings."""

__all__ = ["Comparisons", "name_of"]

_OPERATORS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


class Comparisons(Operators):
    """Comparisons, memberships, and what they say of a credential."""

    def compare(self, left: Value, op: ast.cmpop, right: Value, node: ast.AST) -> Value:
        """A comparison."""
        known = self._as_told(left, op, right)
        if known is not None:
            return known
        answer = self._compared(left, op, right, node)
        if (
            self.mode == "anonymous"
            and isinstance(answer, Unknown)
            and (_is_for(left, op, right) or _is_for(right, op, left))
        ):
            # INVARIANT: the answer is held, or another value would have its id.
            self.matches[id(answer)] = (answer, isinstance(op, ast.NotEq | ast.NotIn))
        asked = _asked_of(left, op, right) if isinstance(answer, Unknown) else None
        if asked is not None:
            # INVARIANT: as above.
            self.said.comparisons[id(answer)] = (answer, *asked)
        return answer

    def _as_told(self, left: Value, op: ast.cmpop, right: Value) -> Const | None:
        """What a condition before has told of what the client says."""
        asked = _asked_of(left, op, right) if self.said.told.known else None
        if asked is None:
            return None
        said, words, is_not = asked
        holds = self.said.told.is_one(said, words)
        if holds is None:
            return None
        self.told += labels_of(said) >= {"client", "message"}
        return Const(holds is not is_not, labels_of(said))

    def _compared(self, left: Value, op: ast.cmpop, right: Value, node: ast.AST) -> Value:
        labels = labels_of(left, right)
        negated = isinstance(op, ast.NotEq | ast.IsNot | ast.NotIn)
        text = self.frame.module.source(node)
        if isinstance(left, Const) and isinstance(right, Const):
            return self._constants(left, op, right)
        if self.mode == "member":
            self._compared_for_member(left, right, node)
        if isinstance(op, ast.Is | ast.IsNot | ast.Eq | ast.NotEq):
            identical = self._against_nothing(left, right, node) or self._against_nothing(
                right, left, node
            )
            if identical is not None:
                return _negated(identical) if negated else identical
        if isinstance(op, ast.In | ast.NotIn):
            found = self._held_by(left, right, node) or self._contained(left, right, node)
            return _negated(found) if negated else found
        for one, other in ((left, right), (right, left)):
            if isinstance(one, Setting) and isinstance(other, Const):
                assumed = self.assumptions.get(one.name)
                if (
                    assumed is not None
                    and assumed.value
                    and not other.value
                    and isinstance(op, ast.Eq | ast.NotEq | ast.Is | ast.IsNot)
                ):
                    return self._against_what_is_set(one, text, node, negated=negated)
                default = one.default
                known: Value | None = None
                if isinstance(default, Const) and default.value is ...:
                    # Whoever runs the program gives it some value, and not none.
                    if other.value in (None, "", b""):
                        known = Const(isinstance(op, ast.IsNot | ast.NotEq))
                elif isinstance(default, Const):
                    known = (
                        self._constants(default, op, other)
                        if one is left
                        else self._constants(other, op, default)
                    )
                elif other.value is None and isinstance(
                    default, ClassRef | Instance | Function | Named | Sequence | Mapping
                ):
                    known = Const(isinstance(op, ast.IsNot | ast.NotEq))
                return _derived(one, text, known)
        if isinstance(left, Setting) and isinstance(right, Setting):
            shipped, wanted = settled(left), settled(right)
            if isinstance(shipped, Const) and isinstance(wanted, Const):
                agreed = self._constants(shipped, op, wanted)
                return _derived(left, text, agreed)
        if (
            isinstance(left, Setting)
            and isinstance(left.default, Sequence)
            and isinstance(right, Sequence)
        ):
            default = self.compare(left.default, op, right, node)
            return _derived(left, text, default)
        if (
            self.mode == "anonymous"
            and isinstance(op, ast.Lt | ast.LtE | ast.Gt | ast.GtE)
            and "client" in labels
            and "identity" not in labels
        ):
            return Unknown(chosen_only(left, right), text)  # more or less proves nothing
        if self.mode == "origin" and isinstance(op, ast.Eq | ast.NotEq):
            for one, other in ((left, right), (right, left)):
                if self.is_proof(one) and _is_held(other):
                    return Const(negated)  # a page of an attacker may choose, and does not know
        if self.mode == "anonymous" and isinstance(op, ast.Eq | ast.NotEq):
            matched = self._proof(left, right, node)
            if matched is not None:
                return _negated(matched) if negated else matched
        known_sets = compared(left, op, right)
        if known_sets is not None:
            return known_sets
        if isinstance(left, Nobody) or isinstance(right, Nobody):
            presumed = any(isinstance(one, Nobody) and one.presumed for one in (left, right))
            if isinstance(op, ast.Eq | ast.NotEq | ast.Is | ast.IsNot):
                return Nobody(text, node, self.frame.module, truthy=negated, presumed=presumed)
            holds = _of_nothing(left, op, right)
            return Nobody(text, node, self.frame.module, truthy=holds, presumed=presumed)
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

    def _compared_for_member(self, left: Value, right: Value, node: ast.AST) -> None:
        """Note what a comparison proves of a client that is let in, or asks about it."""
        text = self.frame.module.source(node)
        if _is_password_of(left, right) or _is_password_of(right, left):
            self.record("check", node, text, values=(left, right))
            self.prove((left, right))
            return
        signed = _is_sum_of(left, right) or _is_sum_of(right, left)
        if signed:
            self.prove(self.signed())
        if (
            signed
            or labels_of(left, right) >= {"principal", "client"}
            or _is_token_of(left, right)
            or _is_token_of(right, left)
        ):
            self.record("check", node, f"access: {text}", values=(left, right))

    def _against_what_is_set(
        self, setting: Setting, text: str, node: ast.AST, *, negated: bool
    ) -> Value:
        """Nothing, compared with a setting that is taken to be set: a secret that was not shown."""
        name = setting.name.rpartition(".")[2]
        if isinstance(node, ast.Compare) and isinstance(node.comparators[-1], ast.Constant):
            return Const(negated)  # whether it is set
        own = isinstance(self.frame.receiver, Instance) and not self.frame.receiver.handler
        if own and text.startswith("self.") and "(" in text:
            return Const(negated)  # what a part of the program finds in what it keeps
        if self.mode == "anonymous" and (
            "secret" in setting.labels or lexicon.is_credential_name(name)
        ):
            return Nobody(text, node, self.frame.module, truthy=negated)
        return Const(negated)

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
            case (
                Instance()
                | Function()
                | ClassRef()
                | Bound()
                | Partial()
                | ModuleRef()
                | Authenticated()
            ):
                return Const(value=False)
            case Sequence() | Mapping():
                return Const(value=False)
            case Unknown(truthy=True):
                return Const(value=False)
            case Unknown(present=True) if other.value is None:
                return Const(value=False)
            case Unknown() if other.value is None and is_text(one):
                return Const(value=False)
            case Unknown(labels=labels) if (
                other.value is None
                and not labels & {"client", "self"}
                and lexicon.is_authenticator(name_of(node) or one.text)
            ):
                return Const(value=False)  # the part that authenticates is there
            case Unknown(labels=labels) if "client" in labels and other.value is None:
                return Unknown(labels, f"{one.text} is absent")
            case Named():
                return Const(value=False)
            case _:
                return None

    def _held_by(self, left: Value, right: Value, node: ast.AST) -> Value | None:
        """What an object of the program says of it, whose class says what it contains."""
        if not isinstance(right, Instance) or right.handler:
            return None
        asked = self.attribute(right, "__contains__", node)
        return self.call(asked, [left], {}, node) if isinstance(asked, Bound) else None

    def _contained(self, left: Value, right: Value, node: ast.AST) -> Value:
        text = self.frame.module.source(node)
        if self.mode == "origin":
            left = stand_in(right, "in", left)
        labels = labels_of(left, right)
        if isinstance(left, Const) and isinstance(right, Const):
            return self._constants(left, ast.In(), right)
        if isinstance(left, Const) and isinstance(right, Sequence):
            values = [item.value for item in right.items if isinstance(item, Const)]
            if left.value in values:
                return Const(True, labels)
            set_later = [settled(item) for item in right.items if isinstance(item, Setting)]
            if "origin" in left.labels and any(
                isinstance(one, Const) and one.value == left.value for one in set_later
            ):
                return Setting(text, Const(value=True), text=text)
            if set_later:
                return Const(False, labels) if "origin" in left.labels else Unknown(labels, text)
            if right.exact and len(values) == len(right.items):
                return Const(False, labels)
        if isinstance(left, Const) and isinstance(right, Mapping) and right.exact:
            return Const(left.value in right.items, labels)
        if (
            self.mode == "anonymous"
            and isinstance(right, Named)
            and right.name in {"os.environ", "sys.argv"}
            and isinstance(left, Const)
        ):
            return Setting(text, Const(value=False), text=text)  # nobody has said it as shipped
        if isinstance(right, Special) and right.kind == "settings" and isinstance(left, Const):
            name = str(left.value)
            given = self.project.settings.get(name, ())
            # What nobody says, or only where something else is there, is not there as shipped.
            said = any(is_given_anyway(module, value) for module, value in given)
            return Setting(f"{name!r} in {text_of(right)}", Const(said))
        if (
            self.mode == "anonymous"
            and isinstance(left, Const)
            and isinstance(left.value, str)
            and not left.labels
            and lexicon.concerns_identity(left.value)
            and _is_configuration(right, node)
        ):
            return Setting(f"{left.value!r} in the configuration", Const(value=False))
        if isinstance(right, Special) and right.kind in {"headers", "cookies"}:
            if (
                self.mode == "origin"
                and isinstance(left, Const)
                and str(left.value).lower() == "origin"
            ):
                return Const(value=True)
            if (
                self.mode == "origin"
                and isinstance(left, Const)
                and self.is_never_sent(right, left)
            ):
                return Const(value=False)
            return Unknown(labels | {"client", "header"}, text)
        if self.mode == "origin" and isinstance(right, Unknown) and is_text(right):
            # A text that nobody can read here: a piece of a page that it names is in it, too.
            self.looked_at.add("list")
            return (
                self._constants(left, ast.In(), _listed(right))
                if isinstance(left, Const)
                else right
            )
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
                return _derived(right, text, inner)
            return _derived(right, text, None)
        if isinstance(left, Setting) and isinstance(right, Sequence) and right.exact:
            shipped = settled(left)
            known = self._contained(shipped, right, node) if isinstance(shipped, Const) else None
            return _derived(left, text, known)
        if isinstance(left, Nobody):
            return Nobody(left.text, node, self.frame.module, presumed=left.presumed)
        if isinstance(right, Nobody) and not right.truthy and isinstance(left, Const):
            return Nobody(right.text, node, self.frame.module, presumed=right.presumed)
        if self.is_not_listed(left, right):
            # Who is listed may have proven anything, or nothing at all.
            self.check(node, text, presumed=True, remembered=True)
            return Const(value=False)
        if self.mode == "anonymous" and "client" in labels_of(left):
            if is_text(right) or text_of(right) in self.filled:
                return Unknown(chosen_only(left), text)  # one letter of it is in it, and so is none
            proof = _lists_secrets(right) or (
                self.is_proof(left) and not _is_list_of_words(left, right)
            )
            if proof and not isinstance(right, Special) and not _chosen(right):
                return Nobody(text, node, self.frame.module)
        return Unknown(labels, text)

    def _was_told(self, value: Value) -> bool:
        """Whether the server has sent it to this client: that it comes back proves nothing."""
        return any(
            event.kind == "send" and any(_holds(one, value) for one in event.values)
            for event in self.events
        )

    def is_not_listed(self, left: Value, right: Value) -> bool:
        """`id(self) in LISTED`, where nothing on this way has put the connection there."""
        own = (isinstance(left, Instance) and left.handler) or text_of(left) == "id(self)"
        if not own or self.mode != "anonymous" or not self.accepted:
            return False
        if not is_shared(right) and not self._lists_itself(right):
            return False
        if isinstance(right, Sequence | Mapping) and right.items:
            return False
        name = text_of(right).rpartition(".")[2]
        return not any(
            event.kind == "join" and name in re.findall(r"\w+", event.text) for event in self.events
        )

    def _lists_itself(self, listed: Value) -> bool:
        """Whether the connection puts itself into something that was not read: `room.listeners.add(self)`."""
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

    def _proof(self, left: Value, right: Value, node: ast.AST) -> Value | None:
        """A credential compared with what the server holds: this client has none that fits."""
        shown = False
        if _is_sum_of(left, right) or _is_sum_of(right, left):
            return Nobody(self.frame.module.source(node), node, self.frame.module)
        for one, other in ((left, right), (right, left)):
            if not self.is_proof(one) and not (
                "client" in labels_of(one)
                and isinstance(other, Setting | Unknown | Nobody | Named)
                and (
                    "secret" in labels_of(other)
                    or lexicon.is_credential_name(_last_word(other))
                    or (isinstance(other, Named) and other.name == "os.environ")
                )
                and not _chosen(other)
            ):
                continue
            if _chosen(other) and "identity" not in labels_of(other):
                shown = _chosen(
                    one
                )  # else the server looked it up, and it is the other that is shown
                continue
            if shown and "secret" not in labels_of(other):
                return None  # what is shown is compared with what anybody can make of it
            if isinstance(other, Const) and (other.value in (None, "", b"")):
                return None
            if isinstance(other, ClassRef | Function | ModuleRef):
                return None  # a kind of something, and no secret
            if isinstance(other, Unknown) and self._was_told(other):
                return None
            text = self.frame.module.source(node)
            if isinstance(other, Setting):
                default = self.truth_of_default(other)
                if _is_shown(one) and _is_none(settled(other)):
                    return Nobody(text, node, self.frame.module)  # what is shown is never None
                if default is False and not self.assume(other, node):
                    return Const(value=True)
            if isinstance(other, Const) and not _worth_guessing(one, other):
                return None
            return Nobody(text, node, self.frame.module)
        return None


def _holds(held: Value, value: Value, depth: int = 3) -> bool:
    """Whether a value, or what is in it, is this one."""
    if held is value:
        return True
    if not depth or not isinstance(held, Sequence | Mapping):
        return False
    inner = held.items if isinstance(held, Sequence) else held.items.values()
    return any(_holds(one, value, depth - 1) for one in inner)


def _is_held(value: Value) -> bool:
    """Whether the server holds something that is not nothing as shipped."""
    if labels_of(value) & {"client", "origin", "host"}:
        return False
    shipped = settled(value)
    if isinstance(shipped, Const):
        return bool(shipped.value)
    return isinstance(value, Setting | Unknown | Named)


def _listed(text: Unknown) -> Const:
    return Const(f"https://{STAND_IN}", text.labels, text.text)


def _asked_of(
    left: Value, op: ast.cmpop, right: Value
) -> tuple[Value, tuple[object, ...], bool] | None:
    """What of the client a comparison asks about, what it may be, and if it is negated."""
    if isinstance(op, ast.In | ast.NotIn):
        names = _names_in(right)
        return (left, names, isinstance(op, ast.NotIn)) if names and _is_said(left) else None
    if isinstance(op, ast.Eq | ast.NotEq):
        for one, other in ((left, right), (right, left)):
            if _is_said(one) and isinstance(other, Const) and _is_word(other.value):
                return one, (other.value,), isinstance(op, ast.NotEq)
    return None


def _is_said(value: Value) -> bool:
    """Whether the client says it."""
    return isinstance(value, Unknown) and "client" in value.labels


def _is_word(value: object) -> bool:
    """Whether it is a text or a number, which kinds of messages are told by."""
    return isinstance(value, str | bytes | int) and not isinstance(value, bool) and value != ""


def _is_for(name: Value, op: ast.cmpop, other: Value) -> bool:
    """`row["owner"] == self.name`, `self.name in note["readers"]`: whose it is, and who it says it is."""
    labels, others = labels_of(name), labels_of(other)
    if "client" not in labels or labels & {"answer", "credential", "found"}:
        return False
    if not isinstance(other, Unknown) or others & {"credential", "principal", "self"}:
        return False
    if "somebody" not in labels:
        # `client.name == message["to"]`
        whom = lexicon.says_for_whom(_last_word(name))
        return whom and isinstance(op, ast.Eq | ast.NotEq) and "client" not in others
    if isinstance(op, ast.In | ast.NotIn):
        return bool(others) and not others <= labels
    return isinstance(op, ast.Eq | ast.NotEq) and not ("client" in others and others <= labels)


def _is_token_of(shown: Value, found: Value) -> bool:
    """Whether it is compared with the token of what the client names: it may have what that is for."""
    return (
        "client" in labels_of(shown)
        and _chosen(shown)
        and "client" in labels_of(found)
        and not _chosen(found)
        and (
            lexicon.is_credential_name(_last_word(found))
            or labels_of(shown) >= {"credential", "cookie"}  # whose it is, it says
        )
    )


def _is_password_of(shown: Value, found: Value) -> bool:
    """Whether it is compared with the password of whom the client names: that is a log-in."""
    names = [_last_word(found), *re.findall(r"\w+", text_of(shown))]
    words = {word for name in names for word in lexicon.words_of(name)}
    return (
        labels_of(shown) >= {"client", "credential"}
        and "client" in labels_of(found)
        and not _chosen(found)
        and bool({"pass", "passwd", "password", "pwd"} & words)
    )


def _is_sum_of(shown: Value, made: Value) -> bool:
    """Whether it is compared with what the server makes of a secret and of what the client names."""
    return (
        "client" in labels_of(shown) and "secret" not in labels_of(shown) and is_keyed_digest(made)
    )


def _of_nothing(left: Value, op: ast.cmpop, right: Value) -> bool:
    """`len(rows) < 1`, where nothing is found: it is how many there are of nobody."""
    one, other = (0 if isinstance(side, Nobody) else side for side in (left, right))
    sides = [side.value if isinstance(side, Const) else side for side in (one, other)]
    if not all(isinstance(side, int | float) for side in sides) or type(op) not in _OPERATORS:
        return False
    return bool(_OPERATORS[type(op)](*sides))


def _is_shown(value: Value) -> bool:
    return isinstance(value, Unknown) and value.present


def _is_none(value: Value | None) -> bool:
    return isinstance(value, Const) and value.value is None


def _last_word(value: Value) -> str:
    """The name of a value: TOKEN of `os.environ["TOKEN"]`."""
    text = text_of(value).rpartition(".")[2]
    item = re.search(r"""\[['"](\w+)['"]\]$""", text)
    return item.group(1) if item else text


def name_of(node: ast.AST) -> str:
    """The name that is compared."""
    left = node.left if isinstance(node, ast.Compare) else node
    return (
        left.id
        if isinstance(left, ast.Name)
        else left.attr
        if isinstance(left, ast.Attribute)
        else ""
    )


def _chosen(value: Value) -> bool:
    """Whether the client says it, and the server has not looked it up for the client."""
    labels = labels_of(value)
    return "client" in labels and not labels & {"answer", "found"}


def _worth_guessing(one: Value, other: Const) -> bool:
    """A constant that a credential is compared with: `token == "s3cret"`, not `auth == "basic"`."""
    if not isinstance(other.value, str | bytes) or len(other.value) < 3:
        return False
    name = text_of(one).lower()
    return any(
        word in name for word in ("token", "password", "secret", "key", "passw", "pin", "auth")
    )


def _is_configuration(held: Value, node: ast.AST) -> bool:
    """Whether something that was read from a file is called so, and no client sent it."""
    names = ast.unparse(node.comparators[-1]) if isinstance(node, ast.Compare) else ""
    return (
        isinstance(held, Unknown)
        and not held.labels - {"setting", "answer"}
        and bool(_FILES & set(lexicon.words_of((lexicon.chain_of(names) or [""])[-1])[-1:]))
    )


def _lists_secrets(listed: Value) -> bool:
    """`shown in ACCESS_TOKENS`: a list of what a client has to know, whatever is shown is called."""
    held = settled(listed)
    return (
        isinstance(held, Sequence)
        and bool(held.items)
        and is_of_secrets(lexicon.words_of(_last_word(listed)))
    )


def _is_list_of_words(one: Value, other: Value) -> bool:
    """Whether all that is listed stands in the source and is nothing to guess: `key in ["id", "name"]`."""
    if not isinstance(other, Sequence) or not other.exact or not other.items:
        return False
    plain = _last_word(one) == "key"  # of an entry, where many are listed
    return all(
        isinstance(it, Const) and (plain or not _worth_guessing(one, it)) for it in other.items
    )


def _names_in(value: Value) -> tuple[object, ...]:
    """The texts and numbers that a list, a set or a table holds, where it holds nothing else."""
    match value:
        case Sequence(items=items, exact=True):
            held = [one.value for one in items if isinstance(one, Const)]
        case Mapping(items=entries, exact=True):
            held = list(entries)
        case _:
            return ()
    names = tuple(filter(_is_word, held))
    return names if len(names) == len(held) else ()


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


def _derived(setting: Setting, text: str, known: Value | None) -> Setting:
    """What is made of a setting is another one, by a name that tells it from others."""
    own = [one for one in re.findall(r"\w+", setting.name) if one not in _COMMON]
    name = text if own and own[-1] in text else f"{text} of {setting.name}"
    return Setting(name, known if isinstance(known, Const) else None, text=name)
