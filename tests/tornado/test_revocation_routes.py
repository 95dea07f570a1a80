"""Revocation over HTTP: the permission for it, the connections that it ends, and safe refusals."""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import pytest
from tornado.httpclient import AsyncHTTPClient

from stormdoor import (
    ApiKeyAuthenticator,
    Guard,
    GuardedHandler,
    JwtAuthenticator,
    JwtIssuer,
    JwtKey,
    PolicySet,
    SessionAuthenticator,
    revocation_routes,
    role,
)
from stormdoor.core.denial import Denial, Refusal
from stormdoor.errors import PolicyError, StoreUnavailable
from stormdoor.testing.contract.support import STATUS, connection
from tests.guard.fakes import FakeStore
from tests.support.references import without_reference
from tests.tornado.wire import Served, connect, serving

ORIGIN = "https://app.example"
PERMISSION = "stormdoor:revoke"
_JWT = JwtKey("HS256", secrets.token_bytes(32))


class Feed(GuardedHandler):
    permission = "feed:connect"

    def on_message(self, message: str | bytes) -> None:
        self.write_message(message)


@dataclass
class World:
    """A served guard, with a key of a member and one of the security desk."""

    guard: Guard
    served: Served
    member: str
    desk: str

    async def revoke(
        self, body: object, headers: Mapping[str, str]
    ) -> tuple[int, dict[str, object]]:
        """Return status and body. INVARIANT: an answer with 503 says when to repeat the request."""
        answer = await AsyncHTTPClient(force_instance=True).fetch(
            f"http://127.0.0.1:{self.served.port}/auth/revocations",
            method="POST",
            body=json.dumps(body),
            headers={"Content-Type": "application/json", **headers},
            raise_error=False,
        )
        assert ("Retry-After" in answer.headers) is (answer.code == 503)
        return answer.code, json.loads(answer.body)


@asynccontextmanager
async def _world(store: FakeStore | None = None) -> AsyncIterator[World]:
    guard = Guard(
        store=store,
        origins=[ORIGIN],
        hosts=["127.0.0.1"],
        authenticators=[ApiKeyAuthenticator(), SessionAuthenticator()],
        policies=PolicySet(
            [role("member", "feed:connect"), role("desk", "feed:connect", PERMISSION)]
        ),
    )
    async with serving([*revocation_routes(guard), ("/feed", Feed)], guard) as served:
        for name in ("member", "desk"):
            await guard.admin.add_principal(name, roles=[name])
        keys = [
            (await guard.admin.issue_key(name, name="k", scopes=["*"])).secret
            for name in ("member", "desk")
        ]
        yield World(guard, served, *keys)


def _key(secret: str) -> dict[str, str]:
    return {"X-API-Key": secret}


async def test_a_program_revokes_with_its_key() -> None:
    """The sockets of the principal are closed when the answer comes, and it says how many."""
    async with _world() as world:
        key = ("X-API-Key", world.member)
        sockets = [await connect(world.served.port, "/feed", key) for _ in range(2)]
        order = {"target": "principal", "value": "member", "reason": "stolen"}
        assert await world.revoke(order, _key(world.desk)) == (200, {"closed": 2, "known": True})
        for one in sockets:
            async with one:
                assert await one.close_code() == 3000
        await world.guard.trail.flush()
        (noted,) = await world.guard.state.trail.entries(event="authn_token_revoked")
        assert noted.event.actor == "desk"
        assert "stolen" in noted.event.detail


async def test_a_program_waits_for_all_nodes() -> None:
    """With `wait`, the answer also says how many nodes have applied the revocation."""
    async with _world() as world:
        order = {"target": "principal", "value": "member", "wait": "cluster"}
        answer = {"closed": 0, "applied": 1, "lapsed": 0, "known": True}
        assert await world.revoke(order, _key(world.desk)) == (200, answer)
        assert (await world.revoke({**order, "wait": "no"}, _key(world.desk)))[0] == 400


@pytest.mark.parametrize(
    ("broken", "outcome"),
    [
        ("key", "none"),
        ("account", "none"),
        ("add_revocation", "kept"),
        ("remove_sessions", "kept"),
        ("members", "stored"),
    ],
)
async def test_an_unanswered_revocation_says_if_anything_is_revoked(
    broken: str, outcome: str
) -> None:
    """A 503 says in a fixed word if nothing is revoked, or the process repeats it, or it is stored."""
    store = FakeStore()
    async with _world(store) as world:
        store.broken[broken] = StoreUnavailable("the fake store is down")
        order = {"target": "principal", "value": "ghost", "wait": "cluster"}
        code, body = await world.revoke(order, _key(world.desk))
        assert (code, body["error"], body["revocation"]) == (503, "unavailable", outcome)
        assert "epeat the request" in str(body["detail"])
        assert len(world.guard.admin.unfinished) == (outcome == "kept")
        store.broken.clear()
        await world.guard.tick()
        stored = await world.guard.state.revocations.revocations()
        assert [one.value for one in stored] == ["ghost"] * (outcome != "none")


async def test_a_revocation_that_is_neither_stored_nor_kept_says_so() -> None:
    """If too many changes wait, the sockets here are closed and the answer tells that this is all."""
    store = FakeStore()
    async with _world(store) as world:
        world.guard.admin.unfinished._at_most = 0
        socket = await connect(world.served.port, "/feed", ("X-API-Key", world.member))
        store.broken["add_revocation"] = StoreUnavailable("the fake store is down")
        order = {"target": "principal", "value": "member"}
        code, body = await world.revoke(order, _key(world.desk))
        assert (code, body["revocation"]) == (503, "here")
        async with socket:
            assert await socket.close_code() == 3000


async def test_a_503_before_the_caller_is_known_says_that_nothing_is_revoked() -> None:
    """An unauthenticated client learns no more than that."""
    store = FakeStore()
    async with _world(store) as world:
        world.guard.checks.revocations_stale = True
        code, body = await world.revoke({"target": "everything"}, {})
        assert (code, body["revocation"]) == (503, "none")


async def test_an_unknown_name_is_revoked_and_reported() -> None:
    """`known` is False for a name without a trace, also after it was revoked once."""
    async with _world() as world:
        for value, known in (("membr", False), ("membr", False), ("member", True)):
            order = {"target": "principal", "value": value}
            answer = await world.revoke(order, _key(world.desk))
            assert answer == (200, {"closed": 0, "known": known}), value
        stored = await world.guard.state.revocations.revocations()
        assert [one.value for one in stored] == ["membr", "membr", "member"]


async def test_a_failed_look_up_does_not_make_a_revocation_fail() -> None:
    """If only the question about the name fails, the revocation is stored, and `known` is null."""
    store = FakeStore()
    async with _world(store) as world:
        for error in (StoreUnavailable("down"), ValueError("a damaged entry")):
            store.broken["entries"] = error
            order = {"target": "principal", "value": "ghost"}
            answer = await world.revoke(order, _key(world.desk))
            assert answer == (200, {"closed": 0, "known": None})
        assert len(await world.guard.state.revocations.revocations()) == 2


@pytest.mark.parametrize(
    ("who", "status"),
    [("nobody", 401), ("member", 403), ("wrong", 401), ("revoked", 401), ("narrow", 403)],
)
async def test_who_may_not(who: str, status: int) -> None:
    """No credential, one without the permission, none that counts: nothing is revoked."""
    async with _world() as world:
        guard = world.guard
        narrow = await guard.admin.issue_key("desk", name="n", scopes=["feed:*"])
        if who == "revoked":
            await guard.admin.revoke_key(world.desk.split("_")[1])
            await guard.admin.set_disabled("desk", True)
        headers = {
            "nobody": {},
            "member": _key(world.member),
            "wrong": _key(world.desk[:-1] + ("y" if world.desk.endswith("x") else "x")),
            "revoked": _key(world.desk),
            "narrow": _key(narrow.secret),
        }[who]
        before = await guard.state.revocations.revocations()
        code, body = await world.revoke({"target": "everything"}, headers)
        assert code == status
        assert set(without_reference(body)) == {"error"}
        assert await guard.state.revocations.revocations() == before


async def test_a_session_of_an_administrator_revokes_from_its_own_page_only() -> None:
    """A cookie comes along from any page: the Origin decides (CSRF)."""
    async with _world() as world:
        issued = await world.guard.sessions.create("desk")
        cookie = {"Cookie": f"{world.guard.sessions.cookie.name}={issued.secret}"}
        order = {"target": "role", "value": "guest"}
        foreign = {**cookie, "Origin": "https://evil.example"}
        assert (await world.revoke(order, foreign))[0] == 403
        assert (await world.revoke(order, cookie))[0] == 403  # no Origin at all
        assert await world.guard.state.revocations.revocations() == []
        answer = await world.revoke(order, {**cookie, "Origin": ORIGIN})
        assert answer == (200, {"closed": 0, "known": None})


@pytest.mark.parametrize(
    "order",
    [
        {"target": "changed", "value": "member"},
        {"target": "principal"},
        {"target": "principal", "value": "member", "before": 9e12},
        {"target": "session", "value": "s", "before": 1},
        {"target": "everything", "value": "member"},
        {"target": "principal", "value": "member", "how": "gently"},
        ["principal"],
    ],
    ids=json.dumps,
)
async def test_an_order_that_makes_no_sense(order: object) -> None:
    """It is refused, and nothing is revoked."""
    async with _world() as world:
        status, body = await world.revoke(order, _key(world.desk))
        assert (status, without_reference(body)) == (400, {"error": "invalid"})
        assert await world.guard.state.revocations.revocations() == []


def test_the_permission_must_be_one() -> None:
    """Said at the start, not at the first theft."""
    with pytest.raises(PolicyError):
        revocation_routes(Guard(), permission="may revoke")


_OVER = Refusal(Denial.ENDED, "the test ends it")

# Tenants ---------------------------------------------------------------------------------------


@dataclass
class Houses:
    """Credentials of two tenants and of none, as targets of a revocation."""

    world: World
    names: dict[str, str]

    async def order(self, who: str, target: str, value: str) -> int:
        """The answer to an order of the administrator `who`."""
        order = {"target": target, "value": self.names.get(value, value)}
        return (await self.world.revoke(order, _key(self.names[f"key of {who}"])))[0]


def _token(who: str, tenant: str | None) -> str:
    claims = {"roles": ["member"]} | ({} if tenant is None else {"tenant": tenant})
    return JwtIssuer(_JWT, "here", "chat").issue(who, now=time.time(), claims=claims).token


@asynccontextmanager
async def _houses() -> AsyncIterator[Houses]:
    """Administrators of acme, of globex, of no tenant, and one of no tenant who reaches all."""
    tokens = {
        f"token of {who}": _token(who, tenant)
        for who, tenant in (("ann", "acme"), ("gus", "globex"))
    }
    guard = Guard(
        origins=[ORIGIN],
        hosts=["127.0.0.1"],
        authenticators=[
            ApiKeyAuthenticator(),
            JwtAuthenticator(keys=[_JWT], issuer="here", audience="chat", tenant_claim="tenant"),
        ],
        policies=PolicySet(
            [
                role("member", "feed:connect"),
                role("desk", PERMISSION),
                role("root", PERMISSION, across_tenants=True),
            ]
        ),
    )
    async with serving([*revocation_routes(guard), ("/feed", Feed)], guard) as served:
        names = {name: hashlib.sha256(one.encode()).hexdigest() for name, one in tokens.items()}
        for tenant in ("acme", "globex", None):
            for job in ("desk", "member"):
                id = f"{job} {tenant}"
                await guard.admin.add_principal(id, roles=[job], tenant=tenant)
                issued = await guard.admin.issue_key(id, name="k", scopes=["*"])
                names |= {f"key of {id}": issued.secret, f"id of {id}": issued.key.id}
            owner, device = f"member {tenant}", f"phone of {tenant}"
            session = await guard.sessions.create(owner, device_id=device)
            names[f"session of {tenant}"] = session.session.id
        await guard.admin.add_principal("root", roles=["root"])
        names["key of root"] = (await guard.admin.issue_key("root", name="k", scopes=["*"])).secret
        async with AsyncExitStack() as sockets:
            for name, one in tokens.items():
                bearer = ("Authorization", f"Bearer {one}")
                await sockets.enter_async_context(await connect(served.port, "/feed", bearer))
                (connection,) = guard.registry.of_principal(name.removeprefix("token of "))
                names[f"socket of {name}"] = connection.id
            yield Houses(World(guard, served, "", ""), names)


OWN = [
    ("session", "session of acme"),
    ("credential", "id of member acme"),
    ("connection", "socket of token of ann"),
    ("principal", "member acme"),
    ("tenant", "acme"),
]
OTHERS = [
    ("principal", "member globex"),
    ("principal", "member None"),
    ("principal", "ghost"),
    ("principal", "gus"),
    ("session", "session of globex"),
    ("session", "ghost"),
    ("credential", "id of member globex"),
    ("credential", "jti-of-somebody"),
    ("token", "token of gus"),
    ("token", "00" * 32),
    ("device", "phone of globex"),
    ("device", "phone of acme"),
    ("role", "member"),
    ("tenant", "globex"),
    ("tenant", "not only acme"),
    ("connection", "socket of token of gus"),
    ("connection", "ghost"),
    ("everything", ""),
]


async def test_the_administrator_of_a_tenant_revokes_in_it_and_nowhere_else() -> None:
    """Neither what is of another tenant, nor what may be; and the answer does not say which it is."""
    async with _houses() as here:
        for target, value in OTHERS:
            assert await here.order("desk acme", target, value) == 403, (target, value)
        assert await here.world.guard.state.revocations.revocations() == []
        assert len(here.world.guard.registry) == 2
        for target, value in OWN:
            assert await here.order("desk acme", target, value) == 200, (target, value)
        assert len(here.world.guard.registry.of_principal("gus")) == 1
        await here.world.guard.trail.flush()
        # One entry, or two where the heart has written in between: a busy machine takes its time.
        entries = await here.world.guard.state.trail.entries(event="authz_fail")
        assert sum(one.event.count for one in entries) == len(OTHERS)
        assert {one.event.policies for one in entries} == {("tenant",)}


async def test_who_reaches_all_tenants_revokes_everywhere() -> None:
    """A principal with the cross-tenant permission can revoke in every tenant."""
    async with _houses() as here:
        for target, value in OTHERS[:-1] + OWN:
            assert await here.order("root", target, value) == 200, (target, value)


async def test_a_token_is_of_one_tenant() -> None:
    """Only an operator of the connection's tenant can revoke a token by its hash."""
    async with _houses() as here:
        assert await here.order("desk globex", "token", "token of ann") == 403
        assert await here.order("desk acme", "token", "token of ann") == 200


async def test_without_a_tenant_one_reaches_what_has_none() -> None:
    """As everywhere in the policies: to reach into a tenant takes a role that is made for it."""
    async with _houses() as here:
        for target, value in [
            ("principal", "member acme"),
            ("device", "phone of acme"),
            ("role", "member"),
            ("tenant", "acme"),
            ("token", "token of ann"),
            ("everything", ""),
        ]:
            assert await here.order("desk None", target, value) == 403, (target, value)
        for target, value in [
            ("principal", "member None"),
            ("device", "phone of None"),
            ("credential", "jti-of-somebody"),
        ]:
            assert await here.order("desk None", target, value) == 200, (target, value)


async def test_known_is_judged_by_the_tenants_of_the_caller() -> None:
    """No caller learns a deleted name, or one from a foreign issuer, of a tenant that it may not reach."""
    async with _houses() as here:
        guard, world = here.world.guard, here.world
        await guard.admin.add_principal("ria", tenant="acme")
        await guard.admin.add_principal("sam")
        for name in ("ria", "sam"):
            await guard.admin.remove_principal(name)
        bearer = ("Authorization", f"Bearer {_token('kim', None)}")
        async with await connect(world.served.port, "/feed", bearer):
            pass
        for name in ("ann", "kim"):
            guard.registry.end_all(guard.registry.of_principal(name), _OVER)
        await guard.trail.flush()

        async def known(who: str, value: str) -> object:
            order = {"target": "principal", "value": value}
            code, body = await world.revoke(order, _key(here.names[f"key of {who}"]))
            assert code == 200
            return body["known"]

        for value, seen in (("ria", False), ("ann", False), ("sam", True), ("kim", True)):
            assert await known("desk None", value) is seen, value
            assert await known("root", value) is True, value
        assert await known("root", "ghost") is False


# Dry runs ---------------------------------------------------------------------------------------


async def test_a_dry_run_lists_and_changes_nothing() -> None:
    """The answer has the effect, and neither the log of revocations nor the trail has an entry of it."""
    async with _houses() as here:
        guard, key = here.world.guard, _key(here.names["key of root"])
        await guard.trail.flush()
        before = len(await guard.state.trail.entries())
        order = {"target": "everything", "dry_run": True}
        status, found = await here.world.revoke(order, key)
        assert status == 200
        assert found["dry_run"] is True
        assert {one["principal"] for one in _rows(found, "sockets")} == {"ann", "gus"}
        assert len(_rows(found, "sessions")) == 3
        assert found["nodes"] == [guard.registry.node]
        assert found["complete"] is True
        await guard.trail.flush()
        assert len(await guard.state.trail.entries()) == before
        assert await guard.state.revocations.revocations() == []
        assert len(guard.registry) == 2


def _rows(found: Mapping[str, object], name: str) -> list[dict[str, str]]:
    rows = found[name]
    assert isinstance(rows, list)
    return rows


async def test_a_dry_run_needs_the_permission_of_the_revocation() -> None:
    """A caller gets 403 for the dry run of each revocation that it may not make, with the same fields."""
    async with _houses() as here:
        for who in ("member acme", "desk acme"):
            for target, value in OTHERS:
                order = {"target": target, "value": here.names.get(value, value)}
                key = _key(here.names[f"key of {who}"])
                real, looked = [
                    await here.world.revoke({**order, "dry_run": dry}, key) for dry in (False, True)
                ]
                assert real[0] == looked[0] == 403
                assert looked[1].keys() == real[1].keys()
                assert looked[1]["error"] == real[1]["error"]
        for target, value in OWN:
            order = {"target": target, "value": here.names.get(value, value)}
            key = _key(here.names["key of desk acme"])
            answer = await here.world.revoke({**order, "dry_run": True}, key)
            assert answer[0] == 200, (target, value)


async def test_a_principal_of_another_tenant_with_the_same_name_is_not_revoked() -> None:
    """Its sockets are on another node: order and dry run are refused, without a word about them."""
    async with _houses() as here:
        guard = here.world.guard
        await guard.state.members.beat("other", STATUS, joining=True)
        listed = [
            connection(f"{tenant} {n}", "other", principal_id="member acme", **names)
            for n in range(3)
            for tenant in ("acme", "globex")
            for names in [{"issued_at": 1.0, "tenant": tenant, "address": f"of {tenant}"}]
        ]
        await guard.state.connections.sync_connections("other", listed, [])
        order = {"target": "principal", "value": "member acme"}
        desk, root = (_key(here.names[f"key of {who}"]) for who in ("desk acme", "root"))
        for refused in (order, order | {"dry_run": True}):
            status, answer = await here.world.revoke(refused, desk)
            assert status == 403
            assert "globex" not in json.dumps(answer)
        status, answer = await here.world.revoke(order | {"dry_run": True}, root)
        assert (status, len(_rows(answer, "sockets"))) == (200, 6)
        await guard.state.connections.sync_connections(
            "other", [], [f"globex {n}" for n in range(3)]
        )
        status, answer = await here.world.revoke(order | {"dry_run": True}, desk)
        assert status == 200
        assert [one["id"] for one in _rows(answer, "sockets")] == [f"acme {n}" for n in range(3)]
        assert (await here.world.revoke(order, desk))[0] == 200


@pytest.mark.parametrize(
    "target",
    ["principal", "session", "credential", "token", "device", "role", "connection", "everything"],
)
async def test_sockets_of_a_tenant_on_another_node_need_a_role_for_all_tenants(target: str) -> None:
    """A caller without a tenant does not end them, though only the list of connections has their tenant."""
    guard = Guard(
        origins=[ORIGIN],
        hosts=["127.0.0.1"],
        authenticators=[ApiKeyAuthenticator()],
        policies=PolicySet([role("desk", PERMISSION)]),
    )
    async with serving([*revocation_routes(guard), ("/feed", Feed)], guard) as served:
        await guard.admin.add_principal("desk", roles=["desk"])
        secret = (await guard.admin.issue_key("desk", name="k", scopes=["*"])).secret
        world = World(guard, served, "", "")
        await guard.state.members.beat("other", STATUS, joining=True)
        name = "0a" * 32
        names = {
            "principal_id": name,
            "session_id": name if target == "session" else None,
            "credential_id": name,
            "token_hash": name,
            "device_id": name,
            "roles": frozenset({name}),
            "issued_at": 1.0,
            "tenant": "acme",
        }
        await guard.state.connections.sync_connections(
            "other", [connection(name, "other", **names)], []
        )
        order = {"target": target, "value": "" if target == "everything" else name}
        assert (await world.revoke(order, _key(secret)))[0] == 403
        assert await guard.state.revocations.revocations() == []
        await guard.state.connections.sync_connections("other", [], [name])
        assert (await world.revoke(order, _key(secret)))[0] == 200


async def test_a_dry_run_waits_for_no_node() -> None:
    """A dry run that is told to wait for the cluster is refused."""
    async with _houses() as here:
        order = {"target": "everything", "dry_run": True, "wait": "cluster"}
        assert (await here.world.revoke(order, _key(here.names["key of root"])))[0] == 400
