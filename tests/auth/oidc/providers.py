"""The forms of well-known providers, for `RealProvider.take_form`, and what each claims of a user."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

__all__ = ["FORMS", "OTHER_TENANT", "TENANT_ID", "Form"]

TENANT_ID = "72f988bf-86f1-41af-91ab-2d7cd011db47"
OTHER_TENANT = "9188040d-6c67-4c5b-b112-36a304b66dad"

_NO_LOGOUT = {
    "end_session_endpoint": None,
    "backchannel_logout_supported": None,
    "backchannel_logout_session_supported": None,
    "frontchannel_logout_supported": None,
    "frontchannel_logout_session_supported": None,
    "authorization_response_iss_parameter_supported": None,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """The form of a provider.

    Attributes:
        form: The arguments of `take_form`.
        settings: Options of `OpenIdProvider`, with a rule. `ISSUER` stands for the provider's issuer.
        enters: Claims of a user that the rule allows.
        refused: Claims of users that it refuses, with a part of the line in the log, by name.
    """

    settings: dict[str, Any]
    enters: dict[str, Any]
    refused: dict[str, tuple[dict[str, Any], str]]
    form: dict[str, Any] = field(default_factory=dict)


FORMS: dict[str, Form] = {
    "google": Form(
        form={"document": _NO_LOGOUT},
        settings={"provider": "google", "allowed_domains": ["example.com"]},
        enters={"hd": "example.com", "email": "alice@example.com", "email_verified": True},
        refused={
            "another organisation": (
                {"hd": "evil.example", "email": "alice@example.com", "email_verified": True},
                "the domain 'evil.example' is not in allowed_domains",
            ),
            "a private account with a verified address of the domain": (
                {"email": "alice@example.com", "email_verified": True},
                "the claim hd is missing",
            ),
            "a list": ({"hd": ["example.com"]}, "the claim hd is missing"),
            "a subdomain": ({"hd": "evil.example.com"}, "not in allowed_domains"),
            "a longer domain": ({"hd": "notexample.com"}, "not in allowed_domains"),
            "letters that look alike": ({"hd": "example.co\u1d0d"}, "not in allowed_domains"),
        },
    ),
    "entra": Form(
        form={
            "prefix": f"/{TENANT_ID}/v2.0",
            "document": _NO_LOGOUT | {"code_challenge_methods_supported": None},
            "key": "ORIGIN/{tenantid}/v2.0",
        },
        settings={
            "provider": "entra",
            "issuer": "ORIGIN/{tenantid}/v2.0",
            "allowed_tenants": [TENANT_ID],
            "allowed_roles": ["Chat.User"],
            "scopes": ["roles"],
        },
        enters={"tid": TENANT_ID, "roles": ["Chat.User"]},
        refused={
            "no role": ({"tid": TENANT_ID}, "the claim roles is missing"),
            "another role": (
                {"tid": TENANT_ID, "roles": ["Chat.Admin"]},
                "none of ['Chat.Admin'] is in allowed_roles",
            ),
            "another tenant": (
                {"tid": OTHER_TENANT, "roles": ["Chat.User"]},
                "the claim tid is '9188040d-6c67-4c5b-b112-36a304b66dad'",
            ),
            "no tenant": ({"roles": ["Chat.User"]}, "the claim tid is None"),
        },
    ),
    "gitlab": Form(
        form={
            "document": _NO_LOGOUT,
            "token": ["email", "email_verified"],
        },
        settings={"provider": "gitlab", "allowed_groups": ["acme/chat"]},
        enters={"groups": ["acme", "acme/chat"]},
        refused={
            "the group above": ({"groups": ["acme"]}, "none of ['acme'] is in allowed_groups"),
            "a group of another user": ({"groups": ["mallory/acme/chat"]}, "is in allowed_groups"),
            "no groups": ({"groups": []}, "the claim groups is missing or holds no names"),
        },
    ),
    "okta": Form(
        form={
            "prefix": "/oauth2/default",
            "token": [],
            "document": {"backchannel_logout_supported": None},
        },
        settings={
            "provider": "okta",
            "allowed_groups": ["Chat"],
            "allowed_domains": ["example.com"],
        },
        enters={"groups": ["Everyone", "Chat"], "email": "a@Example.com", "email_verified": True},
        refused={
            "another group": (
                {"groups": ["Everyone"], "email": "a@example.com", "email_verified": True},
                "none of ['Everyone'] is in allowed_groups",
            ),
            "an address that was not verified": (
                {"groups": ["Chat"], "email": "a@example.com", "email_verified": False},
                "email_verified is False, and allowed_domains needs true",
            ),
        },
    ),
    "keycloak": Form(
        form={"prefix": "/realms/shop"},
        settings={"provider": "keycloak", "allowed_roles": ["chat"]},
        enters={"realm_access": {"roles": ["offline_access", "chat"]}},
        refused={
            "another role": ({"realm_access": {"roles": ["chat-admin"]}}, "is in allowed_roles"),
            "no mapper": ({}, "the claim realm_access.roles is missing"),
            "roles beside": ({"roles": ["chat"]}, "the claim realm_access.roles is missing"),
            "a text in place of the object": ({"realm_access": "chat"}, "is missing"),
        },
    ),
    "auth0": Form(
        form={"prefix": "/", "document": {"frontchannel_logout_supported": None}},
        settings={
            "provider": "auth0",
            "roles_claim": "https://app.example/roles",
            "allowed_roles": ["member"],
            "allowed_tenants": ["org_shop"],
        },
        enters={"org_id": "org_shop", "https://app.example/roles": ["member"]},
        refused={
            "another organisation": (
                {"org_id": "org_evil", "https://app.example/roles": ["member"]},
                "the claim org_id is 'org_evil'",
            ),
            "no organisation": ({"https://app.example/roles": ["member"]}, "org_id is None"),
            "no role": ({"org_id": "org_shop"}, "https://app.example/roles is missing"),
        },
    ),
    "": Form(
        settings={"allowed_domains": ["example.com"], "scopes": ["groups"]},
        enters={"email": "alice@example.com", "email_verified": True},
        refused={
            "not verified": (
                {"email": "alice@example.com", "email_verified": False},
                "email_verified is False",
            ),
            "verified, in words": (
                {"email": "alice@example.com", "email_verified": "true"},
                "email_verified is 'true'",
            ),
            "not verified, in words": (
                {"email": "alice@example.com", "email_verified": "false"},
                "email_verified is 'false'",
            ),
            "verified, as a number": (
                {"email": "alice@example.com", "email_verified": 1},
                "email_verified is 1",
            ),
            "silent": ({"email": "alice@example.com"}, "email_verified is None"),
            "two addresses": (
                {"email": "a@evil.example@example.com", "email_verified": True},
                "the claim email holds no address",
            ),
            "an address in a list": (
                {"email": ["alice@example.com"], "email_verified": True},
                "the claim email holds no address",
            ),
            "no address": ({"email_verified": True}, "the claim email holds no address"),
            "another domain": (
                {"email": "alice@example.com.evil.example", "email_verified": True},
                "not in allowed_domains",
            ),
        },
    ),
}
