"""A rule: what it is called, and a function from what was resolved to what is wrong."""

import ast
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stormdoor_audit.report.finding import Check, Confidence, Level, RuleMeta, Step

if TYPE_CHECKING:
    from stormdoor_audit.auditor.judging.endpoint import Endpoint
    from stormdoor_audit.auditor.reading.module import Module
    from stormdoor_audit.auditor.reading.project import Project

__all__ = ["Found", "Rule", "RuleError", "rule"]


class RuleError(ValueError):
    """A rule's module does not say what a rule must say."""


@dataclass(frozen=True, slots=True)
class Found:
    """One thing a rule found; the engine turns it into a `Finding`.

    Args:
        module: The file it is in.
        node: The place in that file. The line and the column of the finding are the node's.
        message: One or two sentences about this place.
        fix: Which line to change to what; the rule's fix where empty.
        steps: The way through the code that led here, in the order it runs.
        subject: Qualified name; the endpoint's class or the module where empty.
        level: Where it differs from the rule's.
        confidence: Where it differs from the rule's.
    """

    module: "Module"
    node: ast.AST
    message: str
    fix: str = ""
    steps: tuple[Step, ...] = ()
    subject: str = ""
    level: Level | None = None
    confidence: Confidence | None = None


EndpointCheck = Callable[["Endpoint"], Iterable[Found]]
ModuleCheck = Callable[["Module", "Project"], Iterable[Found]]


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule as the engine runs it.

    Args:
        meta: What is known about it.
        on_endpoint: Called once for each WebSocket endpoint.
        on_module: Called once for each Python file that was parsed and lies in what is scanned.
        on_project: Called once for a scan, for what lies outside Python files.
        check: The check of the endpoint table that this rule speaks about.
    """

    meta: RuleMeta
    on_endpoint: EndpointCheck | None = None
    on_module: ModuleCheck | None = None
    on_project: "Callable[[Project], Iterable[Found]] | None" = None
    check: Check | None = None


_SECTION = re.compile(r"^(What|Why|Example|Instead|Fix):[ ]*$", re.MULTILINE)


def rule(
    document: str | None,
    *,
    id: str,
    slug: str,
    level: Level,
    confidence: Confidence,
    group: str,
    cwe: tuple[int, ...] = (),
    asvs: tuple[str, ...] = (),
    threat: str = "",
    check: Check | None = None,
    on_endpoint: EndpointCheck | None = None,
    on_module: ModuleCheck | None = None,
    on_project: "Callable[[Project], Iterable[Found]] | None" = None,
) -> Rule:
    """A rule, with the texts that its module's docstring holds.

    The docstring is a title line, then the sections `What:`, `Why:`, `Example:`, `Instead:` and
    `Fix:`, each on a line of its own with indented text below. It is also the rule's page.

    Raises:
        RuleError: A section is missing.
    """
    title, _, rest = (document or "").partition("\n")
    pieces = _SECTION.split(rest)
    sections = {
        name.lower(): _dedent(text) for name, text in zip(pieces[1::2], pieces[2::2], strict=True)
    }
    for name in ("what", "why", "example", "instead", "fix"):
        if not sections.get(name):
            raise RuleError(f"{id} {slug}: its docstring has no section {name.capitalize()}:")
    meta = RuleMeta(
        id=id,
        slug=slug,
        title=title.strip().rstrip("."),
        level=level,
        confidence=confidence,
        cwe=cwe,
        asvs=asvs,
        threat=threat,
        what=_paragraphs(sections["what"]),
        why=_paragraphs(sections["why"]),
        example=sections["example"],
        instead=sections["instead"],
        fix=_paragraphs(sections["fix"]),
        group=group,
    )
    return Rule(
        meta=meta, on_endpoint=on_endpoint, on_module=on_module, on_project=on_project, check=check
    )


def _dedent(text: str) -> str:
    lines = text.strip("\n").rstrip().split("\n")
    margin = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    return "\n".join(line[margin:].rstrip() for line in lines)


def _paragraphs(text: str) -> str:
    """Wrapped prose on one line a paragraph."""
    return "\n\n".join(" ".join(part.split()) for part in re.split(r"\n\s*\n", text))
