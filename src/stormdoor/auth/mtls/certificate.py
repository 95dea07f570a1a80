"""Client certificates: as a credential (mutual TLS), and as the key of a bound token (RFC 8705)."""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Mapping, Sequence
from typing import Literal

from stormdoor.auth.authenticator import Rejected, bad_credential
from stormdoor.auth.mtls.certificate_names import CertificateNames, read_certificate
from stormdoor.auth.proxy.trusted_proxy import fingerprint_of_certificate
from stormdoor.core.credential import Credential, Place, Source, mtls_proof, thumbprint
from stormdoor.core.denial import Denial
from stormdoor.core.handshake import Handshake
from stormdoor.core.malformed import Malformed
from stormdoor.core.principal import Authentication, Principal
from stormdoor.errors import ConfigurationError
from stormdoor.ports import StoredState

__all__ = ["NAMED_BY", "CertificateAuthenticator", "CertificatePossessionProof"]

NAMED_BY = ("uri", "dns", "email", "subject", "common-name")
"""The parts of a certificate that may contain the name of a principal."""

_MAX_TEXT = 256


class CertificateAuthenticator:
    """Accepts the client certificate of a handshake.

    TLS has verified it against the certificate authorities of the server's context (`verify_mode`
    `CERT_OPTIONAL` or `CERT_REQUIRED`), or an authenticated proxy has (`ForwardedCertificate`). This class
    determines its principal. The connection ends when the certificate expires. To revoke one earlier:
    `guard.admin.revoke(Target.CREDENTIAL, thumbprint)`, where `thumbprint` is its `x5t#S256`.

    Args:
        named_by: Part that contains the principal's id: `uri`, `dns`, `email` (subject alternative names),
            `subject` or `common-name`.
        pattern: A regular expression that the whole name must match. A group `id` in it is the principal's
            id, a group `tenant` its tenant. Exactly one name of the certificate must match. Required with
            `named_by`, because an authority may issue certificates to other parties, too.
        fingerprints: Instead of names: the principal's id by certificate (SHA-256 in hex, or `x5t#S256`).
            No other certificate is accepted.
        roles: The roles of every holder (`principals="certificate"` only).
        principals: `certificate`: its name is the principal, with `roles`. `store`: the account of that id
            has the roles, and may be disabled.
        clients: `programs`: a handshake with an Origin is refused, since a browser attaches certificates
            for any page. `browsers`: the Origin is required.

    Raises:
        ConfigurationError: The options accept no certificate, or every one.
    """

    kind: str = "certificate"

    def __init__(
        self,
        *,
        named_by: str | None = None,
        pattern: str | None = None,
        fingerprints: Mapping[str, str] | None = None,
        roles: Sequence[str] = (),
        principals: Literal["certificate", "store"] = "certificate",
        clients: Literal["programs", "browsers"] = "programs",
    ) -> None:
        if (named_by is None) == (fingerprints is None):
            raise ConfigurationError(
                'write either named_by="uri" and a pattern, or fingerprints={"ab12…": "device-7"}'
            )
        if named_by is not None and (named_by not in NAMED_BY or pattern is None):
            raise ConfigurationError(
                f"named_by is one of {', '.join(NAMED_BY)}, and needs a pattern; write "
                r"""pattern=r"spiffe://fleet\.example/device/(?P<id>[a-z0-9-]+)" """
            )
        if principals not in {"certificate", "store"} or clients not in {"browsers", "programs"}:
            raise ConfigurationError(
                'principals is "certificate" or "store", and clients "browsers" or "programs"'
            )
        if principals == "store" and roles:
            raise ConfigurationError('with principals="store" the account has the roles')
        try:
            self._pattern = re.compile(pattern or "", re.ASCII)
        except re.error as error:
            raise ConfigurationError(f"pattern: {pattern!r} is not a pattern: {error}") from None
        self._named_by = named_by
        self._known = {
            fingerprint_of_certificate(one): id for one, id in (fingerprints or {}).items()
        }
        self._roles = frozenset(roles)
        self._from_store = principals == "store"
        self._programs = clients == "programs"
        self.places: Sequence[Place] = (
            Place(Source.CERTIFICATE, "client", ambient=not self._programs),
        )

    @property
    def checks(self) -> tuple[str, ...]:
        """Describe the comparisons, for an explanation."""
        return (
            "TLS, or a proxy that proved itself, has verified the certificate",
            "its SHA-256 is in the list"
            if self._named_by is None
            else f"one {self._named_by} of it matches {self._pattern.pattern!r}",
            "it is within its dates, and may be used by clients",
        )

    def recognises(self, credential: Credential) -> bool:
        """Return True: the place contains only certificates."""
        return True

    async def authenticate(
        self, credential: Credential, handshake: Handshake, *, state: StoredState, now: float
    ) -> Authentication | Rejected:
        """Determine the principal of the certificate (see `Authenticator`)."""
        if self._programs and (handshake.origin is not None or handshake.fetch_site is not None):
            return bad_credential('a browser, where only programs come; write clients="browsers"')
        found = read_certificate(_der(credential.secret))
        if isinstance(found, Malformed):
            return bad_credential(found.reason)
        named = self._holder(found)
        if isinstance(named, Rejected):
            return named
        id, tenant = named
        fault = found.misuse(now)
        if fault is not None:
            return bad_credential(fault, id)
        if now >= found.not_after:
            return Rejected(Denial.EXPIRED, "the certificate has expired", id)
        principal = Principal(id, self._roles, tenant)
        if self._from_store:
            account = await state.accounts.account(id)
            if account is None or account.disabled:
                return bad_credential("the store has no such principal, or it is disabled", id)
            principal = account.principal
        return Authentication(
            principal,
            self.kind,
            credential_id=found.thumbprint,
            ambient=not self._programs,
            authenticated_at=now,  # TLS proves possession each time
            issued_at=found.not_before,
            expires_at=found.not_after,
            live=self._from_store,
            device_id=id,
            proofs=frozenset({f"mtls:{found.thumbprint}"}),
        )

    def _holder(self, found: CertificateNames) -> tuple[str, str | None] | Rejected:
        """Return id and tenant of the principal."""
        if self._named_by is None:
            known = self._known.get(found.thumbprint)
            return (
                bad_credential(f"no certificate with the fingerprint {found.thumbprint} is known")
                if known is None
                else (known, None)
            )
        names = found.names.get(self._named_by, ())
        matches = [match for name in names if (match := self._pattern.fullmatch(name))]
        if len(matches) != 1:
            return bad_credential(
                f"{len(matches)} of its {len(names)} names ({self._named_by}) match"
            )
        groups = matches[0].groupdict()
        id = groups.get("id", matches[0][0])
        tenant = groups.get("tenant")
        if not id or len(id) > _MAX_TEXT or not id.isprintable():
            return bad_credential("its name is empty, too long, or cannot be printed")
        return id, tenant


class CertificatePossessionProof:
    """Checks tokens that are bound to a client certificate: `x5t#S256` of `cnf` (RFC 8705 §3).

    Pass it to the authenticator of the tokens::

        JwtAuthenticator(..., proofs=[CertificatePossessionProof(required=True)])

    Args:
        required: Refuse tokens that are not bound to a certificate.
    """

    member: str = "x5t#S256"
    places: Sequence[Place] = ()
    needs_headers: Sequence[str] = ()

    def __init__(self, *, required: bool = False) -> None:
        self.required = required

    async def prove(
        self,
        expected: str,
        credential: Credential,
        handshake: Handshake,
        *,
        state: StoredState,
        now: float,
    ) -> str | Rejected:
        """Check that the handshake has that certificate (see `PossessionProof`)."""
        certificate = handshake.certificate
        if certificate is None:
            return bad_credential(
                "the token is bound to a certificate, and the handshake came without one"
            )
        given = thumbprint(certificate)
        if not hmac.compare_digest(given.encode(), expected.encode("utf-8", "surrogatepass")):
            return bad_credential("the token is bound to another certificate")
        found = read_certificate(certificate)
        if isinstance(found, Malformed):
            return bad_credential(found.reason)
        if not found.not_before <= now < found.not_after:
            return Rejected(Denial.EXPIRED, "the certificate of the token has expired")
        return mtls_proof(certificate)


def _der(secret: str) -> bytes:
    """Return the certificate in a credential as DER; empty if it is not base64."""
    try:
        return base64.b64decode(secret, validate=True)
    except ValueError:
        return b""
