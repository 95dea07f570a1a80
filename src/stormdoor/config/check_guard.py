"""Checks of a configuration: authenticators, origins, proxies and limits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from ipaddress import IPv4Network

from msgspec import UNSET

from stormdoor.config.subject import Subject
from stormdoor.core.address import is_loopback_host, parse_networks
from stormdoor.core.bucket import Rate
from stormdoor.core.origin import parse_origin
from stormdoor.errors import ConfigurationError
from stormdoor.settings.finding import Finding
from stormdoor.settings.section import options

__all__ = ["GUARD_CHECKS"]

_DAY = 86_400.0
_WIDEST_PROXY = {4: 8, 6: 16}

_HIGH: dict[str, tuple[float, str]] = {
    "connections_per_address": (1_000, "one client can hold that many connections"),
    "connections_per_principal": (1_000, "one principal can hold that many connections"),
    "authentication_seconds": (30, "an attacker can keep handshakes waiting that long"),
    "connection_seconds": (7 * _DAY, "a connection outlives what was true when it was opened"),
    "message_bytes": (1024 * 1024, "one message can take that much memory"),
    "message_depth": (64, "messages may nest that deep"),
    "offences": (200, "a client may send that much rubbish before it is sent away"),
    "outbound_bytes": (
        16 * 1024 * 1024,
        "each client that does not read can take that much memory",
    ),
    "outbound_seconds": (300, "a client that does not read is kept that long"),
    "idle_seconds": (_DAY, "an unused session stays open that long (ASVS 7.3.1)"),
    "absolute_seconds": (30 * _DAY, "a stolen session counts that long (ASVS 7.3.2)"),
}
"""By limit: the value above which a check warns, and the meaning of the limit."""

_FAST: dict[str, tuple[float, float, str]] = {
    # name: units a second, burst, meaning
    "handshakes_per_address": (20, 1_000, "one client can open that many handshakes"),
    "failures_per_address": (2, 200, "one client may guess credentials that often"),
    "messages_per_connection": (1_000, 5_000, "one connection can send that many messages"),
    "messages_per_principal": (2_000, 10_000, "one principal can send that many messages"),
    "bytes_per_connection": (16e6, 64e6, "one connection can send that many bytes"),
}


def _authenticators(subject: Subject) -> Iterator[Finding]:
    if not subject.authenticators:
        yield subject.finding(
            "no-authenticators",
            "error",
            (),
            "there are no authenticators, so that clients can connect only to public endpoints",
            '[[authenticators]] with kind = "session"',
        )
    kinds = [one.kind.name for one in subject.authenticators]
    for position, listed in enumerate(subject.authenticators):
        name = listed.kind.name
        if not listed.kind.repeatable and name in kinds[:position]:
            yield subject.finding(
                "twice", "warning", listed.place, f"{name} is listed twice; leave one out"
            )
        for one in listed.kind.remarks(listed.settings, kinds):
            yield subject.finding(one.id, one.level, (*listed.place, *one.at), one.what, one.write)


def _origins(subject: Subject) -> Iterator[Finding]:
    origins = subject.parsed.origins
    ambient = any(one.kind.is_ambient(one.settings) for one in subject.authenticators)
    if not origins and subject.under_run:
        yield subject.finding(
            "no-origins",
            "note",
            ("origins",),
            "stormdoor run lets the pages of this machine at the program's port open sockets, and no other",
            'origins = ["https://app.example"]',
        )
        return
    if origins == UNSET or not origins:
        yield subject.finding(
            "no-origins",
            "error" if ambient else "note",
            ("origins",),
            "no page of a browser may open a socket"
            + (", yet what browsers bring along by themselves is accepted" if ambient else ""),
            'origins = ["https://app.example"]',
        )
        return
    for position, entry in enumerate(origins):
        place = ("origins", position)
        if "*" in entry and not entry.startswith("*"):
            yield subject.finding(
                "wildcard-origin",
                "warning",
                place,
                f"{entry} lets the pages of every subdomain in, forgotten and taken over ones too",
                "the subdomains that need it, one by one",
            )
        parsed = parse_origin(entry.replace("*.", "", 1))
        if parsed is None:
            continue
        local = is_loopback_host(parsed.host)
        if local and subject.production:
            yield subject.finding(
                "local-origin",
                "warning",
                place,
                f"{entry} is any program that listens on a visitor's own machine",
                "leave it out in production",
            )
        elif not local and parsed.scheme == "http":
            yield subject.finding(
                "plain-origin",
                "error" if subject.production else "note",
                place,
                f"{entry} is not encrypted: an attacker on the wire can add scripts to its pages",
                entry.replace("http://", "https://", 1),
            )


def _hosts(subject: Subject) -> Iterator[Finding]:
    hosts, origins = subject.parsed.hosts, subject.parsed.origins
    if hosts == UNSET and ((origins != UNSET and origins) or subject.under_run):
        return
    if hosts == UNSET or not hosts:
        yield subject.finding(
            "no-hosts",
            "warning" if subject.production else "note",
            ("hosts",),
            "every Host is accepted, so that a page can reach the server by DNS rebinding",
            'hosts = ["app.example"]',
        )


def _proxies(subject: Subject) -> Iterator[Finding]:
    proxies = subject.parsed.trusted_proxies
    for position, entry in enumerate(() if proxies == UNSET else proxies):
        try:
            (network,) = parse_networks([entry])
        except ConfigurationError:
            continue
        if network.prefixlen < _WIDEST_PROXY[network.version]:
            all_of_it = "every client" if network.prefixlen == 0 else "too many machines"
            yield subject.finding(
                "wide-proxies",
                "error",
                ("trusted_proxies", position),
                f"{entry} believes {all_of_it} about where it comes from",
                '"10.0.0.5"' if isinstance(network, IPv4Network) else '"fd00::5"',
            )


def _written(number: float) -> str:
    """Return a number in readable TOML: `1_048_576`."""
    return f"{int(number):_}" if number == int(number) else f"{number}"


def _limits(subject: Subject) -> Iterator[Finding]:
    written = {
        **{("limits", name): value for name, value in options(subject.parsed.limits).items()},
        **{("sessions", name): value for name, value in options(subject.parsed.sessions).items()},
    }
    for place, value in written.items():
        name = place[-1]
        if name in _HIGH and value is not True:
            most, means = _HIGH[name]
            if value is False or (isinstance(value, int | float) and value > most):
                shown = "no limit" if value is False else _written(value)
                yield subject.finding(
                    "high-limit",
                    "warning",
                    place,
                    f"{name} = {shown}: {means}",
                    f"{name} = {_written(most)}, or less",
                )
        if name in _FAST and isinstance(value, str):
            try:
                rate = Rate.parse(value)
            except ConfigurationError:
                continue
            a_second, burst, means = _FAST[name]
            if 1 / rate.interval > a_second or rate.burst > burst:
                yield subject.finding(
                    "high-limit",
                    "warning",
                    place,
                    f'{name} = "{value}": {means}',
                    f'{name} = "{a_second:g}/s burst {burst:g}", or less',
                )


def _weak_keys(subject: Subject) -> Iterator[Finding]:
    for listed, built in zip(subject.authenticators, subject.built, strict=False):
        for position, key in enumerate(getattr(built, "keys", ())):
            if key.weakness is not None:
                yield subject.finding(
                    "weak-key",
                    "error",
                    (*listed.place, "keys", position),
                    key.weakness,
                    'the output of python -c "import secrets; print(secrets.token_hex(32))"',
                )


GUARD_CHECKS: tuple[Callable[[Subject], Iterator[Finding]], ...] = (
    _authenticators,
    _origins,
    _hosts,
    _proxies,
    _limits,
    _weak_keys,
)
"""Checks of credentials, pages, proxies and limits."""
