"""How a probe is run from the command line: whose credential, its progress, and what counts."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stormdoor.cli.output import console, table
from stormdoor.cli.scan_run import counted, progress_bar
from stormdoor.cli.usage import UsageError

if TYPE_CHECKING:
    from stormdoor.prober.identity import Identity
    from stormdoor.report.finding import Report

__all__ = ["Given", "beside", "counted", "look", "print_probe", "print_probes", "scan_in"]


def _value(text: str) -> str:
    """A secret as it is, from a file (`@FILE`), or from the environment (`env:NAME`).

    Raises:
        UsageError: It is not there.
    """
    if text.startswith("@"):
        try:
            return Path(text[1:]).read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{text[1:]} cannot be read") from error
    if text.startswith("env:"):
        if (found := os.environ.get(text[4:])) is None:
            raise UsageError(f"the environment has no {text[4:]}")
        return found
    return text


def _pairs(texts: Sequence[str], option: str) -> tuple[tuple[str, str], ...]:
    found = []
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise UsageError(f"{option} is written NAME=VALUE")
        found.append((name, _value(value)))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Given:
    """What the command line says about an identity."""

    cookies: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    bearer: str | None = None
    query: tuple[str, ...] = ()
    protocols: tuple[str, ...] = ()
    first_message: str | None = None

    def identity(self, name: str) -> Identity | None:
        """The identity; None if nothing was said.

        Raises:
            UsageError: Something makes no sense.
        """
        from stormdoor.prober.identity import Identity

        headers = _pairs(self.headers, "--header")
        if self.bearer is not None:
            headers += (("Authorization", f"Bearer {_value(self.bearer)}"),)
        found = Identity(
            name,
            cookies=_pairs(self.cookies, "--cookie"),
            headers=headers,
            query=_pairs(self.query, "--query"),
            protocols=tuple(map(_value, self.protocols)),
            first_message=_value(self.first_message) if self.first_message is not None else "",
        )
        return found if found != Identity(name) else None


def look(
    urls: tuple[str, ...],
    *,
    owner: Given,
    other: Given,
    login: str | None,
    fields: Sequence[str],
    login_json: bool,
    login_page: str,
    ca: Path | None,
    public_key: Path | None,
    baseline: Path | None,
    quiet: bool,
    authorized: Sequence[str],
    **settings: Any,
) -> Report:
    """Probe, and leave out what the baseline lists.

    Raises:
        UsageError: An address may not be probed, the owner does not get in, or a file is not there.
    """
    from stormdoor.prober.engine import CannotProbe, Plan, run
    from stormdoor.prober.login import Login
    from stormdoor.prober.target import NotAllowed
    from stormdoor.prober.wire import message_frame
    from stormdoor.report.baseline import BaselineError, read_baseline, without

    try:
        tls = ssl.create_default_context(cafile=None if ca is None else str(ca))
        key = public_key.read_bytes() if public_key is not None else b""
        known = read_baseline(baseline.read_text("utf-8")) if baseline is not None else None
    except (OSError, UnicodeDecodeError, BaselineError) as error:
        raise UsageError(str(error)) from error
    for one in settings["say"]:
        try:
            message_frame(one)
        except ValueError as error:
            raise UsageError(f"--say {one}: after hex: stand bytes in hexadecimal") from error
    form = _pairs(fields, "--field")
    if form and login is None:
        raise UsageError("--field is about a login: give --login URL, too")
    user = next((value for name, value in form if "user" in name.lower()), "the owner")
    plan = Plan(
        urls=urls,
        owner=owner.identity(user),
        other=other.identity("the second identity"),
        login=Login(login, form, login_json, login_page, tuple(authorized), tls) if login else None,
        tls=tls,
        public_key=key,
        authorized=tuple(authorized),
        **settings,
    )
    with progress_bar(quiet=quiet) as progress:
        try:
            report = asyncio.run(run(plan, progress))
        except (NotAllowed, CannotProbe) as error:
            raise UsageError(str(error)) from error
    return report if known is None else without(report, known)


def scan_in(file: Path) -> Report:
    """The report of a scan, read before anything is sent.

    Raises:
        UsageError: It cannot be read, or is none.
    """
    from stormdoor.report.crossing import ScanError, read_scan

    try:
        return read_scan(file.read_bytes())
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from error
    except ScanError as error:
        raise UsageError(f"{file}: {error}") from error


def beside(report: Report, scan: Report) -> Report:
    """The report with what it says to each finding of the scan."""
    from stormdoor.report.crossing import crossed

    return crossed(report, scan)


def print_probes() -> int:
    """All probes, in a table."""
    from rich.text import Text

    from stormdoor.prober.probes import PROBES
    from stormdoor.report.as_text import LEVEL_STYLES

    table(
        ["probe!", "level!", "what it finds"],
        [
            (
                one.meta.id,
                Text(one.meta.level, style=LEVEL_STYLES[one.meta.level]),
                (one.meta.title, f"{one.meta.slug}{' (--active)' if one.active else ''}"),
            )
            for one in PROBES
        ],
    )
    return 0


def print_probe(name: str) -> int:
    """The page of a probe.

    Raises:
        UsageError: There is no such probe.
    """
    from stormdoor.prober.probes import PROBES
    from stormdoor.report.rule_text import print_page

    for one in PROBES:
        if name.upper() == one.meta.id or name == one.meta.slug:
            print_page(one.meta, console())
            return 0
    raise UsageError(f"there is no probe {name!r}; see: stormdoor probe --probes")
