"""Sphinx reads this. Pages are Markdown (MyST); every warning is an error (`make docs`)."""

import gc
import re
import tomllib
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.search.en import SearchEnglish

_metadata = tomllib.loads(
    (Path(__file__).parent.parent / "pyproject.toml").read_text(encoding="utf-8")
)["project"]

project = "stormdoor"
author = "stormdoor contributors"
project_copyright = author
version = release = _metadata["version"]

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]

myst_enable_extensions = ["attrs_inline", "colon_fence", "deflist"]
myst_heading_anchors = 4

default_role = "code"  # docstrings write `names` in single backticks, as Markdown does

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
python_maximum_signature_line_length = 90
suppress_warnings = [
    "ref.python"
]  # `type[…]` in a signature is no attribute `type`, of which there are two
napoleon_numpy_docstring = False

templates_path = ["_templates"]
html_theme = "furo"
html_title = f"stormdoor {version}"
html_static_path = ["_static"]
html_css_files = ["figures.css", "code.css"]
html_js_files = [("code.js", {"defer": "defer"})]
html_search_scorer = str(Path(__file__).parent / "_static" / "search-scorer.js")
html_copy_source = False
html_show_sphinx = False
html_last_updated_fmt = None  # the same sources give the same pages


class _WithNumbers(SearchEnglish):
    """English, with numbers in the index: readers search for statuses and close codes.

    Sphinx leaves them out here, and its script leaves them out of a query: see search-scorer.js.
    """

    def word_filter(self, word: str) -> bool:
        return word.isdigit() or super().word_filter(word)


def _pages_only(toc: nodes.Element) -> nodes.Element:
    """The contents of a page without its sections, unless other pages stand below it."""
    copied = toc.deepcopy()
    for entry in copied.children:
        if len(entry) > 1 and not any(entry.findall(addnodes.toctree)):
            del entry[1:]
    return copied


def _leave_decisions_out_of_search(_: Sphinx, env: BuildEnvironment) -> None:
    """Keep decision records out of the search: a reader who searches wants to do something."""
    for name in env.found_docs:
        if name.startswith("decisions/"):
            env.metadata[name]["no-search"] = ""


def _write_questions_again(_: Sphinx, env: BuildEnvironment) -> list[str]:
    """Write each page that has index entries, even if it is unchanged: search-scorer.js reads them.

    Sphinx loads the words of unchanged pages from the index of the last build, and drops their entries.
    """
    return [name for name, entries in env.domains.index_domain.entries.items() if entries]


_PARAMETERS = re.compile(r'<dl>\s*((?:<dd><em class="sig-param">.*</dd>\s*)+)</dl>')
"""The parameters of a signature, each on a line: a list of definitions without a term."""


_EMPTY_HEADER = re.compile('<th class="head[^"]*"><p></p></th>')


def _name_nothing_empty(*given: Any) -> None:
    """Make empty headers of tables plain cells, and lists without terms plain lines, for screen readers."""
    context = given[3]
    body = _EMPTY_HEADER.sub("<td></td>", context.get("body", ""))
    lines = {"<dd>": '<div class="parameter">', "</dd>": "</div>"}
    context["body"] = _PARAMETERS.sub(
        lambda found: re.sub("</?dd>", lambda tag: lines[tag[0]], found[1]), body
    )


def setup(app: Sphinx) -> None:
    """Connect the settings above; make the build cheaper by half, and no page different."""
    app.add_search_language(_WithNumbers)
    app.connect("env-updated", _leave_decisions_out_of_search)
    app.connect("env-updated", _write_questions_again)
    app.connect("html-page-context", _name_nothing_empty)

    # Documents are many objects and little garbage.
    gc.set_threshold(200_000, 50)

    # The navigation of each page names all pages. Sphinx copies the sections of all of them for each page,
    # for the theme to throw them away again.
    short: dict[str, nodes.Element] = {}

    def navigate(app: Sphinx, *given: Any) -> None:
        context = given[2]
        env, resolve = app.env, context["toctree"]
        if not short:
            short.update({name: _pages_only(toc) for name, toc in env.tocs.items()})

        def toctree(**options: Any) -> str:
            whole, env.tocs = env.tocs, short
            try:
                return resolve(**options)
            finally:
                env.tocs = whole

        context["toctree"] = toctree

    app.connect("html-page-context", navigate, priority=400)  # before the theme asks
