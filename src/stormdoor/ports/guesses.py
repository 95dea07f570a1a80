"""Guesses of passwords, counted for all processes of an installation."""

from __future__ import annotations

from typing import Protocol

from stormdoor.core.backoff import Guess, GuessRules

__all__ = ["Guesses"]


class Guesses(Protocol):
    """The failed logins of each account and address. `stormdoor.core.backoff` has the rules.

    In doubt, the guess counts as charged, and a charge as not given back: at worst, a client waits too long.
    """

    async def charge_guess(self, guess: Guess, rules: GuessRules) -> float:
        """Ask for an attempt, and charge it as a failure in the same step if it is allowed.

        INVARIANT: simultaneous guesses in all processes are all charged.

        Returns:
            0.0 if the attempt may continue. Else the seconds to wait; then nothing was written.
        """
        ...

    async def guess_wait(self, guess: Guess, rules: GuessRules) -> float:
        """Return the seconds until `guess` would be allowed; 0.0 if it would be now."""
        ...

    async def give_back_guess(self, guess: Guess, rules: GuessRules, *, succeeded: bool) -> None:
        """Take the charge of a guess back.

        Args:
            guess: The guess, as it was charged.
            rules: The rules.
            succeeded: Whether the password was right; then the failures of its address are cleared, too.
                Else it was never verified.
        """
        ...
