"""The applications that the recorder starts, each without a guard."""

from __future__ import annotations

import contextlib
import json
import secrets
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.world.applications import applications
from tests.world.environment import install
from tests.world.site import started

__all__ = ["BIG_CELL", "Served", "bokeh", "jupyterlab", "panel"]

_CELL = "print('a line of output')"
BIG_CELL = "text = '''\n" + ("0123456789 abcdefghijklmnopqrstuvwxyz 0123456789\n" * 1900) + "'''"


@dataclass(frozen=True, slots=True)
class Served:
    """An application that runs without a guard."""

    name: str
    address: str
    folder: Path
    versions: dict[str, str]


@contextlib.contextmanager
def serve_unguarded(name: str, packages: str, files: dict[str, str]) -> Iterator[Served]:
    application = applications()[name]
    recipe = replace(application.plain, files={**application.plain.files, **files})
    home = install(name)
    asked = (
        f"import importlib.metadata as m, json;"
        f"print(json.dumps({{p: m.version(p) for p in {packages.split()!r}}}))"
    )
    told = subprocess.run(
        [home / "bin" / "python", "-c", asked], check=True, capture_output=True, text=True
    )
    with started(application, recipe) as site:
        yield Served(name, site.address, site.folder, json.loads(told.stdout))


def jupyterlab() -> contextlib.AbstractContextManager[Served]:
    """Start JupyterLab with the notebooks that the actions open."""
    packages = "jupyterlab jupyter-server ipykernel terminado ipywidgets tornado"
    files = {
        "many.ipynb": _notebook([_cell(_CELL) for _ in range(120)]),
        "big.ipynb": _notebook([_cell(BIG_CELL), _cell("print(len(text))")]),
        "widget.ipynb": _notebook(
            [_cell("import ipywidgets\nslider = ipywidgets.IntSlider(max=1000)\nslider")]
        ),
    }
    return serve_unguarded("jupyterlab", packages, files)


def _cell(source: str) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "execution_count": None,
        "id": secrets.token_hex(4),
        "metadata": {},
        "outputs": [],
        "source": source,
    }


def _notebook(cells: list[dict[str, Any]]) -> str:
    kernel = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    return json.dumps(
        {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    )


def bokeh() -> contextlib.AbstractContextManager[Served]:
    """Start Bokeh."""
    return serve_unguarded("bokeh", "bokeh tornado", {})


def panel() -> contextlib.AbstractContextManager[Served]:
    """Start Panel."""
    return serve_unguarded("panel", "panel bokeh tornado", {})
