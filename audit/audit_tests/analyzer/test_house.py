"""The code of the next engine: small files, and no name of a library in the engine itself."""

import re
from pathlib import Path

from audit_tests.project import PACKAGE

ANALYZER = PACKAGE / "analyzer"
FILES = sorted(ANALYZER.rglob("*.py"))
MOST_LINES = 400
LIBRARIES = re.compile(
    r"tornado|jupyter|sockjs|socket\.?io|bokeh|jwt\.|jose|traitlets|argparse|websockethandler"
    r"|requesthandler|current_user|check_origin|write_message|get_argument|cookie_secret",
    re.IGNORECASE,
)


def test_no_file_is_long() -> None:
    """A file of the next engine has at most 400 lines."""
    lengths = {one: len(one.read_text(encoding="utf-8").splitlines()) for one in FILES}
    assert {one: number for one, number in lengths.items() if number > MOST_LINES} == {}


def test_the_engine_names_no_library() -> None:
    """Models name libraries, and the life cycle Tornado's methods; the engine executes both."""
    assert _named(ANALYZER / "engine") == {}
    assert _named(ANALYZER / "frontend") == {}
    assert _named(ANALYZER / "lifecycle") != {}  # the pattern finds names


def _named(folder: Path) -> dict[str, list[str]]:
    found = {
        f"{one.name}:{number}": LIBRARIES.findall(line)
        for one in sorted(folder.rglob("*.py"))
        for number, line in enumerate(one.read_text(encoding="utf-8").splitlines(), 1)
    }
    return {name: names for name, names in found.items() if names}
