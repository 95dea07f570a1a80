"""Which origins a handler lets in: `check_origin` is asked about origins an attacker can have."""

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from stormdoor.auditor.classes.classinfo import ClassInfo
from stormdoor.auditor.classes.classinfo import Member as ClassMember
from stormdoor.auditor.classes.hierarchy import Hierarchy
from stormdoor.auditor.connection.client import HOST
from stormdoor.auditor.connection.exploration import explore_origin
from stormdoor.auditor.connection.pathway import Path, Pathway
from stormdoor.auditor.interpreter.events import Event
from stormdoor.auditor.reading.module import Assigned, Defined, Module
from stormdoor.auditor.reading.project import External, Project

__all__ = ["Origins", "Trick", "ask"]

Trick = Literal["any", "prefix", "suffix", "pattern", "substring", "null", "host", "scheme", "port"]
_ATTACKER = "https://attacker.example"
_MAX_STEPS = 40_000
"""Work after which no further origin is asked about."""
_HOSTLIKE = re.compile(r"^[a-z0-9*.:/\[\]_-]*[a-z0-9][a-z0-9*.:/\[\]_-]*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Origins:
    """The answer.

    Args:
        kind: `default` Tornado's own check, `restricted`, `open`, `weak` a trick passes it,
            `optional` open or not by a setting, `unknown`.
        member: The `check_origin` that runs.
        accepted: The attacker's origin that it lets in.
        trick: What kind of origin that is.
        setting: The setting it hangs on.
        base: The class that was not read.
        checks: What it compares.
    """

    kind: Literal["default", "restricted", "open", "weak", "optional", "unknown"]
    member: ClassMember | None = None
    accepted: str = ""
    trick: Trick | None = None
    setting: str = ""
    base: str = ""
    events: tuple[Event, ...] = ()
    minor: tuple[tuple[str, str], ...] = field(default=())


def ask(
    project: Project,
    hierarchy: Hierarchy,
    info: ClassInfo,
    words: Mapping[str, tuple[Module, ast.expr]],
) -> Origins:
    """Ask the handler about origins that an attacker can have."""
    connection = hierarchy.connection(info)
    if connection is not None:
        name, library = connection
        told = bool(library.origin_setting) and any(
            library.origin_setting in line
            for module in project.inside()
            if not _within(module, name)
            for line in module.lines
        )
        return Origins("open" if library.origin == "open" and not told else "unknown", base=name)
    found = hierarchy.find(info, "check_origin")
    if isinstance(found, External):
        later = _past(hierarchy, info)
        copied = next(
            (one.copied for one in info.mro if isinstance(one, ClassInfo) and one.copied), None
        )
        if copied is not None and "check_origin" not in hierarchy.members(copied):
            return Origins("unknown", base=copied.qualname)
        if found.name.startswith("tornado."):
            return _by_what_shapes(project, hierarchy, info, words)
        known = hierarchy.knowledge.about(found.name)
        if known is not None:
            kind = {"guarded": "restricted", "open": "open"}.get(known.origin, "unknown")
            return Origins(
                "open" if kind == "open" else "restricted" if kind == "restricted" else "unknown",
                base=found.name,
            )
        if later is None:
            return Origins("unknown", base=found.name)
        found = later
    if found is None and not _shaped(hierarchy, info):
        for one in info.mro:
            known = hierarchy.knowledge.about(
                one.name if isinstance(one, External) else one.qualname
            )
            if known is not None and known.origin == "open":
                return Origins("open", base=one.name, accepted=_ATTACKER)
        unresolved = [
            text for one in info.mro if isinstance(one, ClassInfo) for text in one.unresolved
        ]
        return Origins("unknown", base=unresolved[0]) if unresolved else Origins("default")

    asked: dict[str, Pathway] = {}

    def answer(origin: str) -> bool | None:
        if origin not in asked:
            if sum(one.steps for one in asked.values()) > _MAX_STEPS:
                return None
            asked[origin] = explore_origin(project, hierarchy, info, origin, words)
        return _answer(asked[origin])

    plain = answer(_ATTACKER)
    events = tuple(asked[_ATTACKER].events)
    if plain is True:
        return Origins("open", found, _ATTACKER, "any", events=events)
    # However it is configured: what every way lets in, a setting does not keep out.
    for trick, origin in _tricks(_texts(project, hierarchy, found)):
        if trick not in {"scheme", "port"} and answer(origin) is True:
            kind, shown = _anywhere(origin, answer) if trick == "prefix" else (trick, origin)
            return Origins("weak", found, shown, kind, events=events)
    if plain is None:
        return _depends(asked[_ATTACKER], found, events)
    for local in sorted({"localhost", "127.0.0.1"} & set(_texts(project, hierarchy, found))):
        at_home = explore_origin(
            project, hierarchy, info, _ATTACKER, words, host=HOST.replace("app.example", local)
        )
        if _answer(at_home) is True:
            return Origins("weak", found, _ATTACKER, "host", events=tuple(at_home.events))
    minor = tuple(
        (trick, origin)
        for trick, origin in _tricks(_texts(project, hierarchy, found))
        if trick in {"scheme", "port"} and answer(origin) is True
    )
    return Origins("restricted", found, events=events, minor=minor[:1])


def _shaped(hierarchy: Hierarchy, info: ClassInfo) -> bool:
    return any(hierarchy.is_shaped(one) for one in info.mro if isinstance(one, ClassInfo))


def _by_what_shapes(
    project: Project,
    hierarchy: Hierarchy,
    info: ClassInfo,
    words: Mapping[str, tuple[Module, ast.expr]],
) -> Origins:
    """No body has a `check_origin`; a decorator of the class may put one there."""
    if _shaped(hierarchy, info):
        pathway = explore_origin(project, hierarchy, info, _ATTACKER, words)
        if _answer(pathway) is True:
            base = "what is done to the class when it is made"
            return Origins("open", None, _ATTACKER, "any", base=base, events=tuple(pathway.events))
    return Origins("default")


def _anywhere(origin: str, answer: Callable[[str], bool | None]) -> tuple[Trick, str]:
    """Whether what passes at the beginning passes in the middle, too."""
    scheme, _, host = origin.partition("://")
    middle = f"{scheme}://attacker-{host}"
    return ("substring", middle) if answer(middle) is True else ("prefix", origin)


def _within(module: Module, name: str) -> bool:
    """Whether a file is of the package that the class of this name comes from."""
    package = name.partition(".")[0]
    return f".{package}." in f".{module.name}."


def _past(hierarchy: Hierarchy, info: ClassInfo) -> ClassMember | None:
    """`check_origin` of a class behind one that was not read."""
    for one in info.mro:
        if isinstance(one, ClassInfo):
            bindings = hierarchy.members(one).get("check_origin")
            if bindings:
                return ClassMember(one, bindings[-1])
    return None


def _answer(pathway: Pathway) -> bool | None:
    """What is answered as shipped; None where that depends."""
    shipped = [
        path
        for path in pathway.paths
        if path.answer is not None
        and all(
            one.default is None or one.default == one.value for one in path.assumptions.values()
        )
    ]
    answers = {path.answer for path in shipped}
    if answers == {True}:
        # A way that was too long to follow may well have refused it.
        return True if pathway.complete else None
    if answers == {False} or not answers:
        return False if answers else None
    certain = {
        path.answer
        for path in shipped
        if all(one.default is not None for one in path.assumptions.values())
    }
    if certain == {False}:
        return False
    return None


def _depends(pathway: Pathway, member: ClassMember | None, events: tuple[Event, ...]) -> Origins:
    accepting: list[Path] = [path for path in pathway.paths if path.answer]
    for path in accepting:
        for one in path.assumptions.values():
            if one.default is None:
                return Origins(
                    "optional", member, _ATTACKER, "any", setting=one.name, events=events
                )
    return Origins("unknown", member, events=events)


def _texts(project: Project, hierarchy: Hierarchy, member: ClassMember | None) -> list[str]:
    """Strings that the check may compare with: in its body, in functions it names, in lists."""
    if member is None:
        return []
    module = member.place
    if module is None:
        return []
    trees: list[ast.AST] = []
    if isinstance(member.binding, Defined):
        trees.append(member.binding.node)
    elif isinstance(member.binding, Assigned):
        trees.append(member.binding.value)
    names = {
        node.id if isinstance(node, ast.Name) else node.attr
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Name | ast.Attribute)
    }
    for name in sorted(names)[:60]:
        for binding in [
            *module.names.get(name, ()),
            *(hierarchy.members(member.owner).get(name, ()) if member.owner is not None else ()),
        ]:
            if isinstance(binding, Assigned):
                trees.append(binding.value)
            elif isinstance(binding, Defined) and not isinstance(binding.node, ast.ClassDef):
                trees.append(binding.node)
        for inner, expr in project.settings.get(name, ())[:2]:
            if inner is not None:
                trees.append(expr)
    found: dict[str, None] = {}
    for tree in trees[:40]:
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Constant)
                and isinstance(node.value, str)
                and 3 <= len(node.value) <= 120
            ):
                found[node.value] = None
    return list(found)[:24]


def _hosts(text: str) -> Iterator[str]:
    plain = re.sub(r"\\(.)", r"\1", text)
    plain = re.sub(r"https?\??:|^[\^(]+|[$)]+$|\(\?:|\(|\)|//|\^|\$", "", plain)
    plain = plain.replace(".*", "").replace(".+", "").replace("?", "")
    try:
        host = urlsplit(text).netloc if "://" in text else plain
    except ValueError:
        host = plain
    for one in (host or plain, plain):
        for part in one.split("|"):
            piece = part.strip("/ ")
            if piece and _HOSTLIKE.match(piece) and ("." in piece or "localhost" in piece):
                yield piece.replace("*", "x")


def _tricks(texts: list[str]) -> list[tuple[Trick, str]]:
    hosts = list(dict.fromkeys([HOST, *(host for text in texts for host in _hosts(text))]))[:10]
    result: list[tuple[Trick, str]] = [("null", "null")]
    for host in hosts:
        bare = host.lstrip(".")
        result += [
            ("prefix", f"http://{bare}.attacker.example"),
            ("prefix", f"https://{bare}.attacker.example"),
            ("suffix", f"http://attacker{bare}"),
            ("suffix", f"https://attacker{bare}"),
            ("substring", f"https://attacker-{bare}.attacker.example"),
        ]
        if "." in bare.strip("."):
            result.append(("pattern", f"https://{bare.replace('.', 'x', 1)}"))
        prefix = HOST[: max(len(HOST) - 1, 1)]
        if host == HOST:
            result.append(("prefix", f"http://{prefix[0]}"))
        else:
            result.append(("port", f"https://{bare.partition(':')[0]}:4444"))
    for text in texts:
        if text.startswith("https://") and _HOSTLIKE.match(text):
            result.append(("scheme", "http://" + text.removeprefix("https://").rstrip("/")))
    return result[:64]
