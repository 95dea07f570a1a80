"""One Chromium for all attacks that need a browser; started by the first."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from types import TracebackType
from typing import Self

from playwright.async_api import Browser, BrowserContext, async_playwright

__all__ = ["NAMES", "NoBrowser", "Profiles", "find"]

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class NoBrowser(Exception):
    """This machine has no Chromium."""


def find() -> str | None:
    """The path of a Chromium or Chrome on PATH, or None. Nothing is downloaded."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Profiles:
    """Browser profiles, each with nothing in it."""

    def __init__(self) -> None:
        self._open = AsyncExitStack()
        self._browser: Browser | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._open.aclose()

    async def _chromium(self) -> Browser:
        if self._browser is None:
            path = find()
            if path is None:
                raise NoBrowser(f"none of {', '.join(NAMES)} is on PATH")
            playwright = await self._open.enter_async_context(async_playwright())
            self._browser = await playwright.chromium.launch(executable_path=path, args=_FLAGS)
            self._open.push_async_callback(self._browser.close)
        return self._browser

    @asynccontextmanager
    async def profile(self) -> AsyncIterator[BrowserContext]:
        """A profile of a person's browser.

        Raises:
            NoBrowser: There is no Chromium.
        """
        context = await (await self._chromium()).new_context()
        context.set_default_timeout(10_000)
        try:
            yield context
        finally:
            await context.close()
