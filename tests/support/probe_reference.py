"""Writes the list of probes in docs/reference/probe.md: `python -m tests.support.probe_reference`."""

from __future__ import annotations

from stormdoor_audit.prober.probes import PROBES
from stormdoor_audit.report.cwe import cwe_name, cwe_url
from tests.support.project import ROOT

__all__ = ["PAGE", "reference"]

PAGE = ROOT / "docs" / "reference" / "probe.md"
_MARK = "<!-- What follows is written by `python -m tests.support.probe_reference`. -->\n"


def reference(page: str) -> str:
    """The page with the list as the docstrings of the probes give it."""
    head, mark, _ = page.partition(_MARK)
    parts = [head, mark]
    for one in PROBES:
        meta = one.meta
        weaknesses = ", ".join(f"[CWE-{n} {cwe_name(n)}]({cwe_url(n)})" for n in meta.cwe)
        active = " Only with `--active`." if one.active else ""
        parts.append(
            f"\n## {meta.id} {meta.slug}\n\n{meta.title}.\n\n"
            f"Level **{meta.level}**; threat [{meta.threat}](threats/{meta.threat}.md); {weaknesses}; "
            f"ASVS 5.0: {', '.join(meta.asvs)}.{active}\n\n"
            f"**Tries**: {meta.what}\n\n**Why**: {meta.why}\n\n**Fix**: {meta.fix}\n"
        )
    return "".join(parts)


if __name__ == "__main__":
    PAGE.write_text(reference(PAGE.read_text("utf-8")), encoding="utf-8")
