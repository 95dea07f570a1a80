"""stormdoor: authentication and authorisation for every WebSocket of a Tornado application.

A name is imported at its first use: a command such as `stormdoor scan` imports neither Tornado nor
cryptography, and an application imports only the parts that it uses.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from msgspec import Meta

    from stormdoor.auth.apikey.authenticator import ApiKeyAuthenticator
    from stormdoor.auth.application.authenticator import ApplicationAuthenticator, ApplicationLogin
    from stormdoor.auth.authenticator import Authenticator, Rejected
    from stormdoor.auth.dpop.proof import DpopProof, dpop_proof
    from stormdoor.auth.factors.second_factor import SecondFactor
    from stormdoor.auth.http_signature.account_keys import AccountKeys
    from stormdoor.auth.http_signature.signed_request import (
        RequestKey,
        SignedRequestAuthenticator,
        sign_offer,
        sign_request,
    )
    from stormdoor.auth.jose.jwt_issuer import JwtIssuer
    from stormdoor.auth.jose.jwt_key import JwtKey
    from stormdoor.auth.jwt.authenticator import JwtAuthenticator
    from stormdoor.auth.mtls.certificate import CertificateAuthenticator, CertificatePossessionProof
    from stormdoor.auth.mtls.forwarded_certificate import ForwardedCertificate
    from stormdoor.auth.own_process.authenticator import OwnProcessAuthenticator
    from stormdoor.auth.proxy.proxy_identity import ProxyIdentityAuthenticator
    from stormdoor.auth.proxy.trusted_proxy import TrustedProxy
    from stormdoor.auth.session.authenticator import SessionAuthenticator
    from stormdoor.auth.session.cookie import CookieSpec
    from stormdoor.auth.session.options import SessionOptions
    from stormdoor.auth.signed_cookie.authenticator import SignedCookieAuthenticator
    from stormdoor.auth.ticket.authenticator import TicketAuthenticator
    from stormdoor.channels import Hub, Topic
    from stormdoor.config.appearance import LoginAppearance
    from stormdoor.core.decision import AccessRequest, Decision, Resource
    from stormdoor.core.denial import Denial
    from stormdoor.core.limits import EndpointLimits, Limits
    from stormdoor.core.message import (
        Command,
        Count,
        ErrorReply,
        Identifier,
        Line,
        Number,
        Reply,
        Text,
        Url,
    )
    from stormdoor.core.policy import PolicySet, forbid, permit, role
    from stormdoor.core.principal import Authentication, Principal
    from stormdoor.core.requirement import require
    from stormdoor.core.revocation import Target
    from stormdoor.errors import (
        ConfigurationError,
        PolicyError,
        RevocationUnfinished,
        StartupRefused,
        StoreError,
        StoreInDoubt,
        StoreUnavailable,
        StormdoorError,
    )
    from stormdoor.guard.connection import Connection
    from stormdoor.guard.endpoint import public
    from stormdoor.guard.message_permissions import MessagePermissions
    from stormdoor.runtime.guard import Guard
    from stormdoor.tornado.access_log import redacting_log_function
    from stormdoor.tornado.client_routes import client_routes
    from stormdoor.tornado.declare import GuardedHandler, action
    from stormdoor.tornado.health_routes import health_routes
    from stormdoor.tornado.protect import protect
    from stormdoor.tornado.revocation_routes import revocation_routes
    from stormdoor.tornado.routes import login_routes
    from stormdoor.tornado.serve import guarded_server, serve_until_stopped
    from stormdoor.tornado.session_handler import SessionHandler, account_of
    from stormdoor.tornado.socket.handler import connection_of
    from stormdoor.tornado.transports import MalformedRequest, Transport

__all__ = [
    "AccessRequest",
    "AccountKeys",
    "ApiKeyAuthenticator",
    "ApplicationAuthenticator",
    "ApplicationLogin",
    "Authentication",
    "Authenticator",
    "CertificateAuthenticator",
    "CertificatePossessionProof",
    "Command",
    "ConfigurationError",
    "Connection",
    "CookieSpec",
    "Count",
    "Decision",
    "Denial",
    "DpopProof",
    "EndpointLimits",
    "ErrorReply",
    "ForwardedCertificate",
    "Guard",
    "GuardedHandler",
    "Hub",
    "Identifier",
    "JwtAuthenticator",
    "JwtIssuer",
    "JwtKey",
    "Limits",
    "Line",
    "LoginAppearance",
    "MalformedRequest",
    "MessagePermissions",
    "Meta",
    "Number",
    "OwnProcessAuthenticator",
    "PolicyError",
    "PolicySet",
    "Principal",
    "ProxyIdentityAuthenticator",
    "Rejected",
    "Reply",
    "RequestKey",
    "Resource",
    "RevocationUnfinished",
    "SecondFactor",
    "SessionAuthenticator",
    "SessionHandler",
    "SessionOptions",
    "SignedCookieAuthenticator",
    "SignedRequestAuthenticator",
    "StartupRefused",
    "StoreError",
    "StoreInDoubt",
    "StoreUnavailable",
    "StormdoorError",
    "Target",
    "Text",
    "TicketAuthenticator",
    "Topic",
    "Transport",
    "TrustedProxy",
    "Url",
    "account_of",
    "action",
    "client_routes",
    "connection_of",
    "dpop_proof",
    "forbid",
    "guarded_server",
    "health_routes",
    "login_routes",
    "permit",
    "protect",
    "public",
    "redacting_log_function",
    "require",
    "revocation_routes",
    "role",
    "serve_until_stopped",
    "sign_offer",
    "sign_request",
]

_HOMES = {
    "Meta": "msgspec",
    "AccountKeys": "stormdoor.auth.http_signature.account_keys",
    "ApiKeyAuthenticator": "stormdoor.auth.apikey.authenticator",
    "Authenticator": "stormdoor.auth.authenticator",
    "Rejected": "stormdoor.auth.authenticator",
    "CertificateAuthenticator": "stormdoor.auth.mtls.certificate",
    "CertificatePossessionProof": "stormdoor.auth.mtls.certificate",
    "DpopProof": "stormdoor.auth.dpop.proof",
    "dpop_proof": "stormdoor.auth.dpop.proof",
    "ForwardedCertificate": "stormdoor.auth.mtls.forwarded_certificate",
    "JwtAuthenticator": "stormdoor.auth.jwt.authenticator",
    "JwtIssuer": "stormdoor.auth.jose.jwt_issuer",
    "JwtKey": "stormdoor.auth.jose.jwt_key",
    "ProxyIdentityAuthenticator": "stormdoor.auth.proxy.proxy_identity",
    "SecondFactor": "stormdoor.auth.factors.second_factor",
    "SessionAuthenticator": "stormdoor.auth.session.authenticator",
    "CookieSpec": "stormdoor.auth.session.cookie",
    "SessionOptions": "stormdoor.auth.session.options",
    "RequestKey": "stormdoor.auth.http_signature.signed_request",
    "SignedRequestAuthenticator": "stormdoor.auth.http_signature.signed_request",
    "sign_offer": "stormdoor.auth.http_signature.signed_request",
    "sign_request": "stormdoor.auth.http_signature.signed_request",
    "TicketAuthenticator": "stormdoor.auth.ticket.authenticator",
    "TrustedProxy": "stormdoor.auth.proxy.trusted_proxy",
    "Hub": "stormdoor.channels",
    "Topic": "stormdoor.channels",
    "Guard": "stormdoor.runtime.guard",
    "AccessRequest": "stormdoor.core.decision",
    "Decision": "stormdoor.core.decision",
    "Resource": "stormdoor.core.decision",
    "Denial": "stormdoor.core.denial",
    "EndpointLimits": "stormdoor.core.limits",
    "Limits": "stormdoor.core.limits",
    "LoginAppearance": "stormdoor.config.appearance",
    "Command": "stormdoor.core.message",
    "Count": "stormdoor.core.message",
    "ErrorReply": "stormdoor.core.message",
    "Identifier": "stormdoor.core.message",
    "Line": "stormdoor.core.message",
    "Number": "stormdoor.core.message",
    "Reply": "stormdoor.core.message",
    "Text": "stormdoor.core.message",
    "Url": "stormdoor.core.message",
    "PolicySet": "stormdoor.core.policy",
    "forbid": "stormdoor.core.policy",
    "permit": "stormdoor.core.policy",
    "role": "stormdoor.core.policy",
    "ApplicationAuthenticator": "stormdoor.auth.application.authenticator",
    "ApplicationLogin": "stormdoor.auth.application.authenticator",
    "OwnProcessAuthenticator": "stormdoor.auth.own_process.authenticator",
    "Authentication": "stormdoor.core.principal",
    "Principal": "stormdoor.core.principal",
    "require": "stormdoor.core.requirement",
    "Target": "stormdoor.core.revocation",
    "ConfigurationError": "stormdoor.errors",
    "PolicyError": "stormdoor.errors",
    "StartupRefused": "stormdoor.errors",
    "StoreError": "stormdoor.errors",
    "RevocationUnfinished": "stormdoor.errors",
    "StoreInDoubt": "stormdoor.errors",
    "StoreUnavailable": "stormdoor.errors",
    "StormdoorError": "stormdoor.errors",
    "Connection": "stormdoor.guard.connection",
    "public": "stormdoor.guard.endpoint",
    "MessagePermissions": "stormdoor.guard.message_permissions",
    "redacting_log_function": "stormdoor.tornado.access_log",
    "client_routes": "stormdoor.tornado.client_routes",
    "GuardedHandler": "stormdoor.tornado.declare",
    "action": "stormdoor.tornado.declare",
    "connection_of": "stormdoor.tornado.socket.handler",
    "protect": "stormdoor.tornado.protect",
    "revocation_routes": "stormdoor.tornado.revocation_routes",
    "health_routes": "stormdoor.tornado.health_routes",
    "login_routes": "stormdoor.tornado.routes",
    "guarded_server": "stormdoor.tornado.serve",
    "serve_until_stopped": "stormdoor.tornado.serve",
    "SessionHandler": "stormdoor.tornado.session_handler",
    "account_of": "stormdoor.tornado.session_handler",
    "SignedCookieAuthenticator": "stormdoor.auth.signed_cookie.authenticator",
    "MalformedRequest": "stormdoor.tornado.transports",
    "Transport": "stormdoor.tornado.transports",
}
"""The module of each name. INVARIANT: the same names as above; a test compares them."""


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(home), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
