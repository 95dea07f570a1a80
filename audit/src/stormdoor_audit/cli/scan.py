"""`stormdoor-audit scan`: find WebSocket endpoints that an unauthenticated client can use."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Group, Parameter

from stormdoor_audit.cli.usage import UsageError

__all__ = ["app"]

app = App(name="scan", help_format="plaintext")

_WHAT = Group.create_ordered("Input")
_SHOWN = Group.create_ordered("Output")
_KNOWN = Group.create_ordered("Known findings")
_REPAIR = Group.create_ordered("Rules and fixes")
_RUN = Group.create_ordered("Execution")

Format = Literal["text", "json", "sarif", "html"]
FailOn = Literal["error", "warning", "note", "never"]
Rules = Annotated[tuple[str, ...], Parameter(group=_WHAT, metavar="RULE")]


@app.default
def scan(
    *paths: Annotated[Path, Parameter(group=_WHAT)],
    select: Rules = (),
    ignore: Rules = (),
    exclude: Annotated[tuple[str, ...], Parameter(group=_WHAT, metavar="GLOB")] = (),
    changed: Annotated[bool, Parameter(group=_WHAT)] = False,
    since: Annotated[str | None, Parameter(group=_WHAT, metavar="REF")] = None,
    python: Annotated[Path | None, Parameter(group=_WHAT, metavar="ENV")] = None,
    knowledge: Annotated[tuple[Path, ...], Parameter(group=_WHAT, metavar="FILE")] = (),
    form: Annotated[Format, Parameter(name="--format", group=_SHOWN)] = "text",
    output: Annotated[
        tuple[Path, ...], Parameter(name=["--output", "-o"], group=_SHOWN, metavar="FILE")
    ] = (),
    endpoints: Annotated[bool, Parameter(group=_SHOWN)] = False,
    fail_on: Annotated[FailOn | None, Parameter(group=_SHOWN)] = None,
    allow_not_analysed: Annotated[bool | None, Parameter(group=_SHOWN, negative=())] = None,
    baseline: Annotated[Path | None, Parameter(group=_KNOWN, metavar="FILE")] = None,
    write_baseline: Annotated[Path | None, Parameter(group=_KNOWN, metavar="FILE")] = None,
    explain: Annotated[str | None, Parameter(group=_REPAIR, metavar="RULE")] = None,
    rules: Annotated[bool, Parameter(group=_REPAIR)] = False,
    diff: Annotated[bool, Parameter(group=_REPAIR)] = False,
    fix: Annotated[bool, Parameter(group=_REPAIR)] = False,
    jobs: Annotated[int | None, Parameter(name=["--jobs", "-j"], group=_RUN, metavar="N")] = None,
    steps: Annotated[int | None, Parameter(group=_RUN, metavar="N")] = None,
    engine: Annotated[Literal["old", "new"], Parameter(group=_RUN)] = "old",
    cache: Annotated[Path | None, Parameter(group=_RUN, metavar="DIR")] = None,
    no_cache: Annotated[bool, Parameter(group=_RUN)] = False,
    isolated: Annotated[bool, Parameter(group=_RUN)] = False,
    quiet: Annotated[bool, Parameter(name=["--quiet", "-q"], group=_RUN)] = False,
) -> int:
    """Find missing and weak checks of the WebSocket handlers of a Tornado project.

    The text of `--help` above the options is in main.py.

    Args:
        paths: Files and directories; with --python also installed packages. The default is this directory.
        select: Run only these rules: SD101, the prefix SD1, or a slug; may be repeated.
        ignore: Leave out these rules; may be repeated.
        exclude: Leave out files and directories that match, such as tests/*; may be repeated.
        changed: Show only findings about files that differ from the last commit.
        since: Show only findings about files changed since this branch left REF, such as origin/main.
        python: An environment with the packages of base classes.
        knowledge: A TOML file about well-known base classes; may be repeated.
        form: Format of the output. The default is text.
        output: Also write a file; .txt, .json, .sarif or .html decides the format; may be repeated.
        endpoints: Show each endpoint with its five checks, instead of the findings.
        fail_on: Lowest level for exit status 1: error, warning (the default), note; or never.
        allow_not_analysed: No exit status 1 for files and endpoints that were not analysed.
        baseline: Report only findings that this file does not list.
        write_baseline: List all findings in this file, with exit status 0.
        explain: Show the page of a rule, such as SD101, without a scan.
        rules: Show all rules, without a scan.
        diff: Show the changes of --fix without writing them.
        fix: Write the safe fixes, and show them.
        jobs: Worker processes. The default is one for each core; one for trees that need much memory.
        steps: Steps for the analysis of each endpoint. The default is 2000000.
        engine: The engine: old, or new, a preview for authentication and origins. The default is old.
        cache: Directory for reports of the same files. The default is in your cache directory.
        no_cache: Neither read nor keep a report in the cache.
        isolated: Do not read pyproject.toml.
        quiet: No progress on standard error.
    """
    from stormdoor_audit.cli.scan_output import show, show_changes, write
    from stormdoor_audit.cli.scan_rules import print_rule, print_rules
    from stormdoor_audit.cli.scan_run import ScanRun, read_cache, read_settings, scan_exit_status

    if explain is not None:
        return print_rule(explain)
    if rules:
        return print_rules()
    if fix and diff:
        raise UsageError("--fix changes files, --diff does not: give one of them")
    if cache is not None and no_cache:
        raise UsageError("--cache and --no-cache contradict each other: give one of them")
    wanted = read_settings(
        isolated=isolated,
        select=select,
        ignore=ignore,
        exclude=exclude,
        python=python,
        knowledge=knowledge,
        jobs=jobs,
        steps=steps,
        engine=engine,
        baseline=baseline,
    )
    allowed = wanted.allow_not_analysed if allow_not_analysed is None else allow_not_analysed
    look = ScanRun(
        places=wanted.places(paths),
        settings=wanted.settings,
        # A baseline that this run writes need not exist yet.
        baseline=None if wanted.baseline == write_baseline else wanted.baseline,
        since=since if since is not None else ("HEAD" if changed else None),
        quiet=quiet,
        cache=read_cache(cache, without=no_cache),
    )
    report = look.report()
    if write_baseline is not None:
        from stormdoor_audit.report.baseline import baseline_of

        write(write_baseline, baseline_of(report))
    if diff or fix:
        changes = show_changes(
            report,
            wanted,
            places=look.places,
            write_them=fix,
            to_stdout=diff or form == "text",
        )
        if diff:
            return scan_exit_status(report, fail_on or wanted.fail_on, allowed=allowed)
        if changes:
            report = look.report()
    show(report, form=form, files=output, endpoints=endpoints)
    code = scan_exit_status(report, fail_on or wanted.fail_on, allowed=allowed)
    return 0 if write_baseline is not None else code
