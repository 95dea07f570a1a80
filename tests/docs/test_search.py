"""The documentation builds without a warning, and its search finds pages in a browser."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests.support.axe import axe_source, findings
from tests.support.project import ROOT

pytestmark = [pytest.mark.installs, pytest.mark.slow, pytest.mark.xdist_group("docs-search")]

SAMPLE = [
    "index.html",
    "tutorial/guard-a-chat.html",
    "how-to/index.html",
    "how-to/revoke.html",
    "how-to/run.html",
    "reference/index.html",
    "reference/cli.html",
    "reference/configuration.html",
    "reference/denials.html",
    "reference/python.html",
    "explanation/architecture.html",
    "decisions/index.html",
]

_DOCUMENTS_OF_EACH_WORD = """() => {
    const { docnames, terms, titleterms, alltitles } = Search._index;
    const files = [terms, titleterms].flatMap(words => Object.values(words)).flat();
    const titled = Object.values(alltitles).flat().map(([file]) => file);
    return [...new Set([...files, ...titled])].map(file => docnames[file]);
}"""


_TEXTS_BEYOND_THEIR_BOX = """() => [...document.querySelectorAll('svg.path')].flatMap(drawing => {
    const boxes = [...drawing.querySelectorAll('rect')].map(one => one.getBBox());
    const texts = [...drawing.querySelectorAll('text')].map(one => [one.textContent, one.getBBox()]);
    return texts.filter(([, text]) => {
        const around = boxes.filter(box => text.x >= box.x && text.x < box.x + box.width
            && text.y >= box.y - 1 && text.y + text.height <= box.y + box.height + 4);
        const ends = around.map(box => box.x + box.width);
        return text.x + text.width > Math.min(drawing.viewBox.baseVal.width, ...ends) - 2;
    }).map(([words]) => words);
})"""


def _build(pages: Path, folder: Path) -> None:
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "--quiet", "-b", "html"]
    done = subprocess.run(
        [*command, pages, folder],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def built() -> Path:
    """The documentation, as `make docs` builds it."""
    folder = ROOT / "docs" / "_build" / "html"
    _build(ROOT / "docs", folder)
    return folder


@pytest.fixture(scope="module")
def search_page(chromium: str, built: Path) -> Iterator[Page]:
    """A browser with the built search page."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(f"{(built / 'search.html').as_uri()}?q=guard")
        yield page
        browser.close()


def results(page: Page, query: str) -> list[str]:
    """Search, and return the pages that the browser lists, best first."""
    address = page.url.partition("?")[0]
    page.goto(f"{address}?q={query.replace(' ', '+')}")
    expect(page.locator("#search-results h2")).to_have_text("Search Results", timeout=60_000)
    links = page.locator("#search-results ul.search > li > a")
    found = [str(link.get_attribute("href")) for link in links.all()]
    return [Path(link).as_posix().partition(".html")[0] for link in found]


def test_the_documentation_builds_without_a_warning(built: Path) -> None:
    """A link that leads nowhere and a name that cannot be imported are warnings."""
    assert (built / "search.html").exists()


def test_a_page_that_is_unchanged_keeps_its_questions(tmp_path: Path) -> None:
    """A second build, after a change of another page, makes the same index of questions."""
    docs, built = tmp_path / "project" / "docs", tmp_path / "built"
    docs.mkdir(parents=True)
    for name in (
        "pyproject.toml",
        *(f"docs/{one}" for one in ("conf.py", "_static", "_templates")),
    ):
        (tmp_path / "project" / name).symlink_to(ROOT / name)
    (docs / "index.md").write_text("# Start\n\n```{toctree}\nrevoke\n```\n")
    (docs / "revoke.md").write_text("# Revoke\n\n```{index} ! who is connected\n```\n")
    found = []
    written = (docs / "index.md").stat().st_mtime
    for seconds in (0, 60):
        os.utime(docs / "index.md", (written + seconds, written + seconds))
        _build(docs, built)
        index = (built / "searchindex.js").read_text("utf-8")
        found.append(json.loads(index[index.index("(") + 1 : index.rindex(")")])["indexentries"])
    assert [*found[0]] == ["who is connected"]
    assert found[1] == found[0]


@pytest.mark.browser
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("revoke session", "how-to/revoke"),
        ("revoke a session", "how-to/revoke"),
        ("revoking sessions", "how-to/revoke"),
        ("second factor", "how-to/second-factor"),
        ("nginx", "how-to/behind-nginx"),
        ("audit trail", "how-to/trail"),
        ("upgrade", "how-to/upgrade"),
        ("write an authenticator", "how-to/write-an-authenticator"),
        ("Google login", "how-to/providers/google"),
        ("login with Google", "how-to/providers/google"),
        ("Microsoft login", "how-to/providers/entra"),
        ("revoke a user", "how-to/revoke"),
        ("who is connected", "how-to/revoke"),
        ("two nodes", "how-to/postgresql"),
        ("the database is down", "how-to/runbook"),
        ("all settings", "reference/configuration"),
        ("error codes", "reference/denials"),
        ("health check", "how-to/several-processes"),
        ("behind nginx", "how-to/behind-nginx"),
        ("why was I refused", "reference/denials"),
        ("add an API key", "how-to/api-keys"),
        ("close code 3003", "reference/denials"),
        *((code, "reference/denials") for code in ("1008", "3003", "503")),
    ],
)
def test_the_first_result_is_the_page(query: str, expected: str, search_page: Page) -> None:
    """The page with the words of the query in its title, or in a question that it answers, is first."""
    assert results(search_page, query)[0] == expected


@pytest.mark.browser
def test_decision_records_are_not_found(search_page: Page) -> None:
    """No word and no title of the index leads to a decision record; other pages are found."""
    results(search_page, "decision record")
    known = set(search_page.evaluate(_DOCUMENTS_OF_EACH_WORD))
    assert "how-to/revoke" in known
    assert list((ROOT / "docs" / "decisions").glob("0*.md"))
    assert sorted(name for name in known if name.startswith("decisions/")) == []


@pytest.fixture(scope="module")
def axe() -> str:
    """The script of axe."""
    return axe_source()


def test_no_table_has_an_empty_header(built: Path) -> None:
    """An empty header is a plain cell, on every page: a screen reader would announce no name."""
    pages = [page for page in built.rglob("*.html") if "_modules" not in page.parts]
    assert len(pages) > 200
    empty = re.compile(r"<th[^>]*>(<p></p>)?</th>")
    assert [page.name for page in pages if empty.search(page.read_text("utf-8"))] == []


@pytest.mark.browser
@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1280, "light")])
def test_axe_finds_nothing(
    width: int, scheme: Literal["light", "dark"], search_page: Page, built: Path, axe: str
) -> None:
    """Pages of each kind satisfy the rules of axe, on a phone and a desktop; the search, too."""
    assert search_page.context.browser is not None
    context = search_page.context.browser.new_context(
        color_scheme=scheme, viewport={"width": width, "height": 900}
    )
    page = context.new_page()
    found = {}
    for name in SAMPLE:
        page.goto((built / name).as_uri())
        page.wait_for_load_state()
        page.evaluate("() => new Promise(requestAnimationFrame)")
        found[name] = findings(page, axe)
    page.goto((built / "search.html").as_uri())
    results(page, "revoke")
    found["search.html"] = findings(page, axe)
    context.close()
    assert {name: one for name, one in found.items() if one} == {}


@pytest.mark.browser
def test_a_button_copies_the_code(search_page: Page, built: Path) -> None:
    """Each block of code has one button, which the keyboard reaches."""
    assert search_page.context.browser is not None
    context = search_page.context.browser.new_context()
    page = context.new_page()
    # The clipboard of a page needs a permission, which pages of files cannot get.
    page.add_init_script(
        "Object.defineProperty(navigator, 'clipboard',"
        " { value: { writeText: async (text) => { window.copied = text; } } })"
    )
    page.goto((built / "how-to/revoke.html").as_uri())
    blocks = page.locator("div.highlight > pre")
    expect(page.locator("button.copy")).to_have_count(blocks.count())
    page.locator("button.copy").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator("button.copy").first).to_have_text("Copied")
    assert page.evaluate("window.copied").strip() == str(blocks.first.text_content()).strip()
    context.close()


@pytest.mark.browser
def test_pages_and_drawings_fit(search_page: Page, built: Path) -> None:
    """No page is wider than its window, and no text of a drawing is wider than its box."""
    drawings = ["explanation/freshness.html", "explanation/which-way.html"]
    for name in (*SAMPLE, *drawings, "reference/world.html", "genindex.html"):
        search_page.goto((built / name).as_uri())
        for width in (390, 1080, 1280, 1440):
            search_page.set_viewport_size({"width": width, "height": 900})
            shown = (name, width)
            assert search_page.evaluate("document.documentElement.scrollWidth") <= width, shown
            assert search_page.evaluate(_TEXTS_BEYOND_THEIR_BOX) == [], shown
