"""Methods of settings and configurations: what they give as shipped."""

import ast

from stormdoor_audit.auditor.interpreter.calls.queues import Queues
from stormdoor_audit.auditor.interpreter.events import Stage
from stormdoor_audit.auditor.interpreter.texts import concrete_method
from stormdoor_audit.auditor.interpreter.values import (
    Const,
    Mapping,
    Sequence,
    Setting,
    Unknown,
    Value,
    settled,
    text_of,
)
from stormdoor_audit.auditor.naming import lexicon
from stormdoor_audit.auditor.naming.words import words

__all__ = ["Configured"]

_FORMS = words("decode encode get_secret_value lower lstrip rstrip split strip tag upper")
"""Methods that give another form of a setting."""


class Configured(Queues):
    """Methods of the objects that the operator configures."""

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
        """Return True if the program gives a setting several values: then its default is not shipped."""
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
        if name in _FORMS:
            return Setting(receiver.name, receiver.default, text=receiver.text)
        return None


def _is_on(value: object) -> bool:
    """Read a text of an INI file as a switch."""
    return value is True or str(value).lower() in {"1", "yes", "true", "on"}


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
