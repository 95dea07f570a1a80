"""Model of revocation log, lease, epoch and failover: every state that a small cluster can reach.

One primary A, its standby B, and nodes. Time passes in ticks. A part that is cut off, stopped or slow takes
no step while time passes, so the model needs no step for it. A dead primary is one that takes no more steps.

All ages are relative and end at `LEASE`, so that the number of states is finite.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

__all__ = ["LEASE", "NEVER", "Rules", "State", "start", "steps", "violation"]

LEASE = 2
"""Length of a lease in ticks."""
NEVER = -1
"""Age of an event that has not happened."""
A, B = 0, 1
"""The servers; also their epochs, because B gets a new timeline when it is promoted."""
ASKED, EXECUTED, COMMITTED = range(3)


@dataclass(frozen=True, slots=True)
class Rules:
    """The design. Each mutation of the proof switches one of them off."""

    synchronous: bool = True
    """A commit on A waits until B has it. Only then does a guarantee reach across a failover."""
    claims_failover: bool = True
    """The guarantee that is checked reaches across a failover."""
    lease: bool = True
    """A node without a fresh lease sends nothing."""
    epoch: bool = True
    """A node that sees another epoch in a heartbeat reloads the log."""
    follow_epoch: bool = True
    """A node that reads entries compares the epoch of the server that it read them from."""
    lookup_epoch: bool = True
    """A look-up counts only if it comes from the epoch of the lease."""
    compare_and_set: bool = True
    """A heartbeat fails after its member was declared lapsed, and a declaration waits for a heartbeat.

    The declared member counts as lapsed one lease later.
    """
    apply_first: bool = True
    """A node renews its lease after it has applied all entries up to the head of the heartbeat."""
    from_asked: bool = True
    """The lease runs from the moment at which the heartbeat was asked, not from its answer."""
    warning_fails: bool = True
    """A heartbeat with a warning does not renew the lease."""
    counts_suspension: bool = True
    """The clock of the lease goes on while the machine is suspended."""
    outbox: bool = True
    """A change and its entry in the log are one transaction."""
    keeps_known: bool = True
    """A reload keeps the revocations that the node knows."""
    waits_after_failover: bool = True
    """A promoted server counts no member as lapsed within one lease: it has another clock."""


class Server(NamedTuple):
    """A database server: the entries on its disk, and the number of them that a query sees."""

    log: tuple[int, ...]
    visible: int


class Beat(NamedTuple):
    """A heartbeat in flight.

    `age` counts from the moment at which it was asked. `head` is what the server's query saw, and `base` the
    number of entries on the server's disk before the heartbeat's own record.
    """

    server: int
    age: int
    stage: int
    head: int = 0
    base: int = 0


class Node(NamedTuple):
    """A node: its position in the log, the revocations that it knows and the sockets that it has."""

    epoch: int
    applied: int
    knows: int
    open: int
    lease: int
    beat: Beat | None


class Member(NamedTuple):
    """The row of a node in the table of members. `age` counts from its declaration."""

    age: int
    epoch: int
    applied: int
    declared: bool


class State(NamedTuple):
    """The whole cluster. Revocation number i is bit i of every set."""

    servers: tuple[Server, Server]
    promoted: bool
    nodes: tuple[Node, ...]
    members: tuple[tuple[Member, ...], tuple[Member, ...]]
    acked: tuple[tuple[int, int], ...]
    """Of each revocation: the server that acknowledged it, and the age of the acknowledgement."""
    everywhere: int
    """The revocations for which `wait="cluster"` has returned."""
    forgot: bool
    """A node forgot a revocation while it ran."""


Step = tuple[str, State]


def start(nodes: int, revocations: int) -> State:
    """Return the state in which every node has a socket of each principal, and no lease yet."""
    empty = Server((), 0)
    node = Node(A, 0, 0, (1 << revocations) - 1, 0, None)
    rows = (Member(0, A, 0, False),) * nodes
    return State(
        (empty, empty), False, (node,) * nodes, (rows, rows), ((A, NEVER),) * revocations, 0, False
    )


def violation(state: State, rules: Rules) -> str | None:
    """Return the broken guarantee, or None.

    A node sends to a principal if its lease is fresh, the socket is open and the revocation is unknown.
    """
    if state.forgot:
        return "a node forgot a revocation"
    for node in state.nodes:
        sends = node.open & ~node.knows if node.lease > 0 or not rules.lease else 0
        for number, (server, age) in enumerate(state.acked) if sends else ():
            if not sends >> number & 1 or not (rules.claims_failover or server == node.epoch):
                continue
            if age >= LEASE:
                return "a node sends later than a lease after the acknowledgement"
            if state.everywhere >> number & 1:
                return 'a node sends after wait="cluster" has returned'
    return None


def steps(state: State, rules: Rules) -> Iterator[Step]:
    """Yield every step that a part of the cluster can take, with the state after it."""
    yield "time passes", _tick(state, rules)
    yield from _replication(state, rules)
    for number in range(len(state.acked)):
        yield from _revocation(state, rules, number)
    for number in range(len(state.nodes)):
        yield from _declaration(state, rules, number)
        yield from _node(state, rules, number)


def _older(age: int) -> int:
    return age if age in {NEVER, LEASE} else age + 1


def _tick(state: State, rules: Rules) -> State:
    nodes = tuple(
        node._replace(
            lease=max(0, node.lease - 1),
            beat=node.beat and node.beat._replace(age=_older(node.beat.age)),
        )
        for node in state.nodes
    )
    return _aged(state)._replace(nodes=nodes)


def _aged(state: State) -> State:
    """Return the state one tick later, for all but the nodes."""
    of_a, of_b = state.members
    return state._replace(
        members=(
            tuple(row._replace(age=_older(row.age)) if row.declared else row for row in of_a),
            tuple(row._replace(age=_older(row.age)) if row.declared else row for row in of_b),
        ),
        acked=tuple((server, _older(age)) for server, age in state.acked),
    )


def _primaries(state: State) -> tuple[int, ...]:
    """Return the servers that accept writes: A goes on after the promotion of B, cut off from B."""
    return (A, B) if state.promoted else (A,)


def _with(state: State, number: int, server: Server) -> State:
    servers = (server, state.servers[B]) if number == A else (state.servers[A], server)
    return state._replace(servers=servers)


def _sees(state: State, server: int) -> int:
    """Return the set of revocations that a query on a server sees."""
    log, visible = state.servers[server]
    return sum(1 << entry for entry in log[:visible])


def _confirmed(state: State, rules: Rules, server: int, base: int) -> bool:
    """Return whether a record after `base` entries of a server is on its standby, if it has one."""
    if server == B or not rules.synchronous:
        return True
    return not state.promoted and len(state.servers[B].log) >= base


def _replication(state: State, rules: Rules) -> Iterator[Step]:
    primary, standby = state.servers
    if not state.promoted:
        if len(standby.log) < len(primary.log):
            received = primary.log[: len(standby.log) + 1]
            yield "B receives an entry", _with(state, B, Server(received, 0))
        age = 0 if rules.waits_after_failover else LEASE
        rows = tuple(row._replace(age=age) if row.declared else row for row in state.members[A])
        promoted = _with(state, B, Server(standby.log, len(standby.log)))
        yield (
            "B is promoted",
            promoted._replace(promoted=True, members=(state.members[A], rows)),
        )
    if primary.visible < len(primary.log):
        shown = _with(state, A, Server(primary.log, len(primary.log)))
        if standby.log[: len(primary.log)] == primary.log:
            number = primary.log[-1]
            yield f"A acknowledges {number}", _acknowledged(shown, number, A)
        yield "the wait of a commit on A is cancelled", shown


def _acknowledged(state: State, number: int, server: int) -> State:
    acked = list(state.acked)
    acked[number] = server, 0
    return state._replace(acked=tuple(acked))


def _revocation(state: State, rules: Rules, number: int) -> Iterator[Step]:
    if state.acked[number][1] == NEVER and not any(number in s.log for s in state.servers):
        for server in _primaries(state):
            log, visible = state.servers[server]
            if visible < len(log):
                continue  # the commit before it holds the row of the counter
            if not rules.outbox:
                yield f"{number} is acknowledged alone", _acknowledged(state, number, server)
            elif server == A and rules.synchronous:
                yield f"A writes {number}", _with(state, A, Server((*log, number), visible))
            else:
                written = _with(state, server, Server((*log, number), visible + 1))
                yield f"{'AB'[server]} commits {number}", _acknowledged(written, number, server)
    if state.acked[number][1] != NEVER and not state.everywhere >> number & 1:
        for server in _primaries(state):
            if _everywhere(state, rules, number, server):
                returned = state._replace(everywhere=state.everywhere | 1 << number)
                yield f"wait for {number} returns", returned


def _everywhere(state: State, rules: Rules, number: int, server: int) -> bool:
    """Return whether, by the rows of a server, each node has applied a revocation or is lapsed."""
    log, visible = state.servers[server]
    return number in log[:visible] and all(
        # Without epochs, a position is a plain number.
        (row.declared and row.age == LEASE)
        or ((row.epoch == server or not rules.epoch) and row.applied > log.index(number))
        for row in state.members[server]
    )


def _row(state: State, server: int, number: int, row: Member) -> State:
    rows = list(state.members[server])
    rows[number] = row
    both = (tuple(rows), state.members[B]) if server == A else (state.members[A], tuple(rows))
    return state._replace(members=both)


def _declaration(state: State, rules: Rules, number: int) -> Iterator[Step]:
    beat = state.nodes[number].beat
    for server in _primaries(state):
        row = state.members[server][number]
        if row.declared:
            continue
        if not _confirmed(state, rules, server, len(state.servers[server].log)):
            continue
        locked = beat is not None and beat.server == server and beat.stage == EXECUTED
        if not (locked and rules.compare_and_set):
            declared = _row(state, server, number, row._replace(age=0, declared=True))
            yield f"{'AB'[server]} declares node {number} lapsed", declared


def _changed(state: State, number: int, node: Node) -> State:
    return state._replace(nodes=(*state.nodes[:number], node, *state.nodes[number + 1 :]))


def _node(state: State, rules: Rules, number: int) -> Iterator[Step]:
    node, name = state.nodes[number], f"node {number}"
    if not rules.counts_suspension:
        # Everything ages but the lease, as on a clock that stands still while a machine is suspended.
        beat = node.beat and node.beat._replace(age=_older(node.beat.age))
        yield f"{name} is suspended", _changed(_aged(state), number, node._replace(beat=beat))
    for server in _primaries(state):
        for done, after in _read(state, rules, node, server):
            yield f"{name} {done} {'AB'[server]}", _changed(state, number, after)
        if node.beat is None:
            asked = node._replace(beat=Beat(server, 0, ASKED))
            yield f"{name} asks {'AB'[server]}", _changed(state, number, asked)
    if node.beat is not None:
        yield f"{name} loses its heartbeat", _changed(state, number, node._replace(beat=None))
        if node.beat.stage == COMMITTED:
            yield from _answered(state, rules, number, node.beat)
        else:
            yield from _served(state, rules, number, node.beat)


def _read(state: State, rules: Rules, node: Node, server: int) -> Iterator[tuple[str, Node]]:
    """Yield what a node reads from a server, and the node after it."""
    log, visible = state.servers[server]
    if (node.epoch == server or not rules.follow_epoch) and node.applied < visible:
        news = sum(1 << entry for entry in log[node.applied : visible])
        yield "applies entries of", node._replace(applied=visible, knows=node.knows | news)
    restarted = Node(server, visible, 0, 0, 0, None)
    if node != restarted:
        yield "restarts with", restarted
    if node.lease > 0 and (node.epoch == server or not rules.lookup_epoch):
        closed = (1 << len(state.acked)) - 1 & ~node.open & ~node.knows
        if found := closed & ~_sees(state, server):
            yield "admits sessions of", node._replace(open=node.open | found)


def _served(state: State, rules: Rules, number: int, beat: Beat) -> Iterator[Step]:
    """Yield what a server does with a heartbeat."""
    node, server, letter = state.nodes[number], beat.server, "AB"[beat.server]
    if beat.stage == ASKED:
        if state.members[server][number].declared and rules.compare_and_set:
            joined = _row(state, server, number, Member(0, node.epoch, 0, declared=False))
            after = node._replace(beat=None, lease=0)
            yield f"{letter} refuses the heartbeat of {number}", _changed(joined, number, after)
            return
        log, visible = state.servers[server]
        executed = node._replace(beat=beat._replace(stage=EXECUTED, head=visible, base=len(log)))
        yield f"{letter} executes the heartbeat of {number}", _changed(state, number, executed)
        return
    committed = node._replace(beat=beat._replace(stage=COMMITTED))
    if _confirmed(state, rules, server, beat.base):
        row = Member(0, node.epoch, node.applied, declared=False)
        stamped = _row(state, server, number, row)
        yield f"{letter} commits the heartbeat of {number}", _changed(stamped, number, committed)
    elif not rules.warning_fails:
        yield f"the heartbeat of {number} ends with a warning", _changed(state, number, committed)


def _answered(state: State, rules: Rules, number: int, beat: Beat) -> Iterator[Step]:
    """Yield what a node does with the answer to its heartbeat."""
    node = state.nodes[number]
    if node.epoch != beat.server and rules.epoch:
        yield (
            f"node {number} reloads from {'AB'[beat.server]}",
            _reloaded(state, rules, number, beat),
        )
    elif node.applied >= beat.head or not rules.apply_first:
        lease = LEASE - beat.age if rules.from_asked else LEASE
        after = node._replace(beat=None, lease=max(lease, node.lease))
        yield f"node {number} renews", _changed(state, number, after)


def _reloaded(state: State, rules: Rules, number: int, beat: Beat) -> State:
    """Return the state in which the node has read the other log, and written there what it lacks."""
    node, server = state.nodes[number], beat.server
    log, visible = state.servers[server]
    found = _sees(state, server)
    known = found | node.knows if rules.keeps_known else found
    missing = tuple(
        entry for entry in range(len(state.acked)) if known >> entry & 1 and entry not in log
    )
    if missing and visible == len(log):
        shown = visible if server == A and rules.synchronous else visible + len(missing)
        state = _with(state, server, Server((*log, *missing), shown))
    after = _changed(state, number, Node(server, visible, known, node.open, 0, None))
    return after._replace(forgot=state.forgot or bool(node.knows & ~known))
