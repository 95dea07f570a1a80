"""Calls of libraries, by their dotted names."""

import ast
from dataclasses import replace

from stormdoor_audit.auditor.interpreter.calls.methods import Methods
from stormdoor_audit.auditor.interpreter.calls.programs import RAISES, asks_password
from stormdoor_audit.auditor.interpreter.calls.queues import QUEUES
from stormdoor_audit.auditor.interpreter.calls.records import (
    COPIES,
    FIELDS,
    NAME_SPACES,
    TUPLES,
    copied_with,
    name_space,
    tuple_class,
)
from stormdoor_audit.auditor.interpreter.calls.tasks import (
    OPERATIONS,
    SPAWN,
    THROUGH,
    keeps_failures,
)
from stormdoor_audit.auditor.interpreter.events import Stage
from stormdoor_audit.auditor.interpreter.outcomes import Thrown
from stormdoor_audit.auditor.interpreter.pieces import (
    BY_CHANCE,
    MADE_UP,
    is_drawn,
    is_made_up,
    is_secret,
)
from stormdoor_audit.auditor.interpreter.standard import concrete_function
from stormdoor_audit.auditor.interpreter.tables import NAMESPACE
from stormdoor_audit.auditor.interpreter.values import (
    Bound,
    Const,
    Coroutine,
    Function,
    Instance,
    Mapping,
    Member,
    Named,
    Nobody,
    Partial,
    Special,
    Unknown,
    Value,
    labels_of,
    text_of,
)
from stormdoor_audit.auditor.interpreter.which import last_word
from stormdoor_audit.auditor.naming import lexicon
from stormdoor_audit.auditor.naming.stdlib import STDLIB
from stormdoor_audit.auditor.naming.words import words

__all__ = ["Libraries"]

_LOOKS_AT = words("getattr hasattr id isinstance ref repr setattr str super type")
"""Functions that are given the connection and do not keep it."""
_JWT = (
    "jwt.",
    "jose.",
    "authlib.",
    "joserfc.",
    "itsdangerous.",
    "google.oauth2",
    "firebase_admin",
    "nacl.",
    "django.core.signing.",
    "cryptography.fernet.",
)
_VERIFIES = words(
    "decode decrypt deserialize loads unsign validate verify verify_id_token verify_oauth2_token"
)
_CIPHERS = ("Crypto.Cipher.", "Cryptodome.Cipher.")
"""Prefixes of the calls that make a cipher."""
_PARSES = words("json_decode load loads unpackb")
"""Calls that fail on malformed bytes."""
_FAILS = {
    "itsdangerous": "BadSignature",
    "django": "BadSignature",
    "cryptography": "InvalidToken",
}
_MATCHES = frozenset({"re.match", "re.fullmatch", "re.search"})
_ACCOUNTS = ("spwd.", "pwd.")
"""Prefixes of the calls that look up accounts of the system."""
_READERS = frozenset({"json.loads", "json.load", "tornado.escape.json_decode", "ast.literal_eval"})
_JSON = ("django.utils.simplejson.", "orjson.", "rapidjson.", "simplejson.", "ujson.")
"""Prefixes of replacements for the module `json`."""
_OF_THE_LANGUAGE = frozenset({"bytes", "dict", "list", "set", "str"})
_ASKS_ANOTHER = frozenset({"urllib.request.urlopen", "urllib2.urlopen", "urllib.urlopen"})
"""Calls that query another server: given a credential, that server names its user."""
_ASKED = words(
    "authenticate check execute fetch find get load login lookup post query validate verify"
)
"""First words of what asks for something that comes to a function later."""
_NOT_OF_NONE = words("b64decode float int json_decode len loads xhtml_escape")
_HEAPS = {"heapq.heappop": "pop", "heapq.heappush": "append"}
"""Functions that act as methods of a list, except for the order of its items."""


class Libraries(Methods):
    """Functions that are imported and not read."""

    def named_call(
        self, function: Named, args: list[Value], words: dict[str, Value], node: ast.AST
    ) -> Value:
        """A call of something outside the project, by its dotted name."""
        function = _as_of_the_language(function)
        name = function.name
        if name in {"typing.cast", "typing_extensions.cast"} and len(args) == 2:
            return args[1]  # it speaks to type checkers only
        last = name.rpartition(".")[2]
        top = name.partition(".")[0]
        self.record("call", node, name, values=tuple(args), words=tuple(words.items()))
        if (
            name.startswith("tornado.")
            and args
            and isinstance(args[0], Instance)
            and args[0].handler
        ) and (".web.RequestHandler." in name or ".websocket.WebSocketHandler." in name):
            return self.call(self.tornado_method(args[0], last, node), args[1:], words, node)
        if name.startswith("tornado.websocket.") and last == "accept_connection":
            return self.call(Special("protocol.accept_connection", text=name), args, words, node)
        if _is_unbound(name) and args and not isinstance(args[0], Instance):
            # `str.split(line, ",")` is `line.split(",")`
            method = Member(args[0], last, labels_of(args[0]), f"{text_of(args[0])}.{last}")
            return self.call(method, args[1:], words, node)
        if name in _HEAPS and args:
            text = f"{text_of(args[0])}.{_HEAPS[name]}"
            method = Member(args[0], _HEAPS[name], labels_of(args[0]), text)
            return self.call(method, args[1:], words, node)
        if last in QUEUES:
            return self.queue_made(name, node)
        if last in SPAWN:
            return self._spawn(last, args, words, node)
        if keeps_failures(last, words):
            return self._gathered(args, node)
        if (
            last in THROUGH
            and args
            and (last != "run" or isinstance(args[0], Coroutine | Function | Bound | Partial))
        ):
            return self._through_call(last, args, node)
        if name in TUPLES or name in NAME_SPACES:
            made = (
                tuple_class(self.frame.module, args, node)
                if name in TUPLES
                else name_space(self.frame.module, args, words, node)
            )
            if made is not None:
                return made
        if name in COPIES and args and isinstance(args[0], Instance) and not args[0].handler:
            return copied_with(args[0], words)
        if name in FIELDS and args and isinstance(args[0], Instance) and not args[0].handler:
            return Mapping(dict(args[0].attrs.items()), exact=False)
        if last in OPERATIONS and args and not isinstance(args[0], Const | Mapping):
            return self._through_call(last, args, node, words)
        known = self.library_call(name, args, words, node)
        if known is not None:
            return known
        signed = self._signed(name, args, words, node)
        if signed is not None:
            return signed
        if name in _ASKS_ANOTHER and any(map(self.is_proof, [*args, *words.values()])):
            return self.unknown_call(function, name, args, words, node, recorded=True)
        if top in STDLIB or "." not in name or name.startswith("tornado."):
            return self._library_value(name, args, words, node)
        return self.unknown_call(function, name, args, words, node, recorded=True)

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
        """A call that cannot be resolved; of an object of a library that signs, its method's name tells."""
        signed = self._signed(text, args, words, node)
        if signed is not None:
            return signed
        told = words.get("callback")
        if told is None and self._comes_back(text, args, words):
            told, args = args[-1], args[:-1]
        if isinstance(told, Function | Bound) and self.mode == "anonymous" and not self.background:
            rest = {name: one for name, one in words.items() if name != "callback"}
            found = super().unknown_call(function, text, args, rest, node, recorded=recorded)
            self.called_back(told, found, node)
            return Unknown(text=f"{text}()")
        return super().unknown_call(function, text, args, words, node, recorded=recorded)

    def _comes_back(self, text: str, args: list[Value], words: dict[str, Value]) -> bool:
        """`client.fetch(url, self.on_checked)`: what is asked about a credential is answered to a method."""
        asked = lexicon.words_of((lexicon.chain_of(text) or [""])[-1])[:1]
        return (
            len(args) > 1
            and isinstance(args[-1], Bound)
            and args[-1].receiver is self.handler
            and bool(_ASKED & set(asked))
            and any(map(self.is_proof, [*args[:-1], *words.values()]))
        )

    def _signed(
        self, name: str, args: list[Value], words: dict[str, Value], node: ast.AST
    ) -> Value | None:
        """Verdict of a signing library on the client's value, if this is such a call."""
        if self.mode == "anonymous" and args:
            deciphered = self._deciphered(name, args, node)
            if deciphered is not None:
                return deciphered
        shown = args[0] if args else None
        empty = isinstance(shown, Const) and not shown.value  # an empty credential admits no client
        if (
            self.mode == "origin"
            or not name.startswith(_JWT)
            or name.rpartition(".")[2] not in _VERIFIES
            or not (empty or labels_of(*args, *words.values()) & {"client", "identity"})
        ):
            return None
        if self.mode == "anonymous" or empty:
            return self._verified_token(name, args, words, node)
        self.record("check", node, name, values=tuple(args))
        if args and isinstance(args[0], Unknown):
            args[0].truthy = True  # nothing can be read from a token that is not there
        return Unknown(frozenset({"principal"}), f"{name}()", truthy=True)

    def _deciphered(self, name: str, args: list[Value], node: ast.AST) -> Nobody | None:
        """Plaintext for a client without the key: no text that can be parsed."""
        last = name.rpartition(".")[2]
        if last == "decrypt" and name.startswith(_CIPHERS) and "client" in labels_of(args[0]):
            return Nobody(f"{name}()", node, self.frame.module, truthy=True)
        if (
            last in _PARSES
            and isinstance(args[0], Nobody)
            and args[0].text.endswith(".decrypt()")
            and args[0].text.startswith(_CIPHERS)
        ):
            self.check(node, args[0].text)
            raise Thrown("ValueError", node, self.frame.module, check=True)
        return None

    def _verified_token(
        self, name: str, args: list[Value], words: dict[str, Value], node: ast.AST
    ) -> Value:
        off = words.get("verify")
        options = words.get("options")
        unsigned = isinstance(off, Const) and off.value is False
        if isinstance(options, Mapping):
            flag = options.items.get("verify_signature")
            unsigned = unsigned or (isinstance(flag, Const) and flag.value is False)
        if unsigned:
            return Unknown(labels_of(*args) - {"credential"}, f"{name}()", truthy=True)
        self.check(node, f"{name}()")
        raise Thrown(
            _FAILS.get(name.partition(".")[0], "InvalidTokenError"),
            node,
            self.frame.module,
            check=True,
        )

    def _library_value(
        self, name: str, args: list[Value], words: dict[str, Value], node: ast.AST
    ) -> Value:
        """A function of the standard library or of Tornado: it computes, and decides nothing."""
        labels = labels_of(*args, *words.values())
        if self.mode == "anonymous" and asks_password(name, args):
            shown = [*args, *words.values()]
            if any(map(self.is_proof, shown)) and not any(isinstance(one, Nobody) for one in shown):
                return self._refused_by_program(name, words, node)
        numbers = name == "int" and (self.mode == "member" or _is_counted(args))
        if name in _READERS or numbers:
            labels -= {
                "credential"
            }  # each of its fields is what its name says; a number is no secret
        if name.rpartition(".")[2] in _NOT_OF_NONE and any(
            isinstance(one, Nobody) and one.certain for one in args[:1]
        ):
            self.check(node, text_of(args[0]))
            raise Thrown("TypeError", node, self.frame.module, check=True)
        nobody = next((one for one in args if isinstance(one, Nobody)), None)
        if nobody is not None and name not in {"print", "repr", "isinstance", "str", "type", "id"}:
            return Nobody(
                nobody.text, node, self.frame.module, nobody.truthy, presumed=nobody.presumed
            )
        if name in {"str", "bytes"} and nobody is not None:
            if (len(args) > 1 or words.keys() & {"encoding", "errors"}) and nobody.certain:
                self.check(node, text_of(nobody))
                raise Thrown("TypeError", node, self.frame.module, check=True)
            # A text is made of it in any case: `str(None)` is true, and names no user.
            return Nobody(nobody.text, node, self.frame.module, True, presumed=nobody.presumed)
        if name == "isinstance" and nobody is not None:
            return Nobody(nobody.text, node, self.frame.module, presumed=nobody.presumed)
        if name in _MATCHES and len(args) > 1 and self.mode == "anonymous":
            matched = self._matched(args[0], args[1], node)
            if matched is not None:
                return matched
        concrete = concrete_function(name, args)
        if concrete is not None:
            return concrete
        if (
            "self" in labels
            and self.accepted
            and name.rpartition(".")[2] not in _LOOKS_AT
            and name.partition(".")[0] not in {"logging", "weakref"}
        ):
            self.record("join", node, name, values=tuple(args))
        elif _acts(name) and not _only_reads(name, args, words):
            self._ran_in(name, args)
            self.record("act", node, name, values=tuple(args), words=tuple(words.items()))
        if name == "len":
            return Unknown(labels - {"self", "setting", "secret", "credential"}, "a length")
        if name == "re.escape" and any(map(is_secret, args)):
            return Unknown(labels | {"secret"}, f"{name}()", truthy=True)
        made_up = name.startswith(MADE_UP)
        # What is drawn once, when the program starts, is for those who are told it.
        secret = {"secret"} if made_up and self.stage == Stage.IMPORT else set[str]()
        if name.startswith(BY_CHANCE) and not secret:
            secret = {"drawn"}
        reached = {"answer"} if name.endswith(".websocket_connect") else set[str]()
        if name.startswith(_ACCOUNTS):
            reached = {"found"}
        return Unknown(
            (labels - {"self", "setting"}) | secret | reached,
            f"{name}({', '.join(text_of(one) for one in args[:3])})",
            truthy=True
            if made_up or any(is_drawn(one) or is_made_up(one) for one in args)
            else None,
        )

    def _ran_in(self, name: str, args: list[Value]) -> None:
        """Code defines names in a table: a client that sends one of them has proven nothing."""
        if name in {"exec", "eval"} and len(args) > 1 and isinstance(args[1], Mapping):
            names = args[1]
            names.exact = False
            names.text = names.text or NAMESPACE
            self.filled.setdefault(names.text, None)

    def _refused_by_program(self, name: str, words: dict[str, Value], node: ast.AST) -> Value:
        """The exit status of a program that finds the password to be wrong is not zero."""
        checked = words.get("check")
        if name.rpartition(".")[2] in RAISES or (
            isinstance(checked, Const) and checked.value is True
        ):
            self.check(node, f"{name}()")
            raise Thrown("CalledProcessError", node, self.frame.module, check=True)
        return Nobody(f"{name}()", node, self.frame.module, truthy=True)

    def _matched(self, pattern: Value, shown: Value, node: ast.AST) -> Value | None:
        """`re.fullmatch(SECRET, token)`: the pattern is what a client has to know."""
        if not is_secret(pattern) or not self.is_proof(shown):
            return None
        return self.compare(shown, ast.Eq(), pattern, node)


def _as_of_the_language(function: Named) -> Named:
    """`simplejson.loads` is `json.loads`."""
    if function.name.startswith(_JSON):
        return replace(function, name=f"json.{function.name.rpartition('.')[2]}")
    return function


def _is_unbound(name: str) -> bool:
    """A method of one of Python's own types, with the object as its first argument."""
    top, _, last = name.partition(".")
    return top in _OF_THE_LANGUAGE and last.isidentifier() and not last.startswith("__")


def _only_reads(name: str, args: list[Value], words: dict[str, Value]) -> bool:
    """`open("users.json")`: a file that the program names, and does not write."""
    mode = args[1] if len(args) > 1 else words.get("mode", Const("r"))
    return (
        name == "open"
        and "client" not in labels_of(*args[:1])
        and isinstance(mode, Const)
        and not set("wax+") & set(str(mode.value))
    )


_STARTS = ("asyncio.create_subprocess_", "tornado.process.Subprocess")
"""Prefixes of calls that start a program; many other calls there only wait."""


def _is_counted(given: list[Value]) -> bool:
    """`int(session_id)`: a number in an address or a message is found by counting, and proves nothing."""
    return any(
        isinstance(one, Unknown)
        and bool(one.labels & {"message", "query", "url"})
        and lexicon.is_only_a_session(last_word(one))
        for one in given
    )


def _acts(name: str) -> bool:
    top = name.partition(".")[0]
    return (
        (
            top in {"subprocess", "os", "shutil", "socket", "pty", "multiprocessing", "ctypes"}
            and not name.startswith(("os.path", "os.environ", "os.get", "os.fspath", "os.stat"))
            and name not in {"os.listdir", "os.scandir", "os.walk", "os.access", "os.cpu_count"}
            and not name.startswith(BY_CHANCE)
        )
        or name.startswith(_STARTS)
        or name in {"open", "eval", "exec", "compile", "__import__"}
    )
