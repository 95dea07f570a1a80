"""What is committed about real programs is complete, and the page says the same; nothing is started."""

from tests.prober.real.evaluate import CHECKS, PAGE
from tests.prober.real.programs import cases


def test_every_case_is_whole() -> None:
    """A truth for each check, what each client got by hand, and where the start is documented."""
    for case in cases():
        assert case.truth.keys() == CHECKS.keys(), case.name
        assert case.facts.keys() == {"owner", "nobody", "foreign", "other_port"}, case.name
        assert case.documented, case.name
        for check, client in (("no-credential", "nobody"), ("foreign-origin", "foreign")):
            assert ("with data" in case.facts[client]) is case.truth[check], case.name


def test_the_page_is_about_these_cases() -> None:
    """Each case has its row, with the truth that is committed."""
    page = PAGE.read_text("utf-8")
    for case in cases():
        row = next(line for line in page.splitlines() if line.startswith(f"| {case.name} |"))
        assert f"{case.program} {case.version}" in row
        cells = [cell.strip() for cell in row.split("|")][3:6]
        said = ["open" if case.truth[check] else "closed" for check in CHECKS]
        assert [cell.split(" / ")[0] for cell in cells] == said
