"""The probes: one file each, `spNNN_slug.py`, with a `PROBE`."""

from importlib import import_module
from pkgutil import iter_modules

from stormdoor_audit.prober.probe import Probe, ProbeError

__all__ = ["PROBES", "in_turn"]


def _all_probes() -> tuple[Probe, ...]:
    """Every probe, by id, which is the order they run in.

    Raises:
        ProbeError: A file has no `PROBE`.
    """
    found: list[Probe] = []
    for module in sorted(iter_modules(__path__), key=lambda one: one.name):
        one = getattr(import_module(f"{__name__}.{module.name}"), "PROBE", None)
        if not isinstance(one, Probe):
            raise ProbeError(f"{module.name} has no PROBE")
        found.append(one)
    return tuple(sorted(found, key=lambda one: one.meta.id))


PROBES: tuple[Probe, ...] = _all_probes()
"""Every probe, by id."""

_FIRST = ("SP101", "SP201")
"""The most important probes run first: a server may limit wrong credentials later."""
_LAST = ("SP111", "SP908")
"""After the first of them it may have; the other looks if the server still answers."""


def in_turn(*, active: bool) -> list[Probe]:
    """The probes in the order they run in.

    Args:
        active: Whether more than reads may be sent.
    """
    return sorted(
        (one for one in PROBES if active or not one.active),
        key=lambda one: (one.meta.id not in _FIRST, one.meta.id in _LAST, one.meta.id),
    )
