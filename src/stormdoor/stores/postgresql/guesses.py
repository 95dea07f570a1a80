"""`stormdoor.ports.Guesses` on PostgreSQL."""

from __future__ import annotations

from typing import Final

from stormdoor.core.backoff import Failures, Guess, GuessRules
from stormdoor.stores import statements as sql
from stormdoor.stores.postgresql.part import PostgresqlPart
from stormdoor.stores.postgresql.transaction import Transaction
from stormdoor.stores.rows import failures_from

__all__ = ["PostgresqlGuesses"]

# One lock for each account: its two counters change together. The first number is this program's.
_LOCK_ACCOUNT: Final = "SELECT pg_advisory_xact_lock(21318, hashtext(CAST(? AS TEXT)))"


class PostgresqlGuesses(PostgresqlPart):
    """The counters of failed logins. All nodes share them.

    Every charge is durable: a failover to a standby that has confirmed each commit forgets none.
    """

    __slots__ = ()

    async def charge_guess(self, guess: Guess, rules: GuessRules) -> float:
        """See `Guesses.charge_guess`. A refusal takes no lock, so that it delays no other write."""

        async def charge(transaction: Transaction) -> float:
            known = await _locked(transaction, guess)
            seconds = rules.wait(guess, known)
            if seconds == 0.0:
                await _put(transaction, rules.charged(guess, known))
            return seconds

        seconds = await self.guess_wait(guess, rules)
        return seconds or await self._database.write(charge, order=guess.account)

    async def guess_wait(self, guess: Guess, rules: GuessRules) -> float:
        """See `Guesses.guess_wait`."""
        rows = await self._database.look_up(sql.GUESSES, guess.pair, guess.account)
        return rules.wait(guess, failures_from(rows))

    async def give_back_guess(self, guess: Guess, rules: GuessRules, *, succeeded: bool) -> None:
        """See `Guesses.give_back_guess`."""

        async def give_back(transaction: Transaction) -> None:
            known = await _locked(transaction, guess)
            await _put(transaction, rules.given_back(guess, known, succeeded=succeeded))

        await self._database.write(give_back, order=guess.account)


async def _locked(transaction: Transaction, guess: Guess) -> dict[str, Failures]:
    """Return the counters of a guess, which no other transaction changes until this one has ended."""
    # INVARIANT: one statement locks and another reads: a row of a transaction that has ended is seen.
    await transaction.rows(_LOCK_ACCOUNT, guess.account)
    return failures_from(await transaction.rows(sql.GUESSES, guess.pair, guess.account))


async def _put(transaction: Transaction, counters: dict[str, Failures]) -> None:
    rows = [(key, failures.count, failures.last) for key, failures in counters.items()]
    await transaction.change_many(sql.SET_GUESSES, rows)
    await transaction.change_many(sql.REMOVE_GUESSES, [(key,) for key in counters])
