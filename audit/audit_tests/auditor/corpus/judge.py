"""Those who judge the corpus: the scanner, a heuristic that looks at one class at a time, bandit."""

import ast
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from audit_tests.auditor.corpus.label import Version

__all__ = ["GROUPS", "GUARDED", "Bandit", "Heuristic", "Judge", "Scanner", "Statement"]

GROUPS = (
    "missing authentication",
    "authentication after accept",
    "optional authentication",
    "open origin",
    "weak origin",
    "missing authorization",
)
"""The questions of the corpus: groups of rules."""

GUARDED = "said to be guarded"
"""The group of a statement for a class: the table of endpoints says that a stranger does not get in."""

LATE = frozenset({"skippable-authentication", "close-does-not-stop", "authenticated-after-accept"})
"""Rules of another group that speak of authentication after the 101."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One thing that a judge says of a class.

    Args:
        group: One of `GROUPS`, or `GUARDED`.
        subject: Dotted name of the class, as the judge gives it.
        path: Of the file, from the root of the sources.
        line: Where.
        words: What it says.
    """

    group: str
    subject: str
    path: str
    line: int
    words: str


class Judge(Protocol):
    """Something that reads a folder of sources and says what is wrong."""

    name: str

    def judge(self, version: Version, folder: Path) -> Iterable[Statement]:
        """What it says of this version."""
        ...


class Scanner:
    """`stormdoor scan`, as a process of its own, without its cache.

    Args:
        reports: Where its reports are kept; None to keep none.
        reuse: Whether a kept report is read in place of a scan.
    """

    name = "stormdoor scan"

    def __init__(self, reports: Path | None = None, *, reuse: bool = False) -> None:
        self._reports = reports
        self._reuse = reuse

    def judge(self, version: Version, folder: Path) -> Iterator[Statement]:
        """Yield the findings that answer a question of the corpus, and the endpoints called guarded.

        Raises:
            RuntimeError: The scan failed.
        """
        report = self.report(version, folder)
        groups = {rule["id"]: rule["group"] for rule in report["rules"]}
        for found in report["findings"]:
            late = found["slug"] in LATE
            group = "authentication after accept" if late else groups[found["rule_id"]]
            if group in GROUPS:
                yield Statement(
                    group=group,
                    subject=found["subject"],
                    path=found["location"]["path"],
                    line=found["location"]["line"],
                    words=f"{found['rule_id']} {found['message']}",
                )
        for endpoint in report["endpoints"]:
            verdict = endpoint["verdicts"]["authentication"]
            if verdict["state"] == "guarded":
                yield Statement(
                    group=GUARDED,
                    subject=endpoint["subject"],
                    path=endpoint["location"]["path"],
                    line=endpoint["location"]["line"],
                    words=verdict["evidence"],
                )

    def report(self, version: Version, folder: Path) -> dict[str, Any]:
        """The whole report of one version."""
        kept = self._reports / f"{version.slug}.json" if self._reports else None
        if kept and self._reuse and kept.exists():
            text = kept.read_bytes()
        else:
            scan = [
                sys.executable,
                "-P",
                "-c",
                "from stormdoor_audit.cli.main import main; main()",
                "scan",
            ]
            command = [*scan, ".", "--format", "json", "--isolated", "--quiet"]
            done = subprocess.run(command, cwd=folder, capture_output=True, check=False)
            if done.returncode not in {0, 1}:
                raise RuntimeError(f"{folder}: {done.stderr.decode(errors='replace')[-2000:]}")
            text = done.stdout
        if kept:
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_bytes(text)
        report: dict[str, Any] = json.loads(text)
        return report


_ASKS = re.compile(
    r"authenticat|current_user|get_secure_cookie|get_signed_cookie|authori[sz]|HTTPError\(40[13]"
    r"|jwt|verify_|api_?key",
    re.IGNORECASE,
)
_LATE = frozenset({"open", "on_message"})


class Heuristic:
    """What a short script finds: one class at a time, by the words in it."""

    name = "one class at a time"

    def judge(self, version: Version, folder: Path) -> Iterator[Statement]:
        """No check among its words, a check only in `open`, an origin check of one `return True`."""
        for path in sorted({label.path for label in version.labels}):
            try:
                tree = ast.parse((folder / path).read_bytes())
            except (SyntaxError, ValueError):
                continue
            module = path.removesuffix(".py").replace("/", ".")
            for node in ast.walk(tree):
                if isinstance(node, ast.ClassDef) and self._is_handler(node):
                    for group in self._wrong(node):
                        yield Statement(group, f"{module}.{node.name}", path, node.lineno, group)

    @staticmethod
    def _is_handler(node: ast.ClassDef) -> bool:
        return any(ast.unparse(base).endswith("WebSocketHandler") for base in node.bases)

    @staticmethod
    def _wrong(node: ast.ClassDef) -> Iterator[str]:
        methods = [m for m in node.body if isinstance(m, ast.FunctionDef | ast.AsyncFunctionDef)]
        asking = {method.name for method in methods if _ASKS.search(ast.unparse(method))}
        if not asking:
            yield "missing authentication"
        elif asking <= _LATE:
            yield "authentication after accept"
        for method in methods:
            returns = [n for n in ast.walk(method) if isinstance(n, ast.Return)]
            constants = [r.value for r in returns if isinstance(r.value, ast.Constant)]
            always = bool(returns) and len(constants) == len(returns)
            always = always and all(constant.value is True for constant in constants)
            if method.name == "check_origin" and always:
                yield "open origin"


class Bandit:
    """bandit with all of its tests; none of them speaks of a question of the corpus.

    Args:
        program: Path of the program.
    """

    name = "bandit"

    def __init__(self, program: str) -> None:
        self._program = program
        self.tests: dict[str, int] = {}
        """How many of its results lie in labelled classes, by test."""

    def judge(self, version: Version, folder: Path) -> Iterator[Statement]:
        """Nothing: what it finds in labelled classes is only counted."""
        with tempfile.NamedTemporaryFile(suffix=".json") as out:
            paths = sorted({str(folder / label.path) for label in version.labels})
            command = [self._program, "--quiet", "--format", "json", "--output", out.name, *paths]
            subprocess.run(command, capture_output=True, check=False)
            results = json.load(out)["results"]
        spans = [(label.path, label.line) for label in version.labels]
        for result in results:
            inside = Path(result["filename"]).relative_to(folder).as_posix()
            if any(
                inside == path and self._within(folder, path, line, result) for path, line in spans
            ):
                test = f"{result['test_id']} {result['test_name']}"
                self.tests[test] = self.tests.get(test, 0) + 1
        yield from ()

    @staticmethod
    def _within(folder: Path, path: str, line: int, result: dict[str, Any]) -> bool:
        try:
            tree = ast.parse((folder / path).read_bytes())
        except (SyntaxError, ValueError):
            return False
        return any(
            node.lineno == line and node.lineno <= result["line_number"] <= (node.end_lineno or 0)
            for node in ast.walk(tree)
            if isinstance(node, ast.ClassDef)
        )
