"""Outcomes of a condition for this client."""

import ast
from functools import lru_cache
from itertools import groupby

from stormdoor_audit.auditor.classes.classinfo import Member as ClassMember
from stormdoor_audit.auditor.interpreter.expressions.comparisons import Comparisons, name_of
from stormdoor_audit.auditor.interpreter.kept import is_for_anybody
from stormdoor_audit.auditor.interpreter.values import (
    Bound,
    Const,
    Coroutine,
    Function,
    Instance,
    Mapping,
    Member,
    Nobody,
    Sequence,
    Setting,
    Special,
    Unknown,
    Value,
    labels_of,
)
from stormdoor_audit.auditor.interpreter.which import WHICH
from stormdoor_audit.auditor.naming import lexicon
from stormdoor_audit.auditor.naming.words import words

__all__ = ["Conditions"]

_PROOF = frozenset({"credential", "identity"})
_SENT = words("client cookie credential header message query somebody url")
"""Labels of values that the client sends and that no code has compared."""
_SHOWN = _PROOF | {"cookie", "header"}
"""Labels of what may be shown as proof: what is found by anything else says nothing of who asks for it."""
_WHO = frozenset({"address", "credential", "principal"})
"""Labels of what depends on who the client is, on what it proves, or on where it connects from."""
_NO_PROOF = WHICH | {"named"}
"""Labels of an entry under a name that the client sends, of any owner."""

_TRUTHS = ("__bool__", "__nonzero__", "__len__")
"""Methods that Python calls for an object's truth, in this order; the second is of Python 2."""
_FEWEST_ALIKE = 3
"""Comparisons of one thing with constants, one after the other, that are taken for one question."""
_OF_REQUEST = words("cors host ip method origin origins port referer upgrade")
_RANKS = frozenset({"admin", "clearance", "grade", "group", "level", "privilege", "rank", "tier"})


class Conditions(Comparisons):
    """The truth of a value."""

    def logic_value(self, node: ast.expr) -> Value:
        """A condition as a value, without a choice where it is not certain."""
        if isinstance(node, ast.Compare | ast.BoolOp):
            return self.logic(node)
        return self.evaluate(node)

    def test(self, node: ast.expr, wanted: bool | None = None) -> bool:
        """Decide a condition; `wanted` is the outcome that refuses, where one does."""
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
                values = _as_lists(node)
                for value in values:
                    if self.test(value, wanted if wanted is False or value is values[-1] else None):
                        return True
                return False
            case _:
                found = self.evaluate(node)
                if self._is_empty_identity(node, found):
                    self.check(node, self.frame.module.source(node), remembered=True)
                return self.truth(found, node, wanted)

    def _is_empty_identity(self, node: ast.expr, value: Value) -> bool:
        """`self.authenticated` is False until the client has proven something; `self.user.known`, too."""
        return (
            self.mode == "anonymous"
            and self.accepted
            and isinstance(node, ast.Attribute)
            and isinstance(value, Const)
            and not value.value
            and lexicon.is_identity_name(node.attr)
            and not lexicon.is_negative(node.attr)
            and self._is_of_connection(node.value)
        )

    def _is_of_connection(self, holder: ast.expr) -> bool:
        """Return True if it is the connection, or an object made for it that names its user."""
        match holder:
            case ast.Name(id="self"):
                return True
            case ast.Name(id=name) if isinstance(held := self.frame.env.find(name), Instance) and (
                held.handler
            ):
                return True  # `socket.user`, in a function that is told the connection
            case ast.Attribute(value=ast.Name(), attr=name) | ast.Name(id=name) if (
                lexicon.is_person(name)
            ):
                held = self.evaluate(holder)
                return isinstance(held, Instance) and not held.shared and not held.handler
            case _:
                return False

    def truth(self, value: Value, node: ast.AST, wanted: bool | None = None) -> bool:
        """Decide if a value counts as true for this client."""
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
            case Special(kind="protocol"):
                return True
            case Coroutine() | Bound() if self.mode == "member":
                self._always(value, node)
                return True
            case Instance(handler=False):
                return self._truth_of_object(value, node, wanted)
            case Unknown() | Sequence() | Mapping() | Special() | Member():
                return self._unknown_truth(value, node, wanted)
            case _:
                return True

    def _always(self, value: Coroutine | Bound, node: ast.AST) -> None:
        """Note a condition that is always true: a coroutine without `await`, a method that is not called."""
        asked = value.function
        name = (
            asked.node.name if isinstance(asked, Function) and hasattr(asked.node, "name") else ""
        )
        if isinstance(value, Coroutine):
            self.record("always", node, name, values=tuple(value.args))
        elif lexicon.is_predicate(name):
            self.record("always", node, name)

    def _truth_of_object(self, value: Instance, node: ast.AST, wanted: bool | None) -> bool:
        """Truth of an object by its class, else true: `if api_key:`, of an object that looks for its file."""
        for name in _TRUTHS:
            if isinstance(self.hierarchy.find(value.info, name), ClassMember):
                asked = self.attribute(value, name, node)
                return self.truth(self.call(asked, [], {}, node), node, wanted)
        return True

    def _unknown_truth(self, value: Value, node: ast.AST, wanted: bool | None) -> bool:
        labels = labels_of(value)
        text = value.text or (self.frame.module.source(node) if isinstance(node, ast.expr) else "")
        presumable = wanted is not None and _may_be_identity(value, text)
        if (
            presumable
            and "client" in labels
            and (
                labels <= _SENT
                or labels & _NO_PROOF
                or (_reads_field(node) and not labels & _SHOWN)
            )
        ):
            # It is tested for being there, and the client sends what it likes; or it is said which is meant.
            presumable = False
        presumable = presumable and not _counts(node) and not is_for_anybody(value)
        if self.mode == "anonymous" and wanted is not None and presumable:
            # A refusal with 401 or 403 that hangs on something that cannot be resolved.
            self.check(node, text, presumed=True)
            return wanted
        if self.mode == "anonymous" and _is_configured_part(value, node):
            # The operator decides if the program has a part that authenticates.
            return self.assume(Setting(text, None, text=text), node)
        memo = (id(value), id(node)) if not isinstance(value, Unknown) else (id(value),)
        known = self.chosen.get(memo)
        if known is not None:
            if self.mode == "member" and labels & _WHO:
                self.record("branch", node, str(known[1]), values=(value,))
            return known[1]
        if self.mode == "member" and (
            labels >= {"principal", "client", "answer"} or self.is_right_of_whom(value)
        ):
            # What was found for this user and this object decides.
            self.record("check", node, f"access: {text}", values=(value,))
        elif (
            self.mode == "member"
            and "principal" in labels
            and isinstance(node, ast.expr)
            and not ("proven" in labels and _only_says_who(node) and not self._names_more(node))
            and (
                _asks_about_user(node)
                or (isinstance(node, ast.Call) and _says_what_user_is(value.text))
            )
        ):
            self.record("check", node, f"access: {text}", values=(value,))
        if self.mode == "origin" and labels & {"query", "url"}:
            self.whim = True  # the page that connects writes the address
        elif self.mode == "origin" and "origin" in labels:
            # The origin itself is concrete: what is left unresolved is taken for a comparison.
            self.check(node, text, presumed=True)
            return False
        elif self.mode == "origin":
            self.unsure = True
        if self.leaning is not None and len(self.frames) > 2 and self.frame.name != "<module>":
            result = self.leaning
        else:
            aside = self.is_aside()
            result = self.choose(node, 2, shipped_first=aside, telling=not aside) == 0
        looked_up = "client" in labels and bool(labels & {"answer", "found"})
        self.weighed = self.weighed or (looked_up and not self.claimed)  # by then it is believed
        if not result and self.mode == "anonymous" and labels >= {"client", "credential"}:
            self.record("absent", node, text)
        # INVARIANT: the value lives as long as its answer, or another would have its id.
        self.chosen[memo] = (value, result)
        if (self.mode == "member" and labels & {"client", "principal"}) or "address" in labels:
            self.record("branch", node, str(result), values=(value,))
        match = self.matches.get(id(value))
        self.met += match is not None and result is not match[1]
        asked = self.said.comparisons.get(id(value))
        if asked is not None:
            _, said, words, is_not = asked
            self.said.told.note(said, words, holds=result is not is_not)
        return result

    def _or_empty(self, value: Value, empty: ast.expr) -> Value:
        """`config.get("users") or {}`: it is the same setting, and where it is nothing, it is empty."""
        if not isinstance(value, Setting) or self.truth_of_default(value) is not False:
            return value
        return Setting(value.name, self.evaluate(empty), value.labels, value.text)

    def _names_more(self, node: ast.AST) -> bool:
        """`tokens.verify(token, room)`: it is told what the token is for, and can tell if it is for that."""
        return any(
            event.node is node
            and event.kind == "check"
            and any(
                "client" in one.labels and not one.labels & {"answer", "credential", "somebody"}
                for one in event.values
            )
            for event in self.events
        )

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
                    self.check(node, self.frame.module.source(node), remembered=True)
                result = self.compare(left, op, right, node)
                if isinstance(result, Const) and not result.value:
                    return result
                left = right
            return result
        value: Value = Const(None)
        shown = False
        for part in node.values:
            value = self.evaluate(part)
            if part is node.values[-1]:
                if (
                    shown
                    and isinstance(value, Const)
                    and isinstance(value.value, str)
                    and value.value
                ):
                    # `token or "none"`: it stands where a credential is shown.
                    return Unknown(
                        frozenset({"client", "credential"}), repr(value.value), truthy=True
                    )
                return value
            if isinstance(node.op, ast.Or) and _is_of_server(value) and _is_empty(node.values[-1]):
                return self._or_empty(value, node.values[-1])
            shown = shown or (isinstance(node.op, ast.Or) and self.is_proof(value))
            holds = self.truth(value, part)
            if isinstance(node.op, ast.Or) and holds:
                return value
            if isinstance(node.op, ast.And) and not holds:
                return value
        return value


def _is_of_server(value: Value) -> bool:
    """Return True if it is a setting, or a value unreadable here that no client contributes to."""
    return isinstance(value, Setting | Unknown) and not labels_of(value) & {"client", "identity"}


def _is_empty(node: ast.expr) -> bool:
    """`{}`, `[]`: what stands for nothing, where a table or a list is wanted."""
    match node:
        case ast.Dict(keys=items) | ast.List(elts=items):
            return not items
        case ast.Call(func=ast.Name(id="dict" | "list"), args=[], keywords=[]):
            return True
        case _:
            return False


@lru_cache(maxsize=4096)
def _as_lists(node: ast.BoolOp) -> tuple[ast.expr, ...]:
    """`code == READ or code == FIND or code == LIST` is one question: whether it is one of these."""
    asked: list[ast.expr] = []
    for left, group in groupby(node.values, key=_asked_constant):
        alike = list(group)
        first, last = alike[0], alike[-1]
        if not left or len(alike) < _FEWEST_ALIKE or not isinstance(first, ast.Compare):
            asked += alike
            continue
        listed = [one.comparators[0] for one in alike if isinstance(one, ast.Compare)]
        one_of = ast.Compare(first.left, [ast.In()], [ast.Tuple(listed, ast.Load())])
        for made in (one_of, one_of.comparators[0]):
            ast.copy_location(made, first)
            made.end_lineno, made.end_col_offset = last.end_lineno, last.end_col_offset
        asked.append(one_of)
    return tuple(asked)


def _asked_constant(node: ast.expr) -> str:
    """Return the source text of the value compared with a constant; "" for another condition."""
    match node:
        case ast.Compare(
            left=ast.Name() | ast.Attribute() | ast.Subscript() as left,
            ops=[ast.Eq()],
            comparators=[ast.Name(id=name) | ast.Attribute(attr=name)],
        ) if name.isupper():
            return ast.dump(left)
        case _:
            return ""


def _is_configured_part(value: Value, node: ast.AST) -> bool:
    """`if self.authenticator:`, of something that was not read and that no client sent."""
    if not isinstance(value, Unknown) or labels_of(value) - {"setting", "secret"}:
        return False
    names = [name_of(node), (lexicon.chain_of(value.text) or [""])[-1]]
    return any(lexicon.is_authenticator(name) for name in names if name)


def _asks_about_user(node: ast.expr) -> bool:
    """Return True if a condition reads a property of the user, and not only that there is one."""
    match node:
        case ast.UnaryOp(op=ast.Not(), operand=inner):
            return _asks_about_user(inner)
        case ast.Compare(comparators=[ast.Constant(value=None | "" | False)]):
            return False
        case ast.Compare(left=left, comparators=[ast.Constant(value=int() | float())]):
            return _is_rank(left)  # and no length, no remainder
        case ast.Compare() | ast.BinOp(op=ast.BitAnd()):
            return True
        case ast.Name(id=name):
            return not (lexicon.is_identity_name(name) or lexicon.is_name_of_somebody(name))
        case ast.Attribute(attr=name) if lexicon.asks_for_anybody(name):
            return False
        case ast.Attribute(attr=name):
            return not lexicon.is_identity_name(name) or "admin" in lexicon.words_of(name)
        case (
            ast.Subscript(slice=ast.Constant(value=str() as name))
            | ast.Call(func=ast.Attribute(attr="get"), args=[ast.Constant(value=str() as name), *_])
        ):
            return _is_right(name)
        case ast.Call(func=func):
            name = func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")
            if lexicon.asks_for_anybody(name):
                return False
            return lexicon.is_predicate(name) or lexicon.is_access_word(name)
        case _:
            return False


def _only_says_who(node: ast.expr) -> bool:
    """`if user:`, `if verify(password, row.password):`, of the very answer that says who it is."""
    match node:
        case ast.Name() | ast.Attribute():
            return True
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
            return lexicon.is_login(name)
        case _:
            return False


def _reads_field(node: ast.AST) -> bool:
    """`page["role"] != "public"`: what a thing is that was found, compared with a text of the source."""
    match node:
        case ast.Compare(
            left=ast.Attribute() | ast.Subscript(), comparators=[ast.Constant(value=str())]
        ):
            return True
        case _:
            return False


def _is_rank(node: ast.expr) -> bool:
    """`row.level`, `user["rank"]`: the extent of a user's rights."""
    match node:
        case ast.Attribute(attr=name) | ast.Subscript(slice=ast.Constant(value=str() as name)):
            return bool(_RANKS & set(lexicon.words_of(name))) or lexicon.is_access_word(name)
        case _:
            return False


def _is_right(field: str) -> bool:
    """`user["admin"]`, `session.get("can_edit")`, and no other part of a row: `user["name"]`."""
    return (
        bool(_RANKS & set(lexicon.words_of(field)))
        or lexicon.is_access_word(field)
        or lexicon.is_predicate(field)
    ) and not lexicon.asks_for_anybody(field)


def _says_what_user_is(text: str) -> bool:
    """`MAY["delete"](user)`, which gives `user.is_admin`."""
    name = (lexicon.chain_of(text) or [""])[-1]
    if lexicon.is_identity_name(name) and "admin" not in lexicon.words_of(name):
        return False
    return lexicon.is_predicate(name) or lexicon.is_access_word(name)


def _counts(node: ast.AST) -> bool:
    """`tries > 3`: how many or how much says nothing about who it is."""
    match node:
        case ast.Compare(
            ops=[ast.Gt() | ast.GtE() | ast.Lt() | ast.LtE()], left=left, comparators=[right]
        ):
            return any(
                isinstance(one, ast.Constant) and isinstance(one.value, int | float)
                for one in (left, right)
            )
        case _:
            return False


def _may_be_identity(value: Value, text: str) -> bool:
    labels = labels_of(value)
    if labels & {"origin", "host"} and not labels & _PROOF:
        return False
    if "address" in labels and not labels & (_PROOF | {"query", "message", "url", "cookie"}):
        return False  # where it connects from says nothing about who it is
    return not (set(lexicon.words_of(text)) & _OF_REQUEST or lexicon.is_about_load([text]))
