"""The client in Node and in Chromium, behind one interface."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import re
import shutil
import subprocess
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from tests.support.browser import find_chromium
from tests.support.loops import in_a_thread
from tests.support.project import ROOT

__all__ = ["SCRIPT", "Client", "find_node", "in_chromium", "in_node", "one_chromium"]

T = TypeVar("T")

SCRIPT = ROOT / "src" / "stormdoor" / "tornado" / "static" / "stormdoor.js"
HERE = Path(__file__).parent
_PATIENCE = 60.0  # only a failure takes that long
_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class _Commands(Protocol):
    async def __call__(self, name: str, arguments: Mapping[str, Any]) -> Any: ...


class Client:
    """Client in another process: it receives commands, and reports events in order."""

    def __init__(self, send: _Commands, happened: asyncio.Queue[dict[str, Any]]) -> None:
        self._send = send
        self._happened = happened
        self.seen: list[dict[str, Any]] = []

    async def do(self, method: str, **arguments: Any) -> Any:
        """Call a method of the driver."""
        async with asyncio.timeout(_PATIENCE):
            return await self._send(method, arguments)

    async def until(self, event: str, **fields: Any) -> dict[str, Any]:
        """The next thing that happens with these fields; what comes before it is kept in `seen`."""
        async with asyncio.timeout(_PATIENCE):
            while True:
                found = await self._happened.get()
                self.seen.append(found)
                if found["event"] == event and fields.items() <= found.items():
                    return found

    async def send(self, type: str, **fields: Any) -> Any:
        """Send a command: its reply, or how it failed."""
        result = await self.do("send", type=type, fields=fields)
        return result["ok"] if "ok" in result else result["failed"]

    def count(self, event: str) -> int:
        """Return the number of these events, up to the last one that was awaited."""
        return sum(one["event"] == event for one in self.seen)


def find_node() -> tuple[str, list[str]] | None:
    """Node with a WebSocket of its own, and the options that it takes; None if there is none."""
    node = shutil.which("node")
    if node is None:
        return None
    printed = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    version = re.match(r"v(\d+)\.(\d+)", printed)
    if version is None or (int(version[1]), int(version[2])) < (20, 10):
        return None
    return node, ["--experimental-websocket"] if int(version[1]) < 22 else []


@contextlib.asynccontextmanager
async def in_node() -> AsyncIterator[Client]:
    """The client in a Node process."""
    found = find_node()
    assert found is not None
    node, options = found
    process = await asyncio.create_subprocess_exec(
        *(node, *options, "--no-warnings", str(HERE / "node.mjs"), str(SCRIPT)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    stdin, stdout = process.stdin, process.stdout
    happened: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    waiting: dict[int, asyncio.Future[Any]] = {}
    numbers = itertools.count()

    async def listen() -> None:
        while line := await stdout.readline():
            told = json.loads(line)
            if "event" in told:
                happened.put_nowait(told["event"])
            else:
                waiting.pop(told["number"]).set_result(told["result"])

    async def send(name: str, arguments: Mapping[str, Any]) -> Any:
        number = next(numbers)
        answer = waiting[number] = asyncio.get_running_loop().create_future()
        line = json.dumps({"number": number, "name": name, "arguments": arguments})
        stdin.write(line.encode() + b"\n")
        await stdin.drain()
        return await answer

    listening = asyncio.create_task(listen())
    try:
        yield Client(send, happened)
    finally:
        stdin.close()
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        await listening


@dataclass(frozen=True)
class _Chromium:
    """A browser, and the loop that it lives in."""

    browser: Browser
    loop: asyncio.AbstractEventLoop

    async def do(self, what: Coroutine[Any, Any, T]) -> T:
        """Do something there, and wait for it here."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(what, self.loop))


_chromiums: list[_Chromium] = []


@contextlib.contextmanager
def one_chromium() -> Iterator[None]:
    """Every client `in_chromium` gets a profile of one browser: to start one takes a second."""

    @contextlib.asynccontextmanager
    async def launched() -> AsyncIterator[Browser]:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=find_chromium(), args=_FLAGS)
            yield browser
            await browser.close()

    with in_a_thread(launched) as (browser, loop):
        _chromiums.append(_Chromium(browser, loop))
        try:
            yield
        finally:
            _chromiums.pop()


@contextlib.asynccontextmanager
async def in_chromium(page_url: str) -> AsyncIterator[Client]:
    """The client on a page of the server."""
    chromium = _chromiums[-1]
    here = asyncio.get_running_loop()
    happened: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    def tell(event: dict[str, Any]) -> None:
        here.call_soon_threadsafe(happened.put_nowait, event)

    async def show(context: BrowserContext) -> Page:
        page = await context.new_page()
        await page.expose_function("tell", tell)
        await page.goto(page_url)
        await page.evaluate(
            """async () => {
                const { Driver } = await import("/driver.mjs");
                window.driver = new Driver(await import("/stormdoor.js"), (event) => window.tell(event));
            }"""
        )
        return page

    context = await chromium.do(chromium.browser.new_context())
    try:
        page = await chromium.do(show(context))

        async def send(name: str, arguments: Mapping[str, Any]) -> Any:
            script = "async ([name, given]) => (await window.driver[name](given)) ?? null"
            return await chromium.do(page.evaluate(script, [name, dict(arguments)]))

        yield Client(send, happened)
    finally:
        await chromium.do(context.close())
