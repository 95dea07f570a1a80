"""stormdoor: a door in front of every WebSocket of a Tornado application."""

from msgspec import Meta

from stormdoor.auth.account_keys import AccountKeys
from stormdoor.auth.apikey import ApiKeyAuthenticator
from stormdoor.auth.authenticator import Authenticator, Rejected
from stormdoor.auth.certificate import CertificateAuthenticator, CertificateProof
from stormdoor.auth.dpop import DpopProof, dpop_proof
from stormdoor.auth.forwarded_certificate import ForwardedCertificate
from stormdoor.auth.jwt import JwtAuthenticator, JwtIssuer
from stormdoor.auth.jwt_key import JwtKey
from stormdoor.auth.proxy_identity import ProxyIdentityAuthenticator
from stormdoor.auth.second_factor import SecondFactor
from stormdoor.auth.session import SessionAuthenticator
from stormdoor.auth.signed_request import RequestKey, SignedRequestAuthenticator, sign_request
from stormdoor.auth.ticket import TicketAuthenticator
from stormdoor.auth.trusted_proxy import TrustedProxy
from stormdoor.channels import Hub, Topic
from stormdoor.config.guard import Guard
from stormdoor.core.decision import AccessRequest, Decision, Resource
from stormdoor.core.denial import Denial
from stormdoor.core.limits import Limits
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
    StartupRefused,
    StoreError,
    StoreUnavailable,
    StormdoorError,
)
from stormdoor.guard.connection import Connection
from stormdoor.guard.endpoint import public
from stormdoor.tornado.client_routes import client_routes
from stormdoor.tornado.declare import GuardedHandler, action
from stormdoor.tornado.outlet import connection_of
from stormdoor.tornado.protect import protect
from stormdoor.tornado.revocation_routes import revocation_routes
from stormdoor.tornado.routes import login_routes
from stormdoor.tornado.serve import guarded_server
from stormdoor.tornado.session_handler import SessionHandler
from stormdoor.tornado.signed_cookie import SignedCookieAuthenticator

__all__ = [
    "AccessRequest",
    "AccountKeys",
    "ApiKeyAuthenticator",
    "Authentication",
    "Authenticator",
    "CertificateAuthenticator",
    "CertificateProof",
    "Command",
    "ConfigurationError",
    "Connection",
    "Count",
    "Decision",
    "Denial",
    "DpopProof",
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
    "Meta",
    "Number",
    "PolicyError",
    "PolicySet",
    "Principal",
    "ProxyIdentityAuthenticator",
    "Rejected",
    "Reply",
    "RequestKey",
    "Resource",
    "SecondFactor",
    "SessionAuthenticator",
    "SessionHandler",
    "SignedCookieAuthenticator",
    "SignedRequestAuthenticator",
    "StartupRefused",
    "StoreError",
    "StoreUnavailable",
    "StormdoorError",
    "Target",
    "Text",
    "TicketAuthenticator",
    "Topic",
    "TrustedProxy",
    "Url",
    "action",
    "client_routes",
    "connection_of",
    "dpop_proof",
    "forbid",
    "guarded_server",
    "login_routes",
    "permit",
    "protect",
    "public",
    "require",
    "revocation_routes",
    "role",
    "sign_request",
]
