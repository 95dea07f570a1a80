"""Find unsafe settings of a configuration file, with the line to write.

Each check is a function of a `Subject` that yields findings. Building a guard finds the mistakes that
prevent it; the checks find settings that work, but are unsafe.
"""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from msgspec import UNSET

from stormdoor.config.check_guard import GUARD_CHECKS
from stormdoor.config.check_policies import POLICY_CHECKS
from stormdoor.config.check_protection import PROTECTION_CHECKS
from stormdoor.config.document import read_document
from stormdoor.config.file import build_options, inline_secrets, store_url
from stormdoor.config.subject import Subject
from stormdoor.errors import ConfigurationError
from stormdoor.settings.finding import LEVELS, Finding, Level
from stormdoor.settings.place import show_place
from stormdoor.settings.secret import all_users_read

__all__ = ["check_file"]


def check_file(path: Path, *, secrets: bool = True) -> list[Finding]:
    """Return the findings about the file at `path`, the most serious first.

    Args:
        path: The file.
        secrets: Whether the secrets must exist on this machine and in this environment.
    """
    try:
        document = read_document(path)
    except ConfigurationError as error:
        what = str(error).removeprefix(f"{path}: ").removeprefix(str(path))
        return [Finding(id="unreadable", level="error", what=what)]
    is_read = not document.problems
    options = build_options(document)
    found = [
        Finding(
            id="missing-secret" if one.elsewhere else "invalid",
            level="error",
            what=one.message + document.origin(one.place),
            place=show_place(one.place),
            line=document.line(one.place),
        )
        for one in document.problems
        if secrets or not one.elsewhere
    ]
    if is_read:
        built = () if document.problems else options.arguments["authenticators"]
        subject = Subject(document, tuple(built))
        for check in (*FILE_CHECKS, *GUARD_CHECKS, *POLICY_CHECKS, *PROTECTION_CHECKS):
            found += check(subject)
    return sorted(found, key=lambda one: (LEVELS.index(one.level), one.line or 0, one.place))


def _open_file(subject: Subject) -> Iterator[Finding]:
    inline = inline_secrets(subject.document)
    path = subject.document.path
    if inline and all_users_read(path, path.stat().st_mode):
        yield subject.finding(
            "open-file",
            "error",
            (),
            "all users of this machine may read this file, and it contains a secret",
            f"chmod o-r {path}",
        )


def _inline_secrets(subject: Subject) -> Iterator[Finding]:
    if subject.production:
        return  # refused already
    for place in inline_secrets(subject.document):
        yield subject.finding(
            "inline-secret",
            "warning",
            place,
            "the file contains a secret; every copy of the file contains it, too",
            '{ env = "NAME" } or { file = "/run/secrets/name" }',
        )


def _open_secrets(subject: Subject) -> Iterator[Finding]:
    for place, secret in subject.secrets():
        if secret.insecure_world_readable:
            yield subject.finding(
                "open-secret",
                "error" if subject.production else "warning",
                (*place, "insecure_world_readable"),
                f"all users of this machine may read the secret in {secret.file}",
                f"leave insecure_world_readable out, and run: chmod o-r {secret.file}",
            )


def _store(subject: Subject) -> Iterator[Finding]:
    parsed = subject.parsed
    if subject.store == "memory:" and subject.under_run:
        yield subject.finding(
            "memory-store",
            "note",
            ("store",),
            "stormdoor run takes its own store, which all programs of this user share",
            'store = "sqlite:door.db"',
        )
        return
    if subject.store == "memory:":
        keeps = any(one.kind.uses_store(one.settings) for one in subject.authenticators)
        yield subject.finding(
            "memory-store",
            ("error" if keeps else "warning") if subject.production else "note",
            ("store",),
            "sessions, keys, revocations and the trail are kept in memory: they end with the "
            "process, and no command reaches them",
            'store = "sqlite:///var/lib/app/door.db"',
        )
        return
    if parsed.trail_key == UNSET:
        yield subject.finding(
            "no-trail-key",
            "warning" if subject.production else "note",
            (),
            "an attacker who can write to the store can rewrite the trail undetected",
            'trail_key = { file = "/run/secrets/trail-key" }',
        )
    if not isinstance(parsed.store, str):
        return
    path = Path(store_url(parsed.store, subject.document.path.parent).removeprefix("sqlite:"))
    try:
        mode = path.stat().st_mode
    except OSError:
        return
    if mode & stat.S_IRWXO:
        yield subject.finding(
            "open-store",
            "error",
            ("store",),
            f"all users of this machine may open {path}",
            f"chmod o-rwx {path}",
        )


def _production(subject: Subject) -> Iterator[Finding]:
    if not subject.production:
        yield subject.finding(
            "development",
            "note",
            ("production",),
            "the start-up check lets pass what is only good for development",
            "production = true",
        )


def _retention(subject: Subject) -> Iterator[Finding]:
    if subject.parsed.trail_days is False and subject.store != "memory:":
        yield subject.finding(
            "endless-trail",
            "note",
            ("trail_days",),
            "the trail keeps names and addresses of people for ever, unless a command drops them",
            "trail_days = 400",
        )


def _insecure(subject: Subject) -> Iterator[Finding]:
    level: Level = "error" if subject.production else "warning"
    said = {
        "insecure_allow_plaintext": "ws:// is accepted from other machines: an attacker on the wire "
        "can read and change the messages",
        "insecure_allow_missing_origin": "a cookie is accepted without an Origin, so that the "
        "request need not come from one of your pages",
        "insecure_allow_any_host": "every Host is accepted, so that a page can reach the server by DNS "
        "rebinding",
        "insecure_plaintext": "the session cookie travels over http://, where an attacker on the wire "
        "can read it",
        "insecure_unguarded_pages": "HTTP pages need no login, so that each client may send each request "
        "to them",
    }
    for one in subject.authenticators:
        said |= one.kind.insecure
    for place, value in subject.document.walk():
        name = place[-1]
        if isinstance(name, str) and name in said and value:
            yield subject.finding("insecure-option", level, place, said[name], f"leave {name} out")


FILE_CHECKS: tuple[Callable[[Subject], Iterator[Finding]], ...] = (
    _production,
    _open_file,
    _inline_secrets,
    _open_secrets,
    _insecure,
    _store,
    _retention,
)
"""Checks of the file, its secrets and its store."""
