"""Safe fixes as changes of the source text: shown as a diff, written on demand.

A fix changes as few characters as possible: comments, spacing and line ends stay. A fix with a result
that does not parse is dropped.
"""

from __future__ import annotations

import ast
import difflib
import io
import os
import re
import tokenize
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from stormdoor_audit.auditor.fixing.repairs import REPAIRS, Edit, Known
from stormdoor_audit.report.finding import Finding, Location
from stormdoor_audit.report.order import in_order

__all__ = ["Change", "Known", "changes", "repaired", "save"]

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_WRITE = os.O_WRONLY | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_LINE = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+$")


@dataclass(frozen=True, slots=True)
class Change:
    """The fixes of one file.

    Args:
        file: Path of the file, without links.
        path: Path as findings name it.
        before: Text before the fixes.
        after: Text with the fixes.
        encoding: Encoding of the file.
        fixed: The findings that the fixes end.
    """

    file: Path
    path: str
    before: str
    after: str
    encoding: str
    fixed: tuple[Finding, ...]

    def diff(self) -> str:
        """A unified diff, as `git apply` takes it."""
        lines = difflib.unified_diff(
            _lines(self.before), _lines(self.after), f"a/{self.path}", f"b/{self.path}"
        )
        return "".join(
            line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
            for line in lines
        )


def _lines(text: str) -> list[str]:
    """Lines as files have them; not at form feeds, as str.splitlines() would."""
    return io.StringIO(text, newline="\n").readlines()


def changes(
    findings: Iterable[Finding], root: Path, known: Known, places: Sequence[Path] = ()
) -> list[Change]:
    """Return the safe fixes of each file below `places`. Read the files, but write none.

    A file that a link leads to and that is not below them belongs to another project: it is left out.

    Args:
        findings: The reported findings.
        root: Directory that their paths are relative to.
        known: Facts about the project that its source does not contain.
        places: The scanned files and directories; `root` if there are none.
    """
    by_path: dict[str, list[Finding]] = {}
    for one in in_order(findings):
        if one.slug in REPAIRS and one.location.path.endswith(".py"):
            by_path.setdefault(one.location.path, []).append(one)
    found = []
    # What a link leads to is mended where it lies, if that is looked at, too.
    mended = {(root / path).resolve() for path in by_path if not (root / path).is_symlink()}
    tops = [place.resolve() for place in places or (root,)]
    for path, about in sorted(by_path.items()):
        file = (root / path).resolve()
        if (root / path).is_symlink() and file in mended:
            continue
        if not any(file.is_relative_to(top) for top in tops):
            continue
        change = _change(file, path, about, known)
        if change is not None:
            found.append(change)
    return found


def _change(file: Path, path: str, findings: list[Finding], known: Known) -> Change | None:
    try:
        content = file.read_bytes()
        encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
        before = content.decode(encoding)
    except (OSError, SyntaxError, UnicodeDecodeError):
        return None
    after, fixed = repaired(before, findings, known)
    return Change(file, path, before, after, encoding, fixed) if fixed else None


def repaired(
    text: str, findings: Iterable[Finding], known: Known
) -> tuple[str, tuple[Finding, ...]]:
    """Return the text with the safe fixes, and the findings that they end.

    The fixes are applied one after the other. A fix that overlaps an earlier one, or has a result that
    does not parse, is left out.
    """
    tree = _tree(text)
    if tree is None:
        return text, ()
    raw = text.encode("utf-8", "surrogatepass")
    edits: list[Edit] = []
    fixed: list[Finding] = []
    for one in findings:
        more = _edits(tree, raw, one, known)
        if not more or any(_overlap(new, old) for new in more for old in edits if new != old):
            continue
        tried = [*edits, *(new for new in more if new not in edits)]
        if _tree(_applied(raw, tried)) is None:
            continue
        edits = tried
        fixed.append(one)
    return (_applied(raw, edits), tuple(fixed)) if fixed else (text, ())


def save(change: Change) -> None:
    """Write the file in the encoding it has; not through a link that has replaced it meanwhile.

    Raises:
        OSError: It cannot be written.
    """
    content = change.after.encode(change.encoding)
    with os.fdopen(os.open(change.file, _WRITE), "wb") as stream:
        stream.write(content)


def _tree(text: str) -> ast.Module | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _edits(tree: ast.Module, raw: bytes, finding: Finding, known: Known) -> list[Edit]:
    """The edits of the first repair that understands the place."""
    for node in _candidates(tree, raw, finding.location):
        for repair in REPAIRS[finding.slug]:
            edits = repair(node, known)
            if edits:
                return edits
    return []


def _candidates(tree: ast.Module, raw: bytes, where: Location) -> Iterator[ast.AST]:
    """The nodes that begin in the region of the finding, then the method it lies in."""
    lines = _LINE.findall(raw)
    start = (where.line, _bytes(lines, where.line, where.column))
    end = (where.end_line, _bytes(lines, where.end_line, where.end_column))
    around: ast.AST | None = None
    methods = {
        one for node in ast.walk(tree) if isinstance(node, ast.ClassDef) for one in node.body
    }
    inside: list[tuple[tuple[int, int], int, ast.AST]] = []
    for number, node in enumerate(ast.walk(tree)):
        line = getattr(node, "lineno", None)
        if line is None or (isinstance(node, _FUNCTIONS) and node not in methods):
            continue  # what is put into a class from outside has no `super()`
        begins = (line, getattr(node, "col_offset", 0))
        ends = (getattr(node, "end_lineno", line), getattr(node, "end_col_offset", 0))
        if start <= begins < max(end, (start[0], start[1] + 1)):
            inside.append((begins, number, node))
        elif isinstance(node, _FUNCTIONS) and begins <= start < ends:
            # Walking goes from the outside in: the last one is the innermost.
            around = node
    yield from (node for _, _, node in sorted(inside, key=lambda one: one[:2]))
    if around is not None:
        yield around


def _bytes(lines: list[bytes], line: int, column: int) -> int:
    """Findings count characters; the parser counts bytes of UTF-8."""
    if not 0 < line <= len(lines):
        return 0
    text = lines[line - 1].decode("utf-8", "surrogatepass")
    return len(text[: max(column - 1, 0)].encode("utf-8", "surrogatepass"))


def _overlap(one: Edit, other: Edit) -> bool:
    first, second = sorted((one, other), key=_start)
    if _start(first) == _start(second):
        return not (one.is_insertion and other.is_insertion)
    return _start(second) < (first.end_line, first.end_column)


def _start(edit: Edit) -> tuple[int, int]:
    return (edit.line, edit.column)


def _applied(raw: bytes, edits: Iterable[Edit]) -> str:
    """The text with all edits, from the last to the first so that none moves another.

    Of two that write at one place, what was found first stands first.
    """
    starts = [0]
    for line in _LINE.findall(raw):
        starts.append(starts[-1] + len(line))
    ordered = sorted(edits, key=_start)
    for edit in reversed(ordered):
        begin = starts[edit.line - 1] + edit.column
        end = starts[edit.end_line - 1] + edit.end_column
        raw = raw[:begin] + edit.text.encode() + raw[end:]
    return raw.decode("utf-8", "surrogatepass")
