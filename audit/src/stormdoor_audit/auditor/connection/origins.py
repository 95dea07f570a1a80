"""Origins that a handler admits: `check_origin` is asked about origins an attacker can have."""

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from stormdoor_audit.auditor.classes.classinfo import ClassInfo
from stormdoor_audit.auditor.classes.classinfo import Member as ClassMember
from stormdoor_audit.auditor.classes.hierarchy import Hierarchy
from stormdoor_audit.auditor.connection.client import ADDRESS, HOST, ORIGIN_HEADERS
from stormdoor_audit.auditor.connection.exploration import explore_origin
from stormdoor_audit.auditor.connection.pathway import Asked, Path, Pathway
from stormdoor_audit.auditor.connection.tricks import (
    ATTACKER,
    LOCAL,
    Reader,
    Said,
    Trick,
    Try,
    anybody,
    compared,
    tricks,
)
from stormdoor_audit.auditor.interpreter.events import Event
from stormdoor_audit.auditor.reading.module import Module
from stormdoor_audit.auditor.reading.project import External, Project

__all__ = ["Origins", "Trick", "ask"]

_MAX_STEPS = 36_000
"""Work after which no further origin is asked about: most are worth one way, which refuses them."""


Kind = Literal["default", "restricted", "open", "weak", "optional", "unknown"]


@dataclass(frozen=True, slots=True)
class Origins:
    """The answer.

    Args:
        kind: `default` Tornado's own check, `restricted`, `open`, `weak` a trick passes it,
            `optional` open or not by a setting, `unknown`.
        member: The `check_origin` that runs.
        accepted: The attacker's origin that it lets in.
        trick: What kind of origin that is.
        where: The Host header, or the address of the client, with which it is let in.
        setting: The setting it hangs on.
        base: The class that was not read.
        checks: What it compares.
    """

    kind: Kind
    member: ClassMember | None = None
    accepted: str = ""
    trick: Trick | None = None
    where: str = ""
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
            for module in project.naming(library.origin_setting)
            if not _within(module, name)
            for line in module.lines
        )
        kind: Kind = "open" if library.origin == "open" and not told else "unknown"
        return Origins(kind, base=name, accepted=ATTACKER if kind == "open" else "")
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
            kinds: dict[str, Kind] = {"guarded": "restricted", "open": "open"}
            kind = kinds.get(known.origin, "unknown")
            return Origins(kind, base=found.name, accepted=ATTACKER if kind == "open" else "")
        if later is None:
            return Origins("unknown", base=found.name)
        found = later
    if found is None and not _shaped(hierarchy, info) and not _meddles(info):
        for one in info.mro:
            known = hierarchy.knowledge.about(
                one.name if isinstance(one, External) else one.qualname
            )
            if known is not None and known.origin == "open":
                return Origins("open", base=one.name, accepted=ATTACKER)
        unresolved = [
            text for one in info.mro if isinstance(one, ClassInfo) for text in one.unresolved
        ]
        return Origins("unknown", base=unresolved[0]) if unresolved else Origins("default")

    whole = _meddles(info)
    asking = _Asking(
        lambda asked: explore_origin(project, hierarchy, info, replace(asked, whole=whole), words)
    )
    return _examined(asking, found, Reader(project, hierarchy, info, words).said(found))


@dataclass(slots=True)
class _Asking:
    """Asks a handler about one page after the other, as long as it is worth the work."""

    explore: Callable[[Asked], Pathway]
    known: dict[Asked, Pathway] = field(default_factory=dict)
    steps: int = 0
    is_cut: bool = False
    """True if it was too much work to decide that some page is admitted."""

    def pathway(self, asked: Asked) -> Pathway | None:
        """Explore the handshake of this page; None if that would be too much work."""
        if asked not in self.known:
            if self.steps > _MAX_STEPS:
                self.is_cut = True
                return None
            self.known[asked] = self.explore(asked)
            self.steps += self.known[asked].steps
        return self.known[asked]

    def lets_in(
        self, origin: str, host: str = HOST, address: str = ADDRESS, *, mostly: bool = False
    ) -> bool:
        """Return True if this page is certainly admitted as shipped.

        Args:
            origin: Where it comes from.
            host: The Host header.
            address: Where the client is.
            mostly: Whether most of the ways are enough, because a page that resembles nothing is
                let in on none: then it is the name that lets it in, and what is not known is the same.
        """
        asked = Asked(origin, host, address, throughout=not mostly)
        pathway = self.pathway(asked)
        if pathway is None:
            return False
        answer = _answer(pathway)
        if not pathway.complete and all(path.answer for path in _shipped(pathway)):
            self.is_cut = True  # no way refused it, and not every way was followed
        if answer is None and mostly:
            shipped = [path.answer for path in _shipped(pathway)]
            answer = shipped.count(True) > shipped.count(False)
        if not answer and any("list" in path.looked_at for path in pathway.paths):
            # What is listed may be hosts, and it may be origins.
            pathway = self.pathway(
                replace(asked, listed=f"https://{asked.listed}", throughout=True)
            )
            answer = pathway is not None and _answer(pathway)
        return bool(answer)


def _examined(asking: _Asking, found: ClassMember | None, said: Said) -> Origins:
    """The answer of a check that is there."""
    first = asking.pathway(Asked(ATTACKER, otherwise=True)) or Pathway()
    plain, events = _answer(first), tuple(first.events)
    if plain is True:
        return Origins("open", found, ATTACKER, "any", events=events)
    for attempt in anybody(said):
        if asking.lets_in(attempt.origin):
            return Origins("open", found, attempt.origin, "any", events=events)
    looked_at = {one for path in first.paths for one in path.looked_at}
    for host in dict.fromkeys([*compared(said), *LOCAL]) if "host" in looked_at else ():
        if asking.lets_in(ATTACKER, host):
            if host in LOCAL:
                return Origins("weak", found, ATTACKER, "host", host, events=events)
            return Origins("open", found, ATTACKER, "host", host, events=events)
    # However it is configured: what every way lets in, a setting does not keep out.
    attempts = tricks(said, own="host" in looked_at or "list" in looked_at)
    never = not any(path.answer for path in first.paths)
    for attempt in attempts:
        if attempt.trick not in {"scheme", "port"} and (
            asking.lets_in(attempt.origin, attempt.host, mostly=never)
        ):
            trick, shown = _anywhere(asking, attempt)
            return Origins("weak", found, shown, trick, events=events)
    if "address" in looked_at and asking.lets_in(ATTACKER, address=LOCAL[1]):
        return Origins("weak", found, ATTACKER, "address", LOCAL[1], events=events)
    if _is_up_to_page(_shipped(first)):
        return Origins("weak", found, ATTACKER, "request", events=events)
    if plain is None or asking.is_cut or not said.complete:
        return _depends(first, found, events)
    minor = tuple(
        (one.trick, one.origin)
        for one in attempts
        if one.trick in {"scheme", "port"} and asking.lets_in(one.origin)
    )
    return Origins("restricted", found, events=events, minor=minor[:1])


def _is_up_to_page(paths: list[Path]) -> bool:
    """Return True if the page's own text in the address decides, and no setting beside it."""
    return any(
        path.answer
        and path.whim
        and not path.unsure
        and any(other.answer is False and _agree(path, other) for other in paths)
        for path in paths
    )


def _agree(path: Path, other: Path) -> bool:
    return all(
        other.assumptions[name].value == one.value
        for name, one in path.assumptions.items()
        if name in other.assumptions
    )


def _meddles(info: ClassInfo) -> bool:
    """Return True if the class handles its origins outside of `check_origin`."""
    return any(
        _is_meddling(node)
        for one in info.mro
        if isinstance(one, ClassInfo)
        for node in ast.walk(one.node)
    )


def _is_meddling(node: ast.AST) -> bool:
    match node:
        case ast.Attribute(value=ast.Name(id="self"), attr="check_origin", ctx=ast.Store()):
            return True
        case ast.Call(func=ast.Name(id="setattr"), args=[_, ast.Constant(value="check_origin"), _]):
            return True
        case ast.Call(func=ast.Attribute(attr="accept_connection")):
            return True
        case ast.Call(func=ast.Attribute(attr="pop"), args=[ast.Constant(value=str() as name), *_]):
            return name.lower() in ORIGIN_HEADERS
        case ast.Subscript(slice=ast.Constant(value=str() as name), ctx=ast.Store() | ast.Del()):
            return name.lower() in ORIGIN_HEADERS
        case _:
            return False


def _shaped(hierarchy: Hierarchy, info: ClassInfo) -> bool:
    return any(hierarchy.is_shaped(one) for one in info.mro if isinstance(one, ClassInfo))


def _by_what_shapes(
    project: Project,
    hierarchy: Hierarchy,
    info: ClassInfo,
    words: Mapping[str, tuple[Module, ast.expr]],
) -> Origins:
    """No body has a `check_origin`; a decorator of the class, or what runs before, may put one there."""
    meddles = _meddles(info)
    if meddles or _shaped(hierarchy, info):
        pathway = explore_origin(project, hierarchy, info, Asked(ATTACKER, whole=meddles), words)
        if _answer(pathway) is True:
            base = (
                "what runs before the check"
                if meddles
                else "what is done to the class when it is made"
            )
            return Origins("open", None, ATTACKER, "any", base=base, events=tuple(pathway.events))
        if not pathway.complete:
            return Origins("unknown", events=tuple(pathway.events))
    return Origins("default")


def _anywhere(asking: _Asking, attempt: Try) -> tuple[Trick, str]:
    """The trick; of one that passes at the beginning, whether it passes in the middle, too."""
    scheme, _, host = attempt.origin.partition("://")
    middle = f"{scheme}://attacker-{host}"
    if attempt.trick == "prefix" and asking.lets_in(middle, attempt.host):
        return "substring", middle
    return attempt.trick, attempt.origin


def _within(module: Module, name: str) -> bool:
    """Return True if a file is of the package that the class of this name comes from."""
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


def _shipped(pathway: Pathway) -> list[Path]:
    """The ways that are gone without a change of what is set."""
    return [path for path in pathway.paths if path.answer is not None and path.is_as_shipped]


def _answer(pathway: Pathway) -> bool | None:
    """Return the shipped answer; None if it depends."""
    shipped = _shipped(pathway)
    answers = {path.answer for path in shipped}
    if len(answers) < 2 or not pathway.complete:
        # INVARIANT: a way that was too long to follow may well have answered the other.
        return answers.pop() if answers and pathway.complete else None
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
                return Origins("optional", member, ATTACKER, "any", setting=one.name, events=events)
    return Origins("unknown", member, events=events)
