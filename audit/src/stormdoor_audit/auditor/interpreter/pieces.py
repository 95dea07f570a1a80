"""Values that a client has without a secret: a piece of it, its length, a name, the form of a token."""

import re
from collections.abc import Iterable

from stormdoor_audit.auditor.interpreter.values import (
    Const,
    Instance,
    Labels,
    Mapping,
    Named,
    Nobody,
    Sequence,
    Setting,
    Unknown,
    Value,
    labels_of,
    settled,
    text_of,
)
from stormdoor_audit.auditor.naming import lexicon
from stormdoor_audit.auditor.naming.words import words

__all__ = [
    "BY_CHANCE",
    "FINDS",
    "MADE_UP",
    "PIECES",
    "chosen_only",
    "flat",
    "given_instead",
    "inserts",
    "is_drawn",
    "is_found_by_name",
    "is_keyed_digest",
    "is_made_up",
    "is_of_names",
    "is_of_secrets",
    "is_piece",
    "is_plain_digest",
    "is_put_together",
    "is_secret",
    "is_text",
    "named_after_nobody",
    "names_a_thing",
    "names_words",
    "selects",
]

BY_CHANCE = ("os.urandom", "random.", "secrets.", "uuid.uuid")
"""Prefixes of calls that return nothing of the server's data."""
MADE_UP = ("secrets.token", "uuid.uuid", "os.urandom")
"""Prefixes of calls that generate unguessable values."""
PIECES = frozenset({"startswith", "endswith"})
"""Methods that ask of a text whether it has a piece at its ends."""
_WITHIN = frozenset({"count", "find", "index", "rfind", "rindex", "__contains__"})
_TEXTS = tuple(
    [name] for name in ("dumps", "format", "join", "lower", "read", "read_text", "strip", "upper")
)
"""Methods that give a text."""
_ENVIRONMENT = "os.environ"
FINDS = words(
    """
    by count execute exists fetch fetchall fetchone fetchrow fetchval filter find first get load
    lookup objects one query retrieve scalar search select
    """
)
_PEOPLE = words(
    "account accounts email login member members nick nickname people person user username users"
)
_DIGEST = re.compile(r"sha\d|md5|blake|hmac|digest|hash|sign|mac\b", re.IGNORECASE)


def is_text(value: Value) -> bool:
    """Return True if it is certainly one text, and no collection of texts."""
    shipped = settled(value)
    if isinstance(value, Unknown) and "client" not in value.labels:
        return lexicon.chain_of(value.text)[-1:] in _TEXTS and value.text.endswith(")")
    return (isinstance(value, Named) and value.name == _ENVIRONMENT) or (
        isinstance(shipped, Const)
        and (isinstance(shipped.value, str | bytes) or shipped.value is ...)
    )


def is_made_up(value: Value) -> bool:
    """Return True if it is a text generated here: `str(uuid4())`, `uuid4().hex`."""
    return isinstance(value, Unknown) and (
        not value.labels - {"drawn"} and value.text.removeprefix("str(").startswith(MADE_UP)
    )


def is_drawn(value: Value) -> bool:
    """Return True if it is a generated secret, or made of one: it exists, and no client can guess it."""
    return isinstance(value, Unknown) and value.truthy is True and "secret" in value.labels


def is_put_together(text: str) -> bool:
    """Return True if a text has several parts: `room + ":" + name` names a place in a table."""
    return any(sign in text for sign in (" + ", "{", ".format(", ".join(", " % "))


def is_of_secrets(words: list[str]) -> bool:
    """Return True if a name can only mean secrets: `API_KEYS`, but not `KEYS`."""
    last = words[-1].rstrip("s") if words else ""
    return last in {"apikey", "password", "passwd", "secret", "token"} or (
        last == "key" and bool({"access", "api", "auth", "secret"} & set(words))
    )


def is_of_names(holder: Value) -> bool:
    """Return True if an entry in the source stands under its own name: `{"hall": Room("hall")}`.

    A client that sends one of them finds the entry, and such a name is no secret.
    """
    if not isinstance(holder, Mapping):
        return False
    if is_of_secrets(lexicon.words_of(holder.text.rpartition(".")[2])):
        return False
    return any(
        isinstance(key, str)
        and key.isalpha()
        and isinstance(one, Instance)
        and any(isinstance(held, Const) and held.value == key for held in one.attrs.values())
        for key, one in holder.items.items()
    )


def names_a_thing(text: str) -> bool:
    """Return True if the field is named like a thing: `message["board"]`, wherever it is the key."""
    named = _FIELD.search(text)
    return named is not None and not lexicon.is_credential_name(named.group(1))


def is_plain_digest(text: str) -> bool:
    """Return True if a key is a digest of the client's text only: the client can make that, too."""
    return text.endswith(("digest()", "digest().upper()", "digest().lower()"))


def names_words(name: str, text: str) -> bool:
    """Return True if `tokens` are the words of a text, and prove no more than that text."""
    return lexicon.words_of(name)[-1:] == ["tokens"] and _CUT_UP.search(text) is not None


def named_after_nobody(parts: Iterable[Value]) -> Nobody | None:
    """Return the absent user that a text is made of: `f"session:{token}"`; not if other parts are."""
    parts = [*flat(parts)]
    if any({"client", "drawn"} & labels_of(one) for one in parts):
        return None
    return next((one for one in parts if isinstance(one, Nobody)), None)


_CUT_UP = re.compile(r"(split|splitlines|tokeni[sz]e|findall)\(.*\)$")
_FIELD = re.compile(r"""['"](\w+)['"]\)?\]?$""")


def is_piece(receiver: Value, name: str, args: list[Value]) -> bool:
    """Return True if a server's text is tested for the client's text: `SECRET.startswith(token)`."""
    return (
        bool(args)
        and "client" in labels_of(args[0])
        and "client" not in labels_of(receiver)
        and ((name in PIECES and not isinstance(receiver, Instance)) or name in _WITHIN)
        and (name in PIECES or is_text(receiver))
    )


def chosen_only(*values: Value) -> Labels:
    """The labels of what a client chooses, where nothing in it proves anything."""
    return labels_of(*values) - {"credential", "secret", "setting", "answer", "self"}


def is_secret(value: Value) -> bool:
    """Return True if only the server knows the value: by its label, its place or its name."""
    labels = labels_of(value)
    if "client" in labels:
        return False
    if "secret" in labels or (isinstance(value, Named) and value.name == _ENVIRONMENT):
        return True
    named = isinstance(value, Setting | Unknown)
    return named and lexicon.is_credential_name((lexicon.chain_of(text_of(value)) or [""])[-1])


def is_keyed_digest(value: Value) -> bool:
    """Return True if it is a digest of the client's value together with a secret."""
    return labels_of(value) >= {"client", "secret"} and bool(_DIGEST.search(text_of(value)))


def is_found_by_name(text: str, args: list[Value], words: dict[str, Value], labels: Labels) -> bool:
    """Return True if a look-up uses the client's value as a name, so that the result proves nothing.

    Args:
        text: The call, as a dotted name.
        args: Its arguments.
        words: Its keyword arguments.
        labels: Of all of them, and of what the method belongs to.
    """
    if "client" not in labels or labels & {"credential", "identity", "self", "principal"}:
        return False
    given = [*args, *words.values()]
    if any(map(lexicon.is_credential_name, words)) or any(map(_is_about_proof, args)):
        return False
    if "named" in labels:
        return True
    chain = lexicon.chain_of(text) or [text]
    said = [one.value if isinstance(one, Const) else text_of(one) for one in flat(given)]
    about = {word for name in [*chain, *map(str, said)] for word in lexicon.words_of(name)}
    # An id of another object may be a secret of the client that was told it.
    return (
        bool(FINDS & set(lexicon.words_of(chain[-1])[:1]))
        and bool(_PEOPLE & about)
        and any("client" in labels_of(one) for one in given)
    )


def flat(values: Iterable[Value]) -> list[Value]:
    """The values, with the items of lists in place of the lists."""
    return [
        inner for one in values for inner in (one.items if isinstance(one, Sequence) else [one])
    ]


def _is_about_proof(value: Value) -> bool:
    """`"… where token = ?"`, `User.token == shown`: what is looked for is what proves."""
    if isinstance(value, Const):
        text = value.value if isinstance(value.value, str) else ""
    else:
        text = text_of(value).partition("==")[0] if "==" in text_of(value) else ""
    return any(map(lexicon.is_credential_name, re.findall(r"\w+", text)))


def given_instead(name: str, args: list[Value], words: dict[str, Value]) -> Value | None:
    """Default of `table.get(token, default)`, if the table has no entry and all clients get it."""
    if name not in {"get", "pop"}:
        return None
    default = args[1] if len(args) == 2 else words.get("default")
    match default:
        case Const(value=value) if value:
            return default
        case Sequence(items=[_, *_]) | Mapping() | Instance():
            return default if not isinstance(default, Mapping) or default.items else None
        case _:
            return None


def selects(query: object) -> bool:
    """Return True if a query reads: `select name from people where …`."""
    return isinstance(query, str) and query.lstrip().lower().startswith(("select", "with"))


def inserts(query: object) -> bool:
    """Return True if a query inserts a row."""
    return isinstance(query, str) and query.lstrip().lower().startswith(("insert", "replace"))
