"""Routes of second factors: list, enrol, remove."""

from __future__ import annotations

from typing import Any

import msgspec
from tornado.web import RequestHandler

from stormdoor.auth.factors.enrolment import Enrolled
from stormdoor.core.denial import Denial, Refusal
from stormdoor.core.factor import FactorKind
from stormdoor.tornado.factor_route import FactorRoute
from stormdoor.tornado.session_handler import Caller

__all__ = ["ENROLMENT_ROUTES"]

_TWO_FACTORS = 2


class _Empty(msgspec.Struct, forbid_unknown_fields=True):
    """An empty body."""


class _Code(msgspec.Struct, forbid_unknown_fields=True):
    id: str
    code: str
    name: str = ""


class _NewPasskey(msgspec.Struct, forbid_unknown_fields=True):
    passkey: dict[str, Any]
    name: str = ""


class _Factors(FactorRoute):
    async def get(self) -> None:
        caller = await self.caller()
        factors = await self.guard.factors.factors(caller.account.id)
        kinds = [FactorKind.PASSKEY.value]
        if self.guard.factors.has_key:
            kinds.append(FactorKind.TOTP.value)
        self.answer(
            {
                "factors": [
                    {
                        "id": one.id,
                        "kind": one.kind.value,
                        "name": one.name,
                        "created_at": one.created_at,
                        "last_used_at": one.last_used_at,
                    }
                    for one in factors
                ],
                "recovery_codes": await self.guard.state.recovery_codes.recovery_codes(
                    caller.account.id
                ),
                "kinds": sorted(kinds),
            }
        )


class _NewFactor(FactorRoute):
    """The last step of an enrolment."""

    async def enrolled(self, caller: Caller, outcome: Enrolled | Refusal) -> None:
        """Send the new factor to its owner, and give the session the strength of two factors."""
        if isinstance(outcome, Refusal):
            self.stop(outcome, principal=caller.account.id)
        factor = outcome.factor
        self.note("authn_factor_added", caller.account.id, f"{factor.kind.value} {factor.id}")
        if await self.renew(caller, authenticated=False, strength=_TWO_FACTORS) is None:
            # INVARIANT: checked after the factor was stored. If the owner ended the session meanwhile, for
            # example with a new password, an attacker must not keep a factor of their own.
            await self.guard.factors.remove(factor.id, owner=caller.account.id)
            self.note(
                "authn_factor_removed", caller.account.id, f"{factor.id}: no session any more"
            )
            return
        self.set_status(201)
        self.answer(
            {
                "id": factor.id,
                "kind": factor.kind.value,
                "name": factor.name,
                "recovery_codes": list(outcome.recovery_codes),
            }
        )


class _Totp(FactorRoute):
    async def post(self) -> None:
        caller = await self.fresh_caller()
        self.read_body(_Empty)
        begun = await self.guard.factors.enrolment.begin_totp(caller.session)
        self.answer(
            {
                "id": begun.id,
                "secret": begun.secret,
                "uri": begun.uri,
                "qr": begun.qr,
                "expires_in": int(begun.expires_in),
            }
        )


class _TotpConfirm(_NewFactor):
    async def post(self) -> None:
        caller, body = await self.fresh_caller(), self.read_body(_Code)
        outcome = await self.guard.factors.enrolment.confirm_totp(
            caller.session, body.id, body.code, name=body.name
        )
        await self.enrolled(caller, outcome)


class _NewPasskeyOptions(FactorRoute):
    async def post(self) -> None:
        caller = await self.fresh_caller()
        options = await self.guard.factors.enrolment.begin_passkey(caller.session, origin=self.page)
        self.send_options(options, principal=caller.account.id)


class _NewPasskeyConfirm(_NewFactor):
    async def post(self) -> None:
        caller, body = await self.fresh_caller(), self.read_body(_NewPasskey)
        outcome = await self.guard.factors.enrolment.confirm_passkey(
            caller.session, body.passkey, origin=self.page, name=body.name
        )
        await self.enrolled(caller, outcome)


class _RecoveryCodes(FactorRoute):
    async def post(self) -> None:
        caller = await self.fresh_caller()
        principal = caller.account.id
        if not await self.guard.factors.factors(principal):
            self.stop(Refusal(Denial.INVALID_MESSAGE, "there is no factor that they stand in for"))
        codes = await self.guard.factors.enrolment.new_recovery_codes(principal)
        self.note("authn_factor_added", principal, "new recovery codes; the old ones are void")
        self.answer({"recovery_codes": list(codes)})


class _OneFactor(FactorRoute):
    async def delete(self, factor_id: str) -> None:
        caller = await self.fresh_caller()
        removed = await self.guard.factors.remove(factor_id, owner=caller.account.id)
        if removed is not None:
            detail = f"{removed.kind.value} {removed.id}"
            self.note("authn_factor_removed", caller.account.id, detail)
        self.set_status(404 if removed is None else 204)
        self.finish()


ENROLMENT_ROUTES: tuple[tuple[str, type[RequestHandler]], ...] = (
    ("/factors", _Factors),
    ("/factors/totp", _Totp),
    ("/factors/totp/confirm", _TotpConfirm),
    ("/factors/passkey", _NewPasskeyOptions),
    ("/factors/passkey/confirm", _NewPasskeyConfirm),
    ("/factors/recovery-codes", _RecoveryCodes),
    ("/factors/([0-9a-f]{16})", _OneFactor),
)
"""Paths below the prefix of `login_routes`, and their handlers."""
