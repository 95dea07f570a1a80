"""The scene: find the files, parse what can matter, find the endpoints and their routes."""

import ast
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from stormdoor_audit.auditor.classes.announced import announced, event_servers
from stormdoor_audit.auditor.classes.bases import parts_of
from stormdoor_audit.auditor.classes.classinfo import ClassInfo, Member
from stormdoor_audit.auditor.classes.hierarchy import Hierarchy
from stormdoor_audit.auditor.classes.knowledge import load_knowledge
from stormdoor_audit.auditor.classes.linearisation import WEBSOCKET
from stormdoor_audit.auditor.classes.patches import collect_patches
from stormdoor_audit.auditor.classes.routers import collect_served, making_applications
from stormdoor_audit.auditor.classes.routes import Routes, find_routes
from stormdoor_audit.auditor.classes.serving import find_serving
from stormdoor_audit.auditor.connection.visits import routed
from stormdoor_audit.auditor.judging.endpoint import Endpoint
from stormdoor_audit.auditor.naming.lexicon import is_setting_chain, words_of
from stormdoor_audit.auditor.reading.defaults import collect_settings
from stormdoor_audit.auditor.reading.environment import packages_of
from stormdoor_audit.auditor.reading.files import in_order, list_files, python_packages
from stormdoor_audit.auditor.reading.module import Defined, Imported, Module
from stormdoor_audit.auditor.reading.prefilter import Readers, Sought
from stormdoor_audit.auditor.reading.prefixed import collect_prefixed
from stormdoor_audit.auditor.reading.project import External, Meaning, Project, Tree
from stormdoor_audit.auditor.reading.shipped import collect_shipped
from stormdoor_audit.auditor.scanning.settings import Progress, Settings
from stormdoor_audit.auditor.scanning.waiting import waiting_for
from stormdoor_audit.report.finding import NotAnalysed

__all__ = ["Scene", "prepare"]


_TOLD = 20
"""Files that are parsed between two reports of how far it is."""
_CONFIGURED = 3
"""Number of imports that the configuration is followed through."""
_SUBCLASSES = re.compile(r"\b(\w+)\.__subclasses__\(")
_MODELLED = ("tornado.", "stormdoor.")
"""Prefixes of classes known without their source; other unread classes are reported."""


@dataclass(slots=True, eq=False)
class Scene:
    """Everything that is resolved before the rules run."""

    settings: Settings
    project: Project
    hierarchy: Hierarchy
    endpoints: list[Endpoint]
    routes: Routes
    files: int
    unresolved: list[tuple[Module, ast.AST, str]] = field(default_factory=list)
    unreadable: list[NotAnalysed] = field(default_factory=list)


def prepare(
    places: Sequence[Path], *, settings: Settings | None = None, progress: Progress | None = None
) -> Scene:
    """Find, parse and resolve; run no rule yet."""
    settings = settings or Settings()
    listings = [list_files(place, settings.exclude, settings.root) for place in places]
    environment = packages_of(settings.python) if settings.python is not None else ()
    outside = [python_packages(one) for one in environment]
    trees = [
        *(Tree(listing.root, listing.python) for listing in listings),
        *(Tree(listing.root, listing.python, inside=False) for listing in outside),
    ]
    project = Project(
        tuple(trees),
        settings.root.resolve(),
        tuple(asset for listing in listings for asset in listing.assets),
    )
    hierarchy = Hierarchy(project, load_knowledge(*settings.knowledge))
    files = in_order({file for listing in listings for file in listing.python})
    with Readers(files, settings.workers) as readers:
        _parse_relevant(project, hierarchy, readers, progress)
    collect_served(project, hierarchy)
    sockets, unresolved = _sockets(project, hierarchy)
    _load_settings(project, sockets)
    _load_for_effect(project, sockets)
    collect_settings(project)
    collect_prefixed(project)
    collect_shipped(project)
    collect_patches(project, hierarchy)
    by_name: dict[str, list[ClassInfo]] = {}
    for info in sockets:
        by_name.setdefault(info.name, []).append(info)
    routes = find_routes(project, hierarchy, by_name)
    find_serving(hierarchy, routes)
    endpoints = [
        Endpoint(project, hierarchy, info, tuple(routes.of.get(id(info), ())))
        for info in [*_reachable(sockets, routes, hierarchy), *routes.borrowed]
    ]
    project.settle()
    if endpoints:
        # Once, before other processes begin: each of them would need it.
        routed(hierarchy)
        hierarchy.look_up()
    for one in endpoints:
        one.beside = tuple(
            other for other in endpoints if other.module is one.module and other is not one
        )
    unreadable = [
        NotAnalysed(project.path_of(path), reason)
        for listing in listings
        for path, reason in listing.unreadable
    ]
    if not any(project.inside()) and not project.failed and not project.assets and not unreadable:
        unreadable = _nothing_read(project, files, places)
    unresolved += routes.unresolved
    return Scene(
        settings, project, hierarchy, endpoints, routes, len(files), unresolved, unreadable
    )


def _nothing_read(
    project: Project, files: Sequence[Path], places: Sequence[Path]
) -> list[NotAnalysed]:
    """Return the reasons why a scan without a relevant file read nothing; none if a file parses."""
    reasons = []
    for file in files:
        reason = project.try_to_parse(file)
        if reason is None:
            return []
        reasons.append(NotAnalysed(project.path_of(file), reason))
    return reasons or [
        NotAnalysed(str(place), "no file in it is scanned: it has none, or all are excluded")
        for place in places
    ]


# finding the endpoints ----------------------------------------------------------------------


def _parse_relevant(
    project: Project, hierarchy: Hierarchy, readers: Readers, progress: Progress | None
) -> None:
    """Parse files that speak of Tornado or WebSockets, then those that name a handler found there."""
    relevant = readers.relevant(progress)
    for at, file in enumerate(relevant):
        if progress is not None and at % _TOLD == 0:
            progress("parsed files", at, len(relevant))
        project.load(file)
    names: set[tuple[str, Module]] = set()
    for _ in range(6):
        found = {
            (definition.node.name, module)
            for module in list(project.inside())
            for definition in module.classes
            if hierarchy.is_socket(hierarchy.of(module, definition))
        }
        sockets = {name for name, _ in found}
        # Code that makes a server decides the arguments of its handlers.
        found |= {
            (definition.node.name, module)
            for module in list(project.inside())
            if any("Application" in line for line in module.lines)
            for definition in module.classes
            if _serves(definition.node, sockets)
        }
        for module in list(project.inside()):
            found.update(_asked_for_heirs(project, module))
        found |= _handed_on(project, found)
        fresh = {(name, module) for name, module in found - names if len(name) > 1}
        if not fresh:
            break
        names |= found
        for file in readers.naming(_sought(fresh)):
            project.load(file)
    listening = {
        (f"@{name}.{how}", module)
        for module, name, _ in event_servers(project, hierarchy)
        for how in ("event", "on")
    } | waiting_for(project)
    for file in readers.naming(_sought(listening)) if listening else ():
        project.load(file)


def _handed_on(project: Project, found: set[tuple[str, Module]]) -> set[tuple[str, Module]]:
    """The modules that import one of these names from where it is: others may have it from there."""
    words: dict[str, set[str]] = {}
    for name, module in found:
        words.setdefault(name, {""}).update(module.name.split("."))
    return {
        (name, module)
        for module in list(project.inside())
        for name in words.keys() & module.names.keys()
        for one in module.names[name]
        if isinstance(one, Imported) and one.module.rpartition(".")[2] in words[name]
    }


def _sought(names: Iterable[tuple[str, Module]]) -> dict[str, Sought]:
    """Return the imports or packages that give a name in a file the meaning of these modules."""
    sought: dict[str, Sought] = {}
    for name, module in names:
        one = sought.setdefault(name, Sought(set(), set()))
        top = module.file
        while (top.parent / "__init__.py").is_file():
            top = top.parent
        one.words.add(top.stem)
        if top != module.file:
            one.folders.add(f"{top}{os.sep}")
    return sought


def _asked_for_heirs(project: Project, module: Module) -> Iterator[tuple[str, Module]]:
    """The classes with subclasses that a file iterates over: `Action.__subclasses__()`."""
    for at, line in enumerate(module.lines, start=1):
        for name in _SUBCLASSES.findall(line) if "__subclasses__" in line else ():
            if name == "cls":
                around = [
                    one.node.name
                    for one in module.classes
                    if one.node.lineno <= at <= (one.node.end_lineno or at)
                ]
                yield from ((one, module) for one in around[-1:])
            for one in project.members(module, name):
                if isinstance(one, Meaning) and isinstance(one.binding, Defined):
                    yield one.binding.node.name, one.module


def _serves(node: ast.ClassDef, sockets: set[str]) -> bool:
    """Return True if a class with arguments makes the application that routes one of these."""
    told = any(
        isinstance(method, ast.FunctionDef)
        and method.name == "__init__"
        and len(method.args.args) > 1
        for method in node.body
    )
    names = {
        inner.id if isinstance(inner, ast.Name) else inner.attr
        for inner in (ast.walk(node) if told else ())
        if isinstance(inner, ast.Name | ast.Attribute)
    }
    return "Application" in names and bool(names & sockets)


def _serving(project: Project, sockets: Iterable[ClassInfo]) -> dict[Path, Module]:
    """The files of handlers, and those that make an application."""
    modules = {
        one.module.file: one.module
        for info in sockets
        for one in info.mro
        if isinstance(one, ClassInfo)
    }
    for module in project.inside():
        if any("Application(" in line for line in module.lines):
            modules.setdefault(module.file, module)
    return modules


def _load_for_effect(project: Project, sockets: Iterable[ClassInfo]) -> None:
    """Parse what handlers import, and what is imported and never named again.

    Both are there for what they do when they are read: `from . import actions` has its decorators fill a
    table, and `from .commands import Registry` its metaclass. A package stands for its files.
    """
    fresh = list(_serving(project, sockets).values())
    seen = {module.file for module in fresh}
    for round_ in range(_CONFIGURED):
        found = [
            one.module
            for module in fresh
            if not module.is_test
            for _, binding in (_imported if round_ == 0 else _unnamed)(module)
            if isinstance(one := project.follow(module, binding), Meaning)
        ]
        fresh = [one for one in found if one.inside and one.file not in seen]
        seen |= {one.file for one in fresh}


def _imported(module: Module) -> list[tuple[str, Imported]]:
    """Return what a file imports, each with the name that it binds."""
    imported = [
        (name, one)
        for name, bindings in module.names.items()
        for one in bindings
        if isinstance(one, Imported)
    ]
    imported += [
        (alias.name.partition(".")[0], Imported(alias.name, 0, None))
        for statement in module.tree.body
        if isinstance(statement, ast.Import)
        for alias in statement.names
        if "." in alias.name and not alias.asname  # `import game.actions` binds `game`
    ]
    return imported


def _unnamed(module: Module) -> list[tuple[str, Imported]]:
    """Return what a file imports and does not name; all of it for a package."""
    imported = _imported(module)
    named = _names_in(module.tree) if imported and not module.is_package else set[str]()
    return [(name, one) for name, one in imported if name not in named]


def _names_in(tree: ast.AST) -> set[str]:
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def _load_settings(project: Project, sockets: Iterable[ClassInfo]) -> None:
    """Parse the configuration that handlers and applications import: its defaults need not name a handler."""
    modules = _serving(project, sockets)
    seen = set(modules)
    for _ in range(_CONFIGURED):  # and what the configuration imports of its own
        fresh = {
            found.module.file: found.module
            for module in modules.values()
            for found in _imported_settings(project, module)
            if found.module.file not in seen
        }
        modules = fresh
        seen |= fresh.keys()


def _imported_settings(project: Project, module: Module) -> Iterator[Meaning]:
    """Yield the imports of a module under a name of configuration."""
    imported = [
        one for bindings in module.names.values() for one in bindings if isinstance(one, Imported)
    ]
    for one in [*imported, *module.stars]:
        names = [one.module.rpartition(".")[2], one.name or ""]
        said = [word for name in names if name for word in words_of(name)[:1]]
        if is_setting_chain([name for name in names if name]) or is_setting_chain(said):
            found = project.follow(module, one)
            if isinstance(found, Meaning):
                yield found


def _sockets(
    project: Project, hierarchy: Hierarchy
) -> tuple[list[ClassInfo], list[tuple[Module, ast.AST, str]]]:
    sockets: dict[int, ClassInfo] = {}
    unresolved: list[tuple[Module, ast.AST, str]] = []
    for module in list(project.inside()):
        infos = [hierarchy.of(module, definition) for definition in module.classes]
        for node, _ in module.nodes():
            if isinstance(node, ast.Call) and parts_of(node) is not None:
                infos.append(hierarchy.made_by_type(module, node, ()))
                infos.extend(hierarchy.made_in_loop(module, node))
        if module.file in project.failed:
            continue  # its classes are not what its source says
        for info in infos:
            if hierarchy.is_socket(info) or hierarchy.looks_like_socket(info):
                sockets[id(info)] = info
                unresolved.extend(
                    (module, info.node, f"base {text} of {info.name}") for text in info.unresolved
                )
                unresolved.extend(
                    (module, info.node, f"base {one.name} of {info.name} was not read")
                    for one in info.bases
                    if isinstance(one, External) and not one.name.startswith(_MODELLED)
                )
            if not module.is_test and any(
                isinstance(one, External) and one.name == "tornado.web.Application"
                for one in info.mro
            ):
                hierarchy.applications.append(info)
    sockets.update({id(info): info for info in announced(project, hierarchy)})
    return list(sockets.values()), unresolved


def _reachable(
    sockets: list[ClassInfo], routes: Routes, hierarchy: Hierarchy
) -> Iterable[ClassInfo]:
    """Handlers that are routed, and those that nothing else derives from."""
    bases = {
        id(one)
        for info in sockets
        if "<locals>"
        not in info.qualname  # made by a function for each use: the base is what counts
        and not info.module.is_test
        for one in info.mro[1:]
        if isinstance(one, ClassInfo)
    }
    bases |= {
        id(one)
        for info in sockets
        for fork in info.forks
        for side in (fork.held, fork.otherwise)
        if isinstance(side, ClassInfo)
        for one in side.mro
    }
    applying = making_applications(hierarchy.project, hierarchy, sockets)
    for info in sockets:
        if (
            id(info) in applying
            or any(one.node not in hierarchy.wrapped for one in routes.of.get(id(info), ()))
            or (id(info) not in bases and not _is_abstract(info, hierarchy))
            or (id(info) in bases and _stands_alone(info, sockets, hierarchy))
        ):
            yield info


_GATES = frozenset({"prepare", "get", "get_current_user", "_execute", "check_origin"})


def _stands_alone(info: ClassInfo, sockets: list[ClassInfo], hierarchy: Hierarchy) -> bool:
    """Return True if a base class can serve as it is, and no subclass adds a check.

    What a library offers for others to route is an endpoint, though its own files only derive from it.
    """
    own = hierarchy.members(info)
    if info.name.startswith("_") or info.module.is_test or _is_abstract(info, hierarchy):
        return False
    if not {"open", "on_message"} & own.keys() or "NotImplemented" in ast.unparse(info.node):
        return False
    derived = [one for one in sockets if one is not info and info in one.mro]
    between = [
        inner
        for one in derived
        for inner in one.mro[: one.mro.index(info)]
        if isinstance(inner, ClassInfo)
    ]
    return not any(_GATES & hierarchy.members(one).keys() for one in between)


def _is_abstract(info: ClassInfo, hierarchy: Hierarchy) -> bool:
    """A class that is only meant to be derived from: a mixin, or with abstract methods."""
    if re.search(
        r"(Mixin|Mix|Abstract\w*|^Base\w*Handler|^_?Base)$", info.name
    ) and not _has_messages(info, hierarchy):
        return True
    if _needs_a_next_class(info, hierarchy):
        return True
    return any(
        isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and any("abstractmethod" in ast.unparse(one) for one in node.decorator_list)
        for node in info.node.body
    )


def _needs_a_next_class(info: ClassInfo, hierarchy: Hierarchy) -> bool:
    """Return True if `on_message` calls that of the next class, and Tornado's is the next.

    Tornado's raises NotImplementedError: such a class works only as a base in front of a handler.
    """
    found = hierarchy.find(info, "on_message")
    while isinstance(found, Member):
        if not isinstance(found.binding, Defined) or not any(
            isinstance(node, ast.Call) and ast.unparse(node.func) == "super().on_message"
            for node in ast.walk(found.binding.node)
        ):
            return False
        found = hierarchy.find(info, "on_message", found.owner) if found.owner else None
        if isinstance(found, External) and found.name == WEBSOCKET:
            return True
    return False


def _has_messages(info: ClassInfo, hierarchy: Hierarchy) -> bool:
    return any(
        name in hierarchy.members(one)
        for one in info.mro
        if isinstance(one, ClassInfo)
        for name in ("on_message", "open")
    )
