"""The engine: find the files, parse what can matter, find the endpoints, run the rules."""

import ast
import os
import re
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from multiprocessing import get_context
from pathlib import Path

from stormdoor.auditor.defaults import collect_settings
from stormdoor.auditor.door import DOOR_RULES, stands_behind_door
from stormdoor.auditor.endpoint import Endpoint
from stormdoor.auditor.files import list_files, python_packages
from stormdoor.auditor.hierarchy import ClassInfo, Hierarchy
from stormdoor.auditor.knowledge import load_knowledge
from stormdoor.auditor.module import Module
from stormdoor.auditor.patches import collect_patches
from stormdoor.auditor.prefilter import Hint, hints_of, mentions
from stormdoor.auditor.project import External, Project, Tree
from stormdoor.auditor.routes import Routes, find_routes
from stormdoor.auditor.rule import Found, Rule
from stormdoor.auditor.rules import RULES
from stormdoor.auditor.settings import Progress, Settings, selected
from stormdoor.auditor.shipped import collect_shipped
from stormdoor.auditor.suppress import RULES as ABOUT_COMMENTS
from stormdoor.auditor.suppress import settle, suppressions_in
from stormdoor.auditor.table import verdicts
from stormdoor.report.finding import (
    Check,
    Coverage,
    EndpointReport,
    Finding,
    NotAnalysed,
    Report,
    Unresolved,
    Verdict,
    fingerprint_of,
)

__all__ = ["Scene", "prepare", "scan"]


@dataclass(slots=True, eq=False)
class Scene:
    """Everything that is resolved before the rules run."""

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
    outside = [python_packages(one) for one in _environment(settings.python)]
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
    files = sorted({file for listing in listings for file in listing.python})
    hints = hints_of(files, settings.workers, progress)
    _parse_relevant(project, hierarchy, hints)
    sockets, unresolved = _sockets(project, hierarchy)
    collect_settings(project)
    collect_shipped(project)
    collect_patches(project, hierarchy)
    by_name: dict[str, list[ClassInfo]] = {}
    for info in sockets:
        by_name.setdefault(info.name, []).append(info)
    routes = find_routes(project, hierarchy, by_name)
    endpoints = [
        Endpoint(project, hierarchy, info, tuple(routes.of.get(id(info), ())))
        for info in _reachable(sockets, routes, hierarchy)
    ]
    unreadable = [
        NotAnalysed(project.path_of(path), reason)
        for listing in listings
        for path, reason in listing.unreadable
    ]
    return Scene(project, hierarchy, endpoints, routes, len(files), unresolved, unreadable)


def scan(
    places: Sequence[Path], *, settings: Settings | None = None, progress: Progress | None = None
) -> Report:
    """Scan directories or files and report.

    Args:
        places: What to scan.
        settings: How.
        progress: Told how far it is.
    """
    settings = settings or Settings()
    started = datetime.now(UTC)
    clock = time.monotonic()
    scene = prepare(places, settings=settings, progress=progress)
    rules = tuple(rule for rule in RULES if selected(rule.meta.id, rule.meta.slug, settings))
    findings, reports = _run(scene, rules, settings, progress)
    project = scene.project
    metas = [*ABOUT_COMMENTS, *(rule.meta for rule in RULES)]
    settled = settle(
        findings,
        [
            one
            for module in project.inside()
            for one in suppressions_in("\n".join(module.lines), module.path, module.name)
        ],
        ran=[rule.meta.id for rule in rules],
        known={meta.id: meta.slug for meta in metas},
    )
    coverage = Coverage(
        files=scene.files,
        handlers=len({id(endpoint.info) for endpoint in scene.endpoints}),
        routes=scene.routes.count,
        not_analysed=(*project.not_analysed(), *scene.unreadable),
        unresolved=tuple(
            Unresolved(module.location(node), what) for module, node, what in scene.unresolved
        ),
    )
    return Report(
        tool="stormdoor scan",
        version=_version(),
        started=started.isoformat(timespec="seconds").replace("+00:00", "Z"),
        seconds=round(time.monotonic() - clock, 3),
        roots=tuple(str(place) for place in places),
        findings=settled.findings,
        endpoints=tuple(reports),
        coverage=coverage,
        rules=tuple(
            sorted((*ABOUT_COMMENTS, *(rule.meta for rule in rules)), key=lambda one: one.id)
        ),
        suppressed=settled.suppressed,
    )


def _version() -> str:
    try:
        return version("stormdoor")
    except PackageNotFoundError:
        return "0"


def _environment(python: Path | None) -> list[Path]:
    """The `site-packages` directories of an environment, by its directory or its interpreter."""
    if python is None:
        return []
    top = python.parent.parent if python.is_file() else python
    if top.name == "site-packages":
        return [top]
    patterns = ("lib/python3*/site-packages", "lib64/python3*/site-packages", "Lib/site-packages")
    return list(
        dict.fromkeys(one.resolve() for pattern in patterns for one in sorted(top.glob(pattern)))
    )


# finding the endpoints ----------------------------------------------------------------------


def _parse_relevant(project: Project, hierarchy: Hierarchy, hints: dict[Path, Hint]) -> None:
    """Parse files that speak of Tornado or WebSockets, then those that name a handler found there."""
    for file, hint in hints.items():
        if hint.tornado:
            project.load(file)
    names: set[str] = set()
    for _ in range(6):
        found = {
            definition.node.name
            for module in list(project.inside())
            for definition in module.classes
            if hierarchy.is_socket(hierarchy.of(module, definition))
        }
        fresh = {name for name in found - names if len(name) > 3}
        if not fresh:
            break
        names |= found
        for file in mentions(fresh, [file for file in hints if file not in project.modules], hints):
            project.load(file)


def _sockets(
    project: Project, hierarchy: Hierarchy
) -> tuple[list[ClassInfo], list[tuple[Module, ast.AST, str]]]:
    sockets: dict[int, ClassInfo] = {}
    unresolved: list[tuple[Module, ast.AST, str]] = []
    for module in list(project.inside()):
        infos = [hierarchy.of(module, definition) for definition in module.classes]
        for node, _ in module.nodes():
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id == "type"
                and len(node.args) == 3
            ):
                infos.append(hierarchy.made_by_type(module, node, ()))
        for info in infos:
            if hierarchy.is_socket(info) or hierarchy.looks_like_socket(info):
                sockets[id(info)] = info
                unresolved.extend(
                    (module, info.node, f"base {text} of {info.name}") for text in info.unresolved
                )
                unresolved.extend(
                    (module, info.node, f"base {one.name} of {info.name} was not read")
                    for one in info.bases
                    if isinstance(one, External) and not one.name.startswith("tornado.")
                )
            if any(
                isinstance(one, External) and one.name == "tornado.web.Application"
                for one in info.mro
            ):
                hierarchy.applications.append(info)
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
    for info in sockets:
        if (
            id(info) in routes.of
            or (id(info) not in bases and not _is_abstract(info, hierarchy))
            or (id(info) in bases and _stands_alone(info, sockets, hierarchy))
        ):
            yield info


_GATES = frozenset({"prepare", "get", "get_current_user", "_execute", "check_origin"})


def _stands_alone(info: ClassInfo, sockets: list[ClassInfo], hierarchy: Hierarchy) -> bool:
    """Whether a class that others derive from can serve as it is, and none of them adds a gate.

    What a library offers for others to route is an endpoint, though its own files only derive from it.
    """
    own = hierarchy.members(info)
    if info.name.startswith("_") or info.module.is_test or _is_abstract(info, hierarchy):
        return False
    if not {"open", "on_message"} & own.keys() or "NotImplemented" in ast.unparse(info.node):
        return False
    derived = [one for one in sockets if one is not info and info in one.mro]
    return not any(_GATES & hierarchy.members(one).keys() for one in derived)


def _is_abstract(info: ClassInfo, hierarchy: Hierarchy) -> bool:
    """A class that is only meant to be derived from: a mixin, or with abstract methods."""
    if re.search(
        r"(Mixin|Mix|Abstract\w*|^Base\w*Handler|^_?Base)$", info.name
    ) and not _has_messages(info, hierarchy):
        return True
    return any(
        isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and any("abstractmethod" in ast.unparse(one) for one in node.decorator_list)
        for node in info.node.body
    )


def _has_messages(info: ClassInfo, hierarchy: Hierarchy) -> bool:
    return any(
        name in hierarchy.members(one)
        for one in info.mro
        if isinstance(one, ClassInfo)
        for name in ("on_message", "open")
    )


# running the rules --------------------------------------------------------------------------

_SCENE: Scene | None = None
_RULES: tuple[Rule, ...] = ()


def _run(
    scene: Scene, rules: tuple[Rule, ...], settings: Settings, progress: Progress | None
) -> tuple[list[Finding], list[EndpointReport]]:
    global _SCENE, _RULES
    _SCENE, _RULES = scene, rules
    findings: list[Finding] = []
    reports: list[EndpointReport] = []
    total = len(scene.endpoints)
    workers = min(settings.workers, max(1, total // 2))
    try:
        if workers > 1 and total > 3:
            with ProcessPoolExecutor(workers, mp_context=get_context("fork")) as pool:
                results = pool.map(_one_endpoint, range(total), chunksize=1)
                for done, (found, report) in enumerate(results, 1):
                    findings.extend(found)
                    reports.append(report)
                    if progress is not None:
                        progress("endpoints", done, total)
        else:
            for at in range(total):
                found, report = _one_endpoint(at)
                findings.extend(found)
                reports.append(report)
                if progress is not None:
                    progress("endpoints", at + 1, total)
    finally:
        _SCENE, _RULES = None, ()
    for rule in rules:
        if rule.on_module is not None:
            for module in list(scene.project.inside()):
                found_here = _safely(partial(rule.on_module, module, scene.project), scene, module)
                findings.extend(_finding(rule, one, module.name, "") for one in found_here)
        if rule.on_project is not None:
            found_here = _safely(partial(rule.on_project, scene.project), scene, None)
            findings.extend(_finding(rule, one, one.module.name, "") for one in found_here)
    return _unique(findings), reports


def _one_endpoint(at: int) -> tuple[list[Finding], EndpointReport]:
    scene, rules = _SCENE, _RULES
    if scene is None:
        raise RuntimeError("no scene")  # pragma: no cover - set before any worker starts
    endpoint = scene.endpoints[at]
    findings: list[Finding] = []
    path = endpoint.paths[0] if endpoint.paths else ""
    door = stands_behind_door(endpoint.project, endpoint.info, endpoint.routes)
    for rule in rules:
        if rule.on_endpoint is None or (door and rule.meta.id.startswith(DOOR_RULES)):
            continue
        findings.extend(
            _finding(rule, one, endpoint.subject, path)
            for one in _safely(partial(rule.on_endpoint, endpoint), scene, endpoint.module)
        )
    report = EndpointReport(
        subject=endpoint.subject,
        location=endpoint.location,
        paths=endpoint.paths,
        verdicts=_verdicts(scene, endpoint, findings) | (_BEHIND_THE_DOOR if door else {}),
    )
    return findings, report


_TRIPS = (
    RecursionError,
    MemoryError,
    AttributeError,
    TypeError,
    ValueError,
    KeyError,
    IndexError,
    OverflowError,
)
"""What odd code may make the analysis raise; one endpoint is lost then, not the scan."""


_BEHIND_THE_DOOR = {
    check: Verdict("guarded", "It stands behind stormdoor's protect().")
    for check in (Check.AUTHENTICATION, Check.ORIGIN, Check.LIMITS)
}


def _verdicts(scene: Scene, endpoint: Endpoint, findings: list[Finding]) -> dict[Check, Verdict]:
    try:
        return verdicts(endpoint, findings)
    except _TRIPS as error:
        if os.environ.get("STORMDOOR_SCAN_DEBUG"):
            raise
        what = f"the analysis failed here: {type(error).__name__}"
        scene.unresolved.append((endpoint.module, endpoint.node, what))
        return {check: Verdict("unknown", f"T{what[1:]}.") for check in Check}


def _safely(
    check: Callable[[], Iterable[Found] | None], scene: Scene, module: Module | None
) -> list[Found]:
    """What a rule finds; a rule that trips over odd code loses that finding, not the scan."""
    try:
        return list(check() or ())
    except _TRIPS as error:
        if os.environ.get("STORMDOOR_SCAN_DEBUG"):
            raise
        if module is not None:
            what = f"a rule failed here: {type(error).__name__}"
            scene.unresolved.append((module, module.tree, what))
        return []


def _finding(rule: Rule, found: Found, subject: str, endpoint: str) -> Finding:
    location = found.module.location(found.node)
    name = found.subject or subject
    return Finding(
        rule_id=rule.meta.id,
        slug=rule.meta.slug,
        level=found.level or rule.meta.level,
        confidence=found.confidence or rule.meta.confidence,
        message=found.message,
        location=location,
        subject=name,
        endpoint=endpoint,
        steps=found.steps,
        fix=found.fix or rule.meta.fix,
        threat=rule.meta.threat,
        fingerprint=fingerprint_of(rule_id=rule.meta.id, subject=name, what=location.excerpt),
    )


def _unique(findings: list[Finding]) -> list[Finding]:
    """The same line is reported once a rule and subject, though many endpoints share it."""
    seen: set[tuple[str, str, int, str]] = set()
    result: list[Finding] = []
    for one in findings:
        key = (one.rule_id, one.location.path, one.location.line, one.subject)
        if key not in seen:
            seen.add(key)
            result.append(one)
    return result
