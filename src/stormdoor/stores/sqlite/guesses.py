"""`stormdoor.ports.Guesses` on SQLite."""

import sqlite3

from stormdoor.core.backoff import Failures, Guess, GuessRules
from stormdoor.stores import statements as sql
from stormdoor.stores.rows import failures_from
from stormdoor.stores.sqlite.part import Part

__all__ = ["SqliteGuesses"]


class SqliteGuesses(Part):
    """The counters of failed logins. All processes on the file share them."""

    __slots__ = ()

    async def charge_guess(self, guess: Guess, rules: GuessRules) -> float:
        """See `Guesses.charge_guess`. A refusal takes no lock, so that it delays no other write."""

        def charge(connection: sqlite3.Connection) -> float:
            known = _counters(connection, guess)
            seconds = rules.wait(guess, known)
            if seconds == 0.0:
                _put(connection, rules.charged(guess, known))
            return seconds

        return await self.guess_wait(guess, rules) or await self._database.write(charge)

    async def guess_wait(self, guess: Guess, rules: GuessRules) -> float:
        """See `Guesses.guess_wait`."""
        rows = self._database.look_up(sql.GUESSES, (guess.pair, guess.account))
        return rules.wait(guess, failures_from(rows))

    async def give_back_guess(self, guess: Guess, rules: GuessRules, *, succeeded: bool) -> None:
        """See `Guesses.give_back_guess`."""

        def give_back(connection: sqlite3.Connection) -> None:
            known = _counters(connection, guess)
            _put(connection, rules.given_back(guess, known, succeeded=succeeded))

        await self._database.write(give_back)


def _counters(connection: sqlite3.Connection, guess: Guess) -> dict[str, Failures]:
    return failures_from(connection.execute(sql.GUESSES, (guess.pair, guess.account)))


def _put(connection: sqlite3.Connection, counters: dict[str, Failures]) -> None:
    rows = [(key, failures.count, failures.last) for key, failures in counters.items()]
    connection.executemany(sql.SET_GUESSES, rows)
    connection.executemany(sql.REMOVE_GUESSES, [(key,) for key in counters])
