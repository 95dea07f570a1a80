"""The files that `stormdoor init` writes, as texts."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from stormdoor.core.address import is_loopback_host
from stormdoor.core.origin import parse_origin

__all__ = [
    "LOCAL_ORIGINS",
    "TRAIL_KEY_FILE",
    "Answers",
    "For",
    "Login",
    "configuration",
    "secret_files",
]

For = Literal["own", "program", "nodes"]
Login = Literal["password", "api-key"]

LOCAL_ORIGINS = ("http://127.0.0.1:8888", "http://localhost:8888")
TRAIL_KEY_FILE = "stormdoor-trail.key"
_STORE_FILE = "stormdoor-store.url"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """The answers of the operator.

    Attributes:
        purpose: `own` code, a `program` of others, or own code on several `nodes`.
        logins: The credentials: of people, of programs, or both.
        store: URL of the store.
        origins: The addresses of the pages; for a program of others, none if only this machine opens them.
        own_login: The preset of a program that logs its users in by itself, or "".
    """

    purpose: For
    logins: Sequence[Login]
    store: str
    origins: Sequence[str] = ()
    own_login: str = ""

    @property
    def has_secret_url(self) -> bool:
        """Whether the URL of the store goes into a file of its own, since it may have a password."""
        return not self.store.startswith("sqlite:")


def secret_files(answers: Answers) -> dict[str, str]:
    """Return the secrets that the configuration names, by the name of their file."""
    found = {TRAIL_KEY_FILE: secrets.token_hex(32)}
    if answers.has_secret_url:
        found[_STORE_FILE] = answers.store
    return found


def configuration(answers: Answers, name: str, start: str) -> str:
    """Return the text of the configuration file.

    Args:
        answers: The answers.
        name: The name of the file.
        start: The command that starts the program.
    """
    parts = [
        _head(name, start),
        _place(answers),
        _store(answers),
        _logins(answers),
        _rights(answers),
    ]
    return "\n".join(part for part in parts if part)


def _head(name: str, start: str) -> str:
    return f"""\
# Written by `stormdoor init`. Start the program: {start}
# After a change, `stormdoor check {name}` finds mistakes and unsafe settings.
"""


def _place(answers: Answers) -> str:
    if answers.purpose == "program":
        text = (
            "# `stormdoor run` starts the program. Without `origins`, pages of this machine open sockets.\n"
            "stormdoor_run = true\n"
        )
        if answers.origins:
            return (
                f"{text}\n# The address that browsers show, and the proxy that serves it.\n"
                f'origins = {_list(answers.origins)}\ntrusted_proxies = ["127.0.0.1"]\n'
            )
        return f'{text}# origins = ["https://app.example"]\n'
    text = (
        "# The addresses of your pages, as browsers show them. Other pages open no socket.\n"
        f"origins = {_list(answers.origins)}\n"
    )
    if not any(map(_is_local, answers.origins)):
        return (
            f"{text}# The proxies that end TLS in front of the server.\n"
            'trusted_proxies = ["127.0.0.1"]\n'
        )
    return text + (
        "\n# Only for this machine. Before others reach it, write https:// origins and leave this out.\n"
        "production = false\n"
    )


def _store(answers: Answers) -> str:
    place = f'{{ file = "{_STORE_FILE}" }}' if answers.has_secret_url else json.dumps(answers.store)
    shared = " Each node has the same one." if answers.purpose == "nodes" else ""
    return f"""\
# Accounts, sessions, keys, revocations and the audit trail. The path is relative to this file.
store = {place}

# The secret that shows later changes of the audit trail. Keep it out of version control.{shared}
trail_key = {{ file = "{TRAIL_KEY_FILE}", encoding = "hex" }}
"""


def _logins(answers: Answers) -> str:
    if answers.own_login:
        return f"""\
# The program logs its users in by itself. `stormdoor preset show {answers.own_login}` has its roles.
preset = "{answers.own_login}"
"""
    written = {
        "password": "# People log in with a name and a password, at /auth/login.",
        "api-key": "# Programs send an API key: Authorization: Bearer KEY.",
    }
    kinds = {"password": "session", "api-key": "api-key"}
    return "\n".join(
        f'{written[one]}\n[[authenticators]]\nkind = "{kinds[one]}"\n' for one in answers.logins
    )


def _rights(answers: Answers) -> str:
    if answers.own_login:
        return ""
    if answers.purpose == "program":
        return """\
# Roles and permissions are those of the preset for the program (`stormdoor preset list`). To change
# them, name it above, such as preset = "app", and write the tables that differ below. Each preset has
# a role `member`.
"""
    return """\
# Each socket and each page needs this permission. A handler may declare another one.
[protect]
permission = "app:use"
pages = "app:use"

# A role grants permissions: `stormdoor principals add NAME --role member`.
[[policies.role]]
name = "member"
grants = ["app:use"]
"""


def _is_local(origin: str) -> bool:
    """Return whether only browsers of this machine reach the pages of an origin."""
    parsed = parse_origin(origin)
    return parsed is not None and is_loopback_host(parsed.host)


def _list(texts: Sequence[str]) -> str:
    return json.dumps(list(texts))
