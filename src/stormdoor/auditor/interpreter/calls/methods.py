"""Methods of containers, settings and values that were not read."""

import ast

from stormdoor.auditor.interpreter.calls.queues import GETS, PUTS, Queues
from stormdoor.auditor.interpreter.calls.tasks import SPAWN, THROUGH, is_closing, keeps_failures
from stormdoor.auditor.interpreter.events import Stage
from stormdoor.auditor.interpreter.outcomes import Thrown
from stormdoor.auditor.interpreter.pieces import PIECES, chosen_only, given_instead, is_piece
from stormdoor.auditor.interpreter.sets import method_of
from stormdoor.auditor.interpreter.tables import CHANGES, is_chosen, is_shared, key_named
from stormdoor.auditor.interpreter.texts import concrete_method, is_absent, stand_in
from stormdoor.auditor.interpreter.told import PLAIN, made_of
from stormdoor.auditor.interpreter.values import (
    Bound,
    ClassRef,
    Const,
    Coroutine,
    Function,
    Mapping,
    Member,
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

__all__ = ["Methods"]


_OF_FILES = frozenset(
    {"chmod", "open", "read_bytes", "read_text", "rename", "replace", "rmdir", "touch", "unlink"}
    | {"write_bytes", "write_text"}
)
"""Methods of a path that reach the file."""
_UNPACKS = frozenset({"extract", "extractall"})


_FILLS = frozenset({"MergeFromString", "ParseFromString"})
"""Methods of a message of a protocol that read what it holds."""
_AGAIN = frozenset({"copy", "items", "keys", "values"})
"""Methods that give what a table holds, and no answer about it."""


class Methods(Queues):
    """Methods of what is no object of the project."""

    def _method(
        self, function: Member, args: list[Value], words: dict[str, Value], node: ast.AST
    ) -> Value:
        receiver, name = function.receiver, function.name
        everything = [*args, *words.values()]
        self.record(
            "call",
            node,
            function.text or name,
            values=tuple(args),
            words=tuple(words.items()),
            receiver=receiver,
        )
        if name in PUTS and len(args) == 1 and self.delivered(node, receiver, args[0]):
            return Const(None)
        taken = self.taken(node) if name in GETS else None
        if taken is not None:
            return taken
        if name in SPAWN and any(
            isinstance(one, Function | Bound | Partial | Coroutine) or is_closing(one)
            for one in everything
        ):
            return self._spawn(name, args, words, node)
        if (
            name in {"apply", "apply_async"}
            and args
            and isinstance(args[0], Function | Bound | Partial)
        ):
            given = args[1] if len(args) > 1 else None
            self.in_background(
                args[0], given.items if isinstance(given, Sequence) else [], node, at_once=True
            )
            return Unknown(text="task")
        if name == "send" and isinstance(receiver, Coroutine) and args:
            return self.converse(receiver, args[0], node)
        if keeps_failures(name, words):
            return self._gathered(args, node)
        if name in THROUGH and (
            name in {"run_in_executor", "to_thread"}
            or any(isinstance(one, Function | Bound | Coroutine) for one in everything)
        ):
            return self._through_call(name, args, node)
        if self.mode == "anonymous" and is_piece(receiver, name, args):
            return Unknown(chosen_only(args[0]), f"{text_of(receiver)}.{name}()")
        if isinstance(receiver, Named) and receiver.name.endswith(("environ", "options")):
            return self._setting_get(receiver.name, args, node)
        if isinstance(receiver, Special):
            found = self.special_method(receiver, name, args, node)
            if found is not None:
                return found
        if isinstance(receiver, Setting):
            result = self._setting_method(receiver, name, args, words, node)
            if result is not None:
                return result
        if self.mode == "origin" and args:
            args = [stand_in(receiver, name, args[0]), *args[1:]]
        if name in {"index", "rindex", "remove"} and is_absent(receiver, args):
            raise Thrown("ValueError", node, self.frame.module)
        concrete = concrete_method(receiver, name, args, words) or method_of(receiver, name, args)
        if concrete is not None:
            return concrete
        if isinstance(receiver, Unknown) and "client" not in receiver.labels:
            configured = self._of_section(receiver, name, args, words)
            if configured is None:
                configured = self._configured(name, args, words, node)
            if configured is not None:
                return configured
        if isinstance(receiver, Mapping | Sequence):
            return self._container_method(receiver, name, args, node)
        if args and isinstance(receiver, Unknown) and _takes_in(name, receiver):
            receiver.labels |= labels_of(*args)  # it is in it from now on
            return Const(None)
        if name in _AGAIN and not everything and labels_of(receiver) >= {"client", "found"}:
            return Unknown(labels_of(receiver), f"{text_of(receiver)}.{name}()")
        if isinstance(receiver, Const) or (
            "client" in labels_of(receiver)
            and not isinstance(receiver, Member)
            and not labels_of(receiver) & {"answer", "found"}
        ):
            if any(isinstance(one, Nobody) for one in args):
                return Unknown(labels_of(receiver), text_of(receiver))
            if (
                self.mode == "anonymous"
                and name in PIECES
                and args
                and self.is_proof(receiver)
                and not isinstance(args[0], Const | Sequence)
            ):
                return self.compare(receiver, ast.Eq(), args[0], node)  # all of it has to be known
            if (
                name in {"get", "pop"}
                and args
                and isinstance(args[0], Const)
                and isinstance(args[0].value, str)
            ):
                field_text = f"{text_of(receiver)}.{name}({args[0].value!r})"
                return self.client_field(receiver, args[0].value, field_text)
            if name in _OF_FILES and text_of(receiver).startswith("pathlib."):
                self.record("act", node, f"pathlib.Path.{name}", values=(receiver, *args))
            if name in _UNPACKS:
                self.record("act", node, f"{text_of(receiver)}.{name}", values=(receiver, *args))
            if name == "issubset" and self.mode == "anonymous":
                return Unknown(chosen_only(receiver), f"{text_of(receiver)}.{name}()")
            part: object = made_of(everything) if name == "format" else None
            if isinstance(receiver, Unknown) and (name in PLAIN or _only_spells(name, args)):
                part = receiver.part or receiver
            return Unknown(
                labels_of(receiver, *everything) - {"self"},
                f"{text_of(receiver)}.{name}()",
                part=part,
            )
        return self.unknown_call(function, function.text or name, args, words, node, recorded=True)

    def _container_method(
        self, receiver: Mapping | Sequence, name: str, args: list[Value], node: ast.AST
    ) -> Value:
        labels = labels_of(*args)
        if "self" in labels and name in {
            "add",
            "append",
            "setdefault",
            "insert",
            "update",
            "appendleft",
            "extend",
        }:
            self.record("join", node, f"{text_of(receiver)}.{name}", values=tuple(args))
        elif name in CHANGES and is_shared(receiver) and any(map(is_chosen, args)):
            self.record("act", node, f"{text_of(receiver)}.{name}", values=tuple(args))
        if isinstance(receiver, Sequence):
            if name in {"append", "add", "appendleft"} and args and self.is_proof(args[0]):
                self.fills(text_of(receiver), args[0], node)
            if name in {"append", "add", "appendleft"} and args and receiver.exact:
                receiver.items.append(args[0])
                return Const(None)
            receiver.exact = receiver.exact and name in {"index", "count", "copy"}
            return Unknown(labels_of(receiver) | labels, f"{text_of(receiver)}.{name}()")
        if name == "setdefault" and args and self.is_proof(args[0]):
            self.fills(text_of(receiver), args[-1], node)
        if name in {"get", "pop"} and args:
            key = args[0]
            if isinstance(key, Const) and isinstance(key.value, str | int | bytes | None):
                if key.value in receiver.items:
                    return receiver.items[key.value]
                if receiver.exact:
                    return args[1] if len(args) > 1 else Const(None)
                if name == "get" and lexicon.is_setting_chain([text_of(receiver).split(".")[-1]]):
                    # `Registry.config().get("origins")`: whoever starts the program fills it.
                    return self._setting_get(text_of(receiver), args, node)
            if key_named(key) in receiver.items:
                return receiver.items[key_named(key)]
            empty = receiver.exact and not receiver.items and not is_shared(receiver)
            if name == "get" and (
                self.is_not_listed(key, receiver)
                or (empty and self.mode == "anonymous" and self.is_proof(key))
            ):
                # What is noted of the connections, and nothing was noted of this one.
                self.check(node, f"{text_of(receiver)}.get()", presumed=True, remembered=True)
                return args[1] if len(args) > 1 else Const(None)
            proof = (self.is_proof(key) or self._is_ticket(name, key)) and not _is_of_code(receiver)
            if self.mode == "anonymous" and proof and text_of(receiver) not in self.filled:
                instead = given_instead(name, args, {})
                if instead is not None:
                    return instead
                return self.lookup(node, f"{text_of(receiver)}.{name}()", key)
            if isinstance(key, Nobody):
                return Nobody(key.text, node, self.frame.module, presumed=key.presumed)
            whole = receiver.exact or _is_of_code(receiver)
            if whole and "client" in labels_of(key) and receiver.items:
                return self.picked(receiver, key, node, args[1] if len(args) > 1 else Const(None))
            if self.is_ticket_of(key, node):
                own = (labels_of(receiver) - {"self"}) | {"principal", "proven"}
                return Unknown(own, f"{text_of(receiver)}.{name}()")
            found = {"found"} if "client" in labels_of(key) else set()
            return Unknown(labels_of(receiver) | labels | found, f"{text_of(receiver)}.{name}()")
        if name == "update":
            self._updated(receiver, args)
        if name in {"values", "items", "keys"}:
            items: list[Value] = [
                Sequence([_key(key), value], "tuple")
                if name == "items"
                else value
                if name == "values"
                else _key(key)
                for key, value in receiver.items.items()
            ]
            text = receiver.text if name == "keys" else ""
            return Sequence(items, "list", receiver.exact, text=text)
        found = {"found"} if name == "setdefault" and args and is_chosen(args[0]) else set()
        return Unknown(labels_of(receiver) | labels | found, f"{text_of(receiver)}.{name}()")

    def _updated(self, table: Mapping, args: list[Value]) -> None:
        """`table.update(more)`: what is in both is known, if the other is."""
        more = args[0] if len(args) == 1 else None
        if isinstance(more, Mapping):
            table.items.update(more.items)
        table.exact = table.exact and isinstance(more, Mapping) and more.exact

    def _is_ticket(self, name: str, key: Value) -> bool:
        """Whether the handshake takes something out of a table by what the address says.

        It is there for one connection, whose client was told where it is: `tickets.pop(ticket)`.
        """
        return (
            name == "pop"
            and self.stage in {Stage.PREPARE, Stage.GET, Stage.OPEN}
            and bool(labels_of(key) & {"query", "url", "header", "cookie"})
        )

    def _setting_get(self, holder: str, args: list[Value], node: ast.AST) -> Value:
        named = args[0] if args else None
        if isinstance(named, Setting) and isinstance(named.default, Const):
            named = named.default
        key = named.value if isinstance(named, Const) else "?" if named is None else text_of(named)
        fallback = args[1] if len(args) > 1 else Const(None)
        return Setting(f"{holder}[{key!r}]", fallback, text=f"{holder}[{key!r}]")

    def _configured(
        self, name: str, args: list[Value], words: dict[str, Value], node: ast.AST
    ) -> Value | None:
        """`config.get("auth", False)`, `parser.getboolean("web", "auth", fallback=False)`.

        A file that was not read says what is set; the code says what holds where nothing is.
        """
        by_path = _path_of(args[0]) if args and name == "get" else ""
        if by_path and by_path in self.project.settings:
            return self.setting_named(by_path, by_path, node)
        keys = [str(one.value) for one in args if isinstance(one, Const) and one.value is not None]
        if keys and name in {"has_option", "has_section"}:
            key = ".".join(keys[:2])
            there = any(one == key or one.startswith(f"{key}.") for one in self.project.settings)
            return Setting(f"{key} is there", Const(there))
        if not keys or not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            return None
        if name in {"getboolean", "getint", "getfloat"} or (name == "get" and "fallback" in words):
            key = ".".join(keys[:2])
            fallback = words.get("fallback")
            if fallback is None and key in self.project.settings:
                said = self.setting_named(key, key, node)
                shipped = settled(said)
                if name == "getboolean" and isinstance(shipped, Const):
                    return Setting(key, Const(_is_on(shipped.value)), text=key)
                return said
            return Setting(key, fallback, frozenset({"setting"}), key)
        if name != "get" or not isinstance(args[0], Const):
            return None
        chain = lexicon.chain_of(self.frame.module.source(node.func.value))
        named = lexicon.is_setting_chain(chain[-1:])
        told = f"{'.'.join(chain[-1:])}.{keys[0]}"
        if not named and self.stage == Stage.IMPORT and lexicon.concerns_identity(told):
            # Where the program is set up it is told: `given.get("auth", {}).get("enabled", False)`.
            fallback = args[1] if args[1:] else Const(None)
            return Setting(told, fallback, frozenset({"setting"}), told)
        if not named and not (self.mode == "origin" and self.stage == Stage.ORIGIN and args[1:]):
            return None
        if not named:
            return Setting(keys[0], args[1], frozenset({"setting"}), keys[0])
        value = self.setting_named(keys[0], keys[0], node)
        if isinstance(value, Setting) and value.default is None and args[1:]:
            value.default = args[1]
        return value

    def _of_section(
        self, receiver: Unknown, name: str, args: list[Value], words: dict[str, Value]
    ) -> Value | None:
        """`parser.get("web", "origins")`: a section and a name, and no default."""
        keys = [str(one.value) for one in args if isinstance(one, Const)]
        if name != "get" or len(keys) != 2 or "ConfigParser" not in receiver.text:
            return None
        key = ".".join(keys)
        if key in self.project.settings:
            return self.setting_named(key, key, ast.Constant(key))
        return Setting(key, words.get("fallback"), frozenset({"setting"}), key)

    def _is_contested(self, key: str) -> bool:
        """Whether the program gives a setting other values than one: then its default is not shipped."""
        given = {ast.dump(expr) for _, expr in self.project.settings.get(key, ())}
        return self.mode == "origin" and len(given) > 1

    def _setting_method(
        self,
        receiver: Setting,
        name: str,
        args: list[Value],
        words: dict[str, Value],
        node: ast.AST,
    ) -> Value | None:
        if isinstance(receiver.default, Const) and receiver.default.value is not None:
            concrete = concrete_method(receiver.default, name, args, words)
            if concrete is not None:
                text = f"{receiver.name}.{name}()"
                return Setting(text, concrete, text=text)
        if (
            name in {"get", "getboolean", "pop", "setdefault"}
            and args
            and isinstance(args[0], Const)
        ):
            key = str(args[0].value)
            if isinstance(receiver.default, Mapping) and args[0].value in receiver.default.items:
                return Setting(f"{receiver.name}.{key}", receiver.default.items[args[0].value])
            fallback = args[1] if len(args) > 1 else words.get("fallback", Const(None))
            named = self.setting_named(f"{receiver.name}.{key}", key, node)
            if isinstance(named, Setting) and named.default is None and not self._is_contested(key):
                named.default = fallback
            return named
        if name in {
            "tag",
            "strip",
            "lower",
            "upper",
            "split",
            "encode",
            "rstrip",
            "decode",
            "lstrip",
            "get_secret_value",
        }:
            return Setting(receiver.name, receiver.default, text=receiver.text)
        return None


def _key(key: object) -> Value:
    """A key of a table; one of which only its words are known may be a connection."""
    return Unknown(text=f"a key of {key[-1]}") if isinstance(key, tuple) else Const(key)


def _only_spells(name: str, args: list[Value]) -> bool:
    """`kind.replace("-", "_")`: what a method is called that stands for it."""
    return name == "replace" and [getattr(one, "value", "") for one in args[1:]] == ["_"]


def _takes_in(name: str, receiver: Unknown) -> bool:
    """`line.ParseFromString(message)`, `digest.update(user.encode())`."""
    return name in _FILLS or (name == "update" and receiver.text.startswith(("hmac.", "hashlib.")))


def _is_on(value: object) -> bool:
    """What a text in an INI file says of a switch."""
    return value is True or str(value).lower() in {"1", "yes", "true", "on"}


def _is_of_code(table: Mapping) -> bool:
    """Whether a table says what is run: who picks from it names no one."""
    return bool(table.items) and all(
        isinstance(one, ClassRef | Function | Bound | Partial) for one in table.items.values()
    )


def _path_of(value: Value) -> str:
    """`["auth", "enabled"]` as `auth.enabled`; empty if it is no path into a configuration."""
    if not isinstance(value, Sequence) or not value.exact or len(value.items) < 2:
        return ""
    names = [
        one.value
        for one in value.items
        if isinstance(one, Const) and isinstance(one.value, str) and one.value.isidentifier()
    ]
    return ".".join(names[-2:]) if len(names) == len(value.items) else ""
