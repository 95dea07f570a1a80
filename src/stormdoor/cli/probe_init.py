"""`stormdoor probe init`: inspect an application, and write its endpoints and login form to a file."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin

from stormdoor.cli.output import say
from stormdoor.cli.probe_file import written
from stormdoor.cli.usage import UsageError

__all__ = ["write_new"]

_LOGINS = ("", "/login", "/auth/login", "/accounts/login/", "/signin")
"""Paths that are searched for a login form; the first is the page itself."""


class _Form(HTMLParser):
    """Finds the first form with a password field."""

    def __init__(self) -> None:
        super().__init__()
        self.action: str | None = None
        self.fields: list[tuple[str, str]] = []
        self._open: str | None = None
        self._found: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect the visible fields of a form that is posted."""
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._open = (
                given.get("action", "") if given.get("method", "").lower() == "post" else None
            )
            self._found = []
        kind = given.get("type", "text").lower()
        if tag != "input" or self._open is None or not given.get("name"):
            return
        if kind in {"text", "email", "password"}:
            self._found.append((given["name"], kind))
        if kind == "password" and self.action is None:
            self.action = self._open
        if self.action is not None:
            self.fields = self._found


async def _look(
    page: str, authorized: Sequence[str]
) -> tuple[list[str], str, list[tuple[str, str]]]:
    """Return the endpoints, the address that the login form is sent to, and its fields."""
    from stormdoor.prober.budget import Budget
    from stormdoor.prober.discover import discover
    from stormdoor.prober.identity import NOBODY
    from stormdoor.prober.target import NotAllowed
    from stormdoor.prober.web import Web
    from stormdoor.prober.wire import NoAnswer

    web = Web(Budget(150, 20.0, 60.0), None, tuple(authorized), NOBODY, page)
    seen = await discover([page], web)
    endpoints = [one.url for one in seen.endpoints]
    for place in _LOGINS:
        form = _Form()
        try:
            got = await web.ask(urljoin(page, place) if place else page)
        except (NoAnswer, NotAllowed):
            continue
        form.feed(got.text)
        if form.action is not None:
            return endpoints, urljoin(got.url, form.action), form.fields
    return endpoints, "", []


def write_new(url: str, authorized: Sequence[str], file: Path) -> int:
    """Write the file.

    Raises:
        UsageError: The address may not be asked, or the file is there.
    """
    from stormdoor.prober.target import NotAllowed, parse_target
    from stormdoor.prober.wire import NoAnswer

    if file.exists():
        raise UsageError(f"{file} is there; name another with --output")
    endpoints, login = [url], ""
    fields: list[tuple[str, str]] = []
    try:
        parse_target(url, authorized)
        if not url.startswith(("ws://", "wss://")):
            endpoints, login, fields = asyncio.run(_look(url, authorized))
    except (NotAllowed, NoAnswer) as error:
        raise UsageError(str(error)) from error
    file.write_text(written(endpoints, login, fields), encoding="utf-8")
    say(f"{file} is written, with {len(endpoints)} endpoint{'' if len(endpoints) == 1 else 's'}.")
    say("Look at it, then run: stormdoor probe")
    return 0 if endpoints else 1
