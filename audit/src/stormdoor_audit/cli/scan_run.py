"""Run a scan from the command line: its settings, its progress, and its exit code."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from stormdoor_audit.cli.usage import UsageError

if TYPE_CHECKING:
    from stormdoor_audit.auditor.scanning.cache import Cache
    from stormdoor_audit.auditor.scanning.settings import Progress, Settings
    from stormdoor_audit.report.finding import Report

__all__ = [
    "ScanRun",
    "ScanSettings",
    "progress_bar",
    "read_cache",
    "read_settings",
    "scan_exit_status",
]

_PATIENCE = 0.6
"""Seconds after which progress is shown: a bar that flashes up disturbs."""


@dataclass(frozen=True, slots=True)
class ScanSettings:
    """The settings of the command and of pyproject.toml; the command has priority.

    Args:
        settings: For the engine.
        home: Directory that paths in the file are relative to.
        paths: What the file says to scan.
        baseline: File of known findings.
        fail_on: The least level that counts.
        allow_not_analysed: Whether the scan may leave something out and still end with 0.
        origins: For --fix.
        audience: For --fix.
        issuer: For --fix.
    """

    settings: Settings
    home: Path
    paths: tuple[str, ...]
    baseline: Path | None
    fail_on: str
    allow_not_analysed: bool
    origins: tuple[str, ...]
    audience: str
    issuer: str

    def places(self, given: Sequence[Path]) -> tuple[Path, ...]:
        """Return the paths to scan: those of the command, of the file, or the current directory.

        Raises:
            UsageError: A path does not exist.
        """
        if not given and self.paths:
            given = [self.home / path for path in self.paths]
        return tuple(self._place(path) for path in given) or (Path(),)

    def _place(self, path: Path) -> Path:
        if path.exists():
            return path
        name = str(path)
        from stormdoor_audit.auditor.reading.environment import packages_of

        if self.settings.python is not None and name.replace(".", "_").isidentifier():
            for packages in packages_of(self.settings.python):
                inner = packages.joinpath(*name.split("."))
                for found in (inner, inner.with_suffix(".py")):
                    if found.exists():
                        return found
            raise UsageError(f"there is no {name}, neither here nor among the packages of --python")
        hint = "; for an installed package give --python ENVIRONMENT" if name.isidentifier() else ""
        raise UsageError(f"there is no {name}{hint}")


def read_settings(
    *,
    isolated: bool,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    exclude: tuple[str, ...],
    python: Path | None,
    knowledge: tuple[Path, ...],
    jobs: int | None,
    steps: int | None,
    engine: str,
    baseline: Path | None,
) -> ScanSettings:
    """Return the settings of the command line and of pyproject.toml.

    Raises:
        UsageError: A setting is not valid.
    """
    from stormdoor_audit.auditor.reading.environment import packages_of
    from stormdoor_audit.auditor.scanning.configuration import (
        SettingsError,
        find_configuration,
        read_configuration,
    )
    from stormdoor_audit.auditor.scanning.settings import Settings, selected
    from stormdoor_audit.cli.scan_rules import known_rules

    here = Path.cwd()
    try:
        file = None if isolated else find_configuration(here)
        said = read_configuration(file)
    except SettingsError as error:
        raise UsageError(str(error)) from error
    home = here if file is None else file.parent
    environment = python or (home / said.python if said.python else None)
    if environment is not None and not packages_of(environment):
        raise UsageError(f"{environment} is no environment of Python: it has no site-packages")
    _check_rules((*select, *ignore, *said.select, *said.ignore))
    settings = Settings(
        root=here,
        select=select or said.select,
        ignore=(*said.ignore, *ignore),
        exclude=(*said.exclude, *exclude),
        python=environment,
        knowledge=(*(home / one for one in said.knowledge), *knowledge),
        jobs=said.jobs if jobs is None else jobs,
        steps=said.steps if steps is None else steps,
        engine=engine,
    )
    _check_knowledge(settings.knowledge)
    if settings.jobs < 0:
        raise UsageError(f"{settings.jobs} processes cannot work")
    if settings.steps < 1:
        raise UsageError(f"{settings.steps} steps are too few: give --steps 1 or more")
    if not any(selected(one.id, one.slug, settings) for one in known_rules()):
        raise UsageError("what is selected is ignored, too: no rule is left")
    _check_engine(settings)
    return ScanSettings(
        settings=settings,
        home=home,
        paths=said.paths,
        baseline=baseline or (home / said.baseline if said.baseline else None),
        fail_on=said.fail_on,
        allow_not_analysed=said.allow_not_analysed,
        origins=said.origins,
        audience=said.audience,
        issuer=said.issuer,
    )


def _check_knowledge(files: Sequence[Path]) -> None:
    """Reject misspelt words in a knowledge file, which would have no effect."""
    from stormdoor_audit.auditor.classes.knowledge import KnowledgeError, load_knowledge

    for file in files:
        if not file.is_file():
            raise UsageError(f"there is no file {file}")
    try:
        load_knowledge(*files)
    except KnowledgeError as error:
        raise UsageError(str(error)) from error


def _check_engine(settings: Settings) -> None:
    """Reject settings that the other engine does not have: they would have no effect."""
    from stormdoor_audit.auditor.scanning.settings import Settings
    from stormdoor_audit.auditor.scanning.simulated import UNSUPPORTED

    plain = Settings(root=settings.root)
    given = [name for name in UNSUPPORTED if getattr(settings, name) != getattr(plain, name)]
    if settings.engine == "new" and given:
        raise UsageError(f"--engine new has no {given[0]}: leave out --{given[0]}")


def _check_rules(patterns: Sequence[str]) -> None:
    """Reject a pattern that names no rule, which would select or ignore nothing."""
    from stormdoor_audit.cli.scan_rules import known_rules

    rules = known_rules()
    for pattern in patterns:
        if not any(one.id.startswith(pattern.upper()) or one.slug == pattern for one in rules):
            raise UsageError(f"there is no rule {pattern!r}; see: stormdoor-audit scan --rules")


def read_cache(directory: Path | None, *, without: bool) -> Cache | None:
    """Return the cache that the command asks for; None if it is not wanted or cannot be used.

    Raises:
        UsageError: The requested directory cannot be used.
    """
    from stormdoor_audit.auditor.scanning.cache import CacheError, open_cache

    if without:
        return None
    try:
        return open_cache(directory)
    except CacheError as error:
        if directory is not None:
            raise UsageError(str(error)) from error
        return None  # a scan also works without a home directory


@dataclass(frozen=True, slots=True)
class ScanRun:
    """One scan, which runs again after fixes were written.

    Args:
        places: Files and directories to scan.
        settings: How.
        baseline: File of known findings.
        since: Only what concerns files that changed since this commit.
        quiet: No progress.
        cache: Where reports of the same files are; None to scan anew.
    """

    places: tuple[Path, ...]
    settings: Settings
    baseline: Path | None
    since: str | None
    quiet: bool
    cache: Cache | None = None

    def report(self) -> Report:
        """Scan, and leave out findings in unchanged code and findings of the baseline.

        Raises:
            UsageError: The baseline cannot be read, or git cannot say what changed.
        """
        from stormdoor_audit.auditor.scanning.changed import GitError, changed_files, only_changed
        from stormdoor_audit.auditor.scanning.engine import scan
        from stormdoor_audit.auditor.scanning.settings import selected
        from stormdoor_audit.report.baseline import BaselineError, read_baseline, without

        try:
            known = read_baseline(self.baseline.read_text("utf-8")) if self.baseline else None
        except (OSError, UnicodeDecodeError, BaselineError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise UsageError(f"{self.baseline}: {reason}") from error
        try:
            files = (
                changed_files(self.settings.root, self.since) if self.since is not None else None
            )
        except GitError as error:
            raise UsageError(f"what changed cannot be told: {error}") from error
        with progress_bar(quiet=self.quiet) as progress:
            report = scan(self.places, settings=self.settings, progress=progress, cache=self.cache)
        # A reader of the report on another machine needs the name of the directory, not a dot.
        here = self.settings.root.name or str(self.settings.root)
        report = replace(
            report,
            roots=tuple(here if root == "." else root for root in report.roots),
            # The rules about comments always run; whether they are reported is chosen as for others.
            findings=tuple(
                one for one in report.findings if selected(one.rule_id, one.slug, self.settings)
            ),
            rules=tuple(one for one in report.rules if selected(one.id, one.slug, self.settings)),
        )
        if files is not None:
            report = only_changed(report, files, self.settings.root)
        return report if known is None else without(report, known)


def _unseen(stage: str, done: int, total: int) -> None:
    """Ignore the progress."""


@contextmanager
def progress_bar(*, quiet: bool) -> Iterator[Progress]:
    """Show a progress bar on standard error, if that is a terminal and the scan takes more than a moment."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    from stormdoor_audit.cli.output import clean, console

    out = console(stderr=True)
    if quiet or not out.is_terminal:
        yield _unseen
        return
    began = time.monotonic()
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        console=out,
        transient=True,
    )
    task = bar.add_task("", total=None)

    def report(stage: str, done: int, total: int) -> None:
        if not bar.live.is_started and time.monotonic() - began > _PATIENCE:
            bar.start()
        bar.update(task, description=clean(stage), completed=done, total=total or None)

    try:
        yield report
    finally:
        bar.stop()


def scan_exit_status(report: Report, fail_on: str, *, allowed: bool) -> int:
    """Return 1 if a finding counts, or if a place was not analysed and that is not allowed; else 0.

    Args:
        report: The report.
        fail_on: The least level that counts, or never.
        allowed: Whether the scan may leave places out.
    """
    from stormdoor_audit.cli.output import console
    from stormdoor_audit.report.finding import Level

    gaps = len(report.coverage.not_analysed)
    if gaps and not allowed:
        console(stderr=True).print(
            f"{gaps} {'place was' if gaps == 1 else 'places were'} not analysed, so the scan is not complete "
            "and ends with 1. --allow-not-analysed accepts that."
        )
        return 1
    if fail_on == "never":
        return 0
    least = Level(fail_on).rank
    return 1 if any(one.level.rank <= least for one in report.findings) else 0
