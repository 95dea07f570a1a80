"""The reports of `stormdoor run`, on standard error: standard output belongs to the program."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping
from typing import Any, Literal

from stormdoor.cli.output import clean
from stormdoor.logs import JsonFormatter
from stormdoor.settings.installation import own_command

__all__ = ["Reporter"]

_LEVELS = {
    "refused": logging.ERROR,
    "failed": logging.ERROR,
    "child ended": logging.ERROR,
    "unrecognised": logging.WARNING,
}


class Reporter:
    """Prints the events of a run.

    Args:
        form: `text`; `json` for records of a log as JSON; `events` for the events alone, as JSON.
    """

    def __init__(self, form: Literal["text", "json", "events"]) -> None:
        self._form = form
        self._told: set[tuple[str, str]] = set()

    def password(self, name: str, password: str, installation: str) -> None:
        """Print a password, on a terminal only.

        Args:
            name: The principal.
            password: Its password.
            installation: The options with which a command finds the store.
        """
        self._print(f"the store has no account yet. Log in as {name} with the password {password}")
        self._print(
            "it is shown once; change it with: "
            f"{own_command()} principals password {name} {installation}"
        )
        self._print(
            f"add others with: {own_command()} principals add NAME --role member {installation}"
        )

    def __call__(self, said: Mapping[str, Any]) -> None:
        """Print one event."""
        if self._form == "events":
            _write(json.dumps(said))
        elif self._form == "json":
            _write(_record(said))
        else:
            self._tell(said)

    def _tell(self, said: Mapping[str, Any]) -> None:
        match said["event"]:
            case "guarded":
                self._guarded(said)
            case "refused" | "failed":
                self._print(f"ended: {said['reason']}")
            case "child ended":
                self._print(f"ended a child process: {said['reason']}")
            case "allowed":
                self._print(f"NOT guarded, as you allowed: {said['address']}, {said['process']}")
            case "other" if (said["process"], said["protocol"]) not in self._told:
                # A kernel has five listeners.
                self._told.add((said["process"], said["protocol"]))
                self._print(f"not guarded, as it speaks {said['protocol']}: {said['process']}")
            case "unrecognised":
                self._print(
                    f"NOT guarded, and not recognised: {said['address']}, {said['process']}; "
                    f"{said['reason']}.\n"
                    "--strict ends such listeners; if clients shall reach this one, write "
                    f"--insecure-allow-http {said['address']}"
                )
            case "certificate":
                self._print(
                    f"TLS with a certificate for this machine, {said['file']}. Browsers warn of it; "
                    f"its SHA-256 fingerprint is {said['fingerprint']}"
                )
            case "first account":
                self._print(
                    f"the store has no account yet. The password of {said['name']} is in "
                    f"{said['password_file']}; delete the file after the first login"
                )
            case "ended" if not said["guarded"] and said["status"] == 0:
                self._print("the program has ended, and no Tornado application in it has listened")

    def _guarded(self, said: Mapping[str, Any]) -> None:
        where = ", ".join(said["addresses"]) or "without a listener of its own"
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
            self._print("  NOT guarded: its HTTP pages. Each client may send:")
            for one in said["unguarded"] or ["no POST, PUT, PATCH or DELETE to a known route"]:
                self._print(f"    {one}")
        for one in said["around"]:
            self._print(f"  {one} is around it; requests that it answers itself are not guarded")
        if said["login"] and said["addresses"]:
            scheme = "https" if said["secure"] else "http"
            host = said["addresses"][0].replace("0.0.0.0", "127.0.0.1").replace("[::]", "[::1]")  # noqa: S104
            self._print(f"  log in at {scheme}://{host}{said['login']}")
        if said["addresses"] and said["programs"] not in self._told:
            self._told.add(said["programs"])
            self._print(f"  {said['programs']}")

    def _print(self, text: str) -> None:
        first, *more = [clean(line) for line in text.split("\n")]
        _write("\n".join([f"stormdoor run: {first}", *(f"  {line}" for line in more)]))


def _record(said: Mapping[str, Any]) -> str:
    """Return the line of JSON of an event, with the fields of a record of the log."""
    facts = {name: value for name, value in said.items() if name not in ("event", "pid", "reason")}
    level = _LEVELS.get(said["event"], logging.INFO)
    record = logging.LogRecord(
        "stormdoor.run", level, "", 0, str(said.get("reason", said["event"])), (), None
    )
    vars(record).update(facts, event_name=said["event"])
    record.process = said.get("pid", record.process)
    return JsonFormatter(process=True).format(record)


def _write(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
