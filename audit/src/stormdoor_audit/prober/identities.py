"""The file of `--identities`: who there is, how they get in, what is theirs, and who may do what."""

from __future__ import annotations

import re
import ssl
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stormdoor_audit.prober.document import BadDocument
from stormdoor_audit.prober.entrance import ClientCredentials, Entrance, PageToken
from stormdoor_audit.prober.evidence import leaves
from stormdoor_audit.prober.identity import Identity, Pairs
from stormdoor_audit.prober.login import Login
from stormdoor_audit.prober.member import ActionRule, Member, Policy
from stormdoor_audit.prober.peer_json import read_json
from stormdoor_audit.prober.recording import Action
from stormdoor_audit.prober.steps import read_steps
from stormdoor_audit.prober.toml import Table, open_table

__all__ = ["Identities", "learned", "read_identities"]

_FRESH = re.compile(r"(request|req|msg|message|correlation|trace|client)[_-]?id$|nonce$|seq$|time")
_LOOKED_AT = 24


@dataclass(frozen=True, slots=True)
class Identities:
    """The identities and the policy that the file declares.

    Args:
        owner: The first identity.
        others: The other identities, with the unauthenticated client if the file declares something about it.
        policy: The actions that each identity may do.
        secrets: Texts from a file or the environment; no report may show them.
    """

    owner: Member
    others: tuple[Member, ...]
    policy: Policy
    secrets: frozenset[str] = frozenset()


def _login(table: Table, authorized: Collection[str], tls: ssl.SSLContext | None) -> Login:
    found = Login(
        table.text("url"),
        table.pairs("field", secret=True),
        table.flag("json"),
        table.text("page"),
        tuple(authorized),
        tls,
    )
    table.done()
    if not found.url:
        raise BadDocument(f'{table.name}: write url = "http://…", where the login is sent to')
    return found


def _entrances(
    table: Table, authorized: Collection[str], tls: ssl.SSLContext | None
) -> tuple[Entrance, ...]:
    found: list[Entrance] = []
    if "oauth" in table:
        one = table.table("oauth")
        given = {key: one.text(key) for key in ("url", "client_id", "scope")}
        secret = one.text("client_secret", secret=True)
        more = one.pairs("more")
        one.done()
        if not given["url"] or not given["client_id"]:
            raise BadDocument(f"{one.name}: `url` (the token endpoint) and `client_id` are needed")
        found.append(
            ClientCredentials(
                given["url"], given["client_id"], secret, given["scope"], more, authorized, tls
            )
        )
    if "steps" in table:
        where = table.text("steps")
        found.append(read_steps(open_table(table.base / where), authorized, tls))
    if "token" in table:
        one = table.table("token")
        pattern = one.pattern(one.text("pattern"))
        found.append(PageToken(one.text("from"), one.text("name"), pattern, authorized, tls))
        one.done()
    return tuple(found)


def _ids(table: Table) -> Pairs:
    """`{ doc = "4711" }`, `{ doc = ["4711", "4712"] }` or `["4711"]`."""
    if isinstance(table.values.get("ids"), dict):
        inner = table.table("ids")
        found = tuple((kind, one) for kind in list(inner.values) for one in inner.texts(kind))
    else:
        found = tuple(("id", one) for one in table.texts("ids"))
    if short := next((one for _, one in found if len(one) < 2), None):
        raise BadDocument(
            f"{table.name}: the id {short!r} is too short to be told from other texts"
        )
    return found


def _member(
    name: str, table: Table, authorized: Collection[str], tls: ssl.SSLContext | None
) -> Member:
    headers = table.pairs("header", secret=True)
    if bearer := table.text("bearer", secret=True):
        headers += (("Authorization", f"Bearer {bearer}"),)
    offered = table.texts("subprotocol", secret=True)
    secret = table.texts("credential_subprotocol", secret=True)
    identity = Identity(
        name,
        table.pairs("cookie", secret=True),
        headers,
        table.pairs("query", secret=True),
        (*offered, *secret),
        table.text("first_message", secret=True),
        secret_protocols=secret or None,
    )
    login = _login(table.table("login"), authorized, tls) if "login" in table else None
    found = Member(
        identity,
        login,
        _entrances(table, authorized, tls),
        _ids(table),
        table.texts("private", secret=True),
        table.texts("allow") if "allow" in table else None,
        table.flag("all_objects"),
        tuple(str(table.base / one) for one in table.texts("replay")),
    )
    table.done()
    shows = not identity.empty or login is not None or found.entrances
    if name == "nobody" and shows:
        raise BadDocument(f"{table.name}: the identity `nobody` has no credential")
    if name != "nobody" and not shows:
        raise BadDocument(f"{table.name}: say how {name} gets in: cookie, bearer, login, …")
    return found


def read_identities(
    path: Path, authorized: Collection[str] = (), tls: ssl.SSLContext | None = None
) -> Identities:
    """Read it.

    Raises:
        BadDocument: Something in it makes no sense.
    """
    whole = open_table(path)
    tables = whole.table("identity")
    members = [_member(name, tables.table(name), authorized, tls) for name in list(tables.values)]
    rules: dict[str, ActionRule] = {}
    actions = whole.table("action")
    for name in list(actions.values):
        one = actions.table(name)
        allow = one.texts("allow") if "allow" in one else None
        rules[name] = ActionRule(one.flag("reads"), allow, one.flag("shared"))
        one.done()
        known = {member.name for member in members} | {"nobody"}
        if unknown := next((who for who in allow or () if who not in known), None):
            raise BadDocument(f"{one.name}: there is no identity {unknown!r}")
    # The same file may hold the options of the command, which the command reads itself.
    whole.table("probe")
    whole.done()
    named = [one for one in members if one.name != "nobody"]
    if not named:
        raise BadDocument(f"{path}: there is no [identity.NAME] in it")
    others = tuple(one for one in members if one is not named[0])
    return Identities(named[0], others, Policy(rules), frozenset(whole.kept))


def _shape(message: str) -> dict[str, Any]:
    return {} if read_json(message) is None else dict(leaves(message))


def learned(owner: Member, own: Sequence[Action], other: Member, others: Sequence[Action]) -> Pairs:
    """Ids of `other`, from what both said: the fields that alone differ in two messages of one action.

    Returns:
        (field, id) of the owner's and of the other's, in turn; empty where something was declared.
    """
    found: list[tuple[str, str]] = []
    if owner.ids or other.ids:
        return ()
    for one in own[:_LOOKED_AT]:
        for two in others[:_LOOKED_AT]:
            first, second = _shape(one.message), _shape(two.message)
            if one.name != two.name or not first or set(first) != set(second):
                continue
            differ = [path for path in first if first[path] != second[path]]
            names = [path for path in differ if not _FRESH.search(path.lower())]
            if len(names) != 1 or not all(
                isinstance(side[names[0]], str) and len(side[names[0]]) >= 2
                for side in (first, second)
            ):
                continue
            kind = names[0].rpartition(".")[2]
            found += [(kind, first[names[0]]), (kind, second[names[0]])]
    return tuple(found[:2])
