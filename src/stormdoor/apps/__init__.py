"""Adapters for applications that others wrote: `stormdoor run` chooses one for each application.

A host (JupyterLab, Bokeh, …) is never a dependency of stormdoor. Its adapter alone imports it.

The names are imported at their first use. INVARIANT: the import of `stormdoor.apps.jupyter` imports nothing
that can fail, because Jupyter serves without an extension that it cannot import.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stormdoor.apps.adapter import Adapter, Releases, Setup
    from stormdoor.apps.table import ADAPTERS, choose_adapter

__all__ = ["ADAPTERS", "Adapter", "Releases", "Setup", "choose_adapter"]

_HOMES = {
    "ADAPTERS": "stormdoor.apps.table",
    "Adapter": "stormdoor.apps.adapter",
    "Releases": "stormdoor.apps.adapter",
    "Setup": "stormdoor.apps.adapter",
    "choose_adapter": "stormdoor.apps.table",
}


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(home), name)
