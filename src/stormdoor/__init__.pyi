# The public names of stormdoor, each with its module. `__init__.py` imports a name at its first use.

from stormdoor.auth.apikey.authenticator import ApiKeyAuthenticator as ApiKeyAuthenticator
from stormdoor.auth.application.authenticator import (
    ApplicationAuthenticator as ApplicationAuthenticator,
)
from stormdoor.auth.application.authenticator import ApplicationLogin as ApplicationLogin
from stormdoor.auth.authenticator import Authenticator as Authenticator
from stormdoor.auth.authenticator import Rejected as Rejected
from stormdoor.auth.dpop.proof import DpopProof as DpopProof
from stormdoor.auth.factors.second_factor import SecondFactor as SecondFactor
from stormdoor.auth.http_signature.account_keys import AccountKeys as AccountKeys
from stormdoor.auth.http_signature.signed_request import RequestKey as RequestKey
from stormdoor.auth.http_signature.signed_request import (
    SignedRequestAuthenticator as SignedRequestAuthenticator,
)
from stormdoor.auth.jose.jwt_issuer import JwtIssuer as JwtIssuer
from stormdoor.auth.jose.jwt_key import JwtKey as JwtKey
from stormdoor.auth.jwt.authenticator import JwtAuthenticator as JwtAuthenticator
from stormdoor.auth.mtls.certificate import CertificateAuthenticator as CertificateAuthenticator
from stormdoor.auth.mtls.certificate import CertificatePossessionProof as CertificatePossessionProof
from stormdoor.auth.mtls.forwarded_certificate import ForwardedCertificate as ForwardedCertificate
from stormdoor.auth.own_process.authenticator import (
    OwnProcessAuthenticator as OwnProcessAuthenticator,
)
from stormdoor.auth.proxy.proxy_identity import (
    ProxyIdentityAuthenticator as ProxyIdentityAuthenticator,
)
from stormdoor.auth.proxy.trusted_proxy import TrustedProxy as TrustedProxy
from stormdoor.auth.session.authenticator import SessionAuthenticator as SessionAuthenticator
from stormdoor.auth.session.cookie import CookieSpec as CookieSpec
from stormdoor.auth.session.options import SessionOptions as SessionOptions
from stormdoor.auth.signed_cookie.authenticator import (
    SignedCookieAuthenticator as SignedCookieAuthenticator,
)
from stormdoor.auth.ticket.authenticator import TicketAuthenticator as TicketAuthenticator
from stormdoor.channels import Hub as Hub
from stormdoor.channels import Topic as Topic
from stormdoor.config.appearance import LoginAppearance as LoginAppearance
from stormdoor.core.decision import AccessRequest as AccessRequest
from stormdoor.core.decision import Decision as Decision
from stormdoor.core.decision import Resource as Resource
from stormdoor.core.denial import Denial as Denial
from stormdoor.core.limits import EndpointLimits as EndpointLimits
from stormdoor.core.limits import Limits as Limits
from stormdoor.core.message import Command as Command
from stormdoor.core.message import Count as Count
from stormdoor.core.message import ErrorReply as ErrorReply
from stormdoor.core.message import Identifier as Identifier
from stormdoor.core.message import Line as Line
from stormdoor.core.message import Number as Number
from stormdoor.core.message import Reply as Reply
from stormdoor.core.message import Text as Text
from stormdoor.core.message import Url as Url
from stormdoor.core.policy import PolicySet as PolicySet
from stormdoor.core.policy import forbid as forbid
from stormdoor.core.policy import permit as permit
from stormdoor.core.policy import role as role
from stormdoor.core.principal import Authentication as Authentication
from stormdoor.core.principal import Principal as Principal
from stormdoor.core.requirement import require as require
from stormdoor.core.revocation import Target as Target
from stormdoor.errors import ConfigurationError as ConfigurationError
from stormdoor.errors import PolicyError as PolicyError
from stormdoor.errors import RevocationUnfinished as RevocationUnfinished
from stormdoor.errors import StartupRefused as StartupRefused
from stormdoor.errors import StoreError as StoreError
from stormdoor.errors import StoreInDoubt as StoreInDoubt
from stormdoor.errors import StoreUnavailable as StoreUnavailable
from stormdoor.errors import StormdoorError as StormdoorError
from stormdoor.guard.connection import Connection as Connection
from stormdoor.guard.endpoint import public as public
from stormdoor.guard.message_permissions import MessagePermissions as MessagePermissions
from stormdoor.runtime.guard import Guard as Guard
from stormdoor.tornado.access_log import redacting_log_function as redacting_log_function
from stormdoor.tornado.client_routes import client_routes as client_routes
from stormdoor.tornado.declare import GuardedHandler as GuardedHandler
from stormdoor.tornado.declare import action as action
from stormdoor.tornado.health_routes import health_routes as health_routes
from stormdoor.tornado.protect import protect as protect
from stormdoor.tornado.revocation_routes import revocation_routes as revocation_routes
from stormdoor.tornado.routes import login_routes as login_routes
from stormdoor.tornado.serve import guarded_server as guarded_server
from stormdoor.tornado.serve import serve_until_stopped as serve_until_stopped
from stormdoor.tornado.session_handler import SessionHandler as SessionHandler
from stormdoor.tornado.session_handler import account_of as account_of
from stormdoor.tornado.socket.handler import connection_of as connection_of
from stormdoor.tornado.transports import MalformedRequest as MalformedRequest
from stormdoor.tornado.transports import Transport as Transport
