"""Contract of every store for the guesses of passwords."""

import asyncio
from dataclasses import replace

from stormdoor.core.backoff import Backoff, Guess, GuessRules
from stormdoor.stores.grace import PURGE_GRACE_SECONDS
from stormdoor.testing.contract.support import NOW, NewStore, with_accounts

__all__ = ["GUESS", "GuessesContract"]

GUESS = Guess(account="alice", pair="alice at home", familiar=False, at=NOW)
"""A guess at an unfamiliar address."""

_RULES = GuessRules(
    own=Backoff(free=3, first=1.0, cap=60.0, forget=600.0),
    unfamiliar=Backoff(free=5, first=1.0, cap=30.0, forget=600.0),
)


def _elsewhere(number: int) -> Guess:
    return replace(GUESS, pair=f"alice at {number}")


class GuessesContract:
    async def test_simultaneous_guesses_are_all_charged(self, new_store: NewStore) -> None:
        """INVARIANT: of simultaneous guesses, only the free ones are allowed at once."""
        async with with_accounts(new_store) as store:
            guesses = [store.charge_guess(GUESS, _RULES) for _ in range(12)]
            waits = await asyncio.gather(*guesses)
            assert sorted(waits) == [0.0] * 3 + [1.0] * 9
            bob = Guess(account="bob", pair="bob at home", familiar=False, at=NOW)
            assert await store.charge_guess(bob, _RULES) == 0.0

    async def test_addresses_share_the_counter_of_an_account(self, new_store: NewStore) -> None:
        """Many unfamiliar addresses get no more guesses; a familiar one waits for its own failures alone."""
        async with with_accounts(new_store) as store:
            waits = [await store.charge_guess(_elsewhere(n), _RULES) for n in range(7)]
            assert waits == [0.0] * 5 + [1.0] * 2
            familiar = replace(GUESS, familiar=True)
            assert await store.guess_wait(GUESS, _RULES) == 1.0
            assert [await store.charge_guess(familiar, _RULES) for _ in range(4)] == [0.0] * 3 + [
                1.0
            ]
            assert await store.guess_wait(replace(_elsewhere(8), at=NOW + 1), _RULES) == 0.0

    async def test_a_refused_guess_is_not_charged(self, new_store: NewStore) -> None:
        """A guess during the delay does not prolong it; after the delay, each failure doubles the next."""
        async with with_accounts(new_store) as store:
            for _ in range(3):
                assert await store.charge_guess(GUESS, _RULES) == 0.0
            for _ in range(9):
                assert await store.charge_guess(replace(GUESS, at=NOW + 0.5), _RULES) == 0.5
            assert await store.charge_guess(replace(GUESS, at=NOW + 1), _RULES) == 0.0
            assert await store.guess_wait(replace(GUESS, at=NOW + 1), _RULES) == 2.0
            assert await store.guess_wait(replace(GUESS, at=NOW + 601), _RULES) == 0.0

    async def test_a_guess_that_was_not_verified_is_given_back(self, new_store: NewStore) -> None:
        """A guess that was given back counts for nothing, in both counters."""
        async with with_accounts(new_store) as store:
            for number in range(20):
                assert await store.charge_guess(_elsewhere(number), _RULES) == 0.0
                await store.give_back_guess(_elsewhere(number), _RULES, succeeded=False)
            await store.give_back_guess(GUESS, _RULES, succeeded=False)
            assert await store.purge(NOW + 1e9) == 0

    async def test_a_success_clears_the_failures_of_its_address(self, new_store: NewStore) -> None:
        """The owner's login leaves the failures of other addresses as they are."""
        async with with_accounts(new_store) as store:
            for number in range(2):
                await store.charge_guess(_elsewhere(number), _RULES)
            for _ in range(3):
                assert await store.charge_guess(GUESS, _RULES) == 0.0
            await store.give_back_guess(GUESS, _RULES, succeeded=True)
            waits = [await store.charge_guess(GUESS, _RULES) for _ in range(2)]
            assert waits == [
                0.0,
                1.0,
            ]  # four failures of all addresses were left, and the fifth waits
            assert await store.guess_wait(replace(GUESS, familiar=True), _RULES) == 0.0

    async def test_old_guesses_are_purged(self, new_store: NewStore) -> None:
        """Counters are purged two hours after their last failure."""
        async with with_accounts(new_store) as store:
            await store.charge_guess(GUESS, _RULES)
            await store.charge_guess(replace(_elsewhere(1), at=NOW + 2), _RULES)
            assert await store.purge(NOW + PURGE_GRACE_SECONDS + 1) == 1
            assert await store.purge(NOW + PURGE_GRACE_SECONDS + 3) == 2
