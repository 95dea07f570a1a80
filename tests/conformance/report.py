"""The table of the results, its place in the documentation, and the results that must not be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from tests.conformance.case import Verdict
from tests.conformance.run import Result
from tests.support.project import ROOT

__all__ = ["CHAPTERS", "KNOWN", "PAGE", "as_table", "of_page", "problems", "write_page"]

PAGE = ROOT / "docs" / "reference" / "conformance.md"
_BEGIN, _END = "% table: conformance\n", "% end\n"

CHAPTERS = {
    "1": "frames",
    "2": "pings and pongs",
    "3": "reserved bits",
    "4": "opcodes",
    "5": "fragments",
    "6": "UTF-8",
    "7": "closing",
    "9": "large messages, many messages",
    "10": "many fragments",
    "12": "compression, by data",
    "13": "compression, by offer",
}

KNOWN: Mapping[str, Mapping[str, Verdict]] = {
    "plain Tornado": {
        # It reads a text to its end before it decodes it.
        **dict.fromkeys((f"6.4.{at}" for at in range(1, 5)), Verdict.NON_STRICT),
        # It repeats a code that must not be sent.
        **dict.fromkeys((f"7.9.{at}" for at in range(1, 10)), Verdict.FAILED),
        # It accepts an offer with `server_no_context_takeover`, and keeps its context.
        **dict.fromkeys(
            (f"13.{part}.{at}" for part in (2, 5, 6, 7) for at in range(1, 19)), Verdict.FAILED
        ),
    }
}
"""Results of a server that are known and not good, by the number of the case."""

_GOOD = (Verdict.OK, Verdict.INFORMATIONAL)

Results = Mapping[str, Mapping[str, Result]]


def problems(results: Results) -> list[str]:
    """Return a line for each result that is neither good nor known."""
    return [
        f"{server}, {number}: {verdict}: {why}"
        for server, by_number in results.items()
        for number, (verdict, why) in by_number.items()
        if verdict not in _GOOD and verdict is not KNOWN.get(server, {}).get(number)
    ]


def _cell(verdicts: Iterable[Verdict]) -> str:
    counts = Counter(verdicts)
    return ", ".join(f"{counts[one]} {one}" for one in Verdict if counts[one])


def as_table(results: Results) -> str:
    """Return the number of cases with each verdict, by chapter and server, in Markdown."""
    numbers = list(next(iter(results.values())))
    lines = [
        f"| chapter | cases | {' | '.join(results)} |",
        "| --- | --: |" + " --- |" * len(results),
    ]
    for chapter, title in [*CHAPTERS.items(), ("", "all")]:
        chosen = [one for one in numbers if one.startswith(f"{chapter}." if chapter else "")]
        cells = [_cell(of[number][0] for number in chosen) for of in results.values()]
        if chosen:
            lines.append(f"| {chapter} {title} | {len(chosen)} | {' | '.join(cells)} |")
    return "\n".join(lines).replace("|  all", "| all")


def of_page() -> str:
    """Return the table of the page."""
    return PAGE.read_text("utf-8").partition(_BEGIN)[2].partition(_END)[0].strip()


def write_page(results: Results) -> None:
    """Replace the table of the page."""
    before, _, rest = PAGE.read_text("utf-8").partition(_BEGIN)
    after = rest.partition(_END)[2]
    PAGE.write_text(f"{before}{_BEGIN}\n{as_table(results)}\n\n{_END}{after}", "utf-8")
