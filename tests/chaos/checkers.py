"""Checkers of a history. Each is a pure function that reads every event once.

An installation with a synchronous standby keeps what it acknowledged across a failover. One with an
asynchronous standby may lose it: there, an acknowledgement binds the nodes that follow the same epoch.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from tests.chaos.history import (
    Appended,
    Changed,
    Event,
    Gone,
    Held,
    Logged,
    Reloaded,
    Revoked,
    Saw,
    Sent,
    Stored,
    Took,
    Verified,
    server_of,
)

__all__ = [
    "CHECKERS",
    "GONE",
    "NO_EPOCH",
    "NO_LEASE",
    "NO_SOCKET",
    "ONE_NODE",
    "OTHER_EPOCH",
    "OTHER_TIME",
    "REASONS",
    "Guarantee",
    "Violation",
    "acknowledged",
    "bounded_staleness",
    "check",
    "checked",
    "fenced",
    "intact_chains",
    "kept_entries",
    "kept_revocations",
    "ordered_roles",
    "outlived",
    "single_use",
    "staleness",
    "unchecked",
]


_FLOWING_SECONDS = 0.25
"""A socket to which a node sent in these seconds gets messages: a node sends to each every 100 ms."""


@dataclass(frozen=True, slots=True)
class Guarantee:
    """What an installation guarantees.

    Attributes:
        bound: Longest time in seconds between an acknowledgement and the last message that ignores it.
        across_failover: Whether the guarantee reaches across a failover.
    """

    bound: float
    across_failover: bool = True

    def binds(self, acknowledged: str, followed: str) -> bool:
        """Return whether an acknowledgement in one epoch binds a node that follows another.

        An operator may begin another epoch on the same server, which loses nothing.
        """
        return self.across_failover or server_of(acknowledged) == server_of(followed)


class Violation(NamedTuple):
    """A broken guarantee: the name of the checker, the time and the event in words."""

    checker: str
    at: float
    text: str


Checker = Callable[[Sequence[Event], Guarantee], list[Violation]]


def staleness(events: Sequence[Event], guarantee: Guarantee) -> dict[str, float]:
    """Return the seconds from each acknowledged revocation to the last message that ignored it.

    Negative if the last message came before. A target without a message is left out.
    """
    acked = acknowledged(events)
    found: dict[str, float] = {}
    for event in events:
        if isinstance(event, Sent):
            for target in event.targets:
                if (by := acked.get(target)) and guarantee.binds(by.epoch, event.epoch):
                    found[target] = max(found.get(target, -float("inf")), event.at - by.at)
    return found


def checked(events: Sequence[Event], guarantee: Guarantee) -> dict[str, Revoked]:
    """Return the acknowledged revocations that another node could have ignored.

    Another node than the one that acknowledged it started a `send()` to the target in the quarter of a second
    before the call, or during the call. So a socket was open there, and messages flowed. Until the bound,
    only a revocation ended that socket: a message could have followed. An asynchronous standby binds only
    nodes of the same epoch: only their messages count.
    """
    acked, found, gone = acknowledged(events), {}, _gone(events)
    for event in events:
        if isinstance(event, Sent):
            for target in event.targets:
                by = acked.get(target)
                if (
                    by is not None
                    and event.by != by.by
                    and by.asked - _FLOWING_SECONDS <= event.at <= by.at
                    and guarantee.binds(by.epoch, event.epoch)
                    and _gone_at(event, gone) > by.at + guarantee.bound
                ):
                    found[target] = by
    return found


def _gone(events: Iterable[Event]) -> dict[tuple[str, str], float]:
    """Return the times at which connections ended without a revocation, and nodes; see `Gone`."""
    return {(one.by, one.connection): one.at for one in events if isinstance(one, Gone)}


def _gone_at(event: Sent, gone: Mapping[tuple[str, str], float]) -> float:
    """Return the time at which the connection of a message was gone without a revocation, if it was."""
    names = (one.partition(":") for one in event.targets)
    ids = ["", *(name for kind, _, name in names if kind == "connection")]
    return min(gone.get((event.by, id), float("inf")) for id in ids)


NO_SOCKET = "no node sent to it then"
OTHER_TIME = "another node sent to it, but not then"
ONE_NODE = "only the node that ended it sent to it"
NO_LEASE = "the other node had no lease, and held its messages"
NO_EPOCH = "its node changed the epoch during the call"
OTHER_EPOCH = "the other node followed another epoch"
GONE = "the socket was closed, or its node was killed, before the bound"
REASONS = (NO_SOCKET, OTHER_TIME, ONE_NODE, NO_LEASE, NO_EPOCH, OTHER_EPOCH, GONE)
"""Why a revocation does not count as checked; of several, the last one. *Then* is the time of `checked`."""


def unchecked(events: Sequence[Event], guarantee: Guarantee) -> dict[str, str]:
    """Return the acknowledged revocations that are not among `checked`, each with one of `REASONS`."""
    acked, sound = acknowledged(events), checked(events, guarantee)
    found = dict.fromkeys(acked.keys() - sound.keys(), NO_SOCKET)
    for event in events:
        if not isinstance(event, Sent | Held):
            continue
        for target in event.targets:
            if target in found:
                reason = _reason(event, acked[target], guarantee)
                found[target] = max(found[target], reason, key=REASONS.index)
    return found


def _reason(event: Sent | Held, by: Revoked, guarantee: Guarantee) -> str:
    then, other = by.asked - _FLOWING_SECONDS <= event.at <= by.at, event.by != by.by
    if not then:
        return OTHER_TIME if other and isinstance(event, Sent) else NO_SOCKET
    if not other:
        return ONE_NODE
    if isinstance(event, Held):
        return NO_LEASE
    if guarantee.binds(by.epoch, event.epoch):
        return GONE
    return OTHER_EPOCH if by.epoch else NO_EPOCH


def outlived(events: Sequence[Event], guarantee: Guarantee) -> set[str]:
    """Return the checked revocations of sockets that are older than a failover.

    Another node than the one that acknowledged it had sent to the target under an earlier epoch.
    """
    sound, found = checked(events, guarantee), set()
    first: dict[tuple[str, str], str] = {}
    for event in events:
        if not isinstance(event, Sent):
            continue
        for target in event.targets:
            by = sound.get(target)
            if by is None or event.by == by.by or event.at > by.at:
                continue
            epoch = server_of(event.epoch)
            if first.setdefault((target, event.by), epoch) != epoch:
                found.add(target)
    return found


def fenced(events: Sequence[Event]) -> set[str]:
    """Return the targets of acknowledged revocations for which a node without a lease held a message.

    The message came after the call: the node did not know of the revocation, and only the lapsed lease
    prevented the message.
    """
    acked = acknowledged(events)
    return {
        target
        for event in events
        if isinstance(event, Held)
        for target in event.targets
        if (by := acked.get(target)) and by.asked <= event.at
    }


def acknowledged(events: Iterable[Event]) -> dict[str, Revoked]:
    """Return the first acknowledgement of each target."""
    found: dict[str, Revoked] = {}
    for event in events:
        if isinstance(event, Revoked) and event.outcome == "done":
            found.setdefault(event.target, event)
    return found


def bounded_staleness(events: Sequence[Event], guarantee: Guarantee) -> list[Violation]:
    """Check that no node sends to a revoked principal after the bound.

    After a revocation that waited for the cluster, no node sends at all.
    """
    acked = acknowledged(events)
    limits = {
        target: by.at + (0.0 if by.wait == "cluster" else guarantee.bound)
        for target, by in acked.items()
    }
    return [
        Violation(
            "bounded staleness",
            event.at,
            f"{event.by} sent to {target} {event.at - acked[target].at:.3f} s after the "
            f"acknowledgement (wait={acked[target].wait!r})",
        )
        for event in events
        if isinstance(event, Sent)
        for target in event.targets
        if target in limits
        and event.at > limits[target]
        and guarantee.binds(acked[target].epoch, event.epoch)
    ]


def single_use(events: Sequence[Event], guarantee: Guarantee) -> list[Violation]:
    """Check that each value was accepted at most once. In doubt, it counts as used and not as accepted.

    With an asynchronous standby, an old primary that goes on and the new one may accept it once each.
    """
    found: list[Violation] = []
    taken: dict[str, Took] = {}
    for event in events:
        if isinstance(event, Took) and event.outcome == "done":
            before = taken.setdefault(event.value, event)
            if before is not event and guarantee.binds(before.epoch, event.epoch):
                text = f"{event.by} accepted {event.value} after {before.by}"
                found.append(Violation("single use", event.at, text))
    return found


def ordered_roles(events: Sequence[Event], guarantee: Guarantee) -> list[Violation]:
    """Check the versions of roles that decisions used.

    A version is not used before it was asked for. A connection does not go back to an earlier version. An
    acknowledged version is used after the bound, or a later one.
    """
    found: list[Violation] = []
    asked: dict[tuple[str, int], float] = {}
    acked: dict[str, list[Changed]] = defaultdict(list)
    for event in events:
        if isinstance(event, Changed):
            asked[event.principal, event.version] = event.asked
            if event.outcome == "done":
                acked[event.principal].append(event)
    due: dict[str, int] = defaultdict(int)
    """Per principal, the number of acknowledged changes that must be visible; times only increase."""
    last: dict[tuple[str, str], int] = {}
    for event in events:
        if not isinstance(event, Saw):
            continue
        changes, key = acked[event.principal], (event.connection, event.epoch)
        while due[event.principal] < len(changes) and event.at > (
            changes[due[event.principal]].at + guarantee.bound
        ):
            due[event.principal] += 1
        newest = changes[due[event.principal] - 1] if due[event.principal] else None
        wrong = ""
        if event.version and event.at < asked.get((event.principal, event.version), float("inf")):
            wrong = "before it was asked for"
        elif event.version < last.get(key, 0):
            wrong = f"after version {last[key]}"
        elif (
            newest and event.version < newest.version and guarantee.binds(newest.epoch, event.epoch)
        ):
            wrong = f"{event.at - newest.at:.3f} s after version {newest.version} was acknowledged"
        if wrong:
            text = (
                f"{event.by} used version {event.version} of the roles of {event.principal} {wrong}"
            )
            found.append(Violation("ordered roles", event.at, text))
        last[key] = max(last.get(key, 0), event.version)
    return found


def kept_revocations(events: Sequence[Event], guarantee: Guarantee) -> list[Violation]:
    """Check that the log has every acknowledged revocation, in positions without a gap.

    It may have a revocation twice only if its outcome was in doubt, or if a node wrote it again after a
    failover. A node that does so leaves out the positions that the lost part of the log had.
    """
    log = [event for event in events if isinstance(event, Logged)]
    if not log:
        return []
    again = any(isinstance(event, Reloaded) for event in events)
    found: list[Violation] = []
    log.sort(key=lambda entry: entry.seq)
    for before, entry in pairwise(log):
        if entry.seq <= before.seq or (entry.seq != before.seq + 1 and not again):
            text = f"position {entry.seq} follows {before.seq} in the log"
            found.append(Violation("kept revocations", entry.at, text))
    times = Counter(entry.target for entry in log)
    doubtful = {
        e.entry or e.target for e in events if isinstance(e, Revoked) and e.outcome == "in doubt"
    }
    for by in acknowledged(events).values():
        target = by.entry or by.target
        if not times[target] and guarantee.binds(by.epoch, log[-1].epoch):
            found.append(Violation("kept revocations", by.at, f"{target} is lost"))
        if times[target] > 1 and not again and target not in doubtful:
            found.append(
                Violation("kept revocations", by.at, f"{target} is there {times[target]} times")
            )
    return found


def kept_entries(events: Sequence[Event], guarantee: Guarantee) -> list[Violation]:
    """Check that the trail has every acknowledged entry once, and no entry that was never appended."""
    times = Counter(event.entry for event in events if isinstance(event, Stored))
    newest = max((e for e in events if isinstance(e, Logged)), key=lambda e: e.seq, default=None)
    epoch, found, known = newest.epoch if newest else "", [], set()
    for event in events:
        if not isinstance(event, Appended):
            continue
        known.add(event.entry)
        binds = event.outcome == "done" and guarantee.binds(event.epoch, epoch)
        if binds and not times[event.entry]:
            found.append(Violation("kept entries", event.at, f"{event.entry} is lost"))
        if times[event.entry] > 1:
            text = f"{event.entry} is there {times[event.entry]} times"
            found.append(Violation("kept entries", event.at, text))
    found += [
        Violation("kept entries", event.at, f"{event.entry} was never appended")
        for event in events
        if isinstance(event, Stored) and event.entry not in known
    ]
    return found


def intact_chains(events: Sequence[Event], guarantee: Guarantee) -> list[Violation]:
    """Check that the trail was verified at the end, and that no entry or chain has a fault."""
    verified = [event for event in events if isinstance(event, Verified)]
    if not verified:
        return [Violation("intact chains", 0.0, "the trail was not verified")]
    return [Violation("intact chains", one.at, fault) for one in verified for fault in one.faults]


CHECKERS: tuple[Checker, ...] = (
    bounded_staleness,
    single_use,
    ordered_roles,
    kept_revocations,
    kept_entries,
    intact_chains,
)


def check(events: Sequence[Event], guarantee: Guarantee) -> list[Violation]:
    """Return every violation, in the order of their times. `events` are in the order of their times."""
    found = [violation for checker in CHECKERS for violation in checker(events, guarantee)]
    return sorted(found, key=lambda violation: violation.at)
