"""Print and write the results of `stormdoor-audit scan`."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stormdoor_audit.cli.output import clean, console
from stormdoor_audit.cli.usage import UsageError

if TYPE_CHECKING:
    from stormdoor_audit.auditor.fixing.fix import Change
    from stormdoor_audit.cli.scan_run import ScanSettings
    from stormdoor_audit.report.finding import Report

__all__ = ["show", "show_changes", "write"]

_FORMATS = {".txt": "text", ".json": "json", ".sarif": "sarif", ".html": "html", ".htm": "html"}
_FILE_WIDTH = 100


def show(report: Report, *, form: str, files: Sequence[Path], endpoints: bool) -> None:
    """Write the report to each file in the format of its name, and print it.

    With files, text is printed; the requested format applies to files without a known suffix. A reader that
    closes the pipe (`| head`) changes nothing about the exit status.
    """
    for file in files:
        write(file, _text(report, _FORMATS.get(file.suffix.lower(), form), endpoints=endpoints))
    try:
        if files or form == "text":
            _print(report, endpoints=endpoints)
        else:
            _to_stdout(_text(report, form, endpoints=endpoints))
        sys.stdout.flush()
    except (BrokenPipeError, SystemExit):  # Rich ends the program where the pipe is closed
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _print(report: Report, *, endpoints: bool) -> None:
    from stormdoor_audit.report.as_text import print_endpoints, print_report

    (print_endpoints if endpoints else print_report)(report, console())


def _text(report: Report, form: str, *, endpoints: bool) -> str:
    match form:
        case "json":
            from stormdoor_audit.report.as_json import as_json, endpoints_as_json

            return endpoints_as_json(report) if endpoints else as_json(report)
        case "sarif":
            from stormdoor_audit.report.as_sarif import as_sarif

            return as_sarif(report)
        case "html":
            from stormdoor_audit.report.as_html import as_html

            return as_html(report)
    from rich.console import Console

    from stormdoor_audit.report.as_text import print_endpoints, print_report

    file = io.StringIO()
    out = Console(file=file, width=_FILE_WIDTH, highlight=False, emoji=False, markup=False)
    (print_endpoints if endpoints else print_report)(report, out)
    return "".join(f"{line.rstrip()}\n" for line in file.getvalue().splitlines())


def _to_stdout(text: str) -> None:
    """Write UTF-8 to standard output, for every encoding of the terminal."""
    raw = getattr(sys.stdout, "buffer", None)
    if raw is None:
        sys.stdout.write(text)
    else:
        sys.stdout.flush()
        raw.write(text.encode())
        raw.flush()


def write(file: Path, text: str) -> None:
    """Write a file.

    Raises:
        UsageError: It cannot be written.
    """
    try:
        file.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror}") from error


def show_changes(
    report: Report,
    wanted: ScanSettings,
    *,
    places: Sequence[Path],
    write_them: bool,
    to_stdout: bool,
) -> list[Change]:
    """Show the safe fixes as a diff, and make them if asked for.

    Args:
        report: What is to be fixed.
        wanted: For the origins and names of the project.
        places: The scanned files and directories: no other file is changed.
        write_them: Change the files.
        to_stdout: Where the diff goes; to standard error where the result must stay alone.

    Raises:
        UsageError: A file cannot be written.
    """
    from stormdoor_audit.auditor.fixing.fix import Known, changes

    known = Known(origins=wanted.origins, audience=wanted.audience, issuer=wanted.issuer)
    found = changes(report.findings, wanted.settings.root, known, places)
    _print_diff(found, stderr=not to_stdout)
    if write_them:
        _save_all(found)
    number = sum(len(one.fixed) for one in found)
    left = len(report.findings) - number
    done = "fixed" if write_them else "can be fixed"
    console(stderr=True).print(
        f"{number} {done} in {len(found)} {'file' if len(found) == 1 else 'files'}; "
        f"{left} need a person.",
        style="bold" if number else "dim",
    )
    return found


def _save_all(found: Sequence[Change]) -> None:
    """Write all files that can be written; then report the others."""
    from stormdoor_audit.auditor.fixing.fix import save

    failed = []
    for one in found:
        try:
            save(one)
        except OSError as error:
            failed.append(f"{one.path} cannot be written: {error.strerror}")
    if failed:
        raise UsageError("; ".join(failed))


_DIFF = (("+++", "bold"), ("---", "bold"), ("@@", "cyan"), ("+", "green"), ("-", "red"))


def _print_diff(found: Sequence[Change], *, stderr: bool) -> None:
    from rich.text import Text

    out = console(stderr=stderr)
    if not out.is_terminal and not stderr:
        _to_stdout("".join(one.diff() for one in found))  # as it is, for `git apply`
        return
    for one in found:
        for line in one.diff().splitlines():
            style = next((style for start, style in _DIFF if line.startswith(start)), "")
            # Tabs belong to the code; every other control character is escaped.
            shown = "\t".join(clean(part) for part in line.split("\t"))
            out.print(Text(shown, style=style, tab_size=8), soft_wrap=True)
