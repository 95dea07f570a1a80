"""Stored values and the wire: what an earlier commit wrote is read, accepted and answered as before."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import chain
from pathlib import Path
from typing import Any

import pyotp
import pytest

from stormdoor import Guard
from stormdoor.auth.dpop.server_nonce import ServerNonce
from stormdoor.auth.factors.secret_box import SecretBox
from stormdoor.auth.oidc import logout
from stormdoor.auth.oidc.account import derived_id
from stormdoor.auth.oidc.authorization_request import AuthorizationRequest, LoginStateCookie
from stormdoor.auth.oidc.logout_token import LogoutToken
from stormdoor.core.pending import Pending
from stormdoor.core.revocation import Target
from stormdoor.guard.trail_verification import verify_trail
from stormdoor.ports import StoredState
from stormdoor.stores import MemoryStore, SqliteStore
from tests.compatibility.application import TRAIL_KEY, make_application, make_guard
from tests.compatibility.client import Client, Transcript
from tests.compatibility.recorder import CREDENTIALS, STORE, TRANSCRIPT, dump, load, record, rows
from tests.support.clock import FakeClock
from tests.tornado.wire import log_lines, serving

RECORDED = Path(__file__).parent / "recorded"
CREDENTIAL: dict[str, Any] = json.loads((RECORDED / CREDENTIALS).read_text(encoding="utf-8"))
PASSWORD = "correct horse battery staple"

pytestmark = [pytest.mark.slow]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A copy of the recorded store."""
    found = tmp_path / "store.db"
    load((RECORDED / STORE).read_text(encoding="utf-8"), found)
    return found


@asynccontextmanager
async def reopened(path: Path) -> AsyncIterator[tuple[Guard, Client]]:
    """The application on the recorded store, five seconds after the recording, and a client."""
    guard = make_guard(path, FakeClock(CREDENTIAL["now"]))
    with log_lines("stormdoor", "tornado.access"):
        async with serving(make_application(guard), guard) as at:
            client = Client(at.port, Transcript(), "198.51.100.1")
            try:
                yield guard, client
            finally:
                await client.transcript.hang_up()


# -- what is written today ----------------------------------------------------------------------------


@pytest.mark.xdist_group("recording")
async def test_the_same_requests_write_and_answer_the_same(tmp_path: Path, path: Path) -> None:
    """The answers, frames and rows of a new run equal the recorded ones, but for their random parts."""
    new = tmp_path / "new"
    new.mkdir()
    await record(new, new)
    recorded = json.loads((RECORDED / TRANSCRIPT).read_text(encoding="utf-8"))
    again = json.loads((new / TRANSCRIPT).read_text(encoding="utf-8"))
    assert list(again) == list(recorded)
    for name, lines in recorded.items():
        assert again[name] == lines, name
    recorded_store = SqliteStore(path)
    await recorded_store.open()  # brings the recorded file to the present schema
    await recorded_store.close()
    before, after = rows(path), rows(new / "store.db")
    assert list(after) == list(before)
    after = _without_changes(after)
    for table, lines in before.items():
        assert after[table] == lines, table


def _without_changes(found: dict[str, list[str]]) -> dict[str, list[str]]:
    """Return rows as they were written until the log named each change, and those of factors.

    Decision 61 gave the entry of a change its name. Decision 77 gave changes of second factors an entry.
    Decision 83 stored the former id of a rotated session, and decision 84 the beginning of an epoch. Decision
    102 added the tenant to some entries of the trail, and decision 110 the node to each. Decision 137 counts
    wrong passwords in the store.
    """
    tables = {table: [json.loads(line) for line in lines] for table, lines in found.items()}
    assert len(tables["former_session_id"]) == 1
    tables["former_session_id"] = []
    assert len(tables["guess"]) >= 2
    tables["guess"] = []
    tables["pending"] = [row for row in tables["pending"] if row["purpose"] != "epoch"]
    of_factors = [
        row["seq"]
        for row in tables["revocation"]
        if row["target"] == "changed"
        and row["reason"].startswith(("factor ", "used ", "recovery codes"))
    ]
    assert len(of_factors) == 3

    def position(now: int) -> int:
        return now - sum(seq <= now for seq in of_factors)

    tables["revocation"] = [row for row in tables["revocation"] if row["seq"] not in of_factors]
    for row in tables["revocation"]:
        row["seq"] = position(row["seq"])
        row["reason"] = "" if row["target"] == "changed" else row["reason"]
    for row in chain.from_iterable(tables.values()):
        if row.get("log_seq") is not None:
            row["log_seq"] = position(row["log_seq"])
        if row.get("name") == "revocation" and "value" in row:
            row["value"] = position(row["value"])
    for row in chain.from_iterable(tables.values()):
        for part, later in (("personal", "tenant"), ("body", "node")):
            if row.get(part):
                facts = json.loads(row[part])
                facts.pop(later, None)
                row[part] = json.dumps(facts, ensure_ascii=False, separators=(",", ":"))
    return {
        table: [json.dumps(row, ensure_ascii=False) for row in lines]
        for table, lines in tables.items()
    }


# -- what was written then ----------------------------------------------------------------------------


async def test_the_chain_verifies_with_its_key_only(path: Path) -> None:
    """Each entry of the recorded trail, with the erased ones, follows from the one before."""
    async with reopened(path) as (guard, _):
        found = await verify_trail(guard.state.trail, key=TRAIL_KEY)
        assert (found.faults, found.erased) == ((), 1)
        assert found.entries > 100
        assert (await verify_trail(guard.state.trail, key=b"x" * 32)).faults


async def test_accounts_identities_and_nonces_are_found(path: Path) -> None:
    """Rows that no credential reads."""
    async with reopened(path) as (guard, _):
        alice = await guard.state.identities.identity("https://id.example", "subject 1")
        assert alice is not None
        assert (alice.id, alice.tenant, alice.attributes) == ("alice", "north", {"level": 4})
        assert alice.roles == {"member"}
        dora = await guard.state.accounts.account("dora")
        assert dora is not None
        assert dora.disabled
        assert not await guard.state.nonces.use_nonce("jti", "used", CREDENTIAL["now"] + 600)


async def test_valid_credentials_open_sockets(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Session, keys and token. The ticket is found, and refused: a copied file begins another epoch."""
    async with reopened(path) as (_, client):
        [session] = CREDENTIAL["session"].items()
        bearer = f"Bearer {CREDENTIAL['token']}"
        offer = f"stormdoor.v1, stormdoor.ticket.{CREDENTIAL['ticket']}"
        sockets = [
            await client.open("session", Cookie="=".join(session)),
            await client.open("token", Authorization=bearer),
            *[await client.open(key, X_API_Key=key) for key in CREDENTIAL["keys"]],
        ]
        for socket in sockets:
            said = await socket.ask('{"type": "say", "room": "lobby", "text": "again"}')
            assert json.loads(said.text) == {"type": "said", "room": "lobby", "text": "again"}
            await socket.leave()
        assert await client.refused("ticket", Sec_WebSocket_Protocol=offer) == 401
        assert "ticket: it was issued before the database failed over" in caplog.text


@pytest.mark.parametrize("name", CREDENTIAL["ended"])
async def test_revoked_credentials_stay_revoked(path: Path, name: str) -> None:
    """The recorded log of revocations ends each credential that it named."""
    headers = {key.replace("-", "_"): value for key, value in CREDENTIAL["ended"][name].items()}
    async with reopened(path) as (_, client):
        assert await client.refused(name, **headers) == 401


async def test_targets_of_revocations_are_read(path: Path) -> None:
    """Every target of the recorded log has its meaning."""
    async with reopened(path) as (guard, _):
        targets = {one.target for one in await guard.state.revocations.revocations()}
        assert targets == set(Target) - {Target.TOKEN, Target.CONNECTION}


async def test_a_pending_login_is_finished_with_the_sealed_factor(path: Path) -> None:
    """The cookie finds its entry, and the code of the unsealed secret is right."""
    async with reopened(path) as (guard, client):
        client.cookies = dict(CREDENTIAL["pending"][0])
        code = pyotp.TOTP(CREDENTIAL["totp"]).at(int(guard.clock.now()))
        answer = await client.http("code", "POST", "/auth/second-factor", {"totp": code})
        assert (answer.status, answer.json["principal"]) == (200, "bob")


async def test_a_recovery_code_is_accepted(path: Path) -> None:
    """The recorded hash is that of the code."""
    async with reopened(path) as (guard, client):
        client.cookies = dict(CREDENTIAL["pending"][1])
        body = {"recovery_code": CREDENTIAL["recovery_code"]}
        assert (await client.http("code", "POST", "/auth/second-factor", body)).status == 200
        assert await guard.state.recovery_codes.recovery_codes("bob") == 9


async def test_an_enrolment_is_finished(path: Path) -> None:
    """Its sealed secret is found by the id that the client holds."""
    async with reopened(path) as (guard, client):
        client.cookies = dict(CREDENTIAL["session"])
        code = pyotp.TOTP(CREDENTIAL["enrolment"]["secret"]).at(int(guard.clock.now()))
        body = {"id": CREDENTIAL["enrolment"]["id"], "code": code, "name": "watch"}
        answer = await client.http("confirm", "POST", "/auth/factors/totp/confirm", body)
        assert answer.status == 201


async def test_password_hashes_and_familiar_addresses_are_known(path: Path) -> None:
    """A login from a recorded address finds its fingerprint."""
    async with reopened(path) as (guard, client):
        before = rows(path)["familiar_address"]
        client.address = "192.0.2.35"  # that of the session that remains
        body = {"username": "alice", "password": PASSWORD}
        assert (await client.http("login", "POST", "/auth/login", body)).status == 200
        assert rows(path)["familiar_address"] == before
        account = await guard.state.accounts.account("alice")
        assert account is not None
        assert (account.password_hash or "") in dump(path)


# -- values that need another server, or another key ---------------------------------------------------


def test_the_id_of_an_account_at_a_provider() -> None:
    """An account that was made at a login is found again."""
    expected = "oidc-9aa6ce55ff8edced26880aef7a48dc81"
    assert derived_id("https://id.example", "subject 1") == expected


def test_the_state_of_a_login_at_a_provider() -> None:
    """A browser that was sent to the provider before an upgrade finishes its login after it."""
    cookie = LoginStateCookie("k" * 43)
    id = "a17063a60ade96c32b42d5a9a523735c80c8e16482833c47dcc944d6415a5d79"
    assert cookie.id("s") == id
    assert cookie.verifier("s") == "hWfIjf-1-nQSKNYMxK7NIpuZBfy5AULTeU642yRaJh4"
    assert cookie.nonce("s") == "cDEe-R2fPmlKErrrgSnxKr08vjy3n-4HWS_2TlOfDjM"
    stored = Pending(
        id=id,
        purpose="openid-journey",
        principal_id="alice",
        session_id="session",
        data={
            "intent": "link",
            "issuer": "https://id.example",
            "return_to": "/room",
            "max_age": 5.0,
            "acr_values": ["a"],
        },
        created_at=1.0,
        expires_at=601.0,
    )
    read = AuthorizationRequest.read(stored)
    assert (read.intent, read.issuer, read.return_to) == ("link", "https://id.example", "/room")
    again = read.pending(id, "alice")
    assert again == stored
    assert again.data == stored.data


async def test_the_records_of_a_logout_at_a_provider() -> None:
    """A logout that arrived before an upgrade is known after it."""
    store, issuer = MemoryStore(), "https://id.example"
    await store.open()
    await logout.announce(
        issuer, subject=None, sid="x", at=1.0, now=1.0, state=StoredState.of(store)
    )
    id = "f30d4eb517f267bf9319797685887dc14249a12f16cb82a0393f856e4a8532c7"
    assert await store.pending(id, "openid-logout") is not None
    token = LogoutToken(
        issuer=issuer, id="token", issued_at=1.0, expires_at=2.0, subject=None, session_id="x"
    )
    await logout.spend(issuer, token, state=StoredState.of(store), now=1.0)
    spent = hashlib.sha256(f"{issuer}\ntoken".encode()).hexdigest()
    assert await store.pending(spent, "openid-logout-token") is not None


def test_sealed_secrets_and_derived_keys() -> None:
    """A sealed secret unseals with its key, also when another key has taken its place."""
    sealed = "v1.8df9e3ad.9J9JBxK20zFfVPK_6G4Urw8xjs0VnOkETUA3oRh8YTvEug=="
    old, new = b"k" * 32, b"n" * 32
    names = "7a24ee7e621a86cebd3feba09dc8db7c398b85d1f0a75e7507836a879b85e716"
    assert SecretBox([old]).derive("names").hex() == names
    for keys, stale in (([old], False), ([new, old], True)):
        found = SecretBox(keys).open(sealed, belongs_to="ctx")
        assert found is not None
        assert (found.secret, found.stale) == (b"secret", stale)
    assert SecretBox([old]).open(sealed, belongs_to="other") is None


def test_nonces_of_the_server() -> None:
    """A nonce that another process issued before the upgrade is fresh after it."""
    nonces = ServerNonce([b"n" * 32], 60.0)
    assert nonces.issue(1_767_225_600.0) == "AAAAAGlVuQCCP5oJgI8xrrnGKjyaS246"
