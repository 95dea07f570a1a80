"""Scans folders with the auditor of one checkout: a process of its own, started by `compare`.

    python judging.py ENGINE < FOLDERS

`ENGINE` is the name of an engine, or "" for the default. Each line of the input is a folder, which is scanned
alone. Each line of the output is a JSON document: the answers of its endpoints, its gaps, and the seconds of
processor time. It imports no other test: the auditor that it imports may be that of another checkout.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

from stormdoor_audit.auditor.scanning.engine import scan
from stormdoor_audit.auditor.scanning.settings import Settings
from stormdoor_audit.report.finding import EndpointReport, Report

__all__ = ["main"]

_LATE = frozenset({"SD102", "SD108", "SD109"})
_WEAK_ORIGIN = frozenset({"SD202", "SD203", "SD204", "SD205", "SD206", "SD208"})
_ABOUT_RIGHTS = frozenset({"SD301", "SD302", "SD303", "SD304"})
_ORIGINS = {"missing": "open", "weak": "weak", "guarded": "guarded"}


def main() -> int:
    """Scan each folder of the input, and print a line about each."""
    engine: dict[str, Any] = {"engine": sys.argv[1]} if sys.argv[1] else {}
    for line in sys.stdin:
        folder = Path(line.rstrip("\n"))
        began = time.process_time()
        try:
            report = scan([folder], settings=Settings(root=folder, jobs=1, **engine))
            document = _document(report)
        except Exception as error:  # noqa: BLE001 - a crash of one engine is a result of the comparison
            document = {"endpoints": {}, "gaps": [f"crash: {type(error).__name__}: {error}"]}
        document["seconds"] = time.process_time() - began
        print(json.dumps(document), flush=True)
    return 0


def _document(report: Report) -> dict[str, Any]:
    """Return the part of a report that is compared."""
    return {
        "endpoints": {
            f"{one.location.path}:{one.subject}": _answers(report, one) for one in report.endpoints
        },
        "gaps": [f"{one.path}: {one.reason}" for one in report.coverage.not_analysed],
    }


def _answers(report: Report, endpoint: EndpointReport) -> dict[str, str]:
    """Return the answer to each question of the table about an endpoint."""
    rules = {one.rule_id for one in report.findings if endpoint.subject in {one.subject, *one.also}}
    states: dict[str, str] = {str(check): one.state for check, one in endpoint.verdicts.items()}
    authentication = states.get("authentication", "unknown")
    if authentication in {"missing", "weak"}:
        authentication = (
            "late" if rules & _LATE else "optional" if "SD103" in rules else authentication
        )
    origin = _ORIGINS.get(states.get("origin", "unknown"), "unknown")
    if origin == "weak" and not rules & _WEAK_ORIGIN:
        origin = "guarded"  # only the scheme or the port is not compared
    return {
        "authentication": authentication,
        "origin": origin,
        "authorization": "missing" if rules & _ABOUT_RIGHTS else "ok",
    }


if __name__ == "__main__":
    sys.exit(main())
