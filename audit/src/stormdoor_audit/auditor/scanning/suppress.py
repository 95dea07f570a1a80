"""Findings that the project accepts, by a comment with the reason.

    class Echo(WebSocketHandler):  # stormdoor: ignore[SD101] public by design, see the threat model

The comment stands in the statement that is reported, or alone above it. A reason is mandatory:
without one nothing is suppressed. A comment that suppresses nothing is reported, too, so that none
outlives its reason.
"""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from stormdoor_audit.report.finding import (
    Confidence,
    Finding,
    Level,
    Location,
    RuleMeta,
    Suppressed,
    fingerprint_of,
)

__all__ = ["RULES", "Settled", "Suppression", "settle", "suppressions_in"]

UNUSED = RuleMeta(
    id="SD001",
    slug="unused-suppression",
    title="A comment suppresses nothing",
    level=Level.NOTE,
    confidence=Confidence.HIGH,
    what="A comment `# stormdoor: ignore[...]` at a line where the named rules report nothing.",
    why="The finding was repaired since. The comment would hide the next finding at this line from "
    "reviewers.",
    example="def open(self):  # stormdoor: ignore[SD101] behind the login\n    ...\n",
    instead="def open(self):\n    ...\n",
    fix="Delete the comment.",
    group="suppression",
)
INVALID = RuleMeta(
    id="SD002",
    slug="invalid-suppression",
    title="A comment does not say which rule it suppresses, or why",
    level=Level.WARNING,
    confidence=Confidence.HIGH,
    what="A comment that begins with `# stormdoor: ignore` and has no rule in brackets, no reason, or "
    "names a rule that does not exist. It suppresses nothing.",
    why="Without a reason, a reviewer cannot tell later whether the suppression is still right.",
    example="class Echo(WebSocketHandler):  # stormdoor: ignore\n    ...\n",
    instead="class Echo(WebSocketHandler):  # stormdoor: ignore[SD101] public: it only echoes\n    ...\n",
    fix="Write `# stormdoor: ignore[SD101] the reason`.",
    group="suppression",
)
RULES = (UNUSED, INVALID)
"""The rules about suppressions themselves; they cannot be suppressed."""

_MARK = "stormdoor:"
_COMMENT = re.compile(
    r"(?<!\S)(?:\#|//|/\*|<!--)\s*stormdoor:\s*ignore\b"
    r"(?:\[(?P<rules>[^\]]*)\])?[ \t]*(?P<reason>.*?)\s*(?:\*/|-->)?\s*$"
)
_ALONE = re.compile(r"^\s*(?://|/\*|<!--|\#)")


@dataclass(frozen=True, slots=True)
class Suppression:
    """One comment.

    Args:
        where: The comment itself.
        first: First line of what it is about.
        last: Last line of what it is about.
        rules: Ids or slugs, as written.
        reason: Why; empty where none is given.
        module: Name of the module it is in.
    """

    where: Location
    first: int
    last: int
    rules: tuple[str, ...]
    reason: str
    module: str

    def names(self, id: str, slug: str) -> bool:
        """Tell whether this rule is among those it names."""
        return any(one.upper() == id or one == slug for one in self.rules)


@dataclass(frozen=True, slots=True)
class Settled:
    """Findings to report, and findings not to report."""

    findings: tuple[Finding, ...]
    suppressed: tuple[Suppressed, ...]


def suppressions_in(text: str, path: str, module: str = "") -> tuple[Suppression, ...]:
    """The comments of one file about suppression, valid or not.

    Args:
        text: The file.
        path: As findings name it. What does not end in .py is read line by line.
        module: Its dotted name.
    """
    if _MARK not in text:
        return ()
    lines = text.splitlines()
    spans = _spans(text) if path.endswith((".py", ".pyi", ".pyw")) else _line_spans(lines)
    found = []
    for line, column, comment, first, last in spans:
        match = _COMMENT.search(comment)
        if match is None:
            continue
        source = lines[line - 1] if line <= len(lines) else comment
        start = column + match.start() + 1  # perhaps behind another comment
        where = Location(path, line, start, line, start + len(match[0].rstrip()), source)
        rules = tuple(one.strip() for one in (match["rules"] or "").split(",") if one.strip())
        reason = match["reason"].strip().lstrip(":-–— ").strip()
        found.append(Suppression(where, first, last, rules, reason, module or path))
    return tuple(found)


def _spans(text: str) -> Iterator[tuple[int, int, str, int, int]]:
    """Each comment of a Python file, and the lines of the statement that it is in or above.

    A statement is a logical line: the head of a class, not its body. Decorators belong to what they
    decorate.
    """
    waiting: list[tuple[int, int, str]] = []
    start = 0
    decorator = False
    skipped = {tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT:
                waiting.append((*token.start, token.string))
            elif token.type == tokenize.NEWLINE:
                if not decorator:
                    for line, column, comment in waiting:
                        yield line, column, comment, min(start, line), token.start[0]
                    waiting, start = [], 0
                decorator = False
            elif token.type not in skipped:
                # A decorator begins a statement, or goes on with the one above it.
                begins = not token.line[: token.start[1]].strip()
                if begins and token.string == "@":
                    decorator = True
                start = start or token.start[0]
    except (tokenize.TokenError, SyntaxError):
        # A file that is no Python is reported as not analysed; its comments have nothing to suppress.
        return
    for line, column, comment in waiting:
        yield line, column, comment, line, line


def _line_spans(lines: list[str]) -> Iterator[tuple[int, int, str, int, int]]:
    """Each line of another file with the mark: it is about itself, or alone about the next one."""
    for number, line in enumerate(lines, start=1):
        at = re.search(r"(?://|/\*|<!--|\#)\s*stormdoor:", line)
        if at:
            alone = _ALONE.match(line) is not None and at.start() == len(line) - len(line.lstrip())
            yield number, at.start(), line[at.start() :], number, number + alone


def settle(
    findings: Iterable[Finding],
    suppressions: Iterable[Suppression],
    *,
    ran: Iterable[str],
    known: Mapping[str, str],
) -> Settled:
    """Part what is reported from what is suppressed, and report what is wrong with the comments.

    Args:
        findings: Everything that was found.
        suppressions: The comments of all files.
        ran: Ids of the rules that ran: a comment for another rule may be needed when that one runs.
        known: Slug of each rule id that exists. Those of this module cannot be suppressed.
    """
    ids = set(ran)
    own = {one.id for one in RULES}
    known = {id: slug for id, slug in known.items() if id not in own}
    by_path: dict[str, list[Suppression]] = {}
    wrong: list[Finding] = []
    for one in suppressions:
        problem = _problem(one, known)
        if problem:
            found = _finding(INVALID, one, problem)
            names = ", ".join(one.rules)
            if names and not one.reason:
                found = replace(found, fix=f"Write `# stormdoor: ignore[{names}] the reason`.")
            wrong.append(found)
        else:
            by_path.setdefault(one.where.path, []).append(one)
    used: set[tuple[Suppression, str]] = set()
    kept: list[Finding] = []
    quiet: list[Suppressed] = []
    for finding in findings:
        answers = [
            one
            for one in by_path.get(finding.location.path, ())
            if one.first <= finding.location.line <= one.last
            and one.names(finding.rule_id, finding.slug)
        ]
        if answers:
            used.update((one, finding.rule_id) for one in answers)
            quiet.append(Suppressed(finding, answers[0].reason))
        else:
            kept.append(finding)
    for comments in by_path.values():
        for one in comments:
            idle = [
                id
                for id, slug in known.items()
                if id in ids and one.names(id, slug) and (one, id) not in used
            ]
            if idle:
                text = f"Nothing is reported here by {', '.join(sorted(idle))}."
                wrong.append(_finding(UNUSED, one, text))
    return Settled((*kept, *wrong), tuple(quiet))


def _problem(one: Suppression, known: Mapping[str, str]) -> str:
    """Reason why a comment is invalid, or empty."""
    if not one.rules:
        return "The comment names no rule, so it suppresses nothing."
    slugs = set(known.values())
    for name in one.rules:
        if name.upper() not in known and name not in slugs:
            return f"There is no rule {name!r}, so the comment suppresses nothing."
    if not one.reason:
        return "The comment gives no reason, so it suppresses nothing."
    return ""


def _finding(rule: RuleMeta, one: Suppression, message: str) -> Finding:
    return Finding(
        rule_id=rule.id,
        slug=rule.slug,
        level=rule.level,
        confidence=rule.confidence,
        message=message,
        location=one.where,
        subject=one.module,
        fix=rule.fix,
        fingerprint=fingerprint_of(rule_id=rule.id, subject=one.module, what=one.where.excerpt),
    )
