"""Calls of what was not read: judged by arguments and name."""

import ast
import re

from stormdoor_audit.auditor.interpreter.calls.listening import Listening
from stormdoor_audit.auditor.interpreter.events import Stage
from stormdoor_audit.auditor.interpreter.expressions.items import PROVEN
from stormdoor_audit.auditor.interpreter.kept import PIPELINES, field_in, found_in, is_for_anybody
from stormdoor_audit.auditor.interpreter.namesakes import is_a_thing
from stormdoor_audit.auditor.interpreter.pieces import (
    FINDS,
    flat,
    given_instead,
    inserts,
    is_drawn,
    is_found_by_name,
    is_made_up,
    selects,
)
from stormdoor_audit.auditor.interpreter.standard import concrete_function
from stormdoor_audit.auditor.interpreter.tables import is_chosen
from stormdoor_audit.auditor.interpreter.values import (
    FIELD,
    NONE,
    Const,
    Function,
    Instance,
    Labels,
    Mapping,
    Member,
    Named,
    Nobody,
    Setting,
    Unknown,
    Value,
    is_of_connection,
    labels_of,
    text_of,
)
from stormdoor_audit.auditor.interpreter.which import WHICH, last_word, only_says_which
from stormdoor_audit.auditor.naming import lexicon
from stormdoor_audit.auditor.naming.stdlib import STDLIB
from stormdoor_audit.auditor.naming.words import words

__all__ = ["Unread"]

_LOGGING = words(
    """
    critical debug dec error exception inc incr info isEnabledFor labels log observe print trace
    warn warning
    """
)
_HARMLESS = words(
    """
    __init__ closed copy count current decode digest done empty encode endswith exists find
    format full get_compression_options hex hexdigest index instance is_set isdigit isoformat
    items join keys lower lstrip partition qsize replace result rpartition rsplit rstrip
    set_nodelay set_result split splitlines startswith strftime strip time timestamp title
    total_seconds upper values
    """
)
_CONDITIONS = frozenset({"filter", "filter_by", "where"})
"""Conditions of a query: for an absent user it returns no row."""
_FORMS = frozenset({"decode", "digest", "encode", "hex", "hexdigest", "rstrip", "strip", "upper"})
"""Methods that convert a secret to another form."""
_DELIVERS = words(
    """
    add append broadcast emit enqueue extend forward hset insert notify output publish push put
    put_nowait save send send_bytes send_json send_multipart send_string sendall set setex write
    writelines
    """
)
"""Calls that pass a value on and return nothing about it."""
_FETCHES = frozenset({"fetchone", "fetchall", "fetchmany"})
"""Methods of a cursor that return the rows of its query."""
_ROWS = _FETCHES | {"first", "one_or_none", "scalar", "scalar_one_or_none"}
"""Methods that return the row of a query."""
_PARSED: Labels = frozenset({"parsed"})
_NAMED = "by name"
"""Of a cursor that was asked for what goes by a name that the client chose."""
_PUTS = frozenset({"add", "append", "set", "setdefault", "setex"})
"""Methods that put a value into a list or a table; the name is the first argument."""
_WHERE = words("addr address broker endpoint host hostname server uri url")
"""Arguments that say which server is asked."""
_LEAVES = words("delete detach discard disconnect leave pop remove unregister unsubscribe")
"""Words of what takes the connection from where it was."""


class Unread(Listening):
    """Calls that cannot be resolved."""

    def unknown_call(
        self,
        function: Value,
        text: str,
        args: list[Value],
        words: dict[str, Value],
        node: ast.AST,
        *,
        recorded: bool = False,
    ) -> Value:
        """A call of something that cannot be resolved: judged by its arguments and its name."""
        everything = [*args, *words.values()]
        if not recorded:
            self.record("call", node, text, values=tuple(args), words=tuple(words.items()))
        labels = (
            labels_of(*everything, function)
            if not isinstance(function, Function)
            else labels_of(*everything)
        )
        names = lexicon.chain_of(text)
        last = names[-1] if names else text
        setting = self._of_a_setting(names, args, words, node)
        if setting is not None:
            return setting
        if self._only_notes(last, args, labels):
            return Unknown(text=f"{text}()")
        elsewhere = _is_elsewhere(last, args, words)
        verifies = _verifies(names, last) and not (elsewhere or self._is_about_load(names, args))
        proof = not elsewhere and self._is_shown(last, args, everything, verifies=verifies)
        held = self._asked_of_what_was_found(function, text, args, node)
        if held is not None:
            return held
        if {"unverified", "unsafe"} & set(lexicon.words_of(last)):
            return Unknown(labels - {"self", "setting", "credential"}, f"{text}()", truthy=True)
        if self.mode == "anonymous" and is_found_by_name(text, args, words, labels):
            return self._found_by_name((function, text, node), args, words)
        if self.mode == "anonymous" and "origin" not in labels:
            sought = any(map(self.is_proof, args[:1]))
            given = self._found_anyway(text, args, words, labels) if sought else None
            instead = given or self._of_a_query(text, args, node, proof=proof)
            if instead is not None:
                return instead
            if proof or (verifies and not lexicon.is_setting_name(last)):
                # An argument of a log-in is a credential under any name.
                shown = lexicon.logs_in(last) and "client" in labels_of(*everything)
                return self.verification(node, text, by_name=not (proof or shown), name=last)
            asked = last not in _HARMLESS or self._is_shown_to_library(function, args)
            if asked and not (_delivers(last) or elsewhere) and "client" in labels_of(*everything):
                self.refuted(node, text)
            nobody = _nobody_among(everything, last)
            if nobody is not None and last not in _HARMLESS:
                finds = _finds_one(names)
                return self._done_with_nobody(
                    nobody,
                    node,
                    text,
                    args,
                    words,
                    certain=nobody.certain and finds,
                    presumed=nobody.presumed or not (finds or last in _CONDITIONS),
                )
        elif self.mode == "member" and (proof or verifies):
            self.record("check", node, text, presumed=not proof, values=tuple(args))
            self.prove([*everything, function] if proof else [])
            return Unknown((labels - {"client", "message"}) | PROVEN, text)
        if self._is_started(last, args, node):
            return Unknown(text="task")
        self._may_call_back(function, f"{text}()", everything, node)
        if self.accepted or self.stage in {Stage.OPEN, Stage.MESSAGE}:
            receiver = function.receiver if isinstance(function, Member) else None
            if (
                "self" in labels
                and lexicon.words_of(last)[:1]
                and lexicon.words_of(last)[0] in _LEAVES
            ):
                pass
            elif "self" in labels:
                # A missing log-in may be noted of any client.
                nothing = any(map(_names_nobody, everything))
                self.record(
                    "join", node, text, receiver=receiver, values=tuple(args), constant=nothing
                )
            elif _is_act(last, args, called=text.endswith(")")) or (
                self.mode == "member" and _is_query(last, args)
            ):
                self.record(
                    "act",
                    node,
                    text,
                    values=tuple(args),
                    words=tuple(words.items()),
                    receiver=receiver,
                )
        if self.mode == "member" and "client" in labels:
            labels = self._found_by_member(function, names or [text], labels, everything, node)
        if _runs_code(last, args):
            labels -= {"credential"}  # a `code` that is run proves nothing, nor does what it gives
        which = _looks_up(last) and only_says_which(
            [*args, Mapping(dict[object, Value](words.items()))], _holder_of(function)
        )
        return Unknown(
            _of_answer(labels - WHICH, last)
            | (WHICH if which else NONE)
            | (_known_by(function, everything) if self.mode == "member" else NONE),
            f"{text}()",
            truthy=_is_form(function, last) or _makes_an_object(last) or None,
        )

    def _found_by_member(
        self, function: Value, names: list[str], labels: Labels, given: list[Value], node: ast.AST
    ) -> Labels:
        """Labels of what is found for a client that is let in.

        It is the user, if a cookie or a header finds it. A message that is parsed is none that is found.
        """
        marks = self.sought(node, given)
        looks_up = _looks_up(names[-1]) or names[0] not in STDLIB | {"tornado"}
        if self.is_shown(labels) and looks_up:
            labels = PROVEN | marks
        elif not marks and not any(one[0] in {FIELD, "@"} for one in labels):
            labels |= _PARSED
        self._fetches_from(function, names[-1], labels | marks, node)
        return labels | marks

    def _of_a_setting(
        self, names: list[str], args: list[Value], words: dict[str, Value], node: ast.AST
    ) -> Value | None:
        """Result of a call on a setting, or the setting that the call reads: `config("AUTH")`."""
        if len(args) == 1 and isinstance(args[0], Setting):
            converted = concrete_function(names[-1] if names else "", args)
            if converted is not None:
                return converted
        if args and isinstance(args[0], Const) and lexicon.reads_setting(names):
            key = args[0].value
            if isinstance(key, str):
                shipped = words.get("default", args[1] if len(args) > 1 else None)
                return (
                    self.setting_named(key, key, node) if shipped is None else Setting(key, shipped)
                )
        return None

    def _only_notes(self, name: str, args: list[Value], labels: Labels) -> bool:
        """Return True if a call logs, or writes a value without data of this connection."""
        kept = {"self", "message"} if self.mode == "anonymous" else {"self"}
        return name in _LOGGING or (
            name in {"write", "append"} and not (labels & kept or any(map(is_of_connection, args)))
        )

    def _is_about_load(self, names: list[str], args: list[Value]) -> bool:
        """`limiter.allowed(address)`: how often is asked, or from where; that says nothing of who it is."""
        held = [labels_of(one) for one in args]
        alone = all("address" in one and not one & {"credential", "identity"} for one in held)
        return lexicon.is_about_load(names) or (bool(held) and alone)

    def _is_shown(
        self, name: str, args: list[Value], everything: list[Value], *, verifies: bool
    ) -> bool:
        """Return True if a call checks a credential, and neither passes it on nor runs it."""
        return (
            any(
                self.is_proof(one) and not is_a_thing(one, self.frame.module)
                for one in flat(everything)
                if not isinstance(one, Instance)
            )
            and name not in _HARMLESS - {"find", "index", "count"}
            and not (_delivers(name) and not verifies)
            and not _runs_code(name, args)
            and not (name == "execute" and self._has_put_in(args[1:]))
        )

    def _is_shown_to_library(self, function: Value, args: list[Value]) -> bool:
        """Return True if a library gets a credential: `paseto.decode(KEY, token)`, no method of a text."""
        return isinstance(function, Named) and any(map(self.is_proof, args))

    def _asked_of_what_was_found(
        self, function: Value, text: str, args: list[Value], node: ast.AST
    ) -> Value | None:
        """Absent value, or the result of `get` on the record that every visitor has."""
        holder, _, name = text.rpartition(".")
        if name in _PUTS and args:
            held = function.receiver if isinstance(function, Member) else Unknown(text=holder)
            self.put_into(held, args[0], args[-1])
        if not isinstance(function, Member):
            return None
        if isinstance(function.receiver, Nobody):
            return Nobody(function.receiver.text, node, self.frame.module)
        if not args and _is_visitor(function.receiver) and lexicon.is_negative(name):
            return Nobody(f"{text}()", node, self.frame.module, truthy=True)
        if name == "get" and args and isinstance(args[0], Const):
            return field_in(function.receiver, str(args[0].value))
        return None

    def _done_with_nobody(
        self,
        nobody: Nobody,
        node: ast.AST,
        text: str,
        args: list[Value],
        words: dict[str, Value],
        *,
        certain: bool,
        presumed: bool,
    ) -> Value:
        if self.accepted:
            self.record("act", node, text, values=tuple(args), words=tuple(words.items()))
        self.found_nobody(node, text, presumed=nobody.presumed)
        return Nobody(text, node, self.frame.module, certain=certain, presumed=presumed)

    def _of_a_query(
        self, text: str, args: list[Value], node: ast.AST, *, proof: bool
    ) -> Value | None:
        """A cursor is asked in one call and answers in another: `execute`, then `fetchone`.

        What is asked for under a name that was made up here is not there.
        """
        holder, _, last = text.rpartition(".")
        if _delivers(last) and last not in _PUTS and any(map(self.is_proof, args)):
            self.queried.add(holder)  # `socket.send_json({"token": token})`, and then its answer
        if _receives(last) and holder in self.queried:
            return Nobody(f"{text}()", node, self.frame.module)
        if last == "get" and len(args) == 1 and self._is_fresh(args[0], holder, node):
            return Const(None)
        if holder.endswith(PIPELINES) and last != "execute":
            if proof:
                self.queried.add(holder)
            return Unknown(text=f"{text}()", truthy=True)  # what it finds comes with the others
        if last == "execute" and holder.endswith(PIPELINES) and holder in self.queried:
            return Nobody(f"{text}()", node, self.frame.module)
        query = args[0] if args else None
        if last == "execute" and isinstance(query, Const) and selects(query.value):
            if proof:
                self.queried.add(holder)
                return Nobody(f"{text}()", node, self.frame.module)
            self.queried.difference_update({holder, f"{_NAMED} {holder}"})
        elif last in _FETCHES and holder in self.queried:
            return Nobody(f"{text}()", node, self.frame.module)
        elif last in _FETCHES and f"{_NAMED} {holder}" in self.queried:
            return Unknown(frozenset({"client", "answer", "named"}), f"{text}()")
        return None

    def _found_anyway(
        self, text: str, args: list[Value], words: dict[str, Value], labels: Labels
    ) -> Value | None:
        """Entry that a table has for all clients, or that this client stored under the value it shows."""
        holder, _, last = text.rpartition(".")
        if last in {"get", "pop"}:
            self.tables_asked.add(holder)
            if holder in self.filled:
                return found_in(holder, self.filled[holder], _of_answer(labels, last))
        return given_instead(last, args, words)

    def _has_put_in(self, sought: list[Value]) -> bool:
        """Return True if the same message stored the row that it then looks up: a row of a visitor."""
        if self.mode != "anonymous":
            return False
        wanted = {text_of(one) for one in flat(sought) if self.is_proof(one)} - {""}
        for event in reversed(self.events):
            if event.kind == "message":
                break
            query = event.values[0] if event.values else None
            if (
                event.kind == "call"
                and event.text.endswith(".execute")
                and isinstance(query, Const)
                and inserts(query.value)
                and wanted <= {text_of(one) for one in flat(event.values[1:])}
            ):
                return bool(wanted)
        return False

    def _fetches_from(self, function: Value, name: str, labels: Labels, node: ast.AST) -> None:
        """Note the query of a cursor as the result of a later fetch."""
        stated = node in {self.left_alone, getattr(self.left_alone, "value", None)}
        if name == "execute" and isinstance(function, Member) and stated:
            cursor = function.receiver
            if isinstance(cursor, Unknown):
                self.asked_for[id(cursor)] = (cursor, cursor.labels)
                cursor.labels |= labels - {"self", "credential"}

    def _found_by_name(
        self, call: tuple[Value, str, ast.AST], args: list[Value], words: dict[str, Value]
    ) -> Value:
        """An entry found by name proves that the entry exists, not that the client owns it."""
        function, text, node = call
        if self.stage in {Stage.OPEN, Stage.MESSAGE} and not text.endswith(".get"):
            receiver = function.receiver if isinstance(function, Member) else None
            given = tuple(words.items())
            self.record("act", node, text, values=tuple(args), words=given, receiver=receiver)
        holder, _, last = text.rpartition(".")
        if last == "execute":
            self.queried.discard(holder)
            self.queried.add(f"{_NAMED} {holder}")
        labels = labels_of(*args, *words.values(), function)
        return Unknown((labels - {"setting"}) | {"answer", "named"}, f"{text}()")

    def _is_fresh(self, key: Value, holder: str, node: ast.AST) -> bool:
        """Return True if a key has no entry: this connection made it up, and has stored nothing there."""
        if self.mode != "anonymous" or self.stage == Stage.IMPORT or not is_made_up(key):
            return False
        return not any(
            event.node is not node
            and event.kind in {"call", "store"}
            and event.text.startswith(holder)
            and key in event.values
            for event in self.events
        )


def _known_by(function: Value, given: list[Value]) -> Labels:
    """The user's label, if a call can look up the user: it is a method of the connection, or is given it."""
    held = [*given, function.receiver] if isinstance(function, Member) else given
    known = any(isinstance(one, Instance) and one.handler for one in held)
    return frozenset({"principal"}) if known else NONE


def _of_answer(labels: Labels, name: str) -> Labels:
    """The labels of what a call gives that was not read; another form of a text is no answer."""
    lost = {"self"} if name in {"encode", "decode"} else {"self", "setting"}
    if name not in _ROWS:
        lost |= {"proven"}  # what is asked of the answer that says who it is, is another one
    made = name in _FORMS and "drawn" in labels
    if labels >= _PARSED:
        return labels - lost - _PARSED - {"answer"}
    return labels - lost if made else (labels - lost) | {"answer"}


def _is_visitor(value: Value) -> bool:
    """Return True if it is an object for a user who is not logged in: `visitor.is_anonymous()`."""
    return "visitor" in labels_of(value) and not is_for_anybody(value)


def _looks_up(name: str) -> bool:
    """Return True if a call of this name returns or confirms a record: `get_room`, `room_exists`."""
    words = lexicon.words_of(name)
    return bool(FINDS & set(words[:1])) or "exists" in words


def _holder_of(function: Value) -> Value | None:
    return function.receiver if isinstance(function, Member) else None


def _is_form(function: Value, name: str) -> bool:
    """Return True if a call returns a generated secret in another form: `token.decode()`."""
    return isinstance(function, Member) and name in _FORMS and is_drawn(function.receiver)


def _makes_an_object(name: str) -> bool:
    """Return True if a call makes an object, by the spelling of its class: `User("guest")`."""
    return name[:1].isupper() and not name.isupper()


def _verifies(names: list[str], last: str) -> bool:
    """Return True if the name of a call, or of its owner, says that it authenticates: `auth.check()`."""
    holder = names[-2] if len(names) > 1 else ""
    return lexicon.is_verification_name(last) or (
        bool(
            set(lexicon.words_of(holder))
            & {"auth", "authenticator", "authorizer", "authz", "authn", "acl", "iam"}
        )
        and lexicon.words_of(last)[:1]
        in (["check"], ["validate"], ["get"], ["is"], ["has"], ["valid"], ["test"])
        and not lexicon.names_a_kind(last)
    )


def _is_elsewhere(name: str, args: list[Value], words: dict[str, Value]) -> bool:
    """`ssh.connect(host, user, password)`: the client says where it logs in, and that is not here."""
    where = [one for word, one in words.items() if word in _WHERE]
    if not where and lexicon.words_of(name)[:1] in (["connect"], ["dial"], ["open"]):
        where = args[:1]
    alone = len([*args, *words]) == len(where)
    return not alone and any(is_chosen(one) and not _names_one(last_word(one)) for one in where)


def _names_one(field: str) -> bool:
    """Return True if a field names a user or thing, and not a place: `user`, `device_id`."""
    return lexicon.says_who(field) or lexicon.words_of(field)[-1:] in (["id"], ["key"], ["name"])


def _is_act(name: str, args: list[Value], *, called: bool) -> bool:
    """Return True if a call of this name may have an effect."""
    return (name not in _HARMLESS or (name == "copy" and bool(args))) and (
        name != "get" or called  # what was got is called
    )


def _is_query(name: str, args: list[Value]) -> bool:
    """`letters.find({"to": user})`, and no place in a text."""
    return name == "find" and bool(args) and isinstance(args[0], Mapping)


def _delivers(name: str) -> bool:
    """Return True if a call of this name passes a value on: `send_notification`, `keyboard_send`."""
    words = lexicon.words_of(name)
    return (
        name in _DELIVERS
        or words[:1] in (["send"], ["publish"], ["broadcast"], ["notify"], ["write"])
        or words[-1:] in (["send"], ["write"], ["publish"])
    )


def _runs_code(name: str, args: list[Value]) -> bool:
    """`kernel.execute(message["code"])`: the code of a program, and none that was mailed to a user."""
    return bool(
        args
        and lexicon.words_of(name)[:1] in (["eval"], ["exec"], ["execute"], ["interpret"], ["run"])
        and isinstance(args[0], Unknown)
        and _CODE.search(args[0].text)
    )


_CODE = re.compile(r"""(^|\.|['"])code(['"]\)?\]?)?$""")


def _receives(name: str) -> bool:
    """Return True if a call of this name reads the answer of another program: `recv_json`, `readline`."""
    first = lexicon.words_of(name)[:1]
    return first in (["recv"], ["receive"], ["read"], ["readline"])


def _nobody_among(given: list[Value], name: str) -> Nobody | None:
    """Return the absent user among the arguments of a call or in a query: `find_one({"_id": user})`."""
    asked = lexicon.words_of(name)[:1] in (["find"], ["fetch"], ["get"], ["lookup"], ["search"])
    for one in given:
        inner = list(one.items.values()) if asked and isinstance(one, Mapping) else [one]
        found = next((part for part in inner if isinstance(part, Nobody)), None)
        if found is not None:
            return found
    return None


def _finds_one(names: list[str]) -> bool:
    """Return True if a call returns a user, or None: `User.by_id`, `db.get_user`."""
    words = lexicon.words_of(names[-1]) if names else []
    about = {word.rstrip("s") for name in names[-2:] for word in lexicon.words_of(name)}
    return (
        words[:1] in (["by"], ["find"], ["fetch"], ["get"], ["load"], ["lookup"])
        and not {"all", "create", "guest", "list", "many", "new"} & set(words)
        and bool({"account", "member", "people", "person", "user"} & about)
    )


def _names_nobody(value: Value) -> bool:
    """`{"user": user}`, where the log-in found no user."""
    return isinstance(value, Mapping) and any(
        isinstance(one, Nobody) for one in value.items.values()
    )
