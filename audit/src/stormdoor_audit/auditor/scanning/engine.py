"""The engine: reads, runs the rules, settles what comments suppress, and reports."""

import gc
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from stormdoor_audit.auditor.rules import RULES
from stormdoor_audit.auditor.scanning.cache import Cache
from stormdoor_audit.auditor.scanning.inventory import take_inventory
from stormdoor_audit.auditor.scanning.running import Outcome, run_rules
from stormdoor_audit.auditor.scanning.scene import Scene, prepare
from stormdoor_audit.auditor.scanning.settings import Progress, Settings, selected
from stormdoor_audit.auditor.scanning.simulated import simulated
from stormdoor_audit.auditor.scanning.suppress import RULES as ABOUT_COMMENTS
from stormdoor_audit.auditor.scanning.suppress import Suppression, settle, suppressions_in
from stormdoor_audit.report.finding import Coverage, NotAnalysed, Report, Unresolved

__all__ = ["Scene", "prepare", "scan"]


def scan(
    places: Sequence[Path],
    *,
    settings: Settings | None = None,
    progress: Progress | None = None,
    cache: Cache | None = None,
) -> Report:
    """Scan directories or files and report.

    Args:
        places: What to scan.
        settings: How.
        progress: Told how far it is.
        cache: Reports of the same files, options and rules; and where this one is kept.
    """
    settings = settings or Settings()
    started = datetime.now(UTC)
    clock = time.monotonic()
    before = take_inventory(places, settings) if cache is not None else None
    if cache is not None and before is not None:
        known = cache.get(before.digest)
        if known is not None:
            return replace(known, started=_moment(started), seconds=_since(clock))
    if settings.engine == "new":
        report, repeatable = replace(simulated(places, settings), version=_version()), True
    else:
        report, repeatable = _scanned(places, settings, progress)
    report = replace(report, started=_moment(started), seconds=_since(clock))
    # A file that changed while it was scanned is not what its digest says.
    if (
        cache is not None
        and before is not None
        and repeatable
        and take_inventory(places, settings) == before
    ):
        cache.put(before.digest, report)
    return report


def _moment(started: datetime) -> str:
    return started.isoformat(timespec="seconds").replace("+00:00", "Z")


def _since(clock: float) -> float:
    return round(time.monotonic() - clock, 3)


def _scanned(
    places: Sequence[Path], settings: Settings, progress: Progress | None
) -> tuple[Report, bool]:
    """The report, and whether the same scan would give it again."""
    rules = tuple(rule for rule in RULES if selected(rule.meta.id, rule.meta.slug, settings))
    with _little_collection():
        scene = prepare(places, settings=settings, progress=progress)
        gc.freeze()
        gc.enable()
        outcome = run_rules(scene, rules, progress)
    metas = [*ABOUT_COMMENTS, *(rule.meta for rule in RULES)]
    settled = settle(
        outcome.findings,
        _comments(scene, outcome),
        ran=[rule.meta.id for rule in rules],
        known={meta.id: meta.slug for meta in metas},
    )
    report = Report(
        tool="stormdoor scan",
        version=_version(),
        started="",
        seconds=0.0,
        roots=tuple(str(place) for place in places),
        findings=settled.findings,
        endpoints=outcome.endpoints,
        coverage=_coverage(scene, outcome),
        rules=tuple(
            sorted((*ABOUT_COMMENTS, *(rule.meta for rule in rules)), key=lambda one: one.id)
        ),
        suppressed=settled.suppressed,
    )
    return report, outcome.repeatable


@contextmanager
def _little_collection() -> Iterator[None]:
    """Syntax trees are many objects and no garbage: looking for garbage in them takes half the time.

    What is read stays until the end: nothing is collected before the rules run. What they make is collected
    as usual, though rarely.
    """
    enabled, thresholds = gc.isenabled(), gc.get_threshold()
    gc.disable()
    gc.set_threshold(500_000, 20, 100)
    try:
        yield
    finally:
        gc.unfreeze()
        gc.set_threshold(*thresholds)
        (gc.enable if enabled else gc.disable)()


def _comments(scene: Scene, outcome: Outcome) -> list[Suppression]:
    """The comments of all files that were parsed, and of all in which something was found."""
    project = scene.project
    modules = {module.path: module for module in project.inside()}
    found = [
        one
        for module in modules.values()
        for one in suppressions_in("\n".join(module.lines), module.path, module.name)
    ]
    for path in sorted({one.location.path for one in outcome.findings} - set(modules)):
        # Rules follow names into files that matter to nothing else, and read pages and scripts.
        try:
            text = (project.base / path).read_text(encoding="utf-8-sig", errors="replace")
        except (OSError, ValueError):
            continue
        subject = next(one.subject for one in outcome.findings if one.location.path == path)
        found.extend(suppressions_in(text, path, subject))
    return found


def _coverage(scene: Scene, outcome: Outcome) -> Coverage:
    project = scene.project
    failed = sorted((project.failed | outcome.failed).items())
    return Coverage(
        files=scene.files,
        handlers=len({id(endpoint.info) for endpoint in scene.endpoints}),
        routes=scene.routes.count,
        not_analysed=(
            *(NotAnalysed(project.path_of(file), why) for file, why in failed),
            *scene.unreadable,
            *outcome.missed,
        ),
        unresolved=(
            *(Unresolved(module.location(node), what) for module, node, what in scene.unresolved),
        ),
    )


def _version() -> str:
    try:
        return version("stormdoor-audit")
    except PackageNotFoundError:
        return "0"
