"""Run a probe from the command line: its credentials, its progress, and its exit code."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stormdoor_audit.cli.output import console, table
from stormdoor_audit.cli.probe_sources import (
    CredentialOptions,
    ProbeInputs,
    Sources,
    entrances,
    gather,
    print_endpoints,
)
from stormdoor_audit.cli.scan_run import progress_bar, scan_exit_status
from stormdoor_audit.cli.usage import UsageError

if TYPE_CHECKING:
    from stormdoor_audit.prober.engine import Plan
    from stormdoor_audit.prober.entrance import Entrance
    from stormdoor_audit.prober.identity import Identity
    from stormdoor_audit.prober.login import Login
    from stormdoor_audit.prober.member import Member
    from stormdoor_audit.report.finding import Report

__all__ = [
    "IdentityOptions",
    "compare_with_scan",
    "exit_status",
    "load_scan",
    "print_probe",
    "print_probes",
    "run_probe",
]


def _value(text: str, kept: set[str]) -> str:
    """Return a secret as it is, from a file (`@FILE`), or from the environment (`env:NAME`).

    Raises:
        UsageError: The file or the variable does not exist.
    """
    from stormdoor_audit.prober.document import BadDocument
    from stormdoor_audit.prober.toml import given

    try:
        return given(text, kept=kept)
    except BadDocument as error:
        raise UsageError(str(error)) from error


_HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:=|:[ \t]*)(.*)", re.DOTALL)
"""`NAME=VALUE` or `Name: value` (RFC 9110, section 5.1)."""
_OURS = {
    "cookie": "--cookie NAME=VALUE",
    "origin": "--origin ORIGIN",
    "sec-websocket-protocol": "--subprotocol NAME or --credential-subprotocol NAME",
    "host": "the address of the endpoint",
}


def _pairs(texts: Sequence[str], option: str, kept: set[str]) -> tuple[tuple[str, str], ...]:
    found = []
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise UsageError(f"{option} is written NAME=VALUE")
        found.append((name, _value(value, kept)))
    return tuple(found)


def _headers(texts: Sequence[str], kept: set[str]) -> tuple[tuple[str, str], ...]:
    found = []
    for text in texts:
        given = _HEADER.fullmatch(text)
        if given is None:
            raise UsageError("--header is written 'Name: value' or NAME=VALUE")
        if (instead := _OURS.get(given[1].lower())) is not None:
            raise UsageError(f"the header {given[1]} is given with {instead}")
        found.append((given[1], _value(given[2].strip(), kept)))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class IdentityOptions:
    """Options of the command line about one identity.

    Args:
        cookies: `NAME=VALUE`.
        headers: `Name: value` or `NAME=VALUE`.
        bearer: A token for `Authorization`.
        query: `NAME=VALUE`, sent as it is written.
        protocols: Subprotocols; named and long ones are credentials unless `secret_protocols` says which are.
        secret_protocols: Subprotocols that are a credential; offered after the others.
        first_message: The first message that is sent.
        kept: Collects the values that come from a file or the environment.
    """

    cookies: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    bearer: str | None = None
    query: tuple[str, ...] = ()
    protocols: tuple[str, ...] = ()
    secret_protocols: tuple[str, ...] = ()
    first_message: str | None = None
    kept: set[str] = field(default_factory=set)

    def identity(self, name: str) -> Identity | None:
        """Return the identity; None without any option about it.

        Raises:
            UsageError: An option is not valid.
        """
        from stormdoor_audit.prober.identity import Identity

        kept = self.kept
        headers = _headers(self.headers, kept)
        if self.bearer is not None:
            headers += (("Authorization", f"Bearer {_value(self.bearer, kept)}"),)
        secret = tuple(_value(one, kept) for one in self.secret_protocols)
        found = Identity(
            name,
            cookies=_pairs(self.cookies, "--cookie", kept),
            headers=headers,
            query=_pairs(self.query, "--query", kept),
            protocols=(*(_value(one, kept) for one in self.protocols), *secret),
            first_message=_value(self.first_message or "", kept),
            secret_protocols=secret or None,
        )
        return found if found != Identity(name) else None


def run_probe(
    urls: tuple[str, ...],
    *,
    owner: IdentityOptions,
    other: IdentityOptions,
    credential_options: CredentialOptions,
    sources: Sources,
    list_only: bool,
    login: str | None,
    fields: Sequence[str],
    login_json: bool,
    login_page: str,
    ca: Path | None,
    public_key: Path | None,
    baseline: Path | None,
    quiet: bool,
    authorized: Sequence[str],
    expired: str | None = None,
    foreign: str | None = None,
    one_time: bool = False,
    unused: Sequence[str] = (),
    plain: str = "",
    revoke: str = "",
    idle: float = 0.0,
    must_refuse: bool = False,
    logout_header: Sequence[str] = (),
    **settings: Any,
) -> Report | None:
    """Probe, and leave out what the baseline lists; or list the endpoints.

    Raises:
        UsageError: An address may not be probed, the owner is refused, or a file is not valid.
    """
    from stormdoor_audit.prober.budget import BudgetSpent
    from stormdoor_audit.prober.document import BadDocument
    from stormdoor_audit.prober.engine import CannotProbe, run
    from stormdoor_audit.prober.login import Login, LoginFailed
    from stormdoor_audit.prober.probe import Declared
    from stormdoor_audit.prober.target import NotAllowed, parse_target
    from stormdoor_audit.prober.wire import NoAnswer, message_frame
    from stormdoor_audit.report.baseline import BaselineError, read_baseline, without

    try:
        tls = ssl.create_default_context(cafile=None if ca is None else str(ca))
        key = public_key.read_bytes() if public_key is not None else b""
        known = read_baseline(baseline.read_text("utf-8")) if baseline is not None else None
    except (OSError, UnicodeDecodeError, BaselineError) as error:
        raise UsageError(str(error)) from error
    for one in (*settings["say"], *settings["beside_say"]):
        try:
            message_frame(one)
        except ValueError as error:
            raise UsageError(f"--say {one}: after hex: stand bytes in hexadecimal") from error
    kept = owner.kept | other.kept
    form = _pairs(fields, "--field", kept)
    if form and login is None:
        raise UsageError("--field is about a login: give --login URL, too")
    user = next((value for name, value in form if "user" in name.lower()), "the owner")
    method, _, settings["logout"] = settings["logout"].rpartition(" ")
    if method and (not method.isalpha() or not settings["logout"]):
        raise UsageError("--logout is written URL or 'METHOD URL'")
    declared = Declared(
        expired=_value(expired or "", kept),
        foreign=_value(foreign or "", kept),
        one_time=one_time,
        unused=tuple(_value(one, kept) for one in unused),
        revoke=revoke,
        idle=idle,
        must_refuse=must_refuse,
        logout_method=method.upper(),
        logout_headers=_headers(logout_header, kept),
    )
    way = Login(login, form, login_json, login_page, tuple(authorized), tls) if login else None
    try:
        described = _described(
            owner.identity(user), user, way, entrances(credential_options, authorized, tls, kept)
        )
        for url in urls:
            parse_target(url, authorized)
        inputs = gather(
            urls,
            sources,
            described,
            authorized=authorized,
            tls=tls,
            per_second=settings["per_second"],
        )
        if list_only:
            print_endpoints(inputs)
            return None
        if not inputs.urls:
            raise UsageError(_nothing(inputs))
        second = other.identity("the second identity")
        secrets = kept | owner.kept | other.kept | inputs.secrets
        plan = _planned(
            inputs,
            other=second,
            secrets=tuple(secrets),
            tls=tls,
            public_key=key,
            authorized=tuple(authorized),
            declared=replace(declared, plain=parse_target(plain, authorized) if plain else None),
            **settings,
        )
        with progress_bar(quiet=quiet) as progress:
            report = asyncio.run(run(plan, progress))
    except BudgetSpent as error:
        raise UsageError("the budget was spent before anything was tried") from error
    except (NotAllowed, CannotProbe, BadDocument, LoginFailed, NoAnswer) as error:
        raise UsageError(str(error)) from error
    return report if known is None else without(report, known)


def _described(
    identity: Identity | None, name: str, login: Login | None, entrances: tuple[Entrance, ...]
) -> Member | None:
    """Return the member that the options describe."""
    from stormdoor_audit.prober.identity import Identity
    from stormdoor_audit.prober.member import Member

    if identity is None and login is None and not entrances:
        return None
    return Member(identity or Identity(name), login, entrances)


def _planned(inputs: ProbeInputs, *, other: Identity | None, origin: str, **settings: Any) -> Plan:
    from stormdoor_audit.prober.engine import Plan
    from stormdoor_audit.prober.identity import NOBODY
    from stormdoor_audit.prober.member import Member, Policy

    owner, others = inputs.owner, inputs.others
    if other is not None:
        others = (*others, Member(other))
    return Plan(
        urls=tuple(inputs.urls),
        owner=owner.identity if owner is not None else None,
        other=other,
        login=owner.login if owner is not None else None,
        entrances=owner.entrances if owner is not None else (),
        own=owner or Member(NOBODY),
        members=others,
        policy=inputs.policy or Policy(),
        recordings=tuple(inputs.recordings),
        found=inputs.found,
        looked=tuple(inputs.looked),
        doubts=tuple(inputs.doubts),
        origin=origin or inputs.origin,
        **settings,
    )


def _nothing(inputs: ProbeInputs) -> str:
    """Return why there is nothing to probe."""
    why = "; ".join(f"{one.location.short}: {one.what}" for one in inputs.doubts[:5])
    return "no endpoint was found" + (f": {why}" if why else "")


def load_scan(file: Path) -> Report:
    """Read the report of a scan, before anything is sent.

    Raises:
        UsageError: It cannot be read, or is none.
    """
    from stormdoor_audit.report.crossing import ScanError, read_scan

    try:
        return read_scan(file.read_bytes())
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from error
    except ScanError as error:
        raise UsageError(f"{file}: {error}") from error


def compare_with_scan(report: Report, scan: Report) -> Report:
    """Return the report with its result for each finding of the scan."""
    from stormdoor_audit.report.crossing import crossed

    return crossed(report, scan)


def exit_status(report: Report, fail_on: str, *, allow_not_determined: bool) -> int:
    """Return 1 if a finding counts, 3 if a probe has no verdict, and otherwise 0.

    Args:
        report: The results.
        fail_on: The least level that counts.
        allow_not_determined: Whether a probe without a verdict is ignored.
    """
    # A probe leaves no file out: an undetermined check is a result of its own.
    if scan_exit_status(report, fail_on, allowed=True):
        return 1
    doubt = bool(report.outcomes().get("not-determined"))
    return 3 if doubt and not allow_not_determined else 0


def print_probes() -> int:
    """Print all probes as a table."""
    from rich.text import Text

    from stormdoor_audit.prober.probes import PROBES
    from stormdoor_audit.report.as_text import LEVEL_STYLES

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
    """Print the page of a probe.

    Raises:
        UsageError: There is no such probe.
    """
    from stormdoor_audit.prober.probes import PROBES
    from stormdoor_audit.report.rule_text import print_page

    for one in PROBES:
        if name.upper() == one.meta.id or name == one.meta.slug:
            print_page(one.meta, console())
            return 0
    raise UsageError(f"there is no probe {name!r}; see: stormdoor-audit probe --probes")
