"""Pages that an attacker can have and that look like an allowed one: what `check_origin` is asked about."""

import ast
import re
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from stormdoor_audit.auditor.classes.classinfo import ClassInfo
from stormdoor_audit.auditor.classes.classinfo import Member as ClassMember
from stormdoor_audit.auditor.classes.hierarchy import Hierarchy
from stormdoor_audit.auditor.classes.stores import stores_in
from stormdoor_audit.auditor.connection.client import HOST
from stormdoor_audit.auditor.connection.patterns import examples, is_glob, is_pattern
from stormdoor_audit.auditor.interpreter.texts import STAND_IN
from stormdoor_audit.auditor.reading.module import Assigned, Defined, Module
from stormdoor_audit.auditor.reading.project import Meaning, Project

__all__ = ["ATTACKER", "LOCAL", "Reader", "Said", "Trick", "Try", "anybody", "compared", "tricks"]

Trick = Literal[
    "any",
    "prefix",
    "suffix",
    "pattern",
    "substring",
    "null",
    "host",
    "address",
    "request",
    "scheme",
    "port",
]
ATTACKER = "https://attacker.example"
LOCAL = ("localhost", "127.0.0.1")
_HOSTLIKE = re.compile(r"^[a-z0-9*.:/\[\]_-]*[a-z0-9][a-z0-9*.:/\[\]_-]*$", re.IGNORECASE)
_LABEL = re.compile(r"^[a-z][a-z0-9-]{1,30}$")
_MAX_TREES = 60
_MAX_DEPTH = 3
_MAX_TEXTS = 40
_MAX_HOSTS = 10
_MAX_TRIES = 90
_MAX_PORTS = 4
_MAX_JOINED = 4


@dataclass(frozen=True, slots=True)
class Said:
    """Values that a check may compare with.

    Args:
        texts: Strings in it, in what it calls, and in the lists that it names.
        numbers: Numbers in it that may be ports.
        complete: Whether all that it names was looked at.
    """

    texts: tuple[str, ...] = ()
    numbers: tuple[int, ...] = ()
    complete: bool = True


@dataclass(frozen=True, slots=True)
class Try:
    """An origin that an attacker can have, the name of what it exploits, and the Host it is sent with."""

    trick: Trick
    origin: str
    host: str = HOST


@dataclass(frozen=True, slots=True)
class _Host:
    """A host that is let in: all of it, and the end of it that the check insists on."""

    whole: str
    end: str


# what the check says ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Reader:
    """Finds what a check may compare with.

    Args:
        project: The files.
        hierarchy: The classes.
        info: The handler class.
        words: What the route gives to `initialize`.
    """

    project: Project
    hierarchy: Hierarchy
    info: ClassInfo
    words: Mapping[str, tuple[Module, ast.expr]]

    def said(self, member: ClassMember | None) -> Said:
        """Strings and numbers in the check, in the functions it names, in lists and settings."""
        pending: deque[tuple[Module, ast.AST, int]] = deque(
            (module, tree, 0) for module, tree in self._beginning(member)
        )
        seen: set[int] = set()
        texts: dict[str, None] = {}
        numbers: dict[int, None] = {}
        while pending and len(seen) < _MAX_TREES:
            module, tree, depth = pending.popleft()
            if id(tree) in seen:
                continue
            seen.add(id(tree))
            names: dict[str, None] = {}
            for node in ast.walk(tree):
                match node:
                    case ast.Name(id=name) | ast.Attribute(attr=name):
                        names[name] = None
                    case ast.Constant(value=str() as text) if 2 <= len(text) <= 300:
                        texts[text] = None
                        if text in self.project.settings:
                            names[text] = None
                    case ast.Constant(value=int() as number) if 79 < number < 65536:
                        numbers[number] = None
                    case _:
                        pass
            if depth < _MAX_DEPTH:
                for name in sorted(names)[:_MAX_TREES]:
                    pending.extend((*one, depth + 1) for one in self._named(module, name))
        complete = not pending and len(texts) <= _MAX_TEXTS
        return Said(tuple(texts)[:_MAX_TEXTS], tuple(numbers)[:_MAX_PORTS], complete)

    def _beginning(self, member: ClassMember | None) -> Iterator[tuple[Module, ast.AST]]:
        if member is None or member.place is None:
            return
        match member.binding:
            case Defined(node):
                yield member.place, node
            case Assigned(value):
                yield member.place, value
            case binding:
                found = self.project.follow(member.place, binding)
                if isinstance(found, Meaning):
                    yield from _trees(found.module, found.binding)

    def _named(self, module: Module, name: str) -> Iterator[tuple[Module, ast.AST]]:
        """Yield the meanings of a name in a method of the class."""
        if name in self.words:
            yield self.words[name]
        for meaning in self.project.members(module, name)[:4]:
            if isinstance(meaning, Meaning):
                yield from _trees(meaning.module, meaning.binding)
        for one in self.info.mro:
            if isinstance(one, ClassInfo):
                for binding in self.hierarchy.members(one).get(name, ()):
                    yield from _trees(one.module, binding)
                yield from (
                    (one.module, value) for value in stores_in(one.node).values.get(name, ())
                )
        yield from self.project.settings.get(name, ())[:2]


def _trees(module: Module, binding: object) -> Iterator[tuple[Module, ast.AST]]:
    match binding:
        case Assigned(value):
            yield module, value
        case Defined(ast.FunctionDef() | ast.AsyncFunctionDef() as node):
            yield module, node
        case _:
            pass


# what an attacker can have ------------------------------------------------------------------


def anybody(said: Said) -> Iterator[Try]:
    """Origins that resemble nothing: a check that admits one compares with nothing."""
    yield Try("any", "http://attacker.example")
    for port in dict.fromkeys([int(HOST.rpartition(":")[2]), *said.numbers]):
        yield Try("any", f"https://attacker.example:{port}")


def compared(said: Said) -> Iterator[str]:
    """Values of the Host header with which the check compares it, perhaps."""
    hosts = [one.whole for text in said.texts for one in _hosts(text)]
    yield from list(dict.fromkeys([one for one in hosts if ":" not in one]))[:_MAX_HOSTS]


def tricks(said: Said, *, own: bool) -> list[Try]:
    """Origins that look like one that the check may compare with.

    Args:
        said: What it compares with.
        own: True if it reads the host of the server, or an unreadable list: origins that resemble those
            come first.
    """
    named = list(dict.fromkeys(host for text in said.texts for host in _hosts(text)))[:_MAX_HOSTS]
    of_own = list(_of_host(_Host(STAND_IN, STAND_IN), own=True))
    of_named = [attempt for one in named for attempt in _of_host(one, own=False)]
    of_texts = [attempt for text in said.texts for attempt in _of_text(text)]
    first, second = (of_own, of_named) if own else (of_named, of_own)
    everything = [Try("null", "null"), *first, *second, *_joined(said.texts), *of_texts]
    return list(dict.fromkeys(everything))[:_MAX_TRIES]


def _of_host(host: _Host, *, own: bool) -> Iterator[Try]:
    bare, end = host.whole, host.end
    name = bare.partition(":")[0]
    for sent in (name, HOST) if own else (HOST,):
        for scheme in ("http", "https"):
            yield Try("prefix", f"{scheme}://{name}.attacker.example", sent)
            if end:
                yield Try("suffix", f"{scheme}://attacker{end}", sent)
            if end and own:
                yield Try("suffix", f"{scheme}://{scheme}{sent}", sent)
        if own and sent == HOST:
            yield Try("suffix", f"https://attacker{HOST}", sent)
            yield Try("prefix", f"http://{name[0]}", sent)
            yield Try("substring", f"https://{name[:-1]}", sent)
        yield Try("substring", f"https://attacker-{name}.attacker.example", sent)
        if end:
            yield Try("suffix", f"https://http{end}", sent)
        if "." in name.strip("."):
            yield Try("pattern", f"https://{bare.replace('.', 'x', 1)}", sent)
    if own:
        return
    yield Try("port", f"https://{name}:4444")
    if bare == name and name.count(".") > 1:
        yield Try("substring", f"https://{name[:-1]}")


def _joined(texts: tuple[str, ...]) -> Iterator[Try]:
    """Origins that begin as one text says and end as another does, or have all the labels."""
    ends = list(dict.fromkeys(host.end for text in texts for host in _hosts(text) if host.end))
    begins = [
        one for one in texts if one.startswith(("http://", "https://")) and not one.endswith("/")
    ]
    for begin in begins[:_MAX_JOINED]:
        for end in ends[:_MAX_JOINED]:
            if begin.partition("://")[2]:
                yield Try("substring", f"{begin}attacker{end}")
    labels = [one for one in texts if _LABEL.match(one)]
    if 1 < len(labels) <= _MAX_JOINED:
        yield Try("substring", f"https://{'.'.join(labels)}.attacker.example")


def _of_text(text: str) -> Iterator[Try]:
    if _LABEL.match(text):
        yield Try("prefix", f"https://{text}.attacker.example")
    if is_pattern(text):
        for example in examples(text):
            scheme, mark, _ = example.text.partition("://")
            begin = len(scheme) + len(mark) if mark else 0
            for at in example.wild:
                loose = example.text[:at] + "x" + example.text[at + 1 :]
                if at >= begin and _HOSTLIKE.match(loose[begin:]):
                    yield Try("pattern", loose if mark else f"https://{loose}")
    for part in re.split(r"[,;\s]+", text):
        if part.startswith("https://") and _HOSTLIKE.match(part):
            yield Try("scheme", "http://" + part.removeprefix("https://").rstrip("/"))
            if part.count(".") > 1 and part[-1:].isalpha():
                yield Try("substring", part[:-1])


def _hosts(text: str) -> Iterator[_Host]:
    """Hosts in a text: an address, a list of addresses, a name with stars, a pattern."""
    if is_pattern(text):
        for example in examples(text):
            begin = example.text.partition("://")[0]
            at = len(begin) + 3 if "://" in example.text else 0
            whole = example.text[at:].partition("/")[0]
            free = example.free[at : at + len(whole)]
            firm = {one - at for one in example.wild}
            loose = [i for i, one in enumerate(free) if one and i not in firm]
            end = whole[max(loose, default=-1) + 1 :].partition(":")[0]
            yield from _host(whole, end)
        if not is_glob(text):
            return
    for part in re.split(r"[,;\s]+", text):
        try:
            found = urlsplit(part).netloc if "://" in part else part
        except ValueError:
            continue
        piece = found.strip("/ ")
        if "*" in piece:
            yield from _host(piece.replace("*", "x"), piece.rpartition("*")[2])
        else:
            yield from _host(piece, piece)


def _host(whole: str, end: str) -> Iterator[_Host]:
    whole, end = whole.lstrip("."), end.lstrip(".")
    if len(whole) < 120 and _HOSTLIKE.match(whole) and ("." in whole or "localhost" in whole):
        yield _Host(whole, end if not end or _HOSTLIKE.match(end) else "")
