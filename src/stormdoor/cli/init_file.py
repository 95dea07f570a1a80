"""The files that `stormdoor init` writes, as texts."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from stormdoor.cli.init_openid import OpenId
from stormdoor.core.address import is_loopback_host
from stormdoor.core.origin import parse_origin

__all__ = [
    "LOCAL_ORIGINS",
    "TRAIL_KEY_FILE",
    "Answers",
    "For",
    "Login",
    "configuration",
    "is_local",
    "secret_files",
]

For = Literal["own", "program", "nodes"]
Login = Literal["password", "api-key", "openid"]

LOCAL_ORIGINS = ("http://127.0.0.1:8888", "http://localhost:8888")
TRAIL_KEY_FILE = "stormdoor-trail.key"
_STORE_FILE = "stormdoor-store.url"
_CLIENT_FILE = "stormdoor-client.secret"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """The answers of the operator.

    Attributes:
        purpose: `own` code, a `program` of others, or own code on several `nodes`.
        logins: The credentials: of people, of programs, or both.
        store: URL of the store.
        origins: The addresses of the pages; for a program of others, none if only this machine opens them.
        own_login: The preset of a program that logs its users in by itself, or "".
        openid: The provider of the login, if people log in at one.
        name: Name of the application on the page of the login, or "".
        tls: Whether `stormdoor run` serves with a certificate of this machine.
    """

    purpose: For
    logins: Sequence[Login]
    store: str
    origins: Sequence[str] = ()
    own_login: str = ""
    openid: OpenId | None = None
    name: str = ""
    tls: bool = False

    @property
    def people(self) -> bool:
        """Whether people log in at the pages of stormdoor."""
        return "password" in self.logins or "openid" in self.logins

    @property
    def has_secret_url(self) -> bool:
        """Whether the URL of the store goes into a file of its own, since it may have a password."""
        return not self.store.startswith("sqlite:")


def secret_files(answers: Answers) -> dict[str, str]:
    """Return the secrets that the configuration names, by the name of their file."""
    found = {TRAIL_KEY_FILE: secrets.token_hex(32)}
    if answers.has_secret_url:
        found[_STORE_FILE] = answers.store
    if answers.openid is not None and answers.openid.secret:
        found[_CLIENT_FILE] = answers.openid.secret
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
        _run(answers),
        _openid(answers.openid),
        _pages(answers),
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
        origins = [one for one in answers.origins if not is_local(one)]
        if origins:
            return (
                f"{text}\n# The address that browsers show, and the proxy that serves it.\n"
                f'origins = {_list(origins)}\ntrusted_proxies = ["127.0.0.1"]\n'
            )
        return f'{text}# origins = ["https://app.example"]\n'
    text = (
        "# The addresses of your pages, as browsers show them. Other pages open no socket.\n"
        f"origins = {_list(answers.origins)}\n"
    )
    if not any(map(is_local, answers.origins)):
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
    written = []
    if answers.people:
        how = "People log in at /auth/login, and get a session."
        if "openid" not in answers.logins:
            how = "People log in with a name and a password, at /auth/login."
        written.append(f'# {how}\n[[authenticators]]\nkind = "session"\n')
    if "api-key" in answers.logins:
        how = "Programs send an API key: Authorization: Bearer KEY."
        written.append(f'# {how}\n[[authenticators]]\nkind = "api-key"\n')
    return "\n".join(written)


def _openid(openid: OpenId | None) -> str:
    """Return the table of the provider, and of the users who may enter."""
    if openid is None:
        return ""
    lines = [
        "# People log in at this provider. Register redirect_uri there, exactly as it is here.",
        "[oidc]",
    ]
    facts = {"provider": openid.provider, "issuer": openid.issuer, "client_id": openid.client_id}
    lines += [f"{name} = {json.dumps(said)}" for name, said in facts.items() if said]
    secret = _CLIENT_FILE if openid.secret else openid.secret_file and openid.secret_file.resolve()
    if secret:
        lines.append(f"client_secret = {{ file = {json.dumps(str(secret))} }}")
    lines.append(f"redirect_uri = {json.dumps(openid.redirect_uri)}")
    who = "Each user of the provider may enter; allowed_domains and allowed_groups restrict that."
    if openid.domains:
        who = "Users with a verified address of these domains may enter."
    lines += ["", f"# {who}"]
    if openid.domains:
        lines.append(f"allowed_domains = {_list(openid.domains)}")
        if not openid.provider:
            lines.append('scopes = ["openid", "email"]')
    lines += ["# Each gets an account at the first login, with these roles.", 'unknown = "create"']
    return "\n".join([*lines, 'default_roles = ["member"]', ""])


def _pages(answers: Answers) -> str:
    """Return the table of the pages of the login."""
    lines = []
    if answers.name:
        lines.append(f"name = {json.dumps(answers.name, ensure_ascii=False)}")
    if "openid" in answers.logins and "password" not in answers.logins:
        lines.append("passwords = false  # the provider is the only way in")
    if not lines:
        return ""
    return "\n".join(
        ["# The page of the login. `color` and `notice` are more.", "[login]", *lines, ""]
    )


def _run(answers: Answers) -> str:
    """Return the table of `stormdoor run`."""
    if not answers.tls:
        return ""
    return """\
# `stormdoor run` serves over https:// with a certificate of this machine. Browsers warn of it once.
[run]
tls = "self-signed"
"""


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


def is_local(origin: str) -> bool:
    """Return whether only browsers of this machine reach the pages of an origin."""
    parsed = parse_origin(origin)
    return parsed is not None and is_loopback_host(parsed.host)


def _list(texts: Sequence[str]) -> str:
    return json.dumps(list(texts))
