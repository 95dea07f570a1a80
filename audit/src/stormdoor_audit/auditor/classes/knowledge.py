"""Knowledge about well-known bases, for when their source is not at hand."""

import functools
import tomllib
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Literal, cast

__all__ = ["Knowledge", "KnowledgeError", "Known", "load_knowledge"]

Answer = Literal["guarded", "missing", "optional", "open", "unknown"]
_ANSWERS = ("guarded", "missing", "optional", "open", "unknown")
_KINDS = ("socket", "connection", "handler", "other")
_TEXTS = ("note", "origin_setting", "authorizer", "messages", "acts", "events")
_KEYS = frozenset({*_KINDS, *_TEXTS, "authentication", "origin", "router", "listed"})


class KnowledgeError(ValueError):
    """A knowledge file has not the form that `knowledge.toml` describes."""


@dataclass(frozen=True, slots=True)
class Known:
    """Effects of a class before the 101; one that is `inert` answers no request at all."""

    authentication: Answer = "unknown"
    origin: Answer = "unknown"
    note: str = ""
    socket: bool = True
    connection: bool = False
    origin_setting: str = ""
    inert: bool = False
    authorizer: str = ""
    messages: str = ""
    acts: str = ""
    events: str = ""


@dataclass(slots=True)
class Knowledge:
    """Well-known classes by dotted name."""

    classes: dict[str, Known] = field(default_factory=dict)
    routers: dict[str, str] = field(default_factory=dict)
    """Routers that give connections to a class, with the usual base of such a class."""
    lists: dict[str, str] = field(default_factory=dict)
    """Lists of routes of a package, with the class in them that is a WebSocket handler."""

    @property
    def router_names(self) -> frozenset[str]:
        """The last words of their names."""
        return frozenset(name.rpartition(".")[2] for name in self.routers)

    def is_socket(self, name: str) -> bool:
        """Return True if the class of this dotted name is a WebSocket handler."""
        known = self.classes.get(name)
        return known is not None and known.socket

    def is_connection(self, name: str) -> bool:
        """Return True if it is a connection class that is no handler of Tornado, as in sockjs-tornado."""
        known = self.classes.get(name)
        return known is not None and known.connection

    def about(self, name: str) -> Known | None:
        """Return the knowledge about the class, or about all classes of its package."""
        known = self.classes.get(name)
        while known is None and "." in name:
            name = name.rpartition(".")[0]
            known = self.classes.get(f"{name}.*")
        return known

    def copied_connection(self, name: str) -> tuple[str, Known] | None:
        """The connection class that this is, its package read and perhaps under another name."""
        return next(
            (
                (ours, known)
                for ours, known in self.classes.items()
                if known.connection and f".{name}".endswith(f".{ours}")
            ),
            None,
        )


def load_knowledge(*extra: Path) -> Knowledge:
    """The knowledge that ships, and that of further files; a later entry wins.

    Raises:
        KnowledgeError: A file cannot be read, or an entry has another form.
    """
    shipped = _shipped()
    knowledge = Knowledge(dict(shipped.classes), dict(shipped.routers), dict(shipped.lists))
    for path in extra:
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise KnowledgeError(f"{path}: {error}") from None
        _read(knowledge, str(path), text)
    return knowledge


@functools.cache
def _shipped() -> Knowledge:
    """Shared by all scans, and never changed."""
    name = "knowledge.toml"
    knowledge = Knowledge()
    _read(knowledge, name, files(__package__).joinpath(name).read_text(encoding="utf-8"))
    return knowledge


def _read(knowledge: Knowledge, where: str, text: str) -> None:
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise KnowledgeError(f"{where}: {error}") from None
    entries = document.get("class", [])
    if not isinstance(entries, list) or document.keys() - {"class"}:
        raise KnowledgeError(f"{where}: only [[class]] tables are known")
    for entry in entries:
        _add(knowledge, where, entry)


def _add(knowledge: Knowledge, where: str, entry: object) -> None:
    if not isinstance(entry, dict):
        raise KnowledgeError(f"{where}: [[class]] is a table")
    unknown = sorted(entry.keys() - _KEYS)
    if unknown:
        raise KnowledgeError(f"{where}: a [[class]] has no {unknown[0]}; see knowledge.toml")
    kinds = [kind for kind in _KINDS if kind in entry]
    names = entry.get(kinds[0]) if len(kinds) == 1 else None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise KnowledgeError(
            f"{where}: a [[class]] has one of {', '.join(_KINDS)}: a list of dotted names"
        )
    answers: dict[str, Answer] = {}
    for key in ("authentication", "origin"):
        value = entry.get(key, "unknown")
        if value not in _ANSWERS:
            raise KnowledgeError(f"{where}: {key} is one of {', '.join(_ANSWERS)}")
        answers[key] = cast("Answer", value)
    known = Known(
        answers["authentication"],
        answers["origin"],
        socket=kinds[0] in {"socket", "connection"},
        connection=kinds[0] == "connection",
        inert=kinds[0] == "other",
        **{key: str(entry.get(key, "")) for key in _TEXTS},
    )
    for name in names:
        knowledge.classes[name] = known
    for key, table in (("router", knowledge.routers), ("listed", knowledge.lists)):
        places = entry.get(key, [])
        if not isinstance(places, list) or not all(isinstance(name, str) for name in places):
            raise KnowledgeError(f"{where}: {key} is a list of dotted names")
        table.update(dict.fromkeys(places, names[0] if names else ""))
