"""Every way of a connection, within a budget."""

import ast
import re
from collections import deque
from collections.abc import Mapping as MappingABC
from dataclasses import dataclass

from stormdoor_audit.auditor.classes.classinfo import ClassInfo
from stormdoor_audit.auditor.classes.hierarchy import Hierarchy
from stormdoor_audit.auditor.connection.pathway import Asked, Path, Pathway
from stormdoor_audit.auditor.connection.run import Run
from stormdoor_audit.auditor.interpreter.events import Mode, Stage
from stormdoor_audit.auditor.interpreter.frame import Frame
from stormdoor_audit.auditor.interpreter.kept import Kept, merge_kept
from stormdoor_audit.auditor.interpreter.machine import Outcome, Way
from stormdoor_audit.auditor.interpreter.makings import Making
from stormdoor_audit.auditor.interpreter.outcomes import Exhausted, PathEnd, Pruned, Thrown
from stormdoor_audit.auditor.interpreter.statements.jumps import Returned
from stormdoor_audit.auditor.interpreter.values import Environment
from stormdoor_audit.auditor.reading.module import Module
from stormdoor_audit.auditor.reading.project import Project

__all__ = ["explore_origin", "explored"]

# The limits are work, never time: a busy machine says what an idle one says.
_MAX_PATHS = 160
_OF_ONE = 40
"""Ways that one configuration other than the shipped one is worth."""
_AT_FIRST = 6
"""Of these, the ways before every other configuration had as many."""
_MAX_STEPS: MappingABC[Mode, int] = {"anonymous": 60_000, "member": 30_000, "origin": 5_000}
_IN_DEPTH = 10_000
"""Steps with a client that is let in after which what was never chosen comes first: all of it counts."""
_BEGINNING: Outcome = (0, 0)


def explored(
    project: Project,
    hierarchy: Hierarchy,
    info: ClassInfo,
    mode: Mode,
    *,
    words: MappingABC[str, tuple[Module, ast.expr]],
    origin: Asked | None = None,
    filled: Kept | None = None,
    at: str = "",
    verb: str = "",
    worth: int | None = None,
) -> Pathway:
    """Every way, within a budget.

    Args:
        project: The files.
        hierarchy: The classes.
        info: The handler class.
        mode: Who the client is.
        words: What the route gives to `initialize`.
        origin: The page that connects, where its origin is what is asked for.
        filled: Tables that are known to have an entry for every client.
        at: The path of its address, where there is only one.
        verb: The method of the request, of what is a page and no WebSocket.
        worth: The steps that it is worth, where it is another budget than usual.
    """
    result = Pathway()

    def ways(pending: list[Way], most: int) -> None:
        """Every way from these choices under one configuration, as far as it is worth it."""
        for _ in range(most):
            if not pending or spent.is_over():
                break
            run = Run(
                project,
                hierarchy,
                info,
                mode=mode,
                plan=_next(
                    pending, taken, in_depth=mode != "member" or spent.steps <= _IN_DEPTH
                ).plan,
                seen=seen,
                words=words,
            )
            run.begun_with, run.makings = taken, makings
            run.filled.update(filled or {})
            run.at, run.verb = at, verb
            path = _followed(run, origin)
            spent.count(run)
            pending.extend(reversed(run.alternatives))
            otherwise.extend(run.unlike_shipped)
            aside.extend(run.unlikely)
            result.events.extend(run.events)
            result.uncertain.update(run.uncertain)
            result.asked |= run.tables_asked
            merge_kept(result.filled, run.filled)
            (result.prefixes if path is None else result.paths).append(path or run.path)
            if path is not None and _settles(path, origin):
                spent.left_out = True
                return
        spent.left_out = spent.left_out or bool(pending)

    seen: set[tuple[object, ...]] = set()
    taken, makings = set[Outcome](), dict[tuple[int, ...], list[Making]]()
    otherwise: deque[Way] = deque()
    aside: deque[Way] = deque()
    begun: deque[list[Way]] = deque()
    most = worth or _MAX_STEPS[mode]
    spent = _Spent(most)
    ways([Way([], _BEGINNING)], _MAX_PATHS)
    result.complete = not (spent.exhausted or spent.left_out)
    result.steps = spent.steps
    # What one setting alone changes comes before what needs many, and what has nothing to do with
    # who is let in is tried when the rest was. No setting takes the work that another is worth.
    spent = _Spent(_MAX_STEPS[mode])
    wanted = (origin is None or origin.otherwise) and worth is None
    while wanted and (otherwise or begun or aside) and not spent.is_over():
        if otherwise:
            world = [otherwise.popleft()]
            ways(world, _AT_FIRST)
            if world:
                begun.append(world)
        elif begun:
            ways(begun.popleft(), _OF_ONE - _AT_FIRST)
        else:
            ways([aside.popleft()], _OF_ONE)
    result.steps += spent.steps
    _forget_what_anyone_begins(result)
    return result


def _next(pending: list[Way], taken: set[Outcome], *, in_depth: bool) -> Way:
    """The way that is followed next: the newest, or the first that begins as none before it."""
    if in_depth:
        return pending.pop()
    new = (at for at, way in enumerate(pending) if way.begins not in taken)
    return pending.pop(next(new, 0))


def _forget_what_anyone_begins(pathway: Pathway) -> None:
    """Forget values that any message causes: they prove no identity, under any name.

    A value that a message causes without a check may well be a proof where a setting enables the check.
    """
    begun = [
        (path, {event.text for event in path.events if event.kind == "begun"})
        for path in pathway.paths
    ]
    if not any(names for _, names in begun):
        return
    for path in pathway.paths:
        names = set[str]().union(*(found for other, found in begun if _agree(path, other)))
        asks = re.compile(
            rf"(not )?self\.({'|'.join(map(re.escape, names))})( (is|==)( not)? None)?"
        )
        path.events[:] = [
            event
            for event in path.events
            if not names or event.kind != "check" or asks.fullmatch(event.text) is None
        ]


def _agree(path: Path, other: Path) -> bool:
    """Return True if one configuration may have both ways."""
    return all(
        other.assumptions[name].value == one.value
        for name, one in path.assumptions.items()
        if name in other.assumptions
    )


@dataclass(slots=True)
class _Spent:
    """Share of the worthwhile work that is done."""

    most: int
    steps: int = 0
    paths: int = 0
    exhausted: bool = False
    left_out: bool = False

    def count(self, run: Run) -> None:
        """Count a way that was followed, also on the budget of the endpoint."""
        self.exhausted = self.exhausted or run.exhausted
        self.steps += run.steps
        self.paths += 1
        run.project.budget.spend(run.steps)

    def is_over(self) -> bool:
        """Return True if no further way is followed."""
        return self.paths >= _MAX_PATHS or self.steps >= self.most


def _settles(path: Path, asked: Asked | None) -> bool:
    """Return True if this way settles the answer to a page, for every outcome of the others."""
    return asked is not None and asked.throughout and path.answer is False and path.is_as_shipped


def _followed(run: Run, origin: Asked | None) -> Path | None:
    """One way to its end; None where the rest of it was explored before."""
    try:
        return run.go() if origin is None else _ask_origin(run, origin)
    except Pruned:
        return None
    except (Exhausted, RecursionError):
        run.exhausted = True
        run.path.outcome = "accepted" if run.accepted else "cut"
    except Returned:
        pass
    return run.path


def _ask_origin(run: Run, asked: Asked) -> Path:
    run.origin, run.host, run.address = asked.origin, asked.host, asked.address
    run.listed = asked.listed
    frame = Frame(run.info.module, Environment(), run.info.name, node=run.info.node)
    run.frames.append(frame)
    path = run.path
    run.stage = path.stage = Stage.ORIGIN
    try:
        run.shape_handler()
        if asked.whole or run.check_looks_at_handler():
            words = run.given()
            run.stage = Stage.ORIGIN
            run.initialized(words)
        if asked.whole:
            run.serve(run.url_arguments("get"))
        else:
            path.answer = run.lets_in(run.info.node)
    except Thrown:
        path.answer = None if asked.whole else False
    except PathEnd:
        pass
    path.whim, path.unsure = run.whim, run.unsure
    path.looked_at = frozenset(run.looked_at)
    path.outcome = "accepted" if path.answer else "refused"
    return path


def explore_origin(
    project: Project,
    hierarchy: Hierarchy,
    info: ClassInfo,
    asked: Asked | str,
    words: MappingABC[str, tuple[Module, ast.expr]] | None = None,
) -> Pathway:
    """Explore the answer of `check_origin` to this origin; `answer` of each path."""
    if isinstance(asked, str):
        asked = Asked(asked, otherwise=True)
    return explored(project, hierarchy, info, "origin", words=words or {}, origin=asked)
