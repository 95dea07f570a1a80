"""Look up the login session and the account of a token in the store, and mark a single-use token as used."""

from __future__ import annotations

from dataclasses import dataclass, replace

from stormdoor.auth.authenticator import Rejected, from_lost_log
from stormdoor.auth.jose.jwt_verifier import Verified
from stormdoor.core.account import Account
from stormdoor.core.claims import ClaimRules, Claims
from stormdoor.core.credential import fingerprint
from stormdoor.core.denial import Denial
from stormdoor.core.principal import Authentication
from stormdoor.ports import StoredState

__all__ = ["AccountLookup"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountLookup:
    """Combines a verified token with its data in the store.

    Attributes:
        rules: Rules by which its claims were read.
        from_store: Whether roles and attributes come from the account of `sub`.
        single_use: Whether each token is accepted only once.
    """

    rules: ClaimRules
    from_store: bool = False
    single_use: bool = False

    @property
    def checks(self) -> tuple[str, ...]:
        """Describe the comparisons, for an explanation."""
        found = []
        if self.rules.session is not None:
            found.append(
                f"the login session that {self.rules.session} names, if it names one, lives"
            )
        if self.from_store:
            found.append("the store has the account of sub, not disabled")
        if self.single_use:
            found.append("jti was not used before: it is used up")
        return tuple(found)

    async def bind(
        self, verified: Verified, *, state: StoredState, now: float
    ) -> Authentication | Rejected:
        """Return the authentication of the token, with its data in the store at `now` (Unix seconds).

        Raises:
            StoreUnavailable: The store did not answer.
        """
        claims, authentication = verified.claims, verified.authentication
        if claims.session_id is None and not self.from_store and not self.single_use:
            return authentication
        subject = claims.subject
        account: Account | None = None
        if claims.session_id is not None:
            found = await state.sessions.session(claims.session_id)
            if found is None or not found[0].alive(now):
                return Rejected(
                    Denial.EXPIRED,
                    "the login session of the token has ended; if its issuer's "
                    f"{self.rules.session} is no session of this store, write session_claim=None",
                    subject,
                )
            session, account = found
            if account.id != subject:
                return _bad("the token belongs to the login session of another principal", subject)
            authentication = replace(
                authentication,
                session_id=session.id,
                # A revocation that covers the session covers the tokens issued from it.
                issued_at=min(authentication.issued_at, session.born_at),
                authenticated_at=min(authentication.authenticated_at, session.authenticated_at),
                expires_at=min(claims.expires_at, session.expires_at),
                idle_seconds=session.idle_seconds,
                strength=session.strength,
                acr=session.acr or authentication.acr,
                device_id=session.device_id,
                # The store adds the session, and never the token: a revocation that covers one covers both.
                position=session.position,
            )
            if session.touch_is_due(now):
                await state.sessions.touch_sessions({session.id: now})
        elif self.from_store:
            account = await state.accounts.account(subject)
            if account is None:
                return _bad("the store knows no such principal", subject)
        if account is not None and account.disabled:
            return _bad("the principal is disabled", subject)
        if account is not None and self.from_store:
            authentication = replace(authentication, principal=account.principal, live=True)
        if self.single_use and (refusal := await self._use_up(claims, state)) is not None:
            return refusal
        return authentication

    async def _use_up(self, claims: Claims, state: StoredState) -> Rejected | None:
        value = fingerprint(f"{self.rules.issuer}\n{claims.id}")
        if not await state.nonces.use_nonce("jti", value, claims.expires_at):
            what = "the token was used before (jti)"
            return Rejected(Denial.BAD_CREDENTIAL, what, claims.subject, reused=True)
        # Compared after the use: the log may change before the use.
        if state.epoch.may_have_lost(claims.issued_by(self.rules)):
            return from_lost_log(claims.subject)
        return None


def _bad(detail: str, principal_id: str = "") -> Rejected:
    return Rejected(Denial.BAD_CREDENTIAL, detail, principal_id)
