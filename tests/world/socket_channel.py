"""A conversation over one WebSocket, for applications with a protocol of question and answer."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from tests.world.application import Action, Burst, Channel, Conversation
from tests.world.client import Client, FailedError, end_of, open_socket

__all__ = ["SocketConversation", "socket_channel"]

Exchange = Callable[[ClientConnection], Coroutine[Any, Any, None]]
Address = Callable[[Client], Coroutine[Any, Any, tuple[str, Sequence[str]]]]


@dataclass(slots=True)
class SocketConversation:
    """An open WebSocket and the question that is asked on it."""

    socket: ClientConnection
    ask: Exchange

    async def exchange(self) -> None:
        """Ask and check the answer (see `Conversation`)."""
        await _told(self.socket, self.ask)

    async def ended(self) -> str:
        """Wait for the end (see `Conversation`)."""
        return await end_of(self.socket)

    async def close(self) -> None:
        """Close the socket."""
        await self.socket.close()


async def _told(socket: ClientConnection, work: Exchange) -> None:
    """Do `work`; say how the socket ended if it does."""
    try:
        await work(socket)
    except ConnectionClosed:
        raise FailedError(f"closed: {await end_of(socket)}") from None


def _on_socket(run: Exchange) -> Action:
    async def perform(client: Client, conversation: Conversation) -> None:
        assert isinstance(conversation, SocketConversation)
        await _told(conversation.socket, run)

    return perform


def socket_channel(
    name: str,
    address: Address,
    ask: Exchange,
    greet: Exchange | None = None,
    forbidden: Exchange | None = None,
    **bursts: Callable[[ClientConnection], Coroutine[Any, Any, None]],
) -> Channel:
    """Return a channel over a WebSocket.

    Args:
        name: Of the channel.
        address: Asks the application, as the owner, for path and subprotocols of the socket.
        ask: One exchange.
        greet: Awaits what the server sends before it listens.
        forbidden: What a viewer may not do (see `Channel`), in a conversation of its own.
        bursts: Heavy use, by name; `_` stands for a space.
    """

    async def open_one(owner: Client, client: Client) -> Conversation:
        path, subprotocols = await address(owner)
        socket = await open_socket(client, path, subprotocols)
        if greet is not None:
            await _told(socket, greet)
        return SocketConversation(socket, ask)

    made = [Burst(title.replace("_", " "), _on_socket(run)) for title, run in bursts.items()]
    action = None if forbidden is None else _on_socket(forbidden)
    return Channel(name, open_one, made, action, private=action is not None)
