"""The reference says what the code says."""

import json
import re
import tomllib
from typing import get_args, get_type_hints

import pytest

import stormdoor
from stormdoor import Denial, ErrorReply
from stormdoor.cli.remedies import MEANINGS, REMEDIES
from stormdoor.core.denial import ANSWERS
from stormdoor.core.event import REFUSED_AS, Event
from tests.docs import tables
from tests.docs.pages import blocks, prose
from tests.support.project import ROOT

REFERENCE = ROOT / "docs" / "reference"


@pytest.mark.parametrize("name", tables.TABLES)
def test_table_is_up_to_date(name: str) -> None:
    """Each table that is made from the code is what the code makes of it now."""
    page, _ = tables.TABLES[name]
    text = page.read_text(encoding="utf-8")
    assert text == tables.render(name, text), "run: python -m tests.docs.tables"


def test_every_denial_and_event_is_explained() -> None:
    """No denial and no name of an event goes without a sentence, and none is explained that is gone."""
    assert set(MEANINGS) == set(REMEDIES) == set(Denial) == set(ANSWERS)
    assert set(tables.REFUSED_EVENTS) == set(REFUSED_AS.values())
    assert set(tables.OTHER_EVENTS) == tables.event_names() - {"authn_login_fail"}


def test_fields_of_an_entry_are_listed() -> None:
    """The page of events names each field of an entry."""
    text = (REFERENCE / "events.md").read_text(encoding="utf-8")
    assert {name for name in Event.__struct_fields__ if f"`{name}`" not in text} == set()


def test_close_codes_are_listed() -> None:
    """The page of denials explains each close code that a denial has."""
    text = prose(REFERENCE / "denials.md").partition("## Close codes")[2]
    explained = set(map(int, re.findall(r"\b[13]\d{3}\b", text)))
    assert {answer.close_code for answer in ANSWERS.values()} <= explained


def test_words_of_the_wire_are_listed() -> None:
    """The page of the wire explains each word that `error` may be."""
    text = prose(REFERENCE / "wire.md")
    words = {answer.error for answer in ANSWERS.values()}
    words |= set(get_args(get_type_hints(ErrorReply)["error"]))
    assert {word for word in words if f"| `{word}` |" not in text} == set()


def test_public_names_are_grouped() -> None:
    """The first table of the Python reference and the table of the kinds have each public name once."""
    text = (REFERENCE / "python.md").read_text(encoding="utf-8").partition("\n## ")[0]
    named = re.findall(r"`(\w+)`", text.partition("| --- | --- |")[2])
    kinds = (REFERENCE / "configuration.md").read_text(encoding="utf-8")
    table = kinds.partition("% table: kinds")[2].partition("% end")[0]
    classes = re.findall(r"^\| `[a-z-]+` \| `(\w+)` \|", table, re.MULTILINE)
    named += [one for one in classes if one != "OAuthAuthenticator"]  # behind an extra
    assert sorted(named) == vars(stormdoor)["__all__"]


def _slugs() -> list[str]:
    return [one["slug"] for one in tables.threats()]


def test_there_are_seventeen_threats() -> None:
    """Each slug is there once."""
    assert len(set(_slugs())) == len(_slugs()) == 17


@pytest.mark.parametrize("threat", tables.threats(), ids=_slugs())
def test_threat_has_no_gap(threat: dict[str, object]) -> None:
    """A threat has its attack, its defences, its page, tests that exist, and a word on each tool."""
    assert set(threat) == {
        *("slug", "title", "attack", "ends", "page", "tests"),
        *("auditor", "prober", "lab"),
    }
    assert all(threat.values())
    page = ROOT / str(threat["page"])
    text = page.read_text(encoding="utf-8")
    assert text.startswith(f"# {threat['title']}\n\n`{threat['slug']}`\n")
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert headings == ["The attack", "Defences", "Your part"]
    tests = threat["tests"]
    assert isinstance(tests, list)
    assert [path for path in tests if not (ROOT / path).is_file()] == []
    assert "not built yet" not in (threat["auditor"], threat["prober"], threat["lab"])


def test_every_attack_is_a_threat() -> None:
    """Each attack test is named after a threat of the catalogue."""
    attacks = {path.stem.removeprefix("test_") for path in ROOT.glob("tests/attacks/test_*.py")}
    assert attacks <= {slug.replace("-", "_") for slug in _slugs()}


def test_readme_links_every_threat() -> None:
    """The README has one row for each threat, with a link to its page."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    linked = re.findall(
        r"^\| \[([a-z-]+)\]\(docs/reference/threats/\1\.md\) \|", text, re.MULTILINE
    )
    assert linked == _slugs()


def test_asvs_names_modules_that_exist() -> None:
    """Each requirement that is met says in which module, and the module is there."""
    text = (REFERENCE / "asvs.md").read_text(encoding="utf-8").partition("## Not met")[0]
    rows = re.findall(r"^\| (\d+\.\d+\.\d+) \| (.+?) \| (.+?) \|$", text, re.MULTILINE)
    assert len(rows) > 30
    numbers = [tuple(map(int, number.split("."))) for number, _, _ in rows]
    assert numbers == sorted(set(numbers))
    missing = []
    for number, _, where in rows:
        found = re.findall(r"`([\w/]+\.(?:py|md|toml))`", where)
        assert found, number
        missing += [
            path
            for path in found
            if not (ROOT / "src" / "stormdoor" / path).exists() and not (ROOT / path).exists()
        ]
    assert missing == []


def test_examples_of_the_wire_are_json() -> None:
    """Blocks marked as JSON or TOML are valid."""
    for page in [*REFERENCE.glob("wire.md"), *(ROOT / "docs" / "how-to").glob("*.md")]:
        for block in blocks(page):
            if block.language == "json":
                json.loads(block.text)
            elif block.language == "toml":
                tomllib.loads(block.text)
