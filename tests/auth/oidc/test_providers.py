"""The rules of entry, with a real provider in the form of each well-known one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stormdoor import ConfigurationError
from stormdoor.auth.oidc.account import derived_id
from stormdoor.auth.oidc.entry import check_entry
from stormdoor.auth.oidc.known_providers import KNOWN_PROVIDERS
from stormdoor.auth.oidc.settings import OpenIdProvider
from stormdoor.stores.memory import MemoryStore
from tests.auth.oidc.providers import FORMS, OTHER_TENANT, TENANT_ID, Form
from tests.support.openid.provider import RealProvider, openid, provider
from tests.support.openid.site import Person, site
from tests.support.openid.visitor import query_of

__all__ = ["openid", "provider"]

PUBLIC = "The sign-in service knows your account, but the account has no access to this site."


def take(provider: RealProvider, form: Form, **more: Any) -> dict[str, Any]:
    """Give the provider a form. Returns the settings for it."""
    origin = provider.issuer
    known = {**form.form, **more}
    if "key" in known:
        known["key"] = known["key"].replace("ORIGIN", origin)
    issuer = provider.take_form(**known)
    settings = {"issuer": issuer, **form.settings}
    settings["issuer"] = settings["issuer"].replace("ORIGIN", origin)
    return settings


@pytest.mark.installs
@pytest.mark.parametrize("name", FORMS)
async def test_the_rule_decides_who_enters(name: str, provider: RealProvider) -> None:
    """One user enters by the rule. Each other is refused: the log names the option, the page nothing."""
    form = FORMS[name]
    settings = take(provider, form)
    provider.account("alice", **form.enters)
    for number, (claims, _) in enumerate(form.refused.values()):
        provider.account(f"mallory-{number}", **claims)
    async with site(provider, **settings) as here:
        async with Person(here) as alice:
            answer = await alice.log_in("alice")
            assert answer.status_code == 303, await here.refusals()
            [account] = await here.guard.state.accounts.accounts()
            assert account.id == derived_id(here.settings.issuer, "alice")
        for number, (claims, said) in enumerate(form.refused.values()):
            async with Person(here) as mallory:
                answer = await mallory.log_in(f"mallory-{number}")
                assert answer.status_code == 403, claims
                assert PUBLIC in answer.text
                assert mallory.cookie is None
            assert said in (await here.refusals())[-1]
        assert len(await here.guard.state.accounts.accounts()) == 1


@pytest.mark.installs
@pytest.mark.parametrize("name", FORMS)
async def test_without_the_rule_each_of_them_enters(name: str, provider: RealProvider) -> None:
    """The rule refuses them, and nothing else does."""
    form = FORMS[name]
    settings = take(provider, form)
    rules = [one for one in settings if one.startswith("allowed_") and one != "allowed_tenants"]
    for number, (claims, _) in enumerate(form.refused.values()):
        provider.account(f"mallory-{number}", **claims)
    settings |= dict.fromkeys(rules)
    settings |= {
        "allowed_tenants": None,
        "issuer": settings["issuer"].replace("{tenantid}", TENANT_ID),
    }
    async with site(provider, **settings) as here:
        for number in range(len(form.refused)):
            async with Person(here) as mallory:
                assert (await mallory.log_in(f"mallory-{number}")).status_code == 303


@pytest.mark.installs
async def test_tenants_that_share_an_issuer(provider: RealProvider) -> None:
    """Users of two stated tenants enter by one button, each as a user of the own tenant's issuer."""
    origin = provider.issuer
    base = "/organizations/v2.0"
    shared = origin + "/{tenantid}/v2.0"
    form = Form(
        form={
            "base": base,
            "document": {
                "issuer": shared,
                "authorization_response_iss_parameter_supported": None,
            },
            "key": shared,
        },
        settings={
            "provider": "entra",
            "issuer": shared,
            "allowed_tenants": [TENANT_ID, OTHER_TENANT],
        },
        enters={},
        refused={},
    )
    settings = take(provider, form, prefix=f"/{TENANT_ID}/v2.0")
    async with site(provider, **settings) as here:
        for tenant in (TENANT_ID, OTHER_TENANT):
            take(provider, form, prefix=f"/{tenant}/v2.0")
            provider.account("alice", tid=tenant)
            async with Person(here) as alice:
                assert (await alice.log_in("alice")).status_code == 303, await here.refusals()
            issuer = f"{origin}/{tenant}/v2.0"
            account = await here.guard.state.identities.identity(issuer, "alice")
            assert account is not None
            [session] = await here.sessions(account.id)
            assert session.issuer == issuer
        # The provider itself begins to sign for a third tenant.
        third = TENANT_ID.replace("7", "8")
        take(provider, form, prefix=f"/{third}/v2.0")
        provider.account("mallory", tid=TENANT_ID)
        async with Person(here) as mallory:
            where = await mallory.bring(await mallory.begin(), login="mallory", password="x")
            # Microsoft's answer does not name its issuer.
            assert (await mallory.get(where.partition("&iss=")[0])).status_code == 401
        assert "the ID token: iss is" in (await here.refusals())[-1]
        # A tenant that names another one in tid.
        take(provider, form, prefix=f"/{OTHER_TENANT}/v2.0")
        async with Person(here) as mallory:
            assert (await mallory.log_in("mallory")).status_code == 403
        assert "the claim tid is not the tenant of the issuer" in (await here.refusals())[-1]


@pytest.mark.installs
async def test_a_key_of_another_tenant_signs_nothing_here(provider: RealProvider) -> None:
    """Microsoft publishes keys of one tenant beside those of all: each is valid for its issuer alone."""
    form = FORMS["entra"]
    settings = take(provider, form, key=f"ORIGIN/{OTHER_TENANT}/v2.0")
    provider.account("alice", **form.enters)
    async with site(provider, **settings) as here, Person(here) as alice:
        assert (await alice.log_in("alice")).status_code == 401
        assert "iss is another issuer than that of the key" in (await here.refusals())[-1]


@pytest.mark.installs
async def test_two_providers_claim_one_address(provider: RealProvider) -> None:
    """The same verified e-mail address and the same subject at two providers are two accounts."""
    provider.account("alice", email="alice@example.com", email_verified=True)
    rule: dict[str, Any] = {"allowed_domains": ["example.com"], "store": MemoryStore()}
    first = provider.issuer
    async with site(provider, **rule) as here:
        async with Person(here) as alice:
            assert (await alice.log_in("alice")).status_code == 303
        second = provider.take_form(prefix="/evil")
        async with site(provider, issuer=second, **rule) as there, Person(there) as mallory:
            assert (await mallory.log_in("alice")).status_code == 303
            accounts = await there.guard.state.accounts.accounts()
    made = {derived_id(first, "alice"), derived_id(second, "alice")}
    assert {one.id for one in accounts} == made
    assert len(made) == 2


@pytest.mark.installs
async def test_a_verified_flag_counts_for_the_address_beside_it(provider: RealProvider) -> None:
    """`email` of the ID token and `email_verified` of UserInfo do not make a verified address."""
    provider.take_form(token=["email"])
    provider.account("mallory", email="mallory@example.com", email_verified=True)
    async with (
        site(provider, userinfo=True, allowed_domains=["example.com"]) as here,
        Person(here) as mallory,
    ):
        assert (await mallory.log_in("mallory")).status_code == 403
        assert "email_verified is None" in (await here.refusals())[-1]


@pytest.mark.installs
async def test_the_rule_holds_at_each_login(provider: RealProvider) -> None:
    """A user who left the group is refused at the next login, and at a link and a step-up."""
    rule: dict[str, Any] = {
        "allowed_groups": ["staff"],
        "groups_claim": "groups",
        "max_age": 3600.0,
    }
    provider.account("alice", groups=["staff"])
    async with site(provider, **rule) as here, Person(here) as alice:
        assert (await alice.log_in("alice")).status_code == 303
        provider.account("alice", groups=["former-staff"])
        for path in ("login", "step-up?max_age=0"):
            assert (await alice.log_in("alice", path)).status_code == 403
        provider.account("other", groups=[])
        alice.cookies(provider.issuer).clear()
        begun = await alice.post("link")
        answer = await alice.get(
            await alice.bring(begun.json()["location"], login="other", password="x")
        )
        assert answer.status_code == 403
        assert await here.guard.state.identities.identity(provider.issuer, "other") is None


@pytest.mark.installs
async def test_a_well_known_provider_sets_the_request(provider: RealProvider) -> None:
    """Scopes are those of the table and those of the file; all else stays as it was."""
    settings = take(provider, FORMS["google"])
    async with site(provider, **settings, scopes=["groups"]) as here, Person(here) as alice:
        asked = query_of(await alice.begin())
        assert asked["scope"] == "openid email profile groups"
        assert here.guard.provider_logins == {"/auth/oidc/login": "Google"}


@pytest.mark.installs
@pytest.mark.parametrize(("pause", "seconds"), [(1795.0, 43_200.0), (1805.0, 1805.0)])
async def test_without_a_logout_sockets_end_with_the_session(
    pause: float, seconds: float, provider: RealProvider
) -> None:
    """`idle_seconds` (30 minutes) ends an unused socket, and `absolute_seconds` (12 hours) a used one."""
    assert not KNOWN_PROVIDERS["google"].logouts
    provider.account("alice", **FORMS["google"].enters)
    settings = take(provider, FORMS["google"])
    async with site(provider, **settings) as here, Person(here) as alice:
        await alice.log_in("alice")
        guard, passed = here.guard, 0.0
        async with await alice.visitor().open("/ws/chat") as wire:
            while passed + pause < seconds:
                here.clock.moved += pause
                passed += pause
                wire.send({"type": "say", "text": "still here"})
                assert "still here" in (await wire.receive()).text
                await guard.tick()
                await guard.deadlines.touch_sessions()
            here.clock.moved += pause
            await guard.tick()
            assert await wire.close_code() == 3000


GROUPS: dict[str, tuple[object, bool]] = {
    "a list": (["other", "staff"], True),
    "one text": ("staff", True),
    "a text with the name in it": ("not-staff", False),
    "names in one text": ("staff,admin", False),
    "letters of another case": (["Staff"], False),
    "a list in a list": ([["staff"]], False),
    "an object": ({"staff": True}, False),
    "beyond the thousandth": ([*map(str, range(1000)), "staff"], False),
    "a number": (7, False),
    "nothing": (None, False),
}


@pytest.mark.parametrize("found", GROUPS)
def test_types_of_a_group_claim(found: str) -> None:
    """A text is one name, never a place to search in; other types hold no name."""
    value, enters = GROUPS[found]
    settings = _settings(allowed_groups=["staff"], groups_claim="groups")
    refusal = check_entry(settings, {"sub": "s", "iss": settings.issuer, "groups": value})
    assert (refusal is None) is enters


def test_too_many_groups_are_named_as_the_cause() -> None:
    """Entra names the claim elsewhere from 200 groups on; the line says what to write."""
    settings = _settings(provider="entra", allowed_tenants=[TENANT_ID], allowed_groups=["g"])
    claims = {"iss": settings.issuer, "tid": TENANT_ID, "_claim_names": {"groups": "src1"}}
    refusal = check_entry(settings, claims)
    assert refusal is not None
    assert "allowed_roles" in refusal.detail


def test_a_claim_of_a_user_cannot_forge_a_line_of_the_log() -> None:
    """A line end in a claim is escaped, and a long claim is cut."""
    settings = _settings(allowed_groups=["staff"], groups_claim="groups")
    claims = {"iss": settings.issuer, "sub": "a\nb" * 999, "groups": ["\n" * 9999]}
    refusal = check_entry(settings, claims)
    assert refusal is not None
    assert "\n" not in refusal.detail
    assert len(refusal.detail) < 700


def _settings(**settings: Any) -> OpenIdProvider:
    known: dict[str, Any] = {
        "client_id": "app",
        "redirect_uri": "https://app.example/auth/oidc/callback",
    }
    if "provider" not in settings:
        known["issuer"] = "https://login.example"
    return OpenIdProvider(**(known | settings))


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown provider": ({"provider": "gogle"}, "provider must be one of google, entra"),
    "a provider of many": ({"provider": "keycloak"}, 'write issuer = "https://HOST/realms/REALM"'),
    "a domain of no provider": ({"provider": "entra", "allowed_domains": ["a.example"]}, "tenants"),
    "any tenant": ({"provider": "entra"}, "write allowed_tenants"),
    "a tenant by its domain": (
        {"provider": "entra", "allowed_tenants": ["contoso.onmicrosoft.com"]},
        "ids of tenants",
    ),
    "a common issuer": (
        {
            "provider": "entra",
            "issuer": "https://login.microsoftonline.com/common/v2.0",
            "allowed_tenants": [TENANT_ID],
        },
        "stands for any tenant",
    ),
    "a shared issuer alone": (
        {
            "issuer": "https://login.microsoftonline.com/{tenantid}/v2.0",
            "allowed_tenants": [TENANT_ID],
            "tenant_claim": "tid",
        },
        'write provider = "entra"',
    ),
    "no slash": ({"provider": "auth0", "issuer": "https://a.auth0.com"}, "ends with a slash"),
    "a server of GitHub without the path": (
        {"provider": "github", "issuer": "https://git.example"},
        'write issuer = "https://HOST/login/oauth"',
    ),
    "groups of no claim": ({"provider": "google", "allowed_groups": ["a"]}, "needs groups_claim"),
    "roles of no claim": ({"allowed_roles": ["a"]}, "needs roles_claim"),
    "tenants of no claim": ({"allowed_tenants": ["a"]}, "needs tenant_claim"),
    "one text": ({"allowed_domains": "example.com"}, "write allowed_domains=['example.com']"),
    "nothing": ({"allowed_domains": []}, "allowed_domains names nothing"),
    "an address": ({"allowed_domains": ["@example.com"]}, "write a domain in small letters"),
    "capitals": ({"allowed_domains": ["Example.com"]}, "write a domain in small letters"),
    "a provider that is not named": (
        {"issuer": "https://accounts.google.com", "allowed_domains": ["example.com"]},
        'allowed_domains needs provider = "google"',
    ),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_a_wrong_setting_names_the_line_to_write(mistake: str) -> None:
    """The start is refused, rather than a rule that allows all or none."""
    settings, said = WRONG[mistake]
    with pytest.raises(ConfigurationError) as raised:
        _settings(**settings)
    assert said in str(raised.value)


def test_what_is_written_wins() -> None:
    """An option of the operator replaces that of the table."""
    written = {"label": "Work", "groups_claim": "teams", "userinfo": False}
    settings = _settings(provider="gitlab", issuer="https://git.example", **written)
    assert {name: getattr(settings, name) for name in written} == written
    assert settings.issuer == "https://git.example"
    assert _settings(provider="gitlab").userinfo is True


def test_the_table_holds_facts_only() -> None:
    """Each provider has a name for its button and an issuer, and is JSON: data without code."""
    for known in KNOWN_PROVIDERS.values():
        assert known.label
        assert known.issuer.startswith("https://")
        facts = {name: getattr(known, name) for name in known.__slots__}
        assert json.loads(json.dumps(facts))["label"] == known.label
