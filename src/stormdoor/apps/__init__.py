"""Adapters for applications that others wrote: `stormdoor run` chooses one for each application.

A host (JupyterLab, Bokeh, …) is never a dependency of stormdoor. Its adapter alone imports it.
"""

from stormdoor.apps.adapter import Adapter, Releases, Setup
from stormdoor.apps.table import ADAPTERS, choose_adapter

__all__ = ["ADAPTERS", "Adapter", "Releases", "Setup", "choose_adapter"]
