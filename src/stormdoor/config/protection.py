"""`Protection`: all that `protect` takes about the handlers of an application, as data."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeVar

from msgspec import UNSET, Struct, UnsetType

from stormdoor.config.document import Document, read_document
from stormdoor.config.shape import MessagesTable, PublicTable, TransportSessionTable
from stormdoor.core.limits import EndpointLimits
from stormdoor.core.permission import check_permission
from stormdoor.errors import ConfigurationError
from stormdoor.guard.endpoint import Public, public
from stormdoor.guard.message_permissions import MessagePermissions
from stormdoor.settings.place import Place
from stormdoor.settings.section import options

__all__ = ["Protection", "SessionOf", "build_protection", "read_protection"]

Written = TypeVar("Written")
Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class SessionOf:
    """Where the requests of an HTTP transport name their session (see `Transport`).

    Attributes:
        place: The field of the JSON body, the argument of the query, the groups of the path; or nowhere.
        name: Name of the field or argument.
    """

    place: Literal["none", "json", "query", "path"]
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Protection:
    """The declarations about the handlers of an application, by the path pattern of their route.

    They are the arguments of `protect`, which have priority over them.

    Attributes:
        permission: The permission to connect, for every handler that declares none.
        permissions: The same for single handlers.
        first_message: Handlers with clients that may send their credential in their first message.
        receive_only: Handlers with connections that stay open after the idle timeout of the login.
        limits: Limits of single handlers.
        transports: HTTP handlers that carry the conversation of a socket.
        pages: The permission for all other HTTP handlers, or for single ones; None if they are not guarded.
        other_pages: The permission for pages that `pages` does not name; None if they are refused.
        insecure_unguarded_pages: Guard no pages under `stormdoor run` either, which guards them otherwise.
        messages: The permission of each type of message, of single handlers.
        optional: Path patterns of the preset. One that matches no route is no mistake: the application may
            have that route with an extension alone. Transports are not optional: without its pattern, the
            handler of a transport is not guarded.
    """

    permission: str | Public | None = None
    permissions: Mapping[str, str | Public] = field(default_factory=dict)
    first_message: Sequence[str] = ()
    receive_only: Sequence[str] = ()
    limits: Mapping[str, EndpointLimits] = field(default_factory=dict)
    transports: Mapping[str, SessionOf] = field(default_factory=dict)
    pages: str | Mapping[str, str | Public] | None = None
    other_pages: str | None = None
    insecure_unguarded_pages: bool = False
    messages: Mapping[str, MessagePermissions] = field(default_factory=dict)
    optional: Sequence[str] = ()


def read_protection(path: Path, *, preset: str | None = None) -> Protection:
    """Return the table `[protect]` of a file, over that of its preset.

    Args:
        path: The file.
        preset: Name of the preset for a file that names none.

    Raises:
        ConfigurationError: The file cannot be read, or contains a mistake.
    """
    document = read_document(path, preset=preset)
    protection = build_protection(document)
    document.raise_problems()
    return protection


def build_protection(document: Document) -> Protection:
    """Return the protection in a document. Mistakes are noted in the document."""
    table = document.parsed.protect
    place: Place = ("protect",)
    permission = None
    if not isinstance(table.permission, UnsetType):
        permission = document.attempt((*place, "permission"), _declared, table.permission)
    for name in ("first_message", "receive_only"):
        for position, pattern in enumerate(getattr(table, name)):
            document.attempt((*place, name, position), _check_path, pattern)
    return Protection(
        permission=permission,
        permissions=_by_path(document, "permissions", table.permissions, _declared),
        first_message=tuple(table.first_message),
        receive_only=tuple(table.receive_only),
        limits=_by_path(document, "limits", table.limits, _limits),
        transports=_by_path(document, "transports", table.transports, _session),
        pages=_pages(document),
        insecure_unguarded_pages=table.insecure_unguarded_pages,
        messages=_messages(document, table.messages),
        optional=_paths_of_preset(document),
    )


def _paths_of_preset(document: Document) -> Sequence[str]:
    """Return the path patterns in the preset of a document, also those that the file gives another value."""
    written = {} if document.preset is None else document.preset.data.get("protect", {})
    found: dict[str, None] = {}
    for name in ("permissions", "first_message", "receive_only", "limits"):
        found.update(dict.fromkeys(written.get(name, ())))
    pages = written.get("pages")
    if isinstance(pages, dict):  # "POST /path" has a method in front
        found.update(dict.fromkeys(pages))
        found.update(dict.fromkeys(one.rpartition(" ")[2] for one in pages))
    found.update(dict.fromkeys(one["path"] for one in written.get("messages", ())))
    return tuple(found)


def _by_path(
    document: Document,
    option: str,
    written: Mapping[str, Written],
    make: Callable[[Written], Made],
) -> dict[str, Made]:
    found: dict[str, Made] = {}
    for path, value in written.items():
        place = ("protect", option, path)
        document.attempt(place, _check_path, path)
        made = document.attempt(place, make, value)
        if made is not None:
            found[path] = made
    return found


def _messages(
    document: Document, written: Sequence[MessagesTable]
) -> dict[str, MessagePermissions]:
    found: dict[str, MessagePermissions] = {}
    for position, table in enumerate(written):
        place: Place = ("protect", "messages", position)
        document.attempt((*place, "path"), _check_path, table.path)
        if table.path in found:
            document.wrong((*place, "path"), f"{table.path!r} is listed twice; write one table")
        before = len(document.problems)
        checked = [*table.permissions.items()]
        for name, permission in checked:
            document.attempt((*place, "permissions", name), check_permission, permission)
        if table.default is not UNSET:
            document.attempt((*place, "default"), check_permission, table.default)
        if len(document.problems) > before:
            continue
        try:
            found[table.path] = MessagePermissions(**options(table, "path"))
        except ConfigurationError as error:
            option, _, message = str(error).partition(": ")
            document.wrong((*place, option), message)
    return found


def _pages(document: Document) -> str | Mapping[str, str | Public] | None:
    table, place = document.parsed.protect, ("protect", "pages")
    written = table.pages
    if table.insecure_unguarded_pages:
        if any(one[:2] == place for one in document.lines):
            document.wrong(place, "contradicts insecure_unguarded_pages; leave one of the two out")
        return None  # also those of the preset
    if isinstance(written, UnsetType):
        return None
    if isinstance(written, str):
        return document.attempt(place, check_permission, written)
    if isinstance(written, bool):
        document.wrong(
            place,
            'write the permission, such as pages = "app:use", or insecure_unguarded_pages = true',
        )
        return None
    return _by_path(document, "pages", written, _declared)


def _check_path(path: str) -> None:
    try:
        re.compile(path)
    except re.error as error:
        raise ConfigurationError(f"{path!r} is not a pattern of a path: {error}") from None


def _declared(value: str | PublicTable) -> str | Public:
    return public(value.public) if isinstance(value, PublicTable) else check_permission(value)


def _limits(table: Struct) -> EndpointLimits:
    return EndpointLimits(**options(table))


def _session(table: TransportSessionTable) -> SessionOf:
    name = "" if isinstance(table.name, UnsetType) else table.name
    if bool(name) != (table.session in {"json", "query"}):
        raise ConfigurationError(
            f'session = "{table.session}" goes without a name; leave name out'
            if name
            else 'the name of the session is missing; write name = "sid"'
        )
    return SessionOf(table.session, name)
