"""Sphinx reads this. Pages are Markdown (MyST); every warning is an error (`make docs`)."""

import tomllib
from pathlib import Path

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
napoleon_numpy_docstring = False

html_theme = "furo"
html_title = f"stormdoor {version}"
html_static_path = ["_static"]
html_css_files = ["figures.css"]
html_copy_source = False
html_show_sphinx = False
html_last_updated_fmt = None  # the same sources give the same pages
