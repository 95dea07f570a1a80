"""`stormdoor init`: write the first configuration file of an installation."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, TypeVar

from cyclopts import App, Parameter

from stormdoor.cli.ask import answer, offer
from stormdoor.cli.init_file import (
    LOCAL_ORIGINS,
    TRAIL_KEY_FILE,
    Answers,
    For,
    Login,
    configuration,
    is_local,
    secret_files,
)
from stormdoor.cli.init_openid import NO_OPENID, OpenIdOptions, ask_openid
from stormdoor.cli.usage import UsageError

__all__ = ["app"]

app = App(name="init", help_format="markdown")

T = TypeVar("T", bound=str)

_FILE = Path("stormdoor.toml")
_STORE = "sqlite:door.db"
_OIDC = "'stormdoor[oidc]'"
_LOCAL = LOCAL_ORIGINS[0]
_HELP = " (stormdoor init --help)"
_PURPOSES: dict[For, str] = {
    "own": "my own code, to which I can add lines",
    "program": "a program of others, such as JupyterLab: none of its files changes",
    "nodes": "my own code, on several nodes",
}
_LOGINS: dict[Login, str] = {
    "password": "people: a name and a password, at a page of the login",
    "api-key": "programs: API keys",
    "openid": "people: an account at an OpenID provider, such as Google, Entra or Keycloak",
}


@app.default
def init(
    *command: Annotated[str, Parameter(allow_leading_hyphen=True, negative="")],
    purpose: Annotated[For | None, Parameter(name="--for")] = None,
    login: Annotated[tuple[Login, ...], Parameter(negative="")] = (),
    store: str | None = None,
    origin: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    name: str | None = None,
    tls_self_signed: Annotated[bool, Parameter(negative="")] = False,
    openid: OpenIdOptions = NO_OPENID,
    config: Annotated[Path, Parameter(name=["--config", "-c"])] = _FILE,
    force: bool = False,
) -> int:
    """Write a configuration file, and print the command that starts the program with it.

    Args:
        command: The command that starts the program today, after `--`.
        purpose: own: code to which you can add lines. program: one of others. nodes: your code on several
            nodes.
        login: password: people. api-key: programs. openid: people, at an OpenID provider. May be repeated.
        store: URL of the store: sqlite:door.db, or postgresql://user@host/name.
        origin: An address of the pages, as browsers show it. May be repeated. This machine if left out.
        name: Name of the application on the page of the login.
        tls_self_signed: Let stormdoor run serve over https:// with a certificate of this machine.
        openid: The provider.
        config: The file to write. stormdoor.toml if left out.
        force: Replace the file if there is one. The key of the trail is never replaced.
    """
    from stormdoor.cli.output import say
    from stormdoor.settings.installation import own_command

    if config.exists() and not force:
        raise UsageError(
            f"there is a file {config}; --force replaces it, and --config names another"
        )
    purpose = purpose or _choose("--for", "What do you guard?", _PURPOSES)[0]
    if purpose == "program" and not command:
        asked = answer(
            f"-- COMMAND{_HELP}", "Which command starts it today? Such as: jupyter lab", ""
        )
        command = tuple(shlex.split(asked))
    own_login = _own_login(command) if purpose == "program" else ""
    if own_login and login:
        raise UsageError(f"{own_login} logs its users in by itself; leave --login out")
    if not own_login:
        login = login or tuple(_choose("--login", "Which login? Several: 1,2", _LOGINS))
    usual = "" if purpose == "nodes" else _STORE
    store = store or answer(
        f"--store{_HELP}", "Which store? Or: postgresql://user@host/name", usual
    )
    if purpose == "nodes" and not store.startswith("postgresql:"):
        raise UsageError("several nodes need PostgreSQL: --store postgresql://user@host/name")
    answers = _ask_pages(
        Answers(
            purpose=purpose,
            logins=tuple(dict.fromkeys(login)),
            store=store,
            origins=origin,
            own_login=own_login,
            name=name or "",
            tls=tls_self_signed,
        ),
        openid,
        ask_name=name is None,
    )
    plain = shlex.join(command or ("python", "app.py"))
    under_run = f" run --config {shlex.quote(str(config))} -- {plain}"
    start = f"stormdoor{under_run}" if purpose == "program" else plain
    secrets = secret_files(answers)
    text = configuration(answers, config.name, start)
    _check({config.name: text, **secrets}, config.name)
    say(f"Wrote {', '.join(_write(secrets, config, text, force=force))}.")
    _explain(answers, config, f"{own_command()}{under_run}" if purpose == "program" else plain)
    return 0


def _ask_pages(answers: Answers, openid: OpenIdOptions, *, ask_name: bool) -> Answers:
    """Return the answers with those about the pages: TLS, their address, the provider and the name."""
    people, at_provider = answers.people, "openid" in answers.logins
    if openid != NO_OPENID and not at_provider:
        raise UsageError("the options of an OpenID provider need --login openid")
    if answers.name and not people:
        raise UsageError(
            "--name is for the page of the login, which --login password or openid has"
        )
    tls, origins = answers.tls, answers.origins
    own_tls = answers.purpose == "program" and all(map(is_local, origins))
    if tls and not own_tls:
        raise UsageError(
            "--tls-self-signed is for a program of others on this machine; leave it out"
        )
    if people and own_tls and not tls:
        question = "Serve over https:// with a certificate of this machine? Safari needs it. y or n"
        tls = offer(question, usual="n").lower() in ("y", "yes")
    provider = None
    if at_provider:
        local = _LOCAL.replace("http:", "https:") if tls else _LOCAL
        address = origins[0] if origins else offer("The address that browsers show", usual=local)
        if address != local:
            origins = origins or (address,)
        if tls and not address.startswith("https:"):
            raise UsageError(f"with TLS, the address begins with https://, not {address}")
        provider = ask_openid(openid, address)
    name = answers.name
    if people and ask_name:
        name = offer("Name of the application, for the page of the login. Enter for none")
    usual = () if answers.purpose == "program" else LOCAL_ORIGINS
    return replace(answers, origins=origins or usual, openid=provider, name=name, tls=tls)


def _own_login(command: Sequence[str]) -> str:
    """Return the preset of a program that logs its users in by itself; "" for another one."""
    from stormdoor.config.preset import preset_names, read_preset

    for name in preset_names():
        kinds = [one["kind"] for one in read_preset(name).data["authenticators"]]
        if "application" in kinds and any(Path(word).name.startswith(name) for word in command):
            return name
    return ""


def _choose(option: str, question: str, choices: Mapping[T, str]) -> list[T]:
    """Return the choices of the operator, by their numbers or names."""
    listed = list(choices)
    if sys.stdin.isatty():
        sys.stderr.write(f"{question}\n")
        for number, name in enumerate(listed, 1):
            sys.stderr.write(f"  {number}  {name}: {choices[name]}\n")
    numbers = {str(number): name for number, name in enumerate(listed, 1)}
    names = {str(name): name for name in listed}
    typed = answer(f"{option}{_HELP}", "Number", "1").replace(",", " ").split()
    wrong = [one for one in typed if one not in numbers | names]
    if wrong:
        raise UsageError(f"{wrong[0]} is not one of {', '.join(names)}; nothing was written")
    return [(numbers | names)[one] for one in typed]


def _check(files: Mapping[str, str], name: str) -> None:
    """Check the files as `stormdoor check` does, before one of them is written.

    Raises:
        UsageError: An answer makes the configuration wrong or unsafe.
    """
    from stormdoor.config.check import check_file

    with TemporaryDirectory() as folder:
        for each, text in files.items():
            path = Path(folder, each)
            path.touch(mode=0o600)
            path.write_text(text, "utf-8")
        found = [one for one in check_file(Path(folder, name)) if one.level != "note"]
    if found:
        what = "\n".join(f"{one.place}: {one.what}" for one in found)
        raise UsageError(f"nothing was written, since stormdoor check would report:\n{what}")


def _write(secrets: Mapping[str, str], config: Path, text: str, *, force: bool) -> list[str]:
    """Write the files, and return their names. An existing key of the trail stays."""
    kept = {TRAIL_KEY_FILE} if (config.parent / TRAIL_KEY_FILE).exists() else set()
    new = {config.parent / name: said for name, said in secrets.items() if name not in kept}
    taken = [str(one) for one in new if one.exists()]
    if taken and not force:
        raise UsageError(f"there is a file {taken[0]}; --force replaces it")
    replace = os.O_TRUNC if force else os.O_EXCL
    for path, said, mode in (
        *((path, said, 0o600) for path, said in new.items()),
        (config, text, 0o644),
    ):
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | replace, mode)
        except OSError as error:
            raise UsageError(f"{path} cannot be written: {error.strerror}") from None
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(said)
    return [str(config), *map(str, new)]


def _explain(answers: Answers, config: Path, start: str) -> None:
    """Print the next steps; the last one is the command that starts the program."""
    from stormdoor.cli.output import say
    from stormdoor.settings.installation import install_command, own_command

    name, command = shlex.quote(str(config)), own_command()
    if answers.store.startswith("postgresql:"):
        say("Make the tables, with the login that owns them:")
        say(f"    {command} migrate apply --config {name}")
    if answers.purpose != "program":
        _explain_code(answers, config)
    if "password" in answers.logins and answers.purpose != "program":
        say("Add an account, with a password:")
        say(f"    {command} principals add admin --role member --config {name}")
    if "api-key" in answers.logins:
        say("Issue a key for a program:")
        say(f"    {command} principals add robot --role member --no-password --config {name}")
        say(f'    {command} keys issue robot --name first --scope "*" --config {name}')
    if answers.purpose == "program" and "password" in answers.logins:
        say("The first start makes the account admin, and shows its password.")
    if answers.openid is not None:
        if find_spec("authlib") is None:
            say("Install the packages that a login at a provider needs:")
            say(f"    {install_command(_OIDC)}")
        say("Register this address of the application at the provider:")
        say(f"    {answers.openid.redirect_uri}")
    if answers.purpose == "nodes":
        say(f"Copy {config} and the files that it names to each node.")
    say("Start it:" if answers.purpose != "nodes" else "Start it on each node:")
    say(f"    {start}")


def _explain_code(answers: Answers, config: Path) -> None:
    """Print the lines of Python that guard the application."""
    from stormdoor.cli.output import say

    names, routes = "Guard, protect", "..."
    if answers.people:
        names = "Guard, login_routes, protect"
        routes = '*login_routes(guard, endpoint="/", built_in_pages=True), ...'
    say("Guard your application in its code; your routes stand for the dots:")
    say(f"    from stormdoor import {names}")
    if answers.openid is not None:
        routes = f"*oidc_routes(guard), {routes}"
        say("    from stormdoor.tornado.oidc_routes import oidc_routes")
    say(f"    guard = Guard.from_config({json.dumps(str(config))})")
    say(f"    application = protect(Application([{routes}], websocket_ping_interval=20), guard)")
