"""`stormdoor-audit probe init`: inspect an application, and write its endpoints and login form to a file."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin

from stormdoor_audit.cli.output import say
from stormdoor_audit.cli.probe_file import NAME, variables_of, written
from stormdoor_audit.cli.usage import UsageError

__all__ = ["write_new"]

_LOGINS = ("", "/login", "/auth/login", "/accounts/login/", "/signin")
"""Paths that are searched for a login form; the first is the page itself."""


class _Page(HTMLParser):
    """Parser that finds the first posted form with a password field."""

    def __init__(self) -> None:
        super().__init__()
        self.action: str | None = None
        self.fields: list[tuple[str, str]] = []
        self._open: str | None = None
        self._found: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect the visible fields of each posted form."""
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._open = (
                given.get("action", "") if given.get("method", "").lower() == "post" else None
            )
            self._found = []
        kind = given.get("type", "text").lower()
        if tag == "input" and given.get("name") and kind in {"text", "email", "password"}:
            self._found.append((given["name"], kind))

    def handle_endtag(self, tag: str) -> None:
        """Keep the first form that asks for a password."""
        if tag != "form" or self._open is None:
            return
        if self.action is None and any(kind == "password" for _, kind in self._found):
            self.action, self.fields = self._open, self._found
        self._open = None


@dataclass(frozen=True, slots=True)
class _Seen:
    """Facts from the pages of an application.

    Args:
        endpoints: Addresses of its sockets.
        login: Address that the login form is sent to; "" without one.
        fields: Its fields, with their types.
        logout: Path of the logout; "" where no page names it.
    """

    endpoints: list[str]
    login: str = ""
    fields: Sequence[tuple[str, str]] = ()
    logout: str = ""


async def _look(page: str, authorized: Sequence[str]) -> _Seen:
    """Read the page, the scripts that it loads, and the usual places of a login form."""
    from stormdoor_audit.prober.budget import Budget
    from stormdoor_audit.prober.discover import discover
    from stormdoor_audit.prober.identity import NOBODY
    from stormdoor_audit.prober.target import NotAllowed
    from stormdoor_audit.prober.web import Web
    from stormdoor_audit.prober.wire import NoAnswer

    web = Web(Budget(150, 20.0, 60.0), None, tuple(authorized), NOBODY, page)
    seen = await discover([page], web)
    found = _Seen([one.url for one in seen.endpoints], logout=seen.logout)
    for place in _LOGINS:
        read = _Page()
        try:
            got = await web.ask(urljoin(page, place) if place else page)
        except (NoAnswer, NotAllowed):
            continue
        read.feed(got.text)
        if read.action is not None:
            return replace(found, login=urljoin(got.url, read.action), fields=read.fields)
    return found


def write_new(url: str, authorized: Sequence[str], file: Path) -> int:
    """Write the file.

    Raises:
        UsageError: The address may not be probed, or the file exists.
    """
    from stormdoor_audit.prober.target import NotAllowed, parse_target
    from stormdoor_audit.prober.wire import NoAnswer

    if file.exists():
        raise UsageError(f"{file} is there; name another with --output")
    found = _Seen([url])
    try:
        parse_target(url, authorized)
        if not url.startswith(("ws://", "wss://")):
            found = asyncio.run(_look(url, authorized))
    except (NotAllowed, NoAnswer) as error:
        raise UsageError(str(error)) from error
    text = written(found.endpoints, found.login, found.fields, found.logout)
    file.write_text(text, encoding="utf-8")
    many = f"{len(found.endpoints)} endpoint{'' if len(found.endpoints) == 1 else 's'}"
    say(f"{file} is written, with {many} and {'a' if found.login else 'no'} login form.")
    if not found.endpoints:
        say("No page that needs no login names a WebSocket: write its address into `endpoints`.")
    command = (
        "stormdoor-audit probe" if file == Path(NAME) else f"stormdoor-audit probe --config {file}"
    )
    if variables := variables_of(found.fields) if found.login else []:
        say(f"Set {' and '.join(variables)}, then run: {command}")
    else:
        say(f"Look at it, then run: {command}")
    return 0 if found.endpoints else 1
