"""A shared notebook of jupyter-collaboration in JupyterLab."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from typing import Any

from tests.world.application import Channel, Conversation, Recipe
from tests.world.applications.jupyterlab import APPLICATION as JUPYTERLAB
from tests.world.client import Client, FailedError, RefusedError
from tests.world.collaborator import FILES, LOCK, Collaborator, room_of, start_collaborator

__all__ = ["APPLICATION"]


@dataclass(slots=True)
class _Document:
    """An open notebook of one user."""

    collaborator: Collaborator

    async def exchange(self) -> None:
        """Write a line. The server has it afterwards."""
        mark = f"# {secrets.token_hex(4)}"
        await self.collaborator.ask("write", f"{mark}\n")
        if mark not in str(await self.collaborator.ask("sources")):
            raise FailedError("the server has no line of the user")

    async def ended(self) -> str:
        """Wait for the end (see `Conversation`)."""
        return str(await self.collaborator.ask("ended"))

    async def close(self) -> None:
        """End the process of the client."""
        await self.collaborator.end()


async def _open(owner: Client, client: Client) -> Conversation:
    collaborator = await start_collaborator(client, await room_of(owner))
    status: Any = await collaborator.ask()
    if status != 101:
        await collaborator.end()
        raise RefusedError(int(status))
    return _Document(collaborator)


async def _change_nothing(client: Client, conversation: Conversation) -> None:
    """Write as a viewer, and read the notebook with a second client."""
    assert isinstance(conversation, _Document)
    mark = f"# {secrets.token_hex(4)}"
    await conversation.collaborator.ask("write", f"{mark}\n")
    other = await _open(client, client)
    try:
        assert isinstance(other, _Document)
        if mark in str(await other.collaborator.ask("sources")):
            raise FailedError("the line of a viewer is in the notebook")
    finally:
        await other.close()


def _with_notebook(recipe: Recipe) -> Recipe:
    root = "--ServerApp.root_dir=notebooks"
    return replace(recipe, files={**recipe.files, **FILES}, command=[*recipe.command, root])


APPLICATION = replace(
    JUPYTERLAB,
    name="jupyterlab-collaboration",
    packages=["jupyterlab", "jupyter-server", "jupyter-collaboration"],
    lock=LOCK,
    plain=_with_notebook(JUPYTERLAB.plain),
    guarded=_with_notebook(JUPYTERLAB.guarded),
    channels=[Channel("shared notebook", _open, forbidden=_change_nothing, viewer_exchanges=False)],
)
