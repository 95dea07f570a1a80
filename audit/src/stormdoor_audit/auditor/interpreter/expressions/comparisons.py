"""Proofs by comparison."""

import ast
import re
from functools import lru_cache

from stormdoor_audit.auditor.interpreter.expressions.memberships import (
    NAMES_OF_KINDS,
    OPERATORS,
    Memberships,
    chosen,
    derived,
    is_one_thing,
    worth_guessing,
)
from stormdoor_audit.auditor.interpreter.expressions.operators import turned
from stormdoor_audit.auditor.interpreter.kept import secret_named
from stormdoor_audit.auditor.interpreter.pieces import chosen_only, is_keyed_digest, is_text
from stormdoor_audit.auditor.interpreter.sets import compared
from stormdoor_audit.auditor.interpreter.standard import DISPLAYS
from stormdoor_audit.auditor.interpreter.values import (
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
    Unknown,
    Value,
    labels_of,
    settled,
    text_of,
)
from stormdoor_audit.auditor.interpreter.which import WHICH, last_word
from stormdoor_audit.auditor.naming import lexicon
from stormdoor_audit.auditor.naming.words import words
from stormdoor_audit.auditor.reading.module import Module

__all__ = ["Comparisons", "name_of"]


class Comparisons(Memberships):
    """Comparisons, and what they say of a credential."""

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
        """Return the value that an earlier condition established for the client's value."""
        asked = _asked_of(left, op, right) if self.said.told.known else None
        if asked is None:
            return None
        said, words, is_not = asked
        holds = self.said.told.is_one(said, words)
        if holds is None:
            return None
        return Const(holds is not is_not, labels_of(said))

    def _compared(self, left: Value, op: ast.cmpop, right: Value, node: ast.AST) -> Value:
        labels = labels_of(left, right)
        negated = isinstance(op, ast.NotEq | ast.IsNot | ast.NotIn)
        text = self.frame.module.source(node)
        left, right = _timed(left, right), _timed(right, left)
        if isinstance(left, Const) and isinstance(right, Const):
            return self.constants(left, op, right)
        if self.mode == "member":
            self._compared_for_member(left, right, node)
        if isinstance(op, ast.Is | ast.IsNot):
            first, second = _name_known(left), _name_known(right)
            if first and second:
                return Const((first == second) != negated)
            if left is right and isinstance(left, Unknown):
                return Const(not negated)  # the one that stands for nothing: `NOBODY = object()`
        if isinstance(op, ast.Is | ast.IsNot | ast.Eq | ast.NotEq):
            identical = self._against_nothing(left, right, node) or self._against_nothing(
                right, left, node
            )
            if identical is not None:
                return turned(identical) if negated else identical
        if isinstance(op, ast.In | ast.NotIn):
            found = self.held_by(left, right, node) or self.contained(left, right, node)
            if self.mode == "member" and isinstance(found, Unknown) and self.kept_under(right):
                found.labels |= {"found"}  # it is a question, and no kind of message
            return turned(found) if negated else found
        of_settings = self._of_settings(left, op, right, node)
        if of_settings is not None:
            return of_settings
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
                return turned(matched) if negated else matched
        known_sets = compared(left, op, right)
        if known_sets is not None:
            return known_sets
        if isinstance(left, Nobody) or isinstance(right, Nobody):
            return self._with_nobody(left, op, right, node)
        if isinstance(op, ast.Eq | ast.NotEq | ast.Is | ast.IsNot) and (
            _is_other_than(left, right) or _is_other_than(right, left)
        ):
            return Const(negated)
        if isinstance(op, ast.Eq | ast.NotEq):
            same = _same_items(left, right)
            if same is not None:
                return Const(same != negated)
        elif type(op) in OPERATORS:
            pair = _items_of(left, right)
            if pair is not None:
                return self.constants(Const(pair[0]), op, Const(pair[1]))
        if not isinstance(left, Const) and not isinstance(right, Const):
            labels -= WHICH  # it is asked whether it fits, and not only whether there is one
        return Unknown(labels, text)

    def _of_settings(self, left: Value, op: ast.cmpop, right: Value, node: ast.AST) -> Value | None:
        """Return the shipped result of comparing a setting."""
        text = self.frame.module.source(node)
        for one, other in ((left, right), (right, left)):
            if isinstance(one, Setting) and isinstance(other, Const):
                if other.value is None and _is_of_words(one) and not _says_none(node):
                    return Const(isinstance(op, ast.NotEq | ast.IsNot | ast.NotIn))
                assumed = self.assumptions.get(one.name)
                is_set = assumed is not None and assumed.value and not other.value
                if is_set and isinstance(op, ast.Eq | ast.NotEq | ast.Is | ast.IsNot):
                    negated = isinstance(op, ast.NotEq | ast.IsNot)
                    return self._against_what_is_set(one, text, node, negated=negated)
                return derived(
                    one, text, self._default_compared(one, op, other, reverse=one is right)
                )
        if not isinstance(left, Setting):
            return None
        if isinstance(right, Setting):
            shipped, wanted = settled(left), settled(right)
            if isinstance(shipped, Const) and isinstance(wanted, Const):
                return derived(left, text, self.constants(shipped, op, wanted))
        if isinstance(left.default, Sequence) and isinstance(right, Sequence):
            return derived(left, text, self.compare(left.default, op, right, node))
        return None

    def _default_compared(
        self, setting: Setting, op: ast.cmpop, other: Const, *, reverse: bool
    ) -> Value | None:
        """Compare the shipped value of a setting with a constant, if both are known."""
        default = setting.default
        differs = isinstance(op, ast.IsNot | ast.NotEq)
        match default:
            case Const(value=value) if value is ...:
                # The operator gives it some value, and not none.
                return Const(differs) if other.value in (None, "", b"") else None
            case Const() if reverse:
                return self.constants(other, op, default)
            case Const():
                return self.constants(default, op, other)
            case ClassRef() | Instance() | Function() | Named() | Sequence() | Mapping():
                return Const(differs) if other.value is None else None
            case _:
                return None

    def _with_nobody(self, left: Value, op: ast.cmpop, right: Value, node: ast.AST) -> Nobody:
        """Compare with the identity of an absent user: the result is absent, too."""
        text = self.frame.module.source(node)
        presumed = any(isinstance(one, Nobody) and one.presumed for one in (left, right))
        if isinstance(op, ast.Eq | ast.NotEq | ast.Is | ast.IsNot):
            holds = isinstance(op, ast.NotEq | ast.IsNot)
        else:
            holds = _of_nothing(left, op, right)
        return Nobody(text, node, self.frame.module, truthy=holds, presumed=presumed)

    def _compared_for_member(self, left: Value, right: Value, node: ast.AST) -> None:
        """Note what a comparison proves of a client that is let in, or asks about it."""
        text = self.frame.module.source(node)
        if _is_password_of(left, right) or _is_password_of(right, left):
            self.record("check", node, text, values=(left, right))
            self.prove((left, right))
            return
        signed = _is_sum_of(left, right) or _is_sum_of(right, left)
        if signed:
            self.prove_signed()
        if (
            (
                signed
                or labels_of(left, right) >= {"principal", "client"}
                or _is_token_of(left, right)
                or _is_token_of(right, left)
            )
            or self.is_right_of_whom(left)
            or self.is_right_of_whom(right)
        ):
            self.record("check", node, f"access: {text}", values=(left, right))
        own = self.kept_under(right) if isinstance(left, Unknown) and chosen(left) else ""
        if own:
            self.record("check", node, f"access: {text}", values=(left, Const(own)))

    def is_right_of_whom(self, found: Value) -> bool:
        """`row["role"]`, of the user that the client names, in a log-in of that user."""
        return (
            labels_of(found) >= {"answer", "client"}
            and lexicon.is_access_word(last_word(found))
            and any(lexicon.is_login(one.name) for one in self.frames)
        )

    def kept_under(self, held: Value) -> str:
        """The attribute of the connection that holds a list or a set; empty where none does."""
        attributes = self.handler.attrs if self.handler is not None else {}
        if not isinstance(held, Sequence):
            return ""
        return next((name for name, one in attributes.items() if one is held), "")

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

    def _against_nothing(self, one: Value, other: Value, node: ast.AST) -> Value | None:
        """`one == other` where `other` is None, False, empty: what an absent identity looks like."""
        if not isinstance(other, Const) or (
            other.value is not None and other.value not in ("", b"", False)
        ):
            return None
        match one:
            case Nobody() if other.value is None and _is_made(one):
                return Const(value=False)
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

    def _is_told(self, value: Value) -> bool:
        """Return True if the server sends it to this client, or to all: to send it back proves nothing."""
        if not isinstance(value, Unknown | Setting):
            return False
        name = secret_named(value)
        if name:
            self.tables_asked.add(name)
        return name in self.filled or any(
            event.kind == "send" and any(_holds(one, value) for one in event.values)
            for event in self.events
        )

    def _tells_kinds_apart(self, one: Value, node: ast.AST) -> bool:
        """`if key == "left": …`, and `elif key == "right": …`: one of several words, and no secret."""
        if last_word(one) not in NAMES_OF_KINDS or not isinstance(node, ast.Compare):
            return False
        return len(_compared_with(self.frame.module, ast.unparse(node.left))) > 1

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
                    or lexicon.is_credential_name(last_word(other))
                    or (isinstance(other, Named) and other.name == "os.environ")
                )
                and not chosen(other)
            ):
                continue
            if _is_only_itself(one) or _is_of_a_kind(one, other):
                continue
            if chosen(other) and "identity" not in labels_of(other):
                shown = chosen(
                    one
                )  # else the server looked it up, and it is the other that is shown
                continue
            if shown and "secret" not in labels_of(other):
                return None  # all clients can make the value that theirs is compared with
            if isinstance(other, Const) and (other.value in (None, "", b"")):
                return None
            if isinstance(other, ClassRef | Function | ModuleRef):
                return None  # a kind of something, and no secret
            if self._is_told(other):
                return Unknown(chosen_only(one), self.frame.module.source(node))
            text = self.frame.module.source(node)
            if isinstance(other, Setting):
                default = self.truth_of_default(other)
                if _is_shown(one) and _is_none(settled(other)):
                    return Nobody(text, node, self.frame.module)  # what is shown is never None
                if default is False and not self.assume(other, node):
                    return Const(value=True)
            if isinstance(other, Const) and (
                not worth_guessing(one, other) or self._tells_kinds_apart(one, node)
            ):
                return None
            return Nobody(text, node, self.frame.module)
        return None


@lru_cache(maxsize=4096)
def _timed(value: Value, other: Value) -> Value:
    """A time of the clock, where it is compared with 0: any is later, as with `until < time.time()`."""
    nought = isinstance(other, Const) and other.value == 0 and not isinstance(other.value, bool)
    clock = isinstance(value, Unknown) and value.text in {"time.time()", "time.monotonic()"}
    return Const(1) if nought and clock else value


def _compared_with(module: Module, asked: str) -> frozenset[str]:
    """The texts that something is compared with in a file, as it is written."""
    return frozenset(
        one.value
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Compare) and ast.unparse(node.left) == asked
        for right in node.comparators
        for one in ast.walk(right)
        if isinstance(one, ast.Constant) and isinstance(one.value, str)
    )


def _same_items(left: Value, right: Value) -> bool | None:
    """Return True if two lists of constants have the same items; None if they are unknown."""
    if isinstance(left, Mapping) and isinstance(right, Mapping) and left.exact and right.exact:
        return None if left.items and right.items else not left.items and not right.items
    pair = _items_of(left, right)
    return None if pair is None else pair[0] == pair[1]


def _items_of(left: Value, right: Value) -> tuple[tuple[object, ...], tuple[object, ...]] | None:
    """The items of two lists of constants; None where they are not known."""
    if not isinstance(left, Sequence) or not isinstance(right, Sequence):
        return None
    if not left.exact or not right.exact:
        return None
    items = [*left.items, *right.items]
    values = tuple(item.value for item in items if isinstance(item, Const))
    if len(values) != len(items):
        return None
    return values[: len(left.items)], values[len(left.items) :]


def _is_other_than(held: Value, one: Value) -> bool:
    """Return True if only one side is a list or a table: `({"error": "no"}, 401) != 200`."""
    return isinstance(held, Sequence | Mapping) and is_one_thing(one)


def _holds(held: Value, value: Value, depth: int = 3) -> bool:
    """Return True if a value is this one, or contains it."""
    if held is value:
        return True
    if not depth or not isinstance(held, Sequence | Mapping):
        return False
    inner = held.items if isinstance(held, Sequence) else held.items.values()
    return any(_holds(one, value, depth - 1) for one in inner)


def _name_known(value: Value) -> str:
    """Return the name of a unique value: `method is not RequestHandler._unimplemented_method`, `str`."""
    if not isinstance(value, Named):
        return ""
    return value.name if value.name.startswith("tornado.") or value.name in DISPLAYS else ""


def _is_held(value: Value) -> bool:
    """Return True if the server holds a value that is not empty as shipped."""
    if labels_of(value) & {"client", "origin", "host"}:
        return False
    shipped = settled(value)
    if isinstance(shipped, Const):
        return bool(shipped.value)
    return isinstance(value, Setting | Unknown | Named)


def _asked_of(
    left: Value, op: ast.cmpop, right: Value
) -> tuple[Value, tuple[object, ...], bool] | None:
    """Return the client's value in a comparison, the values it may equal, and the negation."""
    if isinstance(op, ast.In | ast.NotIn):
        names = _names_in(right)
        return (left, names, isinstance(op, ast.NotIn)) if names and _is_said(left) else None
    if isinstance(op, ast.Eq | ast.NotEq | ast.Is | ast.IsNot):
        for one, other in ((left, right), (right, left)):
            if _is_said(one) and isinstance(other, Const) and _is_word(other.value):
                return one, (other.value,), isinstance(op, ast.NotEq | ast.IsNot)
    return None


def _is_said(value: Value) -> bool:
    """Return True if the client sends it."""
    return isinstance(value, Unknown) and "client" in value.labels


def _is_word(value: object) -> bool:
    """Return True if it is a text or a number, which can name a kind of message."""
    return isinstance(value, str | bytes | int) and not isinstance(value, bool) and value != ""


def _is_for(name: Value, op: ast.cmpop, other: Value) -> bool:
    """`row["owner"] == self.name`, `self.name in note["readers"]`: the owner, and the claimed name."""
    labels, others = labels_of(name), labels_of(other)
    if "client" not in labels or labels & {"answer", "credential", "found"}:
        return False
    if not isinstance(other, Unknown) or others & {"credential", "principal", "self"}:
        return False
    if "somebody" not in labels:
        # `client.name == message["to"]`
        whom = lexicon.says_for_whom(last_word(name))
        return whom and isinstance(op, ast.Eq | ast.NotEq) and "client" not in others
    if isinstance(op, ast.In | ast.NotIn):
        return bool(others) and not others <= labels
    return isinstance(op, ast.Eq | ast.NotEq) and not ("client" in others and others <= labels)


def _is_token_of(shown: Value, found: Value) -> bool:
    """Return True if it is compared with the token of the named object: its holder may have the object."""
    return (
        "client" in labels_of(shown)
        and chosen(shown)
        and "client" in labels_of(found)
        and not chosen(found)
        and (
            lexicon.is_credential_name(last_word(found))
            or labels_of(shown) >= {"credential", "cookie"}  # it names its owner
        )
    )


def _is_password_of(shown: Value, found: Value) -> bool:
    """Return True if it is compared with the password of the user that the client names: a log-in."""
    names = [last_word(found), *re.findall(r"\w+", text_of(shown))]
    words = {word for name in names for word in lexicon.words_of(name)}
    return (
        labels_of(shown) >= {"client", "credential"}
        and "client" in labels_of(found)
        and not chosen(found)
        and bool({"pass", "passwd", "password", "pw", "pwd"} & words)
    )


def _is_sum_of(shown: Value, made: Value) -> bool:
    """Return True if it is compared with a digest of a secret and the name that the client sends."""
    return (
        "client" in labels_of(shown) and "secret" not in labels_of(shown) and is_keyed_digest(made)
    )


def _of_nothing(left: Value, op: ast.cmpop, right: Value) -> bool:
    """`len(rows) < 1` after a look-up without result: the number of rows of an absent user."""
    one, other = (0 if isinstance(side, Nobody) else side for side in (left, right))
    sides = [side.value if isinstance(side, Const) else side for side in (one, other)]
    if not all(isinstance(side, int | float) for side in sides) or type(op) not in OPERATORS:
        return False
    return bool(OPERATORS[type(op)](*sides))


def _is_only_itself(value: Value) -> bool:
    """Return True if it is an object that equals no other: no secret can equal it."""
    if not isinstance(value, Instance):
        return False
    node = value.info.node
    return not (node.decorator_list or node.bases or node.keywords) and not any(
        isinstance(one, ast.FunctionDef) and one.name == "__eq__" for one in node.body
    )


def _is_of_a_kind(said: Value, kind: Value) -> bool:
    """`message["type"] == Message.EXECUTE_CODE`: the kind of a message, under any name."""
    text = text_of(kind)
    holder, _, name = text.rpartition(".")
    if "credential" in labels_of(said) or isinstance(kind, Setting) or not _DOTTED.match(text):
        return False
    listed = [word.removesuffix("s") for word in lexicon.words_of(holder.rpartition(".")[2])[-1:]]
    return bool(
        (name.isupper() and _KINDS & set(lexicon.words_of(last_word(said))[-1:]))
        or (_KINDS | _SENT) & set(listed)
    )


_DOTTED = re.compile(r"[\w.]+$")
_KINDS = words(
    "action cmd command event instruction kind method msgtype op opcode operation task type verb"
)
"""Names of the kinds of messages, in a message and in a list of kinds."""
_SENT = words("message msg packet request")


def _is_of_words(setting: Setting) -> bool:
    """Return True if a setting is some word, such as the name of a role."""
    match settled(setting):
        case Const(value=str() as word):
            return bool(word) and "secret" not in setting.labels
        case _:
            return False


def _says_none(node: ast.AST) -> bool:
    """`ROLE is None`, which asks if it is set, and compares no user without a role."""
    return isinstance(node, ast.Compare) and any(
        isinstance(one, ast.Constant) for one in (node.left, *node.comparators)
    )


def _is_shown(value: Value) -> bool:
    return isinstance(value, Unknown) and value.present


def _is_none(value: Value | None) -> bool:
    return isinstance(value, Const) and value.value is None


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


def _is_made(one: Nobody) -> bool:
    """Return True if it is an object of a class, by that class's name: `SessionStore(key)` is never None."""
    match one.node:
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
            return name[:1].isupper() and not name.isupper()
        case _:
            return False
