"""A scan beside a probe: which findings of the source code the running server confirms or refutes.

INVARIANT: silence refutes nothing. A finding is refuted only where a probe tried that very thing and was
refused, while a client with a good credential got in; everything else is untested, with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

import msgspec

from stormdoor_audit.report.as_json import SCHEMA
from stormdoor_audit.report.finding import (
    Check,
    Coverage,
    Crossed,
    Crossing,
    EndpointReport,
    Finding,
    Report,
    RuleMeta,
    Standing,
    Suppressed,
    Tried,
)
from stormdoor_audit.report.order import Key, key_of

__all__ = ["CLAIMS", "Claim", "ScanError", "check_of", "crossed", "leads_to", "read_scan"]


class ScanError(Exception):
    """The file is no report of a scan."""


class _Document(msgspec.Struct, frozen=True):
    """The report of `stormdoor-audit scan --format json`."""

    schema: str
    tool: str
    version: str
    started: str
    seconds: float
    roots: tuple[str, ...]
    findings: tuple[Finding, ...]
    endpoints: tuple[EndpointReport, ...]
    coverage: Coverage
    rules: tuple[RuleMeta, ...]
    suppressed: tuple[Suppressed, ...] = ()


def read_scan(text: str | bytes) -> Report:
    """The report that `stormdoor-audit scan` wrote as JSON.

    Raises:
        ScanError: It is another file, or damaged.
    """
    try:
        head = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ScanError(f"no JSON: {error}") from error
    schema = head.get("schema") if isinstance(head, dict) else None
    if not isinstance(schema, str) or not schema.startswith("stormdoor-report/"):
        raise ScanError("no report of a scan; write one: stormdoor-audit scan PATH -o scan.json")
    if schema != SCHEMA:
        raise ScanError(f"its schema is {schema!r}, and this version reads {SCHEMA!r}")
    if head.get("tool") != "stormdoor scan":
        raise ScanError(f"it was written by {head.get('tool')!r}, and not by stormdoor-audit scan")
    if "findings" not in head:
        raise ScanError("it holds endpoints only: write it without --endpoints")
    try:
        found = msgspec.convert(head, type=_Document)
    except (msgspec.ValidationError, RecursionError) as error:
        raise ScanError(f"a damaged report: {error}") from error
    return Report(
        tool=found.tool,
        version=found.version,
        started=found.started,
        seconds=found.seconds,
        roots=found.roots,
        findings=found.findings,
        endpoints=found.endpoints,
        coverage=found.coverage,
        rules=found.rules,
        suppressed=found.suppressed,
    )


# Routes --------------------------------------------------------------------------------------

_REPEATS = re.compile(r"[+*}][^()]*\)[+*{]")
"""A repetition of a repetition, which can take for ever to say no."""
_LONGEST = 2_000
_UNKNOWN = "…"
"""Begins a path of which a scan knows only a part."""


def leads_to(pattern: str, path: str) -> int:
    """Rate how surely a route leads to a path: 3 literally, 2 as a pattern, 1 by its end alone; 0 does not.

    Tornado matches the whole path, with or without an anchor at the end.
    """
    if pattern == path or pattern.rstrip("$") == path:
        return 3
    partly = pattern.startswith(_UNKNOWN)
    known = pattern.removeprefix(_UNKNOWN)
    if not known.strip("/.*()") or len(known) > _LONGEST or len(path) > _LONGEST:
        return 0
    if partly and path.endswith(known.rstrip("$")):
        return 1
    if _REPEATS.search(known):
        return 0
    try:
        matched = re.fullmatch(f".*(?:{known})" if partly else known, path)
    except (re.error, OverflowError, RecursionError):
        return 0
    return 0 if matched is None else 1 if partly else 2


def _handlers(scan: Report, path: str) -> tuple[EndpointReport, ...]:
    """The handlers with routes to the path: those that lead there most surely."""
    rated = [
        (max((leads_to(pattern, path) for pattern in one.paths), default=0), one)
        for one in scan.endpoints
    ]
    best = max((rate for rate, _ in rated), default=0)
    return tuple(one for rate, one in rated if rate == best > 0)


# Claims --------------------------------------------------------------------------------------

_STATUS = re.compile(r"< (\d{3})")
_ORIGIN = re.compile(r"> Origin: (\S+)")


def _refused_at_the_door(one: Tried) -> bool:
    """Return True if the handshake itself was answered with a refusal."""
    found = next(filter(None, map(_STATUS.fullmatch, one.transcript)), None)
    return found is not None and found[1] != "101"


def _refused_late(one: Tried) -> bool:
    """Return True if the server accepted the handshake and then ended the connection."""
    return "< 101" in one.transcript and any(
        line.startswith(("< close", "< (the connection ended)")) for line in one.transcript
    )


def _origin_kind(one: Tried) -> str:
    """Return the kind of origin in the transcript: foreign, null, prefix, suffix, or same-host."""
    sent = next(filter(None, map(_ORIGIN.match, one.transcript)), None)
    if sent is None:
        return ""
    if sent[1] == "null":
        return "null"
    host = urlsplit(sent[1]).hostname or ""
    own = urlsplit(one.subject).hostname or ""
    if host == own:
        return "same-host"
    if host.startswith(own):
        return "prefix"
    return "suffix" if host.endswith(own) else "foreign"


def _always(_: Tried) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Claim:
    """The meaning of a probe's result for a rule.

    Args:
        confirms: Probes that show the same hole, when they find it.
        refutes: Probes that show that it is not there, when what they try is refused.
        shows: Whether what a probe found is this hole, and not its neighbour.
        settles: Whether the refusal is one that refutes this rule.
        late: Whether it is the hole itself that an unauthenticated client is refused only after the 101.
    """

    confirms: tuple[str, ...]
    refutes: tuple[str, ...] = ()
    shows: Callable[[Tried], bool] = _always
    settles: Callable[[Tried], bool] = _always
    late: bool = False


def _origins(*kinds: str) -> Callable[[Tried], bool]:
    return lambda one: one.rule_id != "SP201" or _origin_kind(one) in kinds


def _by_name(one: Tried) -> bool:
    """The ending that the code has is one of a name: where the host is an address, it was not tried."""
    host = urlsplit(one.subject).hostname or ""
    return not re.fullmatch(r"[\d.]+|\[?[0-9a-f:]+\]?", host)


def _compressed(one: Tried) -> bool:
    """Return True if it was compression that passed the limit, and not pieces."""
    return one.rule_id != "SP604" or one.kind == "compressed"


CLAIMS: Mapping[str, Claim] = {
    "SD101": Claim(("SP101",), ("SP101",)),
    "SD102": Claim(
        ("SP101", "SP105", "SP109"), ("SP101",), settles=_refused_at_the_door, late=True
    ),
    "SD103": Claim(("SP101",), ("SP101",)),
    "SD104": Claim(("SP101", "SP105")),
    "SD105": Claim(("SP101", "SP102")),
    "SD106": Claim(
        ("SP101", "SP105", "SP109"), ("SP101",), settles=_refused_at_the_door, late=True
    ),
    "SD107": Claim(("SP101",), ("SP101",)),
    "SD108": Claim(("SP101", "SP104")),
    "SD109": Claim(("SP101", "SP105", "SP109"), ("SP105",)),
    "SD110": Claim(("SP101", "SP102")),
    "SD201": Claim(("SP201",), ("SP201",), _origins("foreign")),
    "SD202": Claim(("SP201",), ("SP201",), _origins("foreign", "prefix")),
    "SD203": Claim(("SP201",), ("SP201",), _origins("foreign", "suffix"), _by_name),
    "SD204": Claim(("SP201",), ("SP201",), _origins("foreign", "prefix", "suffix")),
    "SD205": Claim(("SP201",), (), _origins("foreign", "prefix", "suffix")),
    "SD206": Claim(("SP201",), ("SP201",), _origins("foreign", "null")),
    "SD207": Claim(("SP201",), (), _origins("foreign", "same-host")),
    "SD208": Claim(("SP202", "SP201"), ("SP202",), _origins("foreign")),
    "SD209": Claim(("SP201",), ("SP201",), _origins("foreign", "null", "prefix", "suffix")),
    # What one message of a recording was refused says nothing of the others: no refutation.
    "SD301": Claim(("SP401", "SP411", "SP412")),
    "SD303": Claim(("SP401", "SP412")),
    "SD401": Claim(("SP304",)),
    "SD402": Claim(("SP103",), ("SP103",)),
    "SD403": Claim(("SP103",)),
    "SD404": Claim(("SP107",), ("SP107",)),
    "SD406": Claim(("SP106",), ("SP106",)),
    "SD412": Claim(("SP301",)),
    "SD414": Claim(("SP302",), ("SP302",)),
    "SD501": Claim(("SP601", "SP603")),
    "SD510": Claim(("SP501",)),
    "SD601": Claim(("SP601",)),
    "SD602": Claim(("SP601",)),
    "SD603": Claim(("SP602",), ("SP602",)),
    # Forty are few: a server that closed some of them may still hold a million of others.
    "SD604": Claim(("SP906",)),
    "SD606": Claim(("SP604",), ("SP604",), _compressed),
    "SD610": Claim(("SP501",)),
    "SD612": Claim(("SP101",), ("SP101",)),
}
"""Rules with a claim that can be seen from outside. Of all others a probe says nothing."""

_CHECKS = {
    "1": Check.AUTHENTICATION,
    "2": Check.ORIGIN,
    "3": Check.AUTHORIZATION,
    "4": Check.AUTHENTICATION,
    "5": Check.VALIDATION,
    "6": Check.LIMITS,
}


def check_of(rule_id: str) -> Check | None:
    """Return the check that a rule of the scan is about, or None."""
    return _CHECKS.get(rule_id[2:3]) if rule_id.startswith("SD") else None


def _settled(finding: Finding, claim: Claim, tried: Sequence[Tried]) -> tuple[Standing, Tried, str]:
    """Compare a finding with the results of one address; there is at least one result."""
    about = [one for one in tried if one.rule_id in (*claim.confirms, *claim.refutes)]
    for one in about:
        if one.outcome == "open" and one.rule_id in claim.confirms and claim.shows(one):
            return "confirmed", one, one.what
    for one in about:
        if one.outcome == "closed" and one.rule_id in claim.refutes:
            if not one.owned:
                return "untested", one, f"{one.what} {_WITHOUT_OWNER}"
            if claim.late and _refused_late(one):
                return "confirmed", one, _LATE
            if claim.settles(one):
                return "refuted", one, one.what
    said = next((one for one in about if one.outcome in {"open", "not-determined"}), None)
    said = said or next((one for one in about if one.outcome == "closed"), None)
    said = said or next(iter(about), None)
    if said is None:
        names = " and ".join(claim.confirms)
        return "untested", tried[0], f"{names} did not run; active probes need `--active`."
    if said.outcome == "closed":
        return "untested", said, f"{said.what} That does not show that {finding.slug} is wrong."
    if said.outcome == "open":
        return "untested", said, f"{said.what} That is another hole than {finding.slug}."
    return "untested", said, said.what


_LATE = "The handshake of a client without a credential is answered with 101; it is refused only afterwards."
_WITHOUT_OWNER = (
    "Without the owner's credential the probe has nothing to compare with: it refutes nothing."
)


def _together(
    finding: Finding, by_url: Mapping[str, Sequence[Tried]], shown: set[tuple[str, str]]
) -> Crossed:
    """One address confirms; all of them must refute.

    Args:
        finding: The scan's.
        by_url: What was tried at each address of its handler.
        shown: Address and probe of what confirms; added to.
    """
    claim = CLAIMS[finding.rule_id]
    came = [(*_settled(finding, claim, tried), url) for url, tried in by_url.items()]
    shown |= {(url, one.rule_id) for standing, one, _, url in came if standing == "confirmed"}
    order = ("confirmed", "untested", "refuted")
    standing, one, why, url = min(came, key=lambda each: order.index(each[0]))
    decided = standing != "untested"
    return Crossed(
        finding,
        standing,
        why,
        one.rule_id if decided else "",
        url,
        one.transcript if decided else (),
    )


def crossed(probe: Report, scan: Report) -> Report:
    """The probe's report with the scan beside it, each of its findings confirmed, refuted or untested."""
    tried: dict[str, list[Tried]] = {one.subject: [] for one in probe.endpoints}
    for one in probe.tried:
        tried.setdefault(one.subject, []).append(one)
    handlers = {url: _handlers(scan, urlsplit(url).path or "/") for url in tried}
    key = key_of(scan)
    known = {key(one): one for one in scan.endpoints}
    found: list[Crossed] = []
    shown: set[tuple[str, str]] = set()
    for finding, why in (
        *((one, "") for one in scan.findings),
        *((one.finding, one.reason) for one in scan.suppressed),
    ):
        urls = {
            url: tried[url]
            for url, several in handlers.items()
            if tried[url] and any(_is_about(finding, one, key) for one in several)
        }
        alone = {url: one for url, one in urls.items() if len(handlers[url]) == 1}
        if finding.rule_id not in CLAIMS:
            came = Crossed(finding, "untested", "No probe can see this from outside.")
        elif alone:
            came = _together(finding, alone, shown)
        else:
            came = Crossed(finding, "untested", _not_probed(known.get(key(finding)), urls))
        found.append(replace(came, suppressed=why))
    crossing = Crossing(
        scan=scan,
        pairs=tuple(
            (url, several[0].subject if len(several) == 1 else "")
            for url, several in handlers.items()
        ),
        findings=tuple(found),
        only_live=tuple(one for one in probe.findings if (one.subject, one.rule_id) not in shown),
    )
    return replace(probe, crossing=crossing)


def _is_about(
    finding: Finding,
    endpoint: EndpointReport,
    key: Callable[[Finding | EndpointReport], Key],
) -> bool:
    """The handler's own, or one of its application's that names its route."""
    return (
        key(finding) == key(endpoint)
        or endpoint.subject in finding.also
        or bool(
            finding.subject != endpoint.subject
            and finding.endpoint
            and finding.endpoint in endpoint.paths
        )
    )


def _not_probed(endpoint: EndpointReport | None, urls: Mapping[str, object]) -> str:
    if urls:
        return (
            f"The scan knows several handlers for {next(iter(urls))}, and cannot tell which it is: "
            "scan only the program that is served."
        )
    if endpoint is None:
        return "It is not about one endpoint."
    if not endpoint.paths:
        return "The scan knows no route to it, so that no address could be matched."
    return f"Not probed: no address that was given leads to {endpoint.paths[0]}."
