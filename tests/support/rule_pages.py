"""Writes docs/reference/rules/ from the rules' docstrings: `python -m tests.support.rule_pages`.

A test fails while a page says something else than its rule.
"""

from pathlib import Path

from stormdoor_audit.auditor.rules import RULES
from stormdoor_audit.report.finding import RuleMeta
from tests.docs import tables
from tests.support.project import ROOT

__all__ = ["FOLDER", "pages"]

FOLDER = ROOT / "docs" / "reference" / "rules"


def pages() -> dict[str, str]:
    """Every page by the name of its file."""
    metas = [rule.meta for rule in RULES]
    return {"index.md": _index(metas), **{f"{_stem(meta)}.md": _page(meta) for meta in metas}}


def _stem(meta: RuleMeta) -> str:
    return f"{meta.id.lower()}-{meta.slug}"


def _page(meta: RuleMeta) -> str:
    titles = {str(threat["slug"]): str(threat["title"]) for threat in tables.threats()}
    weaknesses = ", ".join(
        f"[CWE-{number}](https://cwe.mitre.org/data/definitions/{number}.html)"
        for number in meta.cwe
    )
    rows = {
        "level": meta.level.value,
        "confidence": meta.confidence.value,
        "weakness": weaknesses,
        "ASVS 5.0": ", ".join(meta.asvs),
        "threat": f"[{titles[meta.threat]}](../threats/{meta.threat}.md)",
        "group": meta.group,
    }
    return (
        "\n\n".join(
            [
                f"# {meta.id}: {meta.title}",
                f"`{meta.slug}`",
                "\n".join(["| | |", "| --- | --- |", *(f"| {a} | {b} |" for a, b in rows.items())]),
                f"## What it finds\n\n{meta.what}",
                f"## Why it matters\n\n{meta.why}",
                f"## Example\n\n```text\n{meta.example}\n```",
                f"## Instead\n\n```text\n{meta.instead}\n```",
                f"## What to change\n\n{meta.fix}",
            ]
        )
        + "\n"
    )


def _index(metas: list[RuleMeta]) -> str:
    rows = [
        f"| [{meta.id}]({_stem(meta)}.md) | {meta.title} | {meta.level.value} | {meta.group} |"
        for meta in metas
    ]
    names = "\n".join(_stem(meta) for meta in metas)
    return (
        "# Rules\n\n"
        "The rules of `stormdoor-audit scan`. *Error*: an attacker can use the fault. "
        "*Warning*: the code is weak, but an\nattack needs a further fault. "
        "*Note*: the code should be cleaner. The confidence says how certain a finding is.\n"
        "More: [how the auditor judges](../../explanation/auditor.md).\n\n"
        "| rule | title | level | group |\n| --- | --- | --- | --- |\n"
        + "\n".join(rows)
        + f"\n\n```{{toctree}}\n:hidden:\n\n{names}\n```\n"
    )


def write(folder: Path = FOLDER) -> None:
    """Write every page, and remove those of rules that are gone."""
    folder.mkdir(exist_ok=True)
    made = pages()
    for old in folder.glob("*.md"):
        if old.name not in made:
            old.unlink()
    for name, text in made.items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write()
