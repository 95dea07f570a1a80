"""The names for an authenticator of one's own, and for its kind in configuration files."""

from stormdoor.auth.authenticator import Authenticator, Rejected
from stormdoor.auth.kind import Kind, Remark, Settings
from stormdoor.core.credential import FIRST_MESSAGE, Credential, Place, Source
from stormdoor.core.denial import Denial, Refusal
from stormdoor.core.handshake import Handshake
from stormdoor.core.principal import Authentication, Principal, Recheck
from stormdoor.ports import StoredState
from stormdoor.settings.secret import SecretTable
from stormdoor.settings.section import Section, options

__all__ = [
    "FIRST_MESSAGE",
    "Authentication",
    "Authenticator",
    "Credential",
    "Denial",
    "Handshake",
    "Kind",
    "Place",
    "Principal",
    "Recheck",
    "Refusal",
    "Rejected",
    "Remark",
    "SecretTable",
    "Section",
    "Settings",
    "Source",
    "StoredState",
    "options",
]
