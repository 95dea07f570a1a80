"""Mutations of a node: each switches off one part of the design, which the checkers must notice."""

from __future__ import annotations

from collections.abc import Callable

from stormdoor import Guard

__all__ = ["MUTATIONS", "mutate"]

MUTATIONS: dict[str, Callable[[Guard], None]] = {}


def mutate(guard: Guard, name: str) -> None:
    """Switch off the part of that name in `guard`; nothing for ""."""
    if name:
        MUTATIONS[name](guard)


def _mutation(change: Callable[[Guard], None]) -> Callable[[Guard], None]:
    MUTATIONS[change.__name__.strip("_").replace("_", "-")] = change
    return change


@_mutation
def _lease(guard: Guard) -> None:
    """The lease never lapses."""
    guard.lease.until = float("inf")
    guard.lease.__class__.lapse = lambda self: None  # type: ignore[method-assign]
