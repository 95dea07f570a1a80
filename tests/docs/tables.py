"""The tables of the reference that are made from the code.

`python -m tests.docs.tables` writes them into the pages; a test fails when one is out of date. A page
marks the place with a line `% table: NAME` before it and `% end` after it.
"""

import ast
import inspect
import re
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

from stormdoor import Guard
from stormdoor.auth.kind import Kind
from stormdoor.auth.kinds import KINDS
from stormdoor.auth.oidc.known_providers import KNOWN_PROVIDERS, KnownProvider
from stormdoor.cli.remedies import MEANINGS, REMEDIES
from stormdoor.core.denial import ANSWERS
from stormdoor.core.event import REFUSED_AS
from stormdoor.core.limits import COMMAND_LIMITS, OWN_PROTOCOL_LIMITS, EndpointLimits, Limits
from stormdoor.runtime.measurements import measure
from tests.support.project import PACKAGE, ROOT

__all__ = ["TABLES", "THREATS", "authenticator_of", "event_names", "render", "threats"]

REFERENCE = ROOT / "docs" / "reference"
THREATS = ROOT / "threats.toml"

OTHER_EVENTS = {
    "authn_factor_added": "A second factor was enrolled, or recovery codes were made.",
    "authn_factor_removed": "A second factor was removed.",
    "authn_factor_used": "A second factor was right, at a login or a step-up.",
    "authn_login_pending": "A password was right, and the second factor is still to come.",
    "authn_login_success": "A user has logged in.",
    "authn_password_change": "A password was changed.",
    "authn_token_created": "A ticket, an access token or an API key was issued.",
    "authn_token_reuse": "A ticket or a single-use token came a second time: it may have been stolen.",
    "authn_token_revoked": "A principal, session, credential or connection, or everything, was revoked.",
    "authz_change": "The roles and policies have changed.",
    "connection_closed": "A connection has ended; the cause is there if the guard ended it.",
    "connection_opened": "A handshake was accepted.",
    "connection_renewed": (
        "An open connection has another credential, or its principal authenticated again."
    ),
    "privilege_permissions_changed": "Roles or attributes of a principal were changed.",
    "session_renewed": "A session got another secret: its principal changed or authenticated again.",
    "session_ended": "A session, or all others of a principal, were ended.",
    "sys_epoch": "An operator began another epoch of the log of revocations.",
    "sys_fenced": "The lease of a process has lapsed, or was renewed after that.",
    "sys_shutdown": "A process has shut down.",
    "sys_startup": "A process has started.",
    "trail_gap": "Entries were lost; `count` says how many.",
    "trail_retention": "Old entries were dropped.",
    "user_created": "A principal was added.",
    "user_data_erased": "The personal part of entries about a principal was erased.",
    "user_deleted": "A principal was removed.",
    "user_updated": "A principal was disabled or enabled.",
}

REFUSED_EVENTS = {
    "authn_login_fail": "A credential or password was missing or refused.",
    "authn_login_fail_max": "A client continues with wrong credentials.",
    "authz_fail": "The principal or client may not do that.",
    "excess_rate_limit_exceeded": "Too much in too short a time.",
    "excess_sessions_exceeded": "Too many connections at once.",
    "input_validation_fail": "A request or message is malformed.",
    "malicious_cors": "A page of another origin, or another name for this host.",
    "session_use_after_expire": "A credential was used after its end.",
    "sys_crash": "An unforeseen error; the log has the traceback.",
    "sys_shutdown": "Refused, or ended, because the server stops.",
    "sys_unavailable": "The store does not answer.",
}

LOGGERS = {
    "stormdoor.admission": "A step of a handshake failed with an unforeseen error.",
    "stormdoor.apps": "An adapter tells what it guards in an application, and what it cannot guard.",
    "stormdoor.channels": "A message of another node could not be delivered.",
    "stormdoor.closed": "The guard closed a connection; ten lines a minute of each cause.",
    "stormdoor.config": "The file of policies was read again, or cannot be read.",
    "stormdoor.credential_refresh": "A credential in an open connection could not be verified.",
    "stormdoor.demo": "The demo.",
    "stormdoor.demo.access": "The requests of the demo.",
    "stormdoor.factors": "A stored second factor cannot be used.",
    "stormdoor.fence": "The lease of this process has lapsed, or was renewed; its event loop was blocked.",
    "stormdoor.first_message": "The first message of a connection failed with an unforeseen error.",
    "stormdoor.guard": "The guard cannot start, or a provider cannot be asked at its start.",
    "stormdoor.handler": "A handler of the application raised.",
    "stormdoor.health": "A probe failed.",
    "stormdoor.heartbeat": "A beat of this node failed.",
    "stormdoor.listener": "The listener refuses or ends connections.",
    "stormdoor.login": (
        "A browser did not send back the cookie of a login; ten lines a minute of each address."
    ),
    "stormdoor.maintenance": "A periodic job failed, or takes long.",
    "stormdoor.oauth": "A provider of tokens or keys does not answer, or answers wrongly.",
    "stormdoor.openid": "A logout at an OpenID provider failed.",
    "stormdoor.protect": (
        "Remarks of the start-up check, a `protect()` that failed, and handlers that open a WebSocket "
        "without a declaration."
    ),
    "stormdoor.protocol": "The fast protocol is not used, or a deferred job failed.",
    "stormdoor.refused": (
        "The guard refused a handshake or a message; ten lines a minute of each cause and address, a hundred "
        "of each cause."
    ),
    "stormdoor.registry": "A connection could not be closed in order.",
    "stormdoor.serve": "Workers start, stop and are replaced.",
    "stormdoor.store": "The store does not answer, is nearly full, or is in an unsafe place.",
    "stormdoor.supervisor": "The log of revocations cannot be followed, or is another one.",
    "stormdoor.token_revalidation": "A token could not be verified again at its provider.",
    "stormdoor.trail": "The trail cannot be written, or entries are lost.",
    "stormdoor.unfinished": "A revocation was not stored yet, and is repeated.",
}


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [_row(*heads), _row(*("---" for _ in heads)), *(_row(*row) for row in rows)]
    return "\n".join(lines)


def _linked(remedy: str) -> str:
    return remedy.replace("the runbook", "the [runbook](../how-to/runbook.md)")


def denials() -> str:
    """Each denial: its text for the client, its meaning, and the remedy."""
    return _table(
        ("cause", "HTTP", "close", "`error`", "the user sees", "meaning", "remedy"),
        [
            (
                f"`{denial.value}`",
                str(answer.status),
                str(answer.close_code),
                f"`{answer.error}`",
                answer.text,
                MEANINGS[denial],
                _linked(REMEDIES[denial]),
            )
            for denial, answer in ANSWERS.items()
        ],
    )


def codes() -> str:
    """Each HTTP status and close code of a refusal, with its causes."""
    causes: dict[str, list[str]] = {}
    for denial, answer in ANSWERS.items():
        for code in (f"HTTP {answer.status}", f"close {answer.close_code}"):
            causes.setdefault(code, []).append(f"`{denial.value}`")
    return _table(
        ("code", "causes"), [(code, ", ".join(named)) for code, named in sorted(causes.items())]
    )


def _attributes(of: type) -> dict[str, str]:
    """The `Attributes:` of a docstring, by name."""
    # Cleaned: from Python 3.13 on, the compiler takes the indentation away.
    text = inspect.cleandoc(of.__doc__ or "").partition("Attributes:")[2]
    found = re.findall(r"^ {4}(\w+): (.*(?:\n {5,}.*)*)", text, re.MULTILINE)
    return {name: " ".join(said.split()) for name, said in found}


def limits() -> str:
    """Each limit with its default."""
    said = _attributes(Limits)
    return _table(
        ("name", "default", "meaning"),
        [
            (f"`{one.name}`", f"`{one.default!r}`", said[one.name])
            for one in fields(Limits)
            if one.name in said and one.name != "own_protocol"
        ],
    )


def endpoint_limits() -> str:
    """Each limit of an endpoint with its two defaults."""
    said = _attributes(EndpointLimits)
    return _table(
        ("name", "commands", "own protocol", "meaning"),
        [
            (
                f"`{name}`",
                f"`{command!r}`",
                f"`{getattr(OWN_PROTOCOL_LIMITS, name)!r}`",
                said[name],
            )
            for name, command in COMMAND_LIMITS.given().items()
        ],
    )


def _trees_with(*calls: str) -> Iterator[ast.Module]:
    """Yield the syntax tree of each module with one of these calls in its text."""
    for path in sorted(PACKAGE.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        if any(call in text for call in calls):
            yield ast.parse(text)


def event_names() -> set[str]:
    """The names of events that the code notes, apart from those of `REFUSED_AS`."""
    found: set[str] = set()
    for tree in _trees_with("Event(", "note("):
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            called = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if called == "Event":
                values = [one.value for one in node.keywords if one.arg == "name"]
            elif called in ("note", "_note"):
                values = node.args[:1]
            else:
                continue
            found |= {
                one.value
                for one in values
                if isinstance(one, ast.Constant) and isinstance(one.value, str)
            }
    return found


def refused_events() -> str:
    """The names under which refusals are recorded."""
    causes: dict[str, list[str]] = {}
    for denial, name in REFUSED_AS.items():
        causes.setdefault(name, []).append(f"`{denial.value}`")
    return _table(
        ("name", "meaning", "causes"),
        [(f"`{name}`", REFUSED_EVENTS[name], ", ".join(causes[name])) for name in sorted(causes)],
    )


def logger_names() -> set[str]:
    """The names of the loggers in the code."""
    found: set[str] = set()
    for tree in _trees_with("getLogger("):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "getLogger":
                found |= {ast.literal_eval(one) for one in node.args}
    return found


def loggers() -> str:
    """Each logger."""
    return _table(
        ("logger", "meaning"), [(f"`{name}`", LOGGERS[name]) for name in sorted(logger_names())]
    )


def other_events() -> str:
    """The names of everything else that is recorded."""
    names = sorted(event_names() - {"authn_login_fail"})
    return _table(("name", "meaning"), [(f"`{name}`", OTHER_EVENTS[name]) for name in names])


def metrics() -> str:
    """Each metric."""
    return _table(
        ("name", "type", "labels", "meaning"),
        [
            (
                f"`{one.name}{'_total' if one.kind == 'counter' else ''}`",
                one.kind,
                ", ".join(f"`{label}`" for label in one.labels),
                one.text,
            )
            for one in measure(Guard())
        ],
    )


def threats() -> list[dict[str, Any]]:
    """The catalogue, as it stands in `threats.toml`."""
    found: list[dict[str, Any]] = tomllib.loads(THREATS.read_text(encoding="utf-8"))["threat"]
    return found


def threat_list() -> str:
    """Each threat with a link to its page."""
    return _table(
        ("threat", "the attack", "the defences"),
        [
            (f"[{one['slug']}]({one['slug']}.md)", one["attack"], "; ".join(one["ends"]))
            for one in threats()
        ],
    )


def kinds() -> str:
    """The kinds of credential that a configuration file may have."""
    return _table(
        ("kind", "in Python", "ambient", "store", "once", "refresh"),
        [
            (
                f"`{one.name}`",
                f"`{authenticator_of(one)}`",
                *(
                    _flag(one, name)
                    for name in ("ambient", "needs_store", "single_use", "renewable")
                ),
            )
            for one in KINDS.values()
        ],
    )


def authenticator_of(kind: Kind[Any]) -> str:
    """The name of the class that `build` says that it returns."""
    said = str(kind.build.__annotations__["return"])
    return said.removesuffix(" | None").rpartition(".")[2]


def _flag(kind: Kind[Any], name: str) -> str:
    flag = getattr(kind, name)
    if isinstance(flag, bool):
        return "yes" if flag else "no"
    options = [one for one in flag.__code__.co_names if one in kind.settings.__struct_fields__]
    return f"by `{'`, `'.join(options)}`"


def _cell(value: str | tuple[str, ...] | None) -> str:
    named = (value,) if isinstance(value, str) else value
    return ", ".join(f"`{one}`" for one in named or ()) or "-"


def _provider_cells(known: KnownProvider) -> dict[str, str]:
    """The facts about a provider, by the heading of their column."""
    return {
        "issuer": _cell(known.issuer),
        "scopes": _cell(known.scopes if known.api else ("openid", *known.scopes)),
        "domain": _cell(known.domain_claim or ("email" if known.verifies_email else None)),
        "verified e-mail": "yes" if known.verifies_email else "no",
        "groups": _cell(known.groups_claim),
        "roles": _cell(known.roles_claim),
        "tenant": _cell(known.tenant_claim),
        "UserInfo": "yes" if known.userinfo else "no",
        "logout": ", ".join(known.logouts) or "-",
    }


def providers() -> str:
    """The differences between the well-known providers of `[oidc]`."""
    cells = {known.label: _provider_cells(known) for known in KNOWN_PROVIDERS.values()}
    heads = ("provider", *next(iter(cells.values())))
    return _table(heads, [(label, *row.values()) for label, row in cells.items()])


def provider(name: str) -> str:
    """The facts about one provider."""
    cells = _provider_cells(KNOWN_PROVIDERS[name])
    return _table(("fact", "value"), list(cells.items()))


PROVIDER_PAGES = ROOT / "docs" / "how-to" / "providers"

TABLES: dict[str, tuple[Path, Callable[[], str]]] = {
    "denials": (REFERENCE / "denials.md", denials),
    "codes": (REFERENCE / "denials.md", codes),
    "limits": (REFERENCE / "limits.md", limits),
    "endpoint-limits": (REFERENCE / "limits.md", endpoint_limits),
    "refused-events": (REFERENCE / "events.md", refused_events),
    "other-events": (REFERENCE / "events.md", other_events),
    "kinds": (REFERENCE / "configuration.md", kinds),
    "loggers": (REFERENCE / "logs.md", loggers),
    "metrics": (REFERENCE / "metrics.md", metrics),
    "threats": (REFERENCE / "threats" / "index.md", threat_list),
    "providers": (PROVIDER_PAGES / "index.md", providers),
    **{
        f"provider-{name}": (PROVIDER_PAGES / f"{name}.md", partial(provider, name))
        for name in KNOWN_PROVIDERS
    },
}


def render(name: str, text: str) -> str:
    """`text` of a page with its table `name` made anew.

    Raises:
        ValueError: The page does not mark the place.
    """
    place = re.compile(rf"^(% table: {re.escape(name)}\n).*?^(% end)$", re.MULTILINE | re.DOTALL)
    if place.search(text) is None:
        raise ValueError(f"no place for the table {name}")
    return place.sub(lambda match: f"{match[1]}\n{TABLES[name][1]()}\n\n{match[2]}", text)


def _write() -> None:
    for name, (page, _) in TABLES.items():
        page.write_text(render(name, page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    _write()
