"""Every link inside of the documentation leads to a page, and to a heading of it."""

import re
import unicodedata
from pathlib import Path

import pytest

from tests.docs.pages import pages, prose
from tests.support.project import ROOT

_LINK = re.compile(r"\[(?:[^\[\]]|\[[^\[\]]*\])*\]\(([^()\s]+)\)")


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as they are made from their text."""
    found: set[str] = set()
    for heading in re.findall(r"^#{1,6} +(.+?)\s*$", prose(page), re.MULTILINE):
        text = unicodedata.normalize("NFC", re.sub(r"[`*]", "", heading)).lower()
        found.add(re.sub(r"[^\w\- ]", "", text).replace(" ", "-"))
    return found


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    """A relative link names a file of the repository, and a heading that is there."""
    broken = []
    for target in _LINK.findall(prose(page)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        led = (page.parent / path).resolve() if path else page
        if not led.exists() or (anchor and anchor not in anchors(led)):
            broken.append(target)
        elif (ROOT / "docs") in page.parents and (ROOT / "docs") not in led.parents:
            broken.append(f"{target} (outside of docs/)")
    assert broken == []
