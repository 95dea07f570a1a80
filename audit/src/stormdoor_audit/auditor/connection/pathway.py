"""The ways that a connection can go."""

from dataclasses import dataclass, field
from typing import Literal

from stormdoor_audit.auditor.connection.client import ADDRESS, HOST
from stormdoor_audit.auditor.interpreter.events import Assumption, Event, Stage
from stormdoor_audit.auditor.interpreter.kept import Kept
from stormdoor_audit.auditor.interpreter.outcomes import Thrown
from stormdoor_audit.auditor.interpreter.texts import STAND_IN

__all__ = ["Asked", "Outcome", "Path", "Pathway"]

Outcome = Literal["refused", "accepted", "cut"]


@dataclass(frozen=True, slots=True)
class Asked:
    """A page that connects.

    Args:
        origin: Where it comes from.
        host: The Host header of the handshake.
        address: Where the client is.
        whole: Whether what runs before `check_origin` is followed, too.
        otherwise: Whether ways that only another configuration takes are followed, too.
        listed: Items in lists of the server that cannot be read here.
        throughout: Whether all that matters is if it is let in on every way as shipped: the first that
            refuses it is the last that is followed.
    """

    origin: str
    host: str = HOST
    address: str = ADDRESS
    whole: bool = False
    listed: str = STAND_IN
    otherwise: bool = False
    throughout: bool = False


@dataclass(slots=True)
class Path:
    """One way that a connection can go.

    Args:
        outcome: Refused before the 101, accepted, or not followed to its end.
        stage: The stage in which it was refused, or that it reached.
        events: What happened, in order.
        assumptions: Settings it depends on.
        refused_by: What refused it: a check of the client's identity, or None.
        open_end: How `open` ended: it came through, it raised, it closed.
        message_end: How `on_message` ended on the first message.
        handled: How many events there were when each message had been handled, one way or the other.
        answer: What `check_origin` answered.
        whim: Whether that hung on what the page writes into the address.
        unsure: True if that depended on values that cannot be read here.
        claimed: Whether it was noted who the client is, and nothing had been asked before.
        weighed: Whether it hung on what the server found or answered for what this client sent.
        looked_at: What `check_origin` looked at beside the origin: `host`, `address`, `port`, `list`.
    """

    outcome: Outcome
    stage: Stage
    events: list[Event]
    assumptions: dict[str, Assumption]
    refused_by: Thrown | None = None
    presumed: bool = False
    open_end: Literal["", "through", "raised", "closed"] = ""
    message_end: Literal["", "through", "raised", "closed"] = ""
    handled: list[int] = field(default_factory=list)
    answer: bool | None = None
    whim: bool = False
    unsure: bool = False
    weighed: bool = False
    claimed: bool = False
    looked_at: frozenset[str] = frozenset()

    @property
    def is_as_shipped(self) -> bool:
        """Return True if every setting on this way has its shipped value, as far as that is known."""
        return all(
            one.default is None or one.default == one.value for one in self.assumptions.values()
        )

    @property
    def checks(self) -> list[Event]:
        """The checks of identity that this client failed on the way."""
        return [event for event in self.events if event.kind == "check"]

    def turns(self) -> list[list[Event]]:
        """The events until the first message, then those of each message, which begin with it."""
        turns: list[list[Event]] = [[]]
        for event in self.events:
            if event.kind == "message":
                turns.append([])
            turns[-1].append(event)
        return turns

    def at(self, stage: Stage) -> list[Event]:
        """Return the events of a stage."""
        return [event for event in self.events if event.stage == stage]


@dataclass(slots=True)
class Pathway:
    """All ways that were explored.

    Args:
        paths: The ways that came to an end.
        events: Everything that happened on any way, also those not followed to the end.
        prefixes: Each way up to where it came to a state that another way was in before.
        complete: Whether every way was followed.
        steps: How much work it was.
        uncertain: Methods that a class that was not read may define, with that class.
        asked: Tables that were asked for what belongs to a credential.
        filled: Tables that have an entry for every client.
    """

    paths: list[Path] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    prefixes: list[Path] = field(default_factory=list)
    complete: bool = True
    steps: int = 0
    uncertain: dict[str, str] = field(default_factory=dict)
    asked: set[str] = field(default_factory=set)
    filled: Kept = field(default_factory=dict)
