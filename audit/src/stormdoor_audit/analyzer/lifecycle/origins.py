"""Tornado's check of origins: its answers to a page of another site in the browser of a user."""

from collections.abc import Iterator, Sequence

from stormdoor_audit.analyzer.engine.actions.sources import CHANGED
from stormdoor_audit.analyzer.engine.classinfo import ClassInfo
from stormdoor_audit.analyzer.engine.context import Arguments
from stormdoor_audit.analyzer.engine.machine import Engine
from stormdoor_audit.analyzer.engine.state import Flow, PropertyState, Store
from stormdoor_audit.analyzer.engine.values import (
    ABSENT,
    NONE,
    TRUE,
    Atom,
    Const,
    Func,
    Obj,
    Opaque,
    Value,
    const,
    join,
    opaque,
    origins,
)
from stormdoor_audit.analyzer.lifecycle.tornado import Route, handler_of, prepared, run_method

__all__ = ["CHECK", "FOREIGN", "HOST", "Origins"]

CHECK = "check_origin"
HOST = "door.example"
"""The name of this server in requests."""
FOREIGN = "https://attacker.test"
"""An origin that no check knows."""
_HOST_AND_PORT = f"{HOST}:8888"


class Origins:
    """The check of origins of a handler: asked as the browser of a user, at each 101 that it reaches.

    Args:
        engine: The program.
        info: The handler.
        known: Its routes.
        store: The store behind the start and the pages.
    """

    def __init__(self, engine: Engine, info: ClassInfo, known: list[Route], store: Store) -> None:
        self.engine = engine
        self.info = info
        self.known = known
        self.store = store
        self._doors: dict[tuple[str, ...], list[tuple[PropertyState, Store, str]]] = {}

    def answers(
        self, origin: str, hosts: tuple[str, ...] = (HOST, _HOST_AND_PORT)
    ) -> set[bool | None]:
        """Return the answers to an origin: True, False, and None where it is not known.

        Args:
            origin: The origin.
            hosts: Names of this server in the request.
        """
        engine = self.engine
        given = const(origin, frozenset({"origin"}))
        engine.settings = set()
        engine.is_user = True
        engine.request = {
            "origin": opaque("origin", truth=TRUE),
            "host": join(*(const(one) for one in hosts)),
            "host_name": const(hosts[0]),
        }
        try:
            if hosts not in self._doors:
                self._doors[hosts] = self._reached()
            doors = self._doors[hosts]
            engine.request["origin"] = given
            if any("origin" in origins(store.read(CHANGED, "origin")) for _, store, _ in doors):
                doors = self._reached()
            if any(not checked for _, _, checked in doors):
                unchecked = [checked for _, _, checked in self._reached() if not checked]
                return self._as_shipped({bool(unchecked)})
            answers: set[bool | None] = set()
            for at, store, _ in doors:
                answers |= self._asked_about(given, at, store)
            return self._as_shipped(answers)
        finally:
            engine.is_user = False
            engine.request = {}

    def with_names(self, names: Sequence[str]) -> Iterator[tuple[str, set[bool | None]]]:
        """Yield the answers to a foreign origin with each name of this server, if the check reads it."""
        if self.engine.read & {"host", "host_name"}:
            for name in names:
                yield name, self.answers(FOREIGN, (name,))

    def _reached(self) -> list[tuple[PropertyState, Store, str]]:
        """Return the states at the 101; the first one where the handler is not known to reach it."""
        engine = self.engine
        handler_of(engine, self.info)
        engine.accepted = []
        engine.read = set()
        flow = Flow()
        states = prepared(engine, self.known, self.store, flow)
        run_method(engine, "get", states, flow)
        return engine.accepted or [(PropertyState(), self.store, CHECK)]

    def _asked_about(self, given: Value, at: PropertyState, store: Store) -> set[bool | None]:
        """Return the answers to the header as the program has left it; without one there is no check."""
        changed = store.read(CHANGED, "origin")
        shown = (changed or ABSENT) - ABSENT - NONE
        if not changed or changed & ABSENT:
            shown = join(shown, given)
        answers: set[bool | None] = {True} if changed & NONE else set()
        return answers | (self._asked(shown, at, store) if shown else set())

    def _asked(self, given: Value, at: PropertyState, store: Store) -> set[bool | None]:
        engine = self.engine
        handler: Value = frozenset({handler_of(engine, self.info)})
        answers: set[bool | None] = set()
        flow = Flow()
        for state, made, method in engine.attribute(handler, CHECK, at, store.fork(), flow):
            for _, _, value in engine.call(method, Arguments((given,)), state, made, flow):
                answers.update(_truths(value))
        if flow.raises:
            answers.add(False)
        return answers

    def _as_shipped(self, answers: set[bool | None]) -> set[bool | None]:
        """Return the answers without those that need a setting with an unknown value."""
        unknown = any(
            isinstance(one, Opaque)
            for name in self.engine.settings
            for one in self.engine.shipped.get(name, frozenset())
        )
        return {None if one and unknown else one for one in answers}


def _truths(value: Value) -> set[bool | None]:
    return {_truth(one) for one in value}


def _truth(one: Atom) -> bool | None:
    """Return the truth of an answer; of an unknown value that of a user's proven one."""
    match one:
        case Const(value=value):
            return bool(value)
        case Opaque(origin=where, truth=truth):
            return True if truth == TRUE and where == {"proven"} else None
        case Obj() | Func():
            return True
        case _:
            return None
