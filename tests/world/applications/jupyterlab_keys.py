"""JupyterLab for programs with API keys of the guard."""

from __future__ import annotations

from dataclasses import replace

from tests.world.applications.jupyterlab import APPLICATION as JUPYTERLAB

__all__ = ["APPLICATION"]

APPLICATION = replace(
    JUPYTERLAB,
    name="jupyterlab-keys",
    lock="jupyterlab",
    channels=[
        replace(one, name=f"{one.name} by API key", bursts=()) for one in JUPYTERLAB.channels
    ],
    own_login=None,
    keys=True,
)
