"""Sign in at GitHub: the numeric id is the user, organisations and teams are groups."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from stormdoor import ConfigurationError
from stormdoor.auth.oidc.account import derived_id
from stormdoor.auth.oidc.settings import OpenIdProvider
from tests.support.openid.github import GitHub, github
from tests.support.openid.site import Person, Site, site
from tests.support.openid.visitor import query_of

ORGANISATION = {"state": "active", "role": "member", "organization": {"login": "acme", "id": 9919}}
TEAM = {"slug": "chat", "id": 1, "organization": {"login": "acme", "id": 9919}}
ADDRESS = {"email": "octo@example.com", "primary": True, "verified": True}


@asynccontextmanager
async def hub(**settings: Any) -> AsyncIterator[tuple[GitHub, Site]]:
    """The server, and a site with it as the provider."""
    async with github() as there, site(there, provider="github", **settings) as here:
        yield there, here


async def test_the_numeric_id_is_the_user() -> None:
    """A login makes an account of issuer and id; another id with the same name and address is another."""
    async with hub() as (there, here):
        async with Person(here) as octo:
            asked = query_of(await octo.begin())
            assert "scope" not in asked
            assert asked["code_challenge_method"] == "S256"
            assert (await octo.log_in("octocat")).status_code == 303
            async with await octo.visitor().open("/ws/chat") as wire:
                wire.send({"type": "say", "text": "hello"})
                assert "hello" in (await wire.receive()).text
        there.user = {**there.user, "id": 1}
        async with Person(here) as mallory:
            assert (await mallory.log_in("octocat")).status_code == 303
        made = {one.id for one in await here.guard.state.accounts.accounts()}
        assert made == {derived_id(there.issuer, "583231"), derived_id(there.issuer, "1")}
        assert "/api/v3/user/emails" not in there.asked
        assert here.guard.provider_logins == {"/auth/oidc/login": "GitHub"}


ENTRY: dict[str, tuple[dict[str, Any], dict[str, list[Any]], str]] = {
    "a member": ({"allowed_groups": ["acme"]}, {"/memberships/orgs": [ORGANISATION]}, ""),
    "a member, by number": (
        {"allowed_groups": ["id:9919"]},
        {"/memberships/orgs": [ORGANISATION]},
        "",
    ),
    "a member of a team": ({"allowed_groups": ["acme/chat"]}, {"/teams": [TEAM]}, ""),
    "no member": ({"allowed_groups": ["acme"]}, {}, "the claim groups is missing or holds no"),
    "invited": (
        {"allowed_groups": ["acme"]},
        {"/memberships/orgs": [ORGANISATION | {"state": "pending"}]},
        "the claim groups is missing or holds no",
    ),
    "an organisation with a number as its name": (
        {"allowed_groups": ["id:9919"]},
        {"/memberships/orgs": [ORGANISATION | {"organization": {"login": "9919", "id": 7}}]},
        "none of ['9919', 'id:7'] is in allowed_groups",
    ),
    "a team of the same name": (
        {"allowed_groups": ["acme/chat"]},
        {"/teams": [TEAM | {"organization": {"login": "evil", "id": 7}}]},
        "none of ['evil/chat'] is in allowed_groups",
    ),
    "a team without a name": (
        {"allowed_groups": ["acme"]},
        {"/teams": [TEAM | {"slug": 7}]},
        "holds no names",
    ),
    "a domain": ({"allowed_domains": ["example.com"]}, {"/emails": [ADDRESS]}, ""),
    "an address that is not verified": (
        {"allowed_domains": ["example.com"]},
        {"/emails": [ADDRESS | {"verified": False}]},
        "email_verified is False",
    ),
    "a second address": (
        {"allowed_domains": ["example.com"]},
        {"/emails": [ADDRESS | {"primary": False}, ADDRESS | {"email": "m@evil.example"}]},
        "the domain 'evil.example'",
    ),
    "no primary address": (
        {"allowed_domains": ["example.com"]},
        {"/emails": [ADDRESS | {"primary": False}]},
        "email_verified is None",
    ),
}


@pytest.mark.parametrize("case", ENTRY)
async def test_the_rule_decides_who_enters(case: str) -> None:
    """By an active membership or the verified primary address; each other is refused."""
    settings, lists, said = ENTRY[case]
    async with hub(**settings) as (there, here), Person(here) as octo:
        there.lists = lists
        answer = await octo.log_in("octocat")
        assert answer.status_code == (403 if said else 303), await here.refusals()
        if said:
            assert said in (await here.refusals())[-1]
            assert octo.cookie is None


async def test_teams_give_roles() -> None:
    """`roles` maps organisations and teams; a role is withdrawn after the user left."""
    roles = {"acme/chat": ["moderator"]}
    async with hub(roles=roles, follow_roles=True) as (there, here), Person(here) as octo:
        for teams, expected in (([TEAM], {"member", "moderator"}), ([], {"member"})):
            there.lists = {"/teams": teams}
            assert (await octo.log_in("octocat")).status_code == 303
            [account] = await here.guard.state.accounts.accounts()
            assert account.roles == expected


ANSWERS: dict[str, tuple[str, str, str]] = {
    "an id that is a text": ("/api/v3/user", '{"id": "1"}', "names no numeric id"),
    "an id that is true": ("/api/v3/user", '{"id": true}', "names no numeric id"),
    "an id that is a fraction": ("/api/v3/user", '{"id": 1.5}', "names no numeric id"),
    "no id": ("/api/v3/user", "{}", "names no numeric id"),
    "two ids": ("/api/v3/user", '{"id": 1, "id": 583231}', "unreadable"),
    "no list": ("/api/v3/user/teams", "{}", "not a list"),
    "a list and more": ("/api/v3/user/teams", '[], "x": []', "not a list"),
    "a list after a list": ("/api/v3/user/teams", '[], "list": []', "unreadable"),
    "no token": ("/login/oauth/access_token", '{"error": "bad"}', "answered 'bad'"),
    "a token of two lines": (
        "/login/oauth/access_token",
        '{"access_token": "a\\r\\nX: y"}',
        "no access token",
    ),
}


@pytest.mark.parametrize("answer", ANSWERS)
async def test_answers_that_are_refused(answer: str) -> None:
    """No account and no session follow from an answer of another shape."""
    path, raw, said = ANSWERS[answer]
    async with hub(allowed_groups=["acme"]) as (there, here), Person(here) as octo:
        there.lists = {"/memberships/orgs": [ORGANISATION]}
        there.raw[path] = raw
        assert (await octo.log_in("octocat")).status_code in {401, 503}
        assert said in (await here.refusals())[-1]
        assert octo.cookie is None
        assert await here.guard.state.accounts.accounts() == []


async def test_no_fresh_login_and_no_logout_is_believed() -> None:
    """GitHub says nothing about the time of a login: a step-up is refused, and so is a logout token."""
    async with hub() as (there, here), Person(here) as octo:
        await octo.log_in("octocat")
        [account] = await here.guard.state.accounts.accounts()
        [session] = await here.sessions(account.id)
        assert session.authenticated_at == 0.0
        assert (await octo.log_in("octocat", "step-up?max_age=0")).status_code == 403
        assert "does not say when" in (await here.refusals())[-1]
        before = len(there.asked)
        answer = await octo.request(
            "POST", here.url("backchannel-logout"), data={"logout_token": "a.b.c"}
        )
        assert answer.status_code == 400
        assert len(there.asked) == before


def test_settings_that_need_an_id_token_are_refused() -> None:
    """`max_age` could not be kept, so it is not accepted."""
    with pytest.raises(ConfigurationError, match="max_age and acr_values need an ID token"):
        OpenIdProvider(
            provider="github",
            client_id="app",
            redirect_uri="https://app.example/auth/github/callback",
            max_age=60,
        )
