"""The part of the memory store for second factors, identities, pending logins and guesses."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

import msgspec

from stormdoor.core.account import Account
from stormdoor.core.backoff import Failures, Guess, GuessRules
from stormdoor.core.factor import Factor
from stormdoor.core.identity import Identity
from stormdoor.core.pending import Pending
from stormdoor.core.revocation import Revocation
from stormdoor.errors import StoreError
from stormdoor.ports import Changed
from stormdoor.stores.memory_log import MemoryLog
from stormdoor.stores.rows import json_text

__all__ = ["MemoryFactors", "copy_account", "refuse_duplicate"]


class MemoryFactors(MemoryLog):
    """`Pendings`, `Identities`, `Addresses`, `Guesses` and `Factors` in dictionaries.

    INVARIANT: as in `MemoryStore`, no method awaits between its first read and its last write.
    """

    def __init__(self, trail_key: bytes | None = None) -> None:
        super().__init__(trail_key)
        self._accounts: dict[str, Account] = {}
        self._pendings: dict[str, Pending] = {}
        self._identities: dict[tuple[str, str], Identity] = {}
        self._factors: dict[str, Factor] = {}
        self._recovery_codes: dict[str, set[str]] = {}
        self._failures: dict[str, tuple[int, float]] = {}
        self._familiar: dict[str, dict[str, float]] = {}
        self._guesses: dict[str, Failures] = {}

    # Pending logins

    async def add_pending(
        self, pending: Pending, *, max_unauthenticated: int | None = None
    ) -> bool:
        """See `Pendings.add_pending`."""
        self._answer()
        if pending.principal_id is not None:
            self._require_account(pending.principal_id)
        data = _copied(pending.data)
        kept = self._pendings
        if (
            max_unauthenticated is not None
            and _unauthenticated(kept, pending) >= max_unauthenticated
        ):
            kept = {
                id: one
                for id, one in kept.items()
                if one.principal_id is not None
                or one.purpose != pending.purpose
                or one.expires_at > pending.created_at
            }
            if _unauthenticated(kept, pending) >= max_unauthenticated:
                self._pendings = kept
                return False
        refuse_duplicate(pending.id, kept, "pending")
        self._pendings = kept
        kept[pending.id] = replace(pending, data=data)
        return True

    async def pending(self, id: str, purpose: str) -> Pending | None:
        """See `Pendings.pending`."""
        self._answer()
        found = self._pendings.get(id)
        return found if found is not None and found.purpose == purpose else None

    async def take_pending(self, id: str, purpose: str) -> Pending | None:
        """See `Pendings.take_pending`."""
        self._answer()
        found = self._pendings.get(id)
        if found is None or found.purpose != purpose:
            return None
        return self._pendings.pop(id)

    # Identities

    async def identity(self, issuer: str, subject: str) -> Account | None:
        """See `Identities.identity`."""
        self._answer()
        found = self._identities.get((issuer, subject))
        return None if found is None else self._accounts[found.principal_id].with_own_attributes()

    async def identities(self, principal_id: str) -> list[Identity]:
        """See `Identities.identities`."""
        self._answer()
        own = [one for one in self._identities.values() if one.principal_id == principal_id]
        return sorted(own, key=lambda one: (one.linked_at, one.issuer, one.subject))

    async def link_identity(self, issuer: str, subject: str, principal_id: str, at: float) -> None:
        """See `Identities.link_identity`."""
        self._answer()
        self._require_account(principal_id)
        if (issuer, subject) in self._identities:
            raise StoreError("this identity exists already")
        self._identities[issuer, subject] = Identity(
            issuer=issuer, subject=subject, principal_id=principal_id, linked_at=at
        )

    async def unlink_identity(self, issuer: str, subject: str, at: float) -> Changed:
        """See `Identities.unlink_identity`."""
        self._answer()
        removed = self._identities.pop((issuer, subject), None)
        return removed is not None and self._note_change(removed.removal.entry(at))

    # Familiar addresses

    async def address_seen(self, principal_id: str, address: str) -> float | None:
        """See `Addresses.address_seen`."""
        self._answer()
        return self._familiar.get(principal_id, {}).get(address)

    async def remember_address(
        self, principal_id: str, address: str, at: float, *, most: int
    ) -> None:
        """See `Addresses.remember_address`."""
        self._answer()
        if principal_id not in self._accounts:
            return
        own = self._familiar.setdefault(principal_id, {})
        own[address] = at
        while len(own) > most:
            del own[min(own, key=lambda one: (own[one], one))]

    def _purge_addresses(self, before: float) -> int:
        found = sum(map(len, self._familiar.values()))
        self._familiar = {
            id: kept
            for id, own in self._familiar.items()
            if (kept := {one: at for one, at in own.items() if at >= before})
        }
        return found - sum(map(len, self._familiar.values()))

    # Guesses

    async def charge_guess(self, guess: Guess, rules: GuessRules) -> float:
        """See `Guesses.charge_guess`."""
        self._answer()
        seconds = rules.wait(guess, self._guesses)
        if seconds == 0.0:
            self._guesses.update(rules.charged(guess, self._guesses))
        return seconds

    async def guess_wait(self, guess: Guess, rules: GuessRules) -> float:
        """See `Guesses.guess_wait`."""
        self._answer()
        return rules.wait(guess, self._guesses)

    async def give_back_guess(self, guess: Guess, rules: GuessRules, *, succeeded: bool) -> None:
        """See `Guesses.give_back_guess`."""
        self._answer()
        for key, left in rules.given_back(guess, self._guesses, succeeded=succeeded).items():
            if left.count:
                self._guesses[key] = left
            else:
                del self._guesses[key]

    def _purge_guesses(self, over: float) -> int:
        before = len(self._guesses)
        self._guesses = {key: one for key, one in self._guesses.items() if one.last >= over}
        return before - len(self._guesses)

    # Factors

    async def factors(self, principal_id: str) -> list[Factor]:
        """See `Factors.factors`."""
        self._answer()
        own = [one for one in self._factors.values() if one.principal_id == principal_id]
        return sorted(own, key=lambda one: (one.created_at, one.id))

    async def factor_by_handle(self, handle: str) -> tuple[Factor, Account] | None:
        """See `Factors.factor_by_handle`."""
        self._answer()
        for factor in self._factors.values():
            if factor.handle == handle:
                return factor, self._accounts[factor.principal_id].with_own_attributes()
        return None

    async def add_factor(self, factor: Factor, *, entry: Revocation | None = None) -> Changed:
        """See `Factors.add_factor`."""
        self._answer()
        self._require_account(factor.principal_id)
        refuse_duplicate(factor.id, self._factors, "factor")
        if factor.handle is not None:
            handles = {one.handle: one for one in self._factors.values() if one.handle}
            refuse_duplicate(factor.handle, handles, "factor")
        self._factors[factor.id] = replace(factor, details=_copied(factor.details))
        return self._note_change(entry)

    def _remove_factor(self, id: str, principal_id: str) -> bool:
        factor = self._factors.get(id)
        if factor is None or factor.principal_id != principal_id:
            return False
        del self._factors[id]
        if not any(one.principal_id == principal_id for one in self._factors.values()):
            self._recovery_codes.pop(principal_id, None)
        return True

    async def use_factor(
        self, id: str, *, counter: int, at: float, entry: Revocation | None = None
    ) -> Changed:
        """See `Factors.use_factor`."""
        self._answer()
        factor = self._factors.get(id)
        if factor is None or not factor.accepts(counter):
            return False
        self._factors[id] = replace(factor, counter=counter, last_used_at=at)
        return self._note_change(entry)

    async def reseal_factor(self, id: str, old: str, new: str) -> bool:
        """See `Factors.reseal_factor`."""
        self._answer()
        factor = self._factors.get(id)
        if factor is None or factor.secret != old:
            return False
        self._factors[id] = replace(factor, secret=new)
        return True

    async def set_recovery_codes(
        self, principal_id: str, hashes: Iterable[str], *, entry: Revocation | None = None
    ) -> Changed:
        """See `RecoveryCodes.set_recovery_codes`."""
        self._answer()
        self._require_account(principal_id)
        self._recovery_codes[principal_id] = set(hashes)
        return self._note_change(entry)

    async def use_recovery_code(
        self, principal_id: str, code_hash: str, *, entry: Revocation | None = None
    ) -> Changed:
        """See `RecoveryCodes.use_recovery_code`."""
        self._answer()
        codes = self._recovery_codes.get(principal_id, set())
        if code_hash not in codes:
            return False
        codes.remove(code_hash)
        return self._note_change(entry)

    async def recovery_codes(self, principal_id: str) -> int:
        """See `RecoveryCodes.recovery_codes`."""
        self._answer()
        return len(self._recovery_codes.get(principal_id, ()))

    async def factor_failures(self, principal_id: str) -> tuple[int, float]:
        """See `Factors.factor_failures`."""
        self._answer()
        return self._failures.get(principal_id, (0, 0.0))

    async def set_factor_failures(
        self, principal_id: str, count: int, at: float, *, expected: int
    ) -> bool:
        """See `Factors.set_factor_failures`."""
        self._answer()
        known = self._failures.get(principal_id, (0, 0.0))[0]
        if known != expected or principal_id not in self._accounts:
            return False
        if count == 0:
            self._failures.pop(principal_id, None)
        else:
            self._failures[principal_id] = (count, at)
        return True

    # For the whole store

    def _forget_account(self, id: str) -> None:
        """Remove all data of an account that was just removed."""
        self._pendings = {k: p for k, p in self._pendings.items() if p.principal_id != id}
        self._identities = {k: i for k, i in self._identities.items() if i.principal_id != id}
        self._factors = {k: f for k, f in self._factors.items() if f.principal_id != id}
        self._recovery_codes.pop(id, None)
        self._failures.pop(id, None)
        self._familiar.pop(id, None)

    def _forget_pendings_of(self, session_id: str) -> None:
        self._pendings = {k: p for k, p in self._pendings.items() if p.session_id != session_id}

    def _forget_pendings_without_session(self, principals: set[str], until: float) -> None:
        self._pendings = {
            id: one
            for id, one in self._pendings.items()
            if one.session_id is not None
            or one.principal_id not in principals
            or one.created_at > until
        }

    def _forget_other_pendings(self, principal_id: str, keep: str | None) -> None:
        self._pendings = {
            id: pending
            for id, pending in self._pendings.items()
            if pending.principal_id != principal_id
            or (pending.session_id is not None and pending.session_id == keep)
        }

    def _purge_pendings(self, over: float) -> int:
        before = len(self._pendings)
        self._pendings = {k: p for k, p in self._pendings.items() if p.expires_at >= over}
        return before - len(self._pendings)

    def _require_account(self, principal_id: str) -> None:
        if principal_id not in self._accounts:
            raise StoreError("there is no such account")


def _unauthenticated(pendings: Mapping[str, Pending], like: Pending) -> int:
    return sum(
        one.principal_id is None and one.purpose == like.purpose for one in pendings.values()
    )


def refuse_duplicate(id: str, known: Mapping[str, object], what: str) -> None:
    """Raise `StoreError` if the id is taken."""
    if id in known:
        raise StoreError(f"this {what} exists already")


def _copied(values: Mapping[str, object]) -> Mapping[str, object]:
    decoded: dict[str, object] = msgspec.json.decode(json_text(values, "details"))
    return decoded


def copy_account(account: Account) -> Account:
    """Return the account with separate attributes, so that a caller cannot change the stored ones."""
    return replace(account, attributes=msgspec.json.decode(json_text(account.attributes)))
