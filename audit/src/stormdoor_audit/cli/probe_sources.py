"""Collect endpoints, identities and recordings for a probe from files, pages and options."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from stormdoor_audit.cli.usage import UsageError

if TYPE_CHECKING:
    from stormdoor_audit.prober.entrance import Entrance
    from stormdoor_audit.prober.identity import Identity
    from stormdoor_audit.prober.member import Member, Policy
    from stormdoor_audit.prober.recording import Recording
    from stormdoor_audit.report.finding import Unresolved

__all__ = ["CredentialOptions", "ProbeInputs", "Sources", "entrances", "gather", "print_endpoints"]


@dataclass(frozen=True, slots=True)
class Sources:
    """The files of the command line, beside addresses.

    Args:
        discover: Pages to look at.
        har: Browser sessions.
        described: OpenAPI and AsyncAPI files.
        at: Where what the files are about runs.
        identities: The identities.
        replay: Recorded conversations.
        safe: Patterns of actions that only read.
    """

    discover: tuple[str, ...] = ()
    har: tuple[Path, ...] = ()
    described: tuple[Path, ...] = ()
    at: str = ""
    identities: Path | None = None
    replay: tuple[Path, ...] = ()
    safe: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CredentialOptions:
    """Options that obtain the owner's credential without a form."""

    token_from: str = ""
    token_name: str = ""
    token_pattern: str = ""
    oauth: str = ""
    client_id: str = ""
    client_secret: str = ""
    scope: str = ""
    steps: Path | None = None


@dataclass(slots=True)
class ProbeInputs:
    """The endpoints, identities and recordings."""

    urls: list[str]
    found: set[str] = field(default_factory=set)
    owner: Member | None = None
    others: tuple[Member, ...] = ()
    policy: Policy | None = None
    origin: str = ""
    recordings: list[Recording] = field(default_factory=list)
    looked: list[str] = field(default_factory=list)
    doubts: list[Unresolved] = field(default_factory=list)
    secrets: frozenset[str] = frozenset()


def entrances(
    options: CredentialOptions,
    authorized: Sequence[str],
    tls: ssl.SSLContext,
    kept: set[str],
) -> tuple[Entrance, ...]:
    """Return the ways to a credential that the options describe.

    Args:
        options: The options.
        authorized: Hosts beside this machine.
        tls: TLS settings for https.
        kept: Collects the values that come from a file or the environment.

    Raises:
        UsageError: One is missing.
        BadDocument: A file makes no sense.
    """
    from stormdoor_audit.prober.entrance import ClientCredentials, PageToken
    from stormdoor_audit.prober.steps import read_steps
    from stormdoor_audit.prober.toml import given, open_table

    found: list[Entrance] = []
    allowed = tuple(authorized)
    if options.oauth:
        if not options.client_id:
            raise UsageError("--oauth is about a client: give --client-id and --client-secret, too")
        secret = given(options.client_secret, kept=kept)
        found.append(
            ClientCredentials(
                options.oauth,
                options.client_id,
                secret,
                options.scope,
                authorized=allowed,
                tls=tls,
            )
        )
    elif options.client_id or options.client_secret or options.scope:
        raise UsageError("--client-id is about a token endpoint: give --oauth URL, too")
    if options.steps is not None:
        table = open_table(options.steps)
        found.append(read_steps(table, allowed, tls))
        kept |= table.kept
    if options.token_from:
        try:
            re.compile(options.token_pattern)
        except re.error as error:
            raise UsageError(f"--token-pattern is no regular expression: {error}") from error
        found.append(
            PageToken(
                options.token_from,
                options.token_name,
                options.token_pattern,
                allowed,
                tls,
            )
        )
    elif options.token_name or options.token_pattern:
        raise UsageError("--token-name and --token-pattern are about a page: give --token-from URL")
    return tuple(found)


def _moved(url: str, at: str) -> str:
    """Return the address on the server that `--at` names."""
    if not at:
        return url
    here = urlsplit(at if "://" in at else f"http://{at}")
    there = urlsplit(url)
    secure = here.scheme in {"https", "wss"}
    return urlunsplit(("wss" if secure else "ws", here.netloc, there.path, there.query, ""))


def _keep(inputs: ProbeInputs, url: str, where: str, authorized: Sequence[str]) -> None:
    """Add an endpoint, or a message that it may not be probed."""
    from stormdoor_audit.prober.target import NotAllowed, parse_target
    from stormdoor_audit.report.finding import Location, Unresolved

    if url in inputs.urls:
        return
    try:
        parse_target(url, authorized)
    except NotAllowed as error:
        inputs.doubts.append(Unresolved(Location(where, 0), f"{url.partition('?')[0]}: {error}"))
        return
    inputs.urls.append(url)
    inputs.found.add(url)


def _from_files(
    sources: Sources, inputs: ProbeInputs, authorized: Sequence[str]
) -> Identity | None:
    """Read the files, and return the owner of a browser session."""
    from stormdoor_audit.prober.described import read_description
    from stormdoor_audit.prober.har import read_har

    owner = None
    for file in sources.har:
        session = read_har(file)
        owner = owner or session.owner
        inputs.origin = inputs.origin or ("" if sources.at else session.origin)
        inputs.recordings += session.recordings
        for one in session.recordings:
            url = _moved(one.url, sources.at)
            _keep(inputs, url, str(file), authorized)
            inputs.looked.append(f"{url.partition('?')[0]}: recorded in {file}")
        if session.sanitized:
            _add_unresolved(
                inputs,
                str(file),
                "it has no cookie and no Authorization: browsers leave them out unless the session is "
                "saved with sensitive data",
            )
    for file in sources.described:
        own = inputs.owner.ids if inputs.owner is not None else ()
        described = read_description(file, sources.at, dict(reversed(own)))
        inputs.doubts += described.unresolved
        inputs.recordings += described.recordings
        said = {one.url: _sent(one) for one in described.recordings}
        for url in described.urls:
            _keep(inputs, url, str(file), authorized)
            where = f"{url.partition('?')[0]}: named in {file}"
            inputs.looked.append(where + said.get(url, ""))
    return owner


def _sent(one: Recording) -> str:
    names = ", ".join(f"`{action.name}`" for action in one.actions)
    return f", which has examples of what is sent: {names}"


def _add_unresolved(inputs: ProbeInputs, where: str, what: str) -> None:
    from stormdoor_audit.report.finding import Location, Unresolved

    inputs.doubts.append(Unresolved(Location(where, 0), what))


def _apply_safe(recordings: list[Recording], safe: Sequence[str]) -> list[Recording]:
    """Apply `--safe` to the recordings.

    Raises:
        UsageError: A pattern matches the name of no recorded action.
    """
    from fnmatch import fnmatchcase

    names = {action.name for one in recordings for action in one.actions}
    for pattern in safe:
        if not any(fnmatchcase(name, pattern) for name in names):
            known = ", ".join(sorted(names)) or "none: give --replay FILE or --har FILE"
            raise UsageError(
                f"--safe {pattern!r} is the name of no recorded action; there are: {known}"
            )
    return [one.declared(safe) for one in recordings]


def _add_guessed_ids(inputs: ProbeInputs) -> None:
    """Add to `inputs` the ids that differ between the owner's recording and another one."""
    from stormdoor_audit.prober.identities import learned
    from stormdoor_audit.prober.recorded import read_recording

    owner = inputs.owner
    if owner is None:
        return
    own = [action for one in inputs.recordings for action in one.actions]
    others = []
    for member in inputs.others:
        said = [
            action
            for file in member.recordings
            for one in read_recording(Path(file))
            for action in one.actions
        ]
        pairs = learned(owner, own, member, said)
        others.append(replace(member, guessed=pairs[1:2]) if pairs else member)
        if pairs:
            owner = replace(owner, guessed=pairs[:1])
    inputs.owner, inputs.others = owner, tuple(others)


def gather(
    urls: Sequence[str],
    sources: Sources,
    owner: Member | None,
    *,
    authorized: Sequence[str],
    tls: ssl.SSLContext,
    per_second: float,
) -> ProbeInputs:
    """Return all endpoints to probe, with the identities.

    Args:
        urls: Addresses that were given.
        sources: What else was named.
        owner: The identity of the options, or None.
        authorized: Hosts beside this machine.
        tls: For https.
        per_second: How fast pages are asked for.

    Raises:
        UsageError: Two options contradict each other.
        BadDocument: A file makes no sense.
        NotAllowed: A page may not be looked at.
    """
    from stormdoor_audit.prober.identities import read_identities
    from stormdoor_audit.prober.member import Member
    from stormdoor_audit.prober.recorded import read_recording

    inputs = ProbeInputs(list(dict.fromkeys(urls)), owner=owner)
    if sources.identities is not None:
        if owner is not None:
            raise UsageError(
                "the file of --identities says who the owner is: leave out --cookie, --login and the like"
            )
        known = read_identities(sources.identities, tuple(authorized), tls)
        inputs.owner, inputs.others, inputs.policy = known.owner, known.others, known.policy
        inputs.secrets = known.secrets
        for file in known.owner.recordings:
            inputs.recordings += read_recording(Path(file))
    recorded = _from_files(sources, inputs, authorized)
    if inputs.owner is None and recorded is not None:
        inputs.owner = Member(recorded)
    for path in sources.replay:
        inputs.recordings += read_recording(path)
    inputs.recordings = _apply_safe(inputs.recordings, sources.safe)
    said = any(one.actions for one in inputs.recordings)
    if inputs.owner is None and (sources.replay or (said and sources.safe)):
        raise UsageError(
            "a conversation is replayed beside its owner: say who that is, e.g. --cookie"
        )
    _add_guessed_ids(inputs)
    if sources.discover:
        asyncio.run(_look(inputs, sources.discover, authorized, tls, per_second))
    return inputs


async def _look(
    inputs: ProbeInputs,
    pages: Sequence[str],
    authorized: Sequence[str],
    tls: ssl.SSLContext,
    per_second: float,
) -> None:
    from stormdoor_audit.prober.budget import Budget
    from stormdoor_audit.prober.discover import discover
    from stormdoor_audit.prober.identity import NOBODY
    from stormdoor_audit.prober.member import entered
    from stormdoor_audit.prober.web import Web

    budget = Budget(150, per_second, 60.0)
    who = NOBODY
    if inputs.owner is not None:
        who = (await entered(inputs.owner, budget))[0].identity
    for page in pages:
        web = Web(budget, tls, authorized, who, page)
        seen = await discover([page], web)
        inputs.looked += seen.looked
        inputs.doubts += seen.unresolved
        for one in seen.endpoints:
            _keep(inputs, one.url, one.where, authorized)


def print_endpoints(inputs: ProbeInputs) -> int:
    """Print the endpoints, and failures to find them; ends with 1 if there is none."""
    from rich.text import Text

    from stormdoor_audit.cli.output import clean, console

    out = console()
    for url in inputs.urls:
        path, mark, _ = url.partition("?")
        out.print(Text(clean(path + (mark and "?…")), style="bold"), soft_wrap=True)
    for line in inputs.looked:
        out.print(Text(f"  {clean(line)}", style="dim"), soft_wrap=True)
    for one in inputs.doubts:
        out.print(
            Text.assemble(("? ", "magenta"), clean(f"{one.location.short}: {one.what}")),
            soft_wrap=True,
        )
    if not inputs.urls:
        out.print("No endpoint was found.")
    return 0 if inputs.urls else 1
