"""Checks of a configuration: access tokens of an OAuth server."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from stormdoor.config.finding import Finding
from stormdoor.config.oauth_shape import OAuthTable
from stormdoor.config.place import Place
from stormdoor.config.subject import Subject

__all__ = ["OAUTH_CHECKS"]

_LONG = {
    "refresh_seconds": (3600.0, "tokens of a key that was dropped count that long"),
    "max_stale_seconds": (
        14_400.0,
        "while the provider is down, tokens of a key that it may have dropped count that long",
    ),
}
_LONG_ANSWERS = {
    "max_seconds": (300.0, "a token that was revoked opens sockets that long"),
    "recheck_seconds": (600.0, "the socket of a token that was revoked stays open that long"),
    "grace_seconds": (600.0, "while the provider is down, a revoked token counts that much longer"),
}


def _tables(subject: Subject) -> Iterator[tuple[Place, OAuthTable]]:
    for listed in subject.authenticators:
        if isinstance(listed.table, OAuthTable):
            yield listed.place, listed.table


def _any_client(subject: Subject) -> Iterator[Finding]:
    for place, table in _tables(subject):
        if not isinstance(table.clients, list):
            yield subject.finding(
                "any-client",
                "note",
                place,
                "tokens are accepted from every client of the provider",
                'clients = ["web", "mobile"]',
            )


def _id_tokens(subject: Subject) -> Iterator[Finding]:
    for place, table in _tables(subject):
        if isinstance(table.types, list) and "at+jwt" not in table.types and not table.required:
            yield subject.finding(
                "id-token",
                "warning",
                (*place, "types"),
                "an ID token of the provider may have the type that is accepted here",
                'types = ["at+jwt"], or what marks its access tokens: required = { typ = "Bearer" }',
            )


def _unrestricted(subject: Subject) -> Iterator[Finding]:
    for place, table in _tables(subject):
        if table.scope_claim is False:
            yield subject.finding(
                "no-scopes",
                "note",
                (*place, "scope_claim"),
                "a token has all permissions of its principal, not only those granted to the client",
                'scopes = { "chat:read" = ["chat:connect"] }',
            )


def _long(subject: Subject) -> Iterator[Finding]:
    for place, table in _tables(subject):
        looked = [(place, table, _LONG)]
        if table.introspection is not None:
            looked.append(((*place, "introspection"), table.introspection, _LONG_ANSWERS))  # type: ignore[arg-type]
        for where, part, most in looked:
            for name, (seconds, means) in most.items():
                value = getattr(part, name)
                if isinstance(value, float | int) and value > seconds:
                    yield subject.finding(
                        "high-limit",
                        "warning",
                        (*where, name),
                        f"{name} = {value:g}: {means}",
                        f"{name} = {seconds:g}, or less",
                    )


OAUTH_CHECKS: tuple[Callable[[Subject], Iterator[Finding]], ...] = (
    _any_client,
    _id_tokens,
    _unrestricted,
    _long,
)
