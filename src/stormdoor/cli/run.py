"""`stormdoor run`: start a program, and guard every Tornado application in it."""

from __future__ import annotations

import asyncio
import json as json_format
import os
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

__all__ = ["app"]

app = App(name="run", help_format="plaintext")

_TRAIL_KEY = "STORMDOOR_TRAIL_KEY"


@app.default
def run(
    *command: Annotated[str, Parameter(allow_leading_hyphen=True, negative="")],
    config: Annotated[Path | None, Parameter(name=["--config", "-c"])] = None,
    preset: str | None = None,
    store: str | None = None,
    origin: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    pages: bool = False,
    any_release: bool = False,
    insecure_allow_http: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    json: bool = False,
) -> int:
    """Start a program, and guard every Tornado application in it before it listens.

    It changes no file. Write the program after two hyphens, as you start it without stormdoor:

    stormdoor run -- jupyter lab

    stormdoor run --pages --origin https://plots.example -- python -m bokeh serve app.py

    Each WebSocket needs a login with a permission; with --pages, each page as well. The first start makes an
    account and shows its password once. Add others with stormdoor principals.

    An HTTP server in any process of the program that is not guarded ends the program. Child processes, such
    as kernels, get neither the guard nor its secrets. Code in a notebook or terminal runs as the same user,
    and can read the store.

    Exit status: that of the program; 128 and the signal if one has ended it; 125 if something cannot be
    guarded; 126 and 127 if the program cannot be started or found.

    Args:
        command: The program and its arguments, after `--`.
        config: The configuration file. The preset of the application if left out [env: STORMDOOR_CONFIG].
        preset: The preset, in place of the one of the application (stormdoor preset list).
        store: The URL of the store, if the file names none [env: STORMDOOR_STORE]. A file below
            ~/.local/state/stormdoor if left out.
        origin: An address of the application's pages, if it is not this machine. May be repeated.
        pages: Guard HTTP pages as well: a browser is led to the login and back.
        any_release: Guard releases of an application that were not tested, too.
        insecure_allow_http: An address or a port that may serve HTTP unguarded. May be repeated.
        json: Report as JSON, one line each, on standard error.
    """
    from stormdoor.apps.table import ADAPTERS
    from stormdoor.cli.usage import UsageError
    from stormdoor.cli.where import CONFIG, STORE, actor
    from stormdoor.config.preset import preset_file
    from stormdoor.run.program import Program
    from stormdoor.run.settings import RunSettings, own_version

    if not command:
        raise UsageError("which program? Write it after two hyphens: stormdoor run -- jupyter lab")
    if preset is not None:
        preset_file(preset)
    named = config or (Path(os.environ[CONFIG]) if os.environ.get(CONFIG) else None)
    file = None if named is None else named.resolve()
    written = {} if file is None else _read(file)
    url = _absolute(store or os.environ.get(STORE) or _default_store())
    own = {CONFIG, STORE, _TRAIL_KEY}
    secrets = {name: os.environ[name] for name in _variables(written) if name in os.environ}
    settings = RunSettings(
        version=own_version(),
        store=url,
        config=None if file is None else str(file),
        preset=preset,
        origins=origin,
        pages=pages,
        any_release=any_release,
        secrets=secrets,
        serves_in_children=tuple(one.host for one in ADAPTERS if one.serves_in_children),
        key=os.urandom(32).hex(),
        hosts=tuple(one.host for one in ADAPTERS if one.without_tornado),
        allow=insecure_allow_http,
    )
    tell = _Teller(as_json=json)
    kept = {name: said for name, said in os.environ.items() if name not in own | secrets.keys()}
    return Program(
        command,
        settings,
        environment=kept,
        tell=tell,
        at_login=lambda: _first_account(file if "store" in written else None, url, actor(), tell),
        advice={one.host: one.without_tornado for one in ADAPTERS},
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


def _default_store() -> str:
    """Return the URL of the store without any option: one for all programs of this user."""
    state = os.environ.get("XDG_STATE_HOME") or str(Path("~/.local/state").expanduser())
    folder = Path(state) / "stormdoor"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return f"sqlite:{folder / 'door.db'}"


def _absolute(url: str) -> str:
    """Return the URL with an absolute path: the program may change its folder."""
    scheme, _, path = url.partition(":")
    if scheme != "sqlite" or path.startswith(("/", "~")):
        return url
    return f"sqlite:{Path(path).resolve()}"


def _first_account(config: Path | None, url: str, actor: str, tell: _Teller) -> None:
    from stormdoor.cli.where import Where, trail_key
    from stormdoor.run.first_account import make_first_account, write_password

    key = None if config is not None else trail_key(Where(store=url), None)
    account = asyncio.run(make_first_account(config=config, store=url, trail_key=key, actor=actor))
    if account is None:
        return
    if sys.stderr.isatty():
        tell.password(account.name, account.password)
        return
    path = Path(url.partition(":")[2]).expanduser()
    folder = path.parent if url.startswith("sqlite:") else Path.cwd()
    place = write_password(account, folder)
    tell({"event": "first account", "name": account.name, "password_file": str(place)})


class _Teller:
    """Prints the events of a run on standard error: standard output belongs to the program."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._told: set[str] = set()

    def password(self, name: str, password: str) -> None:
        """Print a password, on a terminal only."""
        self._print(f"the store has no account yet. Log in as {name} with the password {password}")
        self._print("it is shown once; change it with: stormdoor principals password " + name)

    def __call__(self, said: Mapping[str, Any]) -> None:
        """Print one event."""
        if self._as_json:
            sys.stderr.write(json_format.dumps(said) + "\n")
            sys.stderr.flush()
            return
        match said["event"]:
            case "guarded":
                self._guarded(said)
            case "refused" | "failed":
                self._print(f"ended: {said['reason']}")
            case "child ended":
                self._print(f"ended a child process: {said['reason']}")
            case "allowed":
                self._print(f"NOT guarded, as you allowed: {said['address']}, {said['process']}")
            case "other" if said["process"] not in self._told:
                self._told.add(said["process"])  # a kernel has five listeners
                self._print(f"not guarded, as it speaks no HTTP: {said['process']}")
            case "first account":
                self._print(
                    f"the store has no account yet. The password of {said['name']} is in "
                    f"{said['password_file']}; delete the file after the first login"
                )
            case "ended" if not said["guarded"] and said["status"] == 0:
                self._print("the program has ended, and no Tornado application in it has listened")

    def _guarded(self, said: Mapping[str, Any]) -> None:
        where = ", ".join(said["addresses"]) or "connections without a listener"
        self._print(
            f"guarded {where}: {said['application']}, by the adapter {said['adapter']} "
            f"(process {said['pid']})"
        )
        for one in said["endpoints"]:
            self._print(f"  {one['path']} needs {one['permission']}")
        if said["endpoints_count"] > len(said["endpoints"]):
            self._print(f"  and {said['endpoints_count'] - len(said['endpoints'])} more")
        for one in said["choosers"]:
            self._print(f"  each WebSocket that {one} chooses needs a permission as well")
        if said["pages"]:
            self._print("  its HTTP pages are guarded as well")
        else:
            self._print("  its other HTTP routes are not guarded; --pages guards them")
        if said["login"] and said["addresses"]:
            scheme = "https" if said["secure"] else "http"
            host = said["addresses"][0].replace("0.0.0.0", "127.0.0.1").replace("[::]", "[::1]")  # noqa: S104
            self._print(f"  log in at {scheme}://{host}{said['login']}")

    def _print(self, text: str) -> None:
        from stormdoor.cli.output import clean

        sys.stderr.write(f"stormdoor run: {clean(text)}\n")
        sys.stderr.flush()
