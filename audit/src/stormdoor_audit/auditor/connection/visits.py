"""Entries older than the connection: tables that pages and other sockets fill for all clients."""

import ast
import re
from collections.abc import Iterable, Iterator
from collections.abc import Mapping as MappingABC
from functools import lru_cache
from typing import Literal, TypeAlias

from stormdoor_audit.auditor.classes.classinfo import ClassInfo
from stormdoor_audit.auditor.classes.hierarchy import Hierarchy
from stormdoor_audit.auditor.classes.routes import find_routes
from stormdoor_audit.auditor.connection.exploration import explored
from stormdoor_audit.auditor.connection.pathway import Pathway
from stormdoor_audit.auditor.connection.shown import secrets_on, shown_on
from stormdoor_audit.auditor.interpreter.events import TELLS
from stormdoor_audit.auditor.interpreter.kept import OF_SECRETS, SIGNED, Kept, merge_kept
from stormdoor_audit.auditor.reading.budget import remembered
from stormdoor_audit.auditor.reading.module import Assigned, Module
from stormdoor_audit.auditor.reading.project import External, Meaning, Project

__all__ = ["explore", "routed"]

Words: TypeAlias = MappingABC[str, tuple[Module, ast.expr]]
"""Arguments that a route gives to `initialize`, by their names."""

_NAMELESS = frozenset({"", "mapping", "sequence", "unknown", "self"})
"""Stand-ins for the name of a table that has none."""
_SIGNS = re.compile(r"\bcreate_signed_value\b|\bjwt\.encode\b")
"""Calls that make a signed value that may be sent."""
_VERBS = ("get", "post", "put")
_WORTH = 2_000
"""Steps that one page is worth."""
_MAX_VISITED = 16
_ROUNDS = 2
"""Number of repetitions with the entries that it has put into tables, which may lead it to others."""


def explore(
    project: Project,
    hierarchy: Hierarchy,
    info: ClassInfo,
    mode: Literal["anonymous", "member"],
    words: Words | None = None,
    *,
    at: str = "",
) -> Pathway:
    """Every way that a connection of such a client can go.

    `if key in ROOMS: ROOMS[key].add(self)`, and `ROOMS[key] = {self}` otherwise, admits every client. So
    does `if token not in TOKENS: self.close()`, if the front page has put one there for every client that
    requests it.

    Args:
        project: The files.
        hierarchy: The classes.
        info: The handler class.
        mode: A client without a valid credential, or one with.
        words: What the route gives to `initialize`.
        at: The path of its address, where there is only one.
    """
    found = explored(project, hierarchy, info, mode, words=words or {}, at=at)
    known: Kept = {}
    for round_ in range(_ROUNDS + 1):
        asked = found.asked - _NAMELESS - known.keys()
        if mode != "anonymous" or not asked:
            break
        more: Kept = {}
        merge_kept(more, found.filled)
        merge_kept(more, {table: {} for table in shown_on(found.paths)})
        all_visited = True
        if not asked <= more.keys():
            before, all_visited = _filled_before(project, hierarchy, info, asked - more.keys())
            merge_kept(more, before)
        filled = {table: fields for table, fields in more.items() if table in asked}
        if not filled or round_ == _ROUNDS:
            # INVARIANT: a table is empty for this client only if all that may fill it was followed.
            found.complete &= all_visited and not filled
            break
        known |= filled
        found = explored(project, hierarchy, info, mode, words=words or {}, filled=known, at=at)
    return found


def _filled_before(
    project: Project, hierarchy: Hierarchy, info: ClassInfo, wanted: set[str]
) -> tuple[Kept, bool]:
    """Entries that other handlers put into these tables for every client, and True if all were followed."""
    names = frozenset(one.rpartition(".")[2] for one in wanted)
    filled: Kept = {}
    handlers = [one for one in _handlers(hierarchy) if one is not info]
    fills, beside, neither = _fills_by(project, names)
    naming = {id(one) for one in handlers if _says(one, fills, neither)}
    project.budget.spend(len(handlers))
    handlers.sort(key=lambda one: (id(one) not in naming, one.module not in beside))
    cut = handlers[_MAX_VISITED:]
    for one in handlers[:_MAX_VISITED]:
        put, followed = _filled_by(hierarchy, one)
        merge_kept(filled, put)
        if not followed:
            cut.append(one)
    # What names a table may fill it. That a secret is one holds until a page is seen that means to tell it.
    secrets = {one.removeprefix(OF_SECRETS) for one in wanted if one.startswith(OF_SECRETS)}
    tables = len(secrets) < len(wanted)
    return filled, not any(
        (tables and id(one) in naming) or _means_to_tell(project, one, secrets) for one in cut
    )


def _says(info: ClassInfo, pattern: re.Pattern[str], but: frozenset[Module] = frozenset()) -> bool:
    """Return True if a class, or one of its bases, outside of these files contains it."""
    return any(
        pattern.search(line)
        for one in info.mro
        if isinstance(one, ClassInfo) and one.module not in but
        for line in one.module.lines[one.node.lineno - 1 : one.node.end_lineno]
    )


@remembered
def _fills_by(
    project: Project, names: frozenset[str]
) -> tuple[re.Pattern[str], frozenset[Module], frozenset[Module]]:
    """Signs in a file that it fills one of these tables: its name, or a call of a function that names it.

    Returns:
        The pattern, the files that have a name, and those that have neither.
    """
    named = re.compile(rf"\b(?:{_any_of(names)})\b")
    words = [word for name in names for word in re.findall(r"\w+", name)]
    beside = frozenset(one for one in project.naming(*words) if any(map(named.search, one.lines)))
    calls = {
        function.name
        for module in beside
        for function in module.functions()
        if any(map(named.search, module.lines[function.lineno : function.end_lineno]))
    }
    pattern = rf"{named.pattern}|(?<!def )\b(?:{_any_of(calls)})\(" if calls else named.pattern
    neither = frozenset(project.inside()) - beside - {*project.naming(*calls)}
    return re.compile(pattern), beside, neither


def _any_of(names: Iterable[str]) -> str:
    return "|".join(map(re.escape, sorted(names)))


def _means_to_tell(project: Project, page: ClassInfo, secrets: set[str]) -> bool:
    """Return True if a page passes one of these secrets to its answer: `self.write(TOKEN)`."""
    if any(one.startswith(SIGNED) for one in secrets) and _says(page, _SIGNS):
        return True
    secrets = {one for one in secrets if not one.startswith(SIGNED)}
    ends = tuple(f".{one.rpartition('.')[2]}" for one in secrets)
    return any(
        f".{ast.unparse(one)}".endswith(ends)
        or not secrets.isdisjoint(_made_of(project, owner, one))
        for owner in page.mro
        if isinstance(owner, ClassInfo)
        for node in ast.walk(owner.node)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and f"handler.{node.func.attr}" in TELLS
        for given in (*node.args, *(word.value for word in node.keywords))
        for one in ast.walk(given)
        if isinstance(one, ast.Name | ast.Attribute)
    )


def _made_of(project: Project, owner: ClassInfo, node: ast.expr) -> Iterator[str]:
    """Yield the source behind a name of a module: `secrets.token_hex(16)` of `TOKEN`."""
    for one in project.resolve(owner.module, node):
        if isinstance(one, Meaning) and isinstance(one.binding, Assigned):
            yield ast.unparse(one.binding.value)


@remembered
def _filled_by(hierarchy: Hierarchy, info: ClassInfo) -> tuple[Kept, bool]:
    """Entries that a handler stores for every client, and its answers; True if all was followed."""
    project = hierarchy.project
    filled: Kept = {}
    complete = True
    verbs = [
        verb
        for verb in _VERBS
        if any(isinstance(one, ClassInfo) and verb in hierarchy.members(one) for one in info.mro)
    ]
    words = routed(hierarchy).get(id(info), {})
    for verb in ("",) if hierarchy.is_socket(info) else verbs:
        ways = explored(project, hierarchy, info, "anonymous", words=words, verb=verb, worth=_WORTH)
        merge_kept(filled, ways.filled)
        filled |= dict.fromkeys(secrets_on(ways.paths) if verb else ())
        merge_kept(filled, {table: {} for table in shown_on(ways.paths)})
        complete &= ways.complete
    return filled, complete


@lru_cache(maxsize=4)
def routed(hierarchy: Hierarchy) -> dict[int, Words]:
    """Return the arguments of the routes for each handler: the same tables for several of them."""
    named: dict[str, list[ClassInfo]] = {}
    for info in _handlers(hierarchy):
        named.setdefault(info.name, []).append(info)
    return {
        of: {name: (one.module, value) for one in routes for name, value in one.words}
        for of, routes in find_routes(hierarchy.project, hierarchy, named).of.items()
    }


@lru_cache(maxsize=4)
def _handlers(hierarchy: Hierarchy) -> tuple[ClassInfo, ...]:
    """The pages and the sockets of a program."""
    return tuple(
        info
        for module in hierarchy.project.inside()
        for definition in (module.classes if not module.is_test else ())
        for info in (hierarchy.of(module, definition),)
        if hierarchy.is_socket(info)
        or any(
            isinstance(one, External) and one.name == "tornado.web.RequestHandler"
            for one in info.mro
        )
    )
