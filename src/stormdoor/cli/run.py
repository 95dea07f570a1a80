"""`stormdoor run`: start a program, and guard every Tornado application in it."""

from __future__ import annotations

import asyncio
import os
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from stormdoor.logs import LogFormat

if TYPE_CHECKING:
    from stormdoor.cli.run_reporter import Reporter

__all__ = ["app"]

app = App(name="run", help_format="markdown")


@app.default
def run(
    *command: Annotated[str, Parameter(allow_leading_hyphen=True, negative="")],
    config: Annotated[Path | None, Parameter(name=["--config", "-c"])] = None,
    preset: str | None = None,
    store: str | None = None,
    origin: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    pages: Annotated[bool, Parameter(negative="")] = False,
    insecure_unguarded_pages: Annotated[bool, Parameter(negative="")] = False,
    any_release: bool = False,
    allow_sudo: bool = False,
    strict: bool = False,
    insecure_allow_http: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    tls_self_signed: Annotated[bool, Parameter(negative="")] = False,
    log_format: LogFormat = "text",
    json: bool = False,
) -> int:
    """Start a program, and guard every Tornado application in it before it listens.

    Args:
        command: The program and its arguments, after `--`.
        config: The configuration file. The preset of the application if left out [env: STORMDOOR_CONFIG].
        preset: The preset, in place of the one of the application (stormdoor preset list).
        store: The URL of the store, if the file names none [env: STORMDOOR_STORE]. A file below
            ~/.local/state/stormdoor if left out.
        origin: An address of the application's pages, if it is not this machine. May be repeated.
        pages: Without effect: HTTP pages are guarded without it.
        insecure_unguarded_pages: Guard the sockets alone: each client may send each other HTTP request.
        any_release: Guard releases of an application that were not tested, too.
        allow_sudo: Let child processes change their user (sudo). A server in a child process without the
            guard may then answer clients for a second, before it is ended.
        strict: End each listener that is not guarded and not known to speak another protocol than HTTP.
        insecure_allow_http: An address or a port that may serve HTTP unguarded. May be repeated.
        tls_self_signed: Serve over https:// with a certificate for this machine, which is made once and kept
            below ~/.local/state/stormdoor. Browsers warn of it. Safari needs TLS to log in.
        log_format: text, or json: the log of the program and the reports are lines of JSON.
        json: Report as JSON, one line each, on standard error; the log of the program stays as it is.
    """
    from stormdoor.apps.table import ADAPTERS
    from stormdoor.cli.run_reporter import Reporter
    from stormdoor.cli.usage import UsageError
    from stormdoor.cli.where import (
        CONFIG,
        STORE,
        TRAIL_KEY,
        Where,
        actor,
        name_installation,
        trail_key,
    )
    from stormdoor.config.file import check_trail_key
    from stormdoor.config.preset import preset_file
    from stormdoor.core.origin import OriginPolicy
    from stormdoor.errors import ConfigurationError
    from stormdoor.logs import log_as_json
    from stormdoor.run.program import Program
    from stormdoor.run.settings import RunSettings, own_version

    if not command:
        raise UsageError("which program? Write it after two hyphens: stormdoor run -- jupyter lab")
    if command[0].startswith("-"):
        raise UsageError(
            f"{command[0]} is no option of stormdoor run (stormdoor run --help). Write options before two "
            "hyphens, and the program after them: stormdoor run --json -- python app.py"
        )
    try:
        OriginPolicy(origin)
    except ConfigurationError as error:
        raise UsageError(f"--origin: {str(error).removeprefix('origins: ')}") from None
    for one in insecure_allow_http:
        if not one.startswith("unix:") and not one.rpartition(":")[2].isdecimal():
            raise UsageError(
                f"--insecure-allow-http {one}: write a port, such as 8787, or an address, 127.0.0.1:8787"
            )
    if pages and insecure_unguarded_pages:
        raise UsageError("--pages contradicts --insecure-unguarded-pages; leave one of the two out")
    if preset is not None:
        preset_file(preset)
    named = config or (Path(os.environ[CONFIG]) if os.environ.get(CONFIG) else None)
    file = None if named is None else named.resolve()
    written = {} if file is None else _read(file)
    if insecure_unguarded_pages and "pages" in written.get("protect", {}):
        raise UsageError(
            "the file has a permission for pages; leave it out of the file, or --insecure-unguarded-pages"
        )
    url = _absolute(store or os.environ.get(STORE) or _default_store())
    tls = tls_self_signed or "tls" in written.get("run", {})
    certificate, fingerprint = _certificate() if tls else ("", "")
    # A file has priority for the store, and is the only place of the key then.
    beside = url if written.get("store", "memory:") == "memory:" else None
    key = None if file is not None else trail_key(Where(store=url), None)
    no_passwords = written.get("login", {}).get("passwords") is False
    own = {CONFIG, STORE, TRAIL_KEY}
    secrets = {name: os.environ[name] for name in _variables(written) if name in os.environ}
    settings = RunSettings(
        version=own_version(),
        store=url,
        config=None if file is None else str(file),
        preset=preset,
        origins=origin,
        unguarded_pages=insecure_unguarded_pages,
        any_release=any_release,
        secrets=secrets,
        serves_in_children=tuple(one.host for one in ADAPTERS if one.serves_in_children),
        other_protocols=tuple(row for one in ADAPTERS for row in one.other_protocols),
        key=os.urandom(32).hex(),
        hosts=tuple(one.host for one in ADAPTERS if one.advice),
        allow=insecure_allow_http,
        log_format=log_format,
        installation=name_installation(file, beside),
        certificate=certificate,
        trail_key="" if key is None else check_trail_key(key).hex(),
    )
    if log_format == "json":
        log_as_json()
    tell = Reporter("events" if json else log_format)
    if tls:
        tell({"event": "certificate", "file": certificate, "fingerprint": fingerprint})
    kept = {name: said for name, said in os.environ.items() if name not in own | secrets.keys()}
    return Program(
        command,
        settings,
        environment=kept,
        tell=tell,
        at_login=lambda: None if no_passwords else _first_account(file, beside, key, actor(), tell),
        advice={one.host: one.advice for one in ADAPTERS},
        allow_sudo=allow_sudo,
        strict=strict,
    ).run()


def _read(file: Path) -> dict[str, Any]:
    """Return the content of the configuration file, after a complete check of it."""
    from stormdoor.config.file import read_policies

    read_policies(file)
    return tomllib.loads(file.read_text("utf-8"))


def _variables(written: object) -> Iterator[str]:
    """Yield the environment variables that secrets of the file are in."""
    if isinstance(written, Mapping):
        if isinstance(written.get("env"), str):
            yield written["env"]
        for one in written.values():
            yield from _variables(one)
    elif isinstance(written, list):
        for one in written:
            yield from _variables(one)


def _state_folder() -> Path:
    """Return the folder of all runs of this user, with the store and the certificate."""
    state = os.environ.get("XDG_STATE_HOME") or str(Path("~/.local/state").expanduser())
    folder = Path(state) / "stormdoor"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _default_store() -> str:
    """Return the URL of the store without any option: one for all programs of this user."""
    return f"sqlite:{_state_folder() / 'door.db'}"


def _certificate() -> tuple[str, str]:
    """Return the path of the certificate of this machine, and its fingerprint."""
    from stormdoor.cli.usage import UsageError
    from stormdoor.ports import SystemClock
    from stormdoor.run.self_signed import fingerprint_of, self_signed

    try:
        file = self_signed(_state_folder(), SystemClock().now())
        return str(file), fingerprint_of(file)
    except OSError as error:
        raise UsageError(
            f"the certificate cannot be written: {error}; name another folder with XDG_STATE_HOME"
        ) from None


def _absolute(url: str) -> str:
    """Return the URL with an absolute path: the program may change its folder."""
    scheme, _, path = url.partition(":")
    if scheme != "sqlite" or path.startswith(("/", "~")):
        return url
    return f"sqlite:{Path(path).resolve()}"


def _first_account(
    config: Path | None, store: str | None, key: bytes | None, actor: str, tell: Reporter
) -> None:
    """Make the first account of the store, and show its password, or write it to a private file.

    Args:
        config: The configuration file, if there is one.
        store: URL of the store, unless the file names it.
        key: The secret of the trail's chain, without a file.
        actor: The operator, for the trail.
        tell: Prints.
    """
    from stormdoor.cli.where import name_installation
    from stormdoor.run.first_account import make_first_account, write_password

    account = asyncio.run(
        make_first_account(config=config, store=store, trail_key=key, actor=actor)
    )
    if account is None:
        return
    if sys.stderr.isatty():
        tell.password(account.name, account.password, name_installation(config, store))
        return
    scheme, _, path = (store or "").partition(":")
    folder = Path(path).expanduser().parent if scheme == "sqlite" else _state_folder()
    place = write_password(account, folder)
    tell({"event": "first account", "name": account.name, "password_file": str(place)})
