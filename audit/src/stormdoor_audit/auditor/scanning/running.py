"""Running the rules, in as many processes as are wanted, and what comes back from them."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

from stormdoor_audit.auditor.classes.classinfo import ClassInfo
from stormdoor_audit.auditor.facts.calls import InFiles
from stormdoor_audit.auditor.judging.door import DOOR_RULES, stands_behind_door
from stormdoor_audit.auditor.judging.endpoint import Endpoint
from stormdoor_audit.auditor.judging.table import verdicts
from stormdoor_audit.auditor.reading.budget import OverBudget
from stormdoor_audit.auditor.reading.module import Module
from stormdoor_audit.auditor.rule import Found, Rule
from stormdoor_audit.auditor.scanning.merging import worst_of_lines
from stormdoor_audit.report.finding import (
    Check,
    EndpointReport,
    Finding,
    NotAnalysed,
    Verdict,
    fingerprint_of,
)

if TYPE_CHECKING:
    from stormdoor_audit.auditor.scanning.scene import Scene
    from stormdoor_audit.auditor.scanning.settings import Progress

__all__ = ["Outcome", "run_rules"]

_CHUNK = 24
"""Files that one task runs the rules about files on."""
_WORTH = 3
"""With fewer endpoints, starting processes takes longer than it saves."""

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
"""Exceptions that odd code may cause in the analysis; one endpoint is lost then, not the scan."""

_BEHIND_THE_DOOR = {
    check: Verdict("guarded", "It stands behind stormdoor's protect().")
    for check in (Check.AUTHENTICATION, Check.ORIGIN, Check.LIMITS)
}


@dataclass(frozen=True, slots=True)
class Task:
    """A piece of the work: one endpoint, or the files from `first` up to `last`.

    Args:
        endpoint: Number of the endpoint; -1 for files.
        first: Number of the first file.
        last: Number of the one after the last.
    """

    endpoint: int = -1
    first: int = 0
    last: int = 0


@dataclass(frozen=True, slots=True)
class Part:
    """Result of one task.

    Args:
        findings: What the rules found.
        endpoint: The row of the endpoint table.
        failed: Files that could not be parsed, with the reason.
        missed: What was not analysed to its end, with the reason.
        repeatable: Whether it hung on the code alone, not on memory.
        reached: Files of packages with endpoints that were parsed for it.
    """

    findings: tuple[Finding, ...] = ()
    endpoint: EndpointReport | None = None
    failed: tuple[tuple[Path, str], ...] = ()
    missed: tuple[NotAnalysed, ...] = ()
    repeatable: bool = True
    reached: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """Results of all rules, in the order of endpoints and files, for any order of the processes.

    Args:
        findings: Each place once for a rule and a subject.
        endpoints: The rows of the endpoint table.
        failed: Files that could not be parsed when the rules asked for them, with the reason.
        missed: What was not analysed to its end, with the reason.
        repeatable: Whether the same scan would give this again.
    """

    findings: tuple[Finding, ...]
    endpoints: tuple[EndpointReport, ...]
    failed: dict[Path, str]
    missed: tuple[NotAnalysed, ...]
    repeatable: bool


class _Work:
    """State that the worker processes inherit."""

    def __init__(self, scene: "Scene", rules: tuple[Rule, ...]) -> None:
        self.scene = scene
        self.rules = rules
        self.modules = list(scene.project.inside())
        self.before = frozenset(module.file for module in self.modules)
        self.packages = {endpoint.module.name.partition(".")[0] for endpoint in scene.endpoints}
        self.known = frozenset(scene.project.failed)
        self.missed: list[NotAnalysed] = []
        self.latest: Endpoint | None = None

    def tasks(self) -> list[Task]:
        """Endpoints, which take longest, then files."""
        files = range(0, len(self.modules), _CHUNK)
        return [
            *(Task(endpoint=at) for at in range(len(self.scene.endpoints))),
            *(Task(first=at, last=min(at + _CHUNK, len(self.modules))) for at in files),
        ]

    def look_up(self, tasks: Iterable[Task]) -> None:
        """Follow the names of calls in files, once and not in each of the processes that are made then.

        For the sake of how a call's name ends, hundreds of files are parsed that matter to nothing else.
        """
        if not any(isinstance(rule.on_module, InFiles) for rule in self.rules):
            return
        for task in tasks:
            for module in self.modules[task.first : task.last]:
                with suppress(*_TRIPS):  # the rules will say so
                    InFiles.look_up(module, self.scene.project)

    def more(self, reached: Iterable[Path]) -> list[Task]:
        """Return tasks for files that others reached when they followed a name, in any process."""
        fresh = sorted(set(reached) - self.before)
        first = len(self.modules)
        self.modules += [one for one in map(self.scene.project.load, fresh) if one is not None]
        self.before |= set(fresh)
        last = len(self.modules)
        return [Task(first=at, last=min(at + _CHUNK, last)) for at in range(first, last, _CHUNK)]

    def part(self, task: Task) -> Part:
        """Run one task."""
        self.missed = []
        report: EndpointReport | None = None
        if task.endpoint >= 0:
            findings, report = self._endpoint(self.scene.endpoints[task.endpoint])
        else:
            findings = []
            for module in self.modules[task.first : task.last]:
                self._within_budget(module, module.name, partial(self._look_at, module, findings))
        failed = tuple(one for one in self.scene.project.failed.items() if one[0] not in self.known)
        reached = tuple(
            module.file
            for module in self.scene.project.modules.values()
            if module.inside
            and module.file not in self.before
            and module.name.partition(".")[0] in self.packages
        )
        return Part(
            tuple(findings),
            report,
            failed,
            tuple(self.missed),
            reached=reached,
        )

    def lost(self, task: Task) -> Part:
        """Report a task that ended with its process."""
        what = "its process ended: too little memory, most likely"
        if task.endpoint >= 0:
            endpoint = self.scene.endpoints[task.endpoint]
            return Part(
                endpoint=_unknown(endpoint, what),
                missed=(NotAnalysed(endpoint.module.path, f"{endpoint.subject}: {what}"),),
                repeatable=False,
            )
        return Part(
            missed=tuple(
                NotAnalysed(module.path, what) for module in self.modules[task.first : task.last]
            ),
            repeatable=False,
        )

    def _within_budget(self, module: Module, subject: str, work: Callable[[], None]) -> bool:
        """Do a piece of work, and note that it was not finished where it takes too many steps."""
        budget, most = self.scene.project.budget, self.scene.settings.steps
        budget.begin(most)
        try:
            work()
        except OverBudget:
            self.missed.append(
                NotAnalysed(
                    module.path,
                    f"{subject}: the analysis takes more than {most:,} steps; --steps allows more",
                )
            )
            return False
        finally:
            budget.begin(None)
        return True

    def _endpoint(self, endpoint: Endpoint) -> tuple[list[Finding], EndpointReport]:
        """Findings of the rules, and the row of the table; those found before the budget ended stay."""
        findings: list[Finding] = []
        rows: list[EndpointReport] = []
        if self.latest is not None and self.latest.module is not endpoint.module:
            # Endpoints of one file are compared with each other; those of another file are not.
            for one in (self.latest, *self.latest.beside):
                one.forget()
        self.latest = endpoint

        def judge() -> None:
            door = stands_behind_door(endpoint.project, endpoint.info, endpoint.routes)
            self._find(endpoint, findings, door=door)
            rows.append(self._row(endpoint, findings, door=door))
            if rows[0].verdict(Check.AUTHENTICATION).state == "unknown" and (
                endpoint.authentication.kind == "incomplete"
            ):
                what = (
                    "more ways lead through it than are followed: authentication is not determined"
                )
                self.missed.append(NotAnalysed(endpoint.module.path, f"{endpoint.subject}: {what}"))

        if not self._within_budget(endpoint.module, endpoint.subject, judge):
            rows[:] = [_unknown(endpoint, "it takes more steps than the budget has")]
        return findings, rows[0]

    def _find(self, endpoint: Endpoint, findings: list[Finding], *, door: bool) -> None:
        path = endpoint.paths[0] if endpoint.paths else ""
        for rule in self.rules:
            if rule.on_endpoint is None or (door and rule.meta.id.startswith(DOOR_RULES)):
                continue
            for one in self._safely(partial(rule.on_endpoint, endpoint), endpoint.module):
                way = endpoint.lineage(one.module, one.node)
                found = replace(one, steps=(*way, *one.steps))
                made = _finding(rule, found, endpoint.subject, path)
                findings.append(replace(made, also=(endpoint.subject,)))

    def _row(self, endpoint: Endpoint, findings: list[Finding], *, door: bool) -> EndpointReport:
        return EndpointReport(
            subject=endpoint.subject,
            location=endpoint.location,
            paths=endpoint.paths,
            verdicts=self._verdicts(endpoint, findings) | (_BEHIND_THE_DOOR if door else {}),
            files=self._followed(endpoint),
        )

    def _followed(self, endpoint: Endpoint) -> tuple[str, ...]:
        """The files that its verdicts rest on: of its classes, and of what was followed."""
        bases = {one.module for one in endpoint.info.mro if isinstance(one, ClassInfo)}
        return tuple(sorted({one.path for one in bases | self.scene.project.budget.files}))

    def _module(self, module: Module) -> Iterator[Finding]:
        for rule in self.rules:
            if rule.on_module is not None:
                check = partial(rule.on_module, module, self.scene.project)
                for one in self._safely(check, module):
                    yield _finding(rule, one, module.name, "")

    def _look_at(self, module: Module, findings: list[Finding]) -> None:
        findings.extend(self._module(module))

    def whole(self) -> Iterator[Finding]:
        """Yield the findings of the rules about the project, in files that are no Python."""
        for rule in self.rules:
            if rule.on_project is not None:
                for one in self._safely(partial(rule.on_project, self.scene.project), None):
                    yield _finding(rule, one, one.module.name, "")

    def _verdicts(self, endpoint: Endpoint, findings: list[Finding]) -> dict[Check, Verdict]:
        try:
            return verdicts(endpoint, findings)
        except _TRIPS as error:
            if os.environ.get("STORMDOOR_SCAN_DEBUG"):
                raise
            what = f"the analysis failed here: {type(error).__name__}"
            self.missed.append(NotAnalysed(endpoint.module.path, f"{endpoint.subject}: {what}"))
            return {check: Verdict("unknown", f"T{what[1:]}.") for check in Check}

    def _safely(
        self, check: Callable[[], Iterable[Found] | None], module: Module | None
    ) -> list[Found]:
        """Return a rule's findings; a rule that fails on odd code loses them, not the scan."""
        try:
            return list(check() or ())
        except _TRIPS as error:
            if os.environ.get("STORMDOOR_SCAN_DEBUG"):
                raise
            what = f"a rule failed here: {type(error).__name__}"
            here = module.path if module is not None else self.scene.project.base.name
            self.missed.append(NotAnalysed(here, what))
            return []


_INHERITED: list[_Work] = []
"""State for forked processes: syntax trees are not sent, that would take longer than to parse."""


_MANY_LINES = 600_000
"""With more lines parsed, a further process may copy syntax trees of more than 600 MiB when it reads them."""


def run_rules(scene: "Scene", rules: tuple[Rule, ...], progress: "Progress | None") -> Outcome:
    """Run all rules on everything.

    Args:
        scene: What was resolved. Its settings say how many processes to use at most.
        rules: What to run.
        progress: Told how far it is.
    """
    work = _Work(scene, rules)
    lines = sum(len(module.lines) for module in scene.project.modules.values())
    workers = scene.settings.workers if scene.settings.jobs or lines <= _MANY_LINES else 1
    parts: dict[Task, Part] = {}
    tasks = work.tasks()
    _INHERITED.append(work)
    try:
        while tasks:
            parts |= dict.fromkeys(tasks, Part())
            fresh: set[Path] = set()
            for task, part in _parts(work, tasks, workers):
                parts[task] = part
                fresh.update(part.reached)
                tasks.remove(task)
                if progress is not None:
                    progress("endpoints and files", len(parts) - len(tasks), len(parts))
            tasks = work.more(fresh)
    finally:
        _INHERITED.remove(work)
    work.missed = []
    whole = tuple(work.whole())
    ordered = [*parts.values(), Part(whole, missed=tuple(work.missed))]
    return Outcome(
        findings=worst_of_lines(_unique(found for part in ordered for found in part.findings)),
        endpoints=tuple(part.endpoint for part in ordered if part.endpoint is not None),
        failed={file: why for part in ordered for file, why in part.failed},
        missed=tuple(dict.fromkeys(one for part in ordered for one in part.missed)),
        repeatable=all(part.repeatable for part in ordered),
    )


def _parts(work: _Work, tasks: Sequence[Task], workers: int) -> Iterator[tuple[Task, Part]]:
    workers = min(workers, max(1, len(tasks) // 2))
    endpoints = sum(task.endpoint >= 0 for task in tasks)
    if workers > 1 and (endpoints > _WORTH or len(tasks) > 8):
        return _in_turn(work, tuple(tasks), workers)
    return ((task, work.part(task)) for task in tuple(tasks))


def _in_turn(work: _Work, tasks: Sequence[Task], workers: int) -> Iterator[tuple[Task, Part]]:
    """Endpoints, then files: what is looked up for files is nothing that endpoints know."""
    for about_files in (False, True):
        those = [task for task in tasks if (task.endpoint < 0) is about_files]
        if about_files:
            work.look_up(those)
        if those:
            yield from _in_processes(work, those, min(workers, len(those)))


def _in_processes(work: _Work, tasks: Sequence[Task], workers: int) -> Iterator[tuple[Task, Part]]:
    """The tasks in the order they end. One that ends its process is tried once more, alone."""
    left = dict.fromkeys(tasks)
    try:
        with ProcessPoolExecutor(workers, mp_context=get_context("fork")) as pool:
            running = {pool.submit(_part, task): task for task in tasks}
            for future in as_completed(running):
                part = future.result()
                del left[running[future]]
                yield running[future], part
    except BrokenProcessPool:
        for task in left:
            try:
                with ProcessPoolExecutor(1, mp_context=get_context("fork")) as pool:
                    part = pool.submit(_part, task).result()
            except BrokenProcessPool:
                part = work.lost(task)
            yield task, part


def _part(task: Task) -> Part:
    return _INHERITED[-1].part(task)


def _unknown(endpoint: Endpoint, why: str) -> EndpointReport:
    verdict = Verdict("unknown", f"Not analysed: {why}.")
    return EndpointReport(
        subject=endpoint.subject,
        location=endpoint.location,
        paths=endpoint.paths,
        verdicts=dict.fromkeys(Check, verdict),
    )


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
        # What is shared by several, such as an application, is on none of their paths.
        endpoint=endpoint if name == subject else "",
        steps=found.steps,
        fix=found.fix or rule.meta.fix,
        threat=rule.meta.threat,
        fingerprint=fingerprint_of(rule_id=rule.meta.id, subject=name, what=location.excerpt),
    )


def _unique(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Report each line once for a rule, with the names of all handlers that have it.

    Of the findings on one line, the first one of the worst level stands for all.
    """
    groups: dict[tuple[str, str, int], list[Finding]] = {}
    for one in findings:
        key = (one.rule_id, one.location.path, one.location.line)
        groups.setdefault(key, []).append(one)
    for group in groups.values():
        worst = min(group, key=lambda one: one.level.rank)
        every = dict.fromkeys(name for one in group for name in (one.subject, *one.also))
        also = tuple(name for name in every if name != worst.subject)
        names = ", ".join(name.rpartition(".")[2] for name in also[:_NAMED])
        more = f" and {len(also) - _NAMED} more" if len(also) > _NAMED else ""
        message = f"{worst.message} Other handlers with this line: {names}{more}."
        yield replace(worst, message=message if also else worst.message, also=also)


_NAMED = 5
"""Handlers that a message names; the report lists all."""
