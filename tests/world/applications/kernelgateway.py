"""Jupyter Kernel Gateway: kernels for programs, with keys of the guard in place of its token."""

from __future__ import annotations

from tests.world.application import Application, Recipe, run
from tests.world.applications.jupyterlab import APPLICATION as JUPYTERLAB
from tests.world.applications.jupyterlab import TOKEN
from tests.world.client import Client

__all__ = ["APPLICATION"]


async def _enter(client: Client, _: bool) -> Client:
    """Show the token of the gateway, which it needs without a guard."""
    return client.having(headers={"Authorization": f"token {TOKEN}"})


_COMMAND = [
    "jupyter",
    "kernelgateway",
    "--KernelGatewayApp.ip=127.0.0.1",
    "--KernelGatewayApp.port=8888",
]

APPLICATION = Application(
    name="kernelgateway",
    packages=["jupyter-kernel-gateway", "jupyter-server"],
    plain=Recipe({}, _COMMAND, {"KG_AUTH_TOKEN": TOKEN}),
    guarded=run({}, _COMMAND),
    channels=JUPYTERLAB.channels[:1],
    ready="/api",
    health="/api",
    enter=_enter,
    keys=True,
)
