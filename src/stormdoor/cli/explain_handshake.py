"""`stormdoor explain handshake`: show the decision about a request, step by step."""

from __future__ import annotations

import os
import ssl
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Group, Parameter

from stormdoor.cli.moment import parse_moment
from stormdoor.cli.output import clean, console, iso, print_json, table
from stormdoor.cli.python_name import imported
from stormdoor.cli.usage import UsageError
from stormdoor.cli.where import CONFIG, UNSAID, Where
from stormdoor.core.permission import check_permission
from stormdoor.runtime.guard import Guard

if TYPE_CHECKING:
    from rich.text import Text

    from stormdoor.runtime.explanation import Explanation

__all__ = ["handshake"]

_CIRCUMSTANCES = Group.create_ordered("Circumstances")


async def handshake(
    request: Annotated[str, Parameter(allow_leading_hyphen=True)],
    permission: str,
    /,
    *,
    guard: str | None = None,
    peer: Annotated[str, Parameter(group=_CIRCUMSTANCES)] = "192.0.2.1",
    scheme: Annotated[str | None, Parameter(group=_CIRCUMSTANCES)] = None,
    certificate: Annotated[Path | None, Parameter(group=_CIRCUMSTANCES)] = None,
    at: Annotated[str | None, Parameter(group=_CIRCUMSTANCES)] = None,
    where: Where = UNSAID,
) -> int:
    """Show the credential of a handshake, each check, and the reason for the result.

    It uses a copy of the store: nothing is used up or recorded. No secret is shown. Ends with 0 if the
    handshake is accepted, and with 1 if it is refused.

    Args:
        request: A file with the head of the request (GET /ws HTTP/1.1, Host: ..., ...), or with the
            curl command that the developer tools of a browser copy; - for the standard input.
        permission: Permission that the endpoint requires, such as chat:connect.
        guard: The guard in Python, module:NAME, instead of that of the configuration.
        peer: The address of the client. 192.0.2.1 if left out, an address outside of this machine.
        scheme: http or https. That of the request if left out, else https.
        certificate: The client's certificate (PEM), if TLS verified one.
        at: Time, such as 2026-11-24T16:44+01:00. Now if left out.
        where: Which installation.
    """
    from stormdoor.guard.endpoint import Endpoint
    from stormdoor.runtime.explanation import explain_handshake
    from stormdoor.tornado.replay import read_request, replay

    parsed, said = read_request(_text(request))
    if scheme not in (None, "http", "https"):
        raise UsageError(f"--scheme is http or https, not {scheme!r}")
    chosen = _configured(where) if guard is None else imported(guard, Guard)
    facts = replay(
        chosen,
        parsed,
        peer=peer,
        scheme=scheme or said or "https",
        certificate=None if certificate is None else _der(certificate),
    )
    endpoint = Endpoint(parsed.path, check_permission(permission))
    now = None if at is None else parse_moment(at)
    explanation = await explain_handshake(chosen, facts, endpoint, now=now)
    _show(where, explanation)
    return 0 if explanation.refusal is None else 1


def _text(request: str) -> str:
    if request == "-":
        return sys.stdin.read(65_536)
    try:
        return Path(request).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{request} cannot be read: {error}") from None


def _configured(where: Where) -> Guard:
    path = where.config or (Path(os.environ[CONFIG]) if os.environ.get(CONFIG) else None)
    if path is None or where.store is not None:
        raise UsageError(
            "a store does not know the authenticators; give --config FILE, or --guard module:NAME"
        )
    return Guard.from_config(path)


def _der(path: Path) -> bytes:
    try:
        return ssl.PEM_cert_to_DER_cert(path.read_text(encoding="ascii"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} is no certificate in PEM: {error}") from None


def _show(where: Where, explanation: Explanation) -> None:
    from rich.text import Text

    refusal, who = explanation.refusal, explanation.authentication
    if where.json:
        print_json(
            {
                "admitted": refusal is None,
                "cause": None if refusal is None else refusal.denial.value,
                "status": 101 if refusal is None else refusal.answer.status,
                "detail": None if refusal is None else refusal.detail,
                "principal": None if who is None else who.principal.id,
                "kind": None if who is None else who.kind,
                "expires": None if who is None else iso(who.expires_at),
                "steps": [
                    {
                        "step": one.step,
                        "passed": one.passed,
                        "said": one.detail,
                        "checks": list(one.checks),
                    }
                    for one in explanation.steps
                ],
            }
        )
        return
    if refusal is None and who is not None:
        verdict = Text("admitted", style="bold green")
        about = f": {who.principal.id}, by {who.kind}"
    else:
        verdict = Text("refused", style="bold red")
        about = f": {refusal.denial.value}, HTTP {refusal.answer.status}" if refusal else ""
    console().print(Text.assemble(verdict, clean(about)))
    if refusal is not None and refusal.detail:
        console().print(Text(clean(refusal.detail)), soft_wrap=True)
    console().print()
    table(
        ["", "step!", "what was seen"],
        [
            (
                _mark(passed=one.passed),
                one.step,
                (one.detail, *(f"  {line}" for line in one.checks)),
            )
            for one in explanation.steps
        ],
    )


def _mark(*, passed: bool) -> Text:
    from rich.text import Text

    return Text("✓", style="green") if passed else Text("✗", style="red")
