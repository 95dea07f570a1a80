"""`probe.toml`: the options of one application's probe, in one file; and the file that `init` writes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stormdoor_audit.cli.usage import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from inspect import Signature

__all__ = ["NAME", "ProbeFile", "completed", "read_file", "variables_of", "written"]

NAME = "probe.toml"
"""File that is read if the command names neither an endpoint nor a file."""
_LISTS = (
    "endpoints", "discover", "authorized", "beside", "beside_say", "say", "safe",
    "logout_header",
)  # fmt: skip
_TEXTS = ("origin", "plain", "logout", "revoke", "fail_on")
_FLAGS = ("active", "one_time", "must_refuse", "allow_not_determined")
_NUMBERS = ("listen", "idle", "seconds", "connections", "per_second")
_WHERE = ("urls", "discover", "har", "openapi")
_FAIL_ON = ("error", "warning", "note", "never")


@dataclass(frozen=True, slots=True)
class ProbeFile:
    """Contents of the file.

    Args:
        path: The file.
        options: The options of `[probe]`, by the names of the command's parameters.
        identities: Whether the file holds an identity.
    """

    path: Path
    options: Mapping[str, Any]
    identities: bool


def completed(
    config: Path | None, given: Mapping[str, Any], signature: Signature
) -> dict[str, Any] | None:
    """Return the options of the command, completed by a file; None where no file is read.

    The options of the command go before those of the file.

    Args:
        config: The file that was named; None to look for one if nothing else is named to probe.
        given: The command's parameters.
        signature: Signature of the command, with the defaults.

    Raises:
        UsageError: The file makes no sense, or names nothing to probe.
    """
    from stormdoor_audit.cli.output import remark

    named = any(given[one] for one in _WHERE)
    if config is None and (named or not Path(NAME).is_file()):
        return None
    file = read_file(config or Path(NAME))
    remark(f"{file.path} is read")
    found = dict(given) | {
        name: value
        for name, value in file.options.items()
        if given[name] in (signature.parameters[name].default, ())
    }
    if not any(found[one] for one in _WHERE):
        raise UsageError(
            f'{file.path}: write endpoints = ["ws://127.0.0.1:8888/chat"] into [probe]'
        )
    if file.identities and given["identities"] is None:
        found["identities"] = file.path
    return found | {"config": None}


def read_file(path: Path) -> ProbeFile:
    """Read the file.

    Raises:
        UsageError: It cannot be read, or a value in it is not valid.
    """
    from stormdoor_audit.prober.document import BadDocument
    from stormdoor_audit.prober.toml import open_table

    try:
        whole = open_table(path)
        table = whole.table("probe")
        every: dict[str, Any] = {one: table.texts(one) for one in _LISTS}
        every |= {one: table.text(one) for one in _TEXTS}
        every |= {one: table.flag(one) for one in _FLAGS}
        every |= {one: table.real(one) for one in _NUMBERS}
        every |= {one: path.parent / table.text(one) for one in ("baseline", "public_key")}
        every["private"] = table.text("private", secret=True)
        table.done()
        found = {name: value for name, value in every.items() if name in table}
    except BadDocument as error:
        raise UsageError(str(error)) from error
    if found.get("fail_on", "warning") not in _FAIL_ON:
        raise UsageError(f"{path}: `fail_on` is one of {', '.join(_FAIL_ON)}")
    for name in ("connections", "per_second"):
        if name in found:
            found[name] = int(found[name])
    if "endpoints" in found:
        found["urls"] = found.pop("endpoints")
    return ProbeFile(path, found, "identity" in whole)


def _quoted(text: str) -> str:
    return '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'


def _variable(name: str, kind: str, *, first: bool) -> str:
    """Return the name of the environment variable for a field: the user and the password have fixed ones."""
    if kind == "password":
        return "PROBE_PASSWORD"
    return "PROBE_USER" if first else f"PROBE_{re.sub(r'[^A-Z0-9]+', '_', name.upper())}"


def variables_of(fields: Sequence[tuple[str, str]]) -> list[str]:
    """Return the environment variables that the written file reads, by the order of the fields."""
    texts = [name for name, kind in fields if kind != "password"]
    named = (_variable(name, kind, first=[name] == texts[:1]) for name, kind in fields)
    return list(dict.fromkeys(named))


def written(
    endpoints: Sequence[str],
    login: str = "",
    fields: Sequence[tuple[str, str]] = (),
    logout: str = "",
) -> str:
    """Return the text of a new file.

    Args:
        endpoints: Addresses of the endpoints.
        login: Address that the login form is sent to; "" if no form was found.
        fields: Names of its fields, with their types.
        logout: Path of the logout; "" if none was found.
    """
    listed = "".join(f"    {_quoted(one)},\n" for one in endpoints)
    known = f"logout = {_quoted(logout)}" if logout else '# logout = "/logout"             '
    lines = [
        "# The endpoints and identities that `stormdoor-audit probe` tries. Run: stormdoor-audit probe",
        "# Secrets are written env:NAME or @FILE. Docs: how-to/probe-a-server, reference/probe.",
        "",
        "[probe]",
        f"endpoints = [\n{listed}]",
        '# say = [\'{"type": "list"}\']       # a message that the server answers, without harm',
        '# beside = ["ws://…/control"]      # sockets that must be open, too; beside_say is sent there',
        '# origin = "https://app.example"   # of the pages, where it is not that of the endpoint',
        f"{known}  # to see what it ends",
        '# baseline = "probe-known.json"    # findings that are known',
        "# allow_not_determined = true      # end with 0 where a probe could not tell",
        "",
    ]
    mark = "" if login else "# "
    asked = fields or [("username", "text"), ("password", "password")]
    texts = [name for name, kind in asked if kind != "password"]
    given = [
        f'{name} = "env:{_variable(name, kind, first=[name] == texts[:1])}"' for name, kind in asked
    ]
    lines += [
        "# The owner of the session; more identities follow in the same way.",
        f"{mark}[identity.owner.login]",
        f"{mark}url = {_quoted(login or 'http://127.0.0.1:8888/login')}",
        f"{mark}field = {{ {', '.join(given)} }}",
        "",
    ]
    return "\n".join(lines)
