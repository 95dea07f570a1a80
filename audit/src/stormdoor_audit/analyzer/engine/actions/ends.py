"""Actions of models: the 101, the end of a response or connection, data to a client."""

from stormdoor_audit.analyzer.engine.constants import compute, computed
from stormdoor_audit.analyzer.engine.context import Action, Arguments, Invocation, Result
from stormdoor_audit.analyzer.engine.natives import NATIVE
from stormdoor_audit.analyzer.engine.values import (
    NONE,
    Const,
    Obj,
    const,
    opaque,
    origins,
)

__all__ = ["INITIALIZED", "TABLE"]

INITIALIZED = "<initialized>"
"""Attribute of a handler behind the constructor of its library."""
_NETLOC = 2
"""Position of the host in a parsed URL."""


def _finish(call: Invocation) -> Result:
    """The end of the response: no handshake can follow."""
    if call.at.stage != "before":
        return call.gives(NONE)
    return [(call.at._replace(connection="finished"), call.store, NONE)]


def _close(call: Invocation) -> Result:
    """The end of the connection of a handler."""
    if call.ctx.handler is None or call.owner != call.ctx.handler:
        return call.gives(NONE)
    call.ctx.note("close", call.at)
    if call.at.stage == "before":
        return call.gives(NONE)
    return [(call.at._replace(connection="closed"), call.store, NONE)]


def _accept(call: Invocation) -> Result:
    """The 101."""
    if call.at.connection == "finished":
        return call.gives(NONE)
    call.ctx.accepted.append((call.at, call.store.fork(), call.model.by))
    call.ctx.note("accept", call.at)
    return [(call.at._replace(stage="open"), call.store, NONE)]


def _fail(call: Invocation) -> Result:
    """A method that raises unless it is overridden."""
    call.fail("NotImplementedError")
    return []


def _send(call: Invocation) -> Result:
    """Data to a client; a constant says nothing."""
    value = call.given.at(0)
    if call.at.connection != "closed" and not (
        value and all(isinstance(one, Const) for one in value)
    ):
        call.ctx.note("send", call.at)
    return call.gives(NONE)


def _exit(call: Invocation) -> Result:
    """The end of the program."""
    call.ctx.required |= call.ctx.tested
    call.fail("SystemExit")
    return []


def _same_host(call: Invocation) -> Result:
    """A check that hostile origins do not pass; one that the program itself has written may do."""
    given = call.given.at(len(call.given.positional) - 1)
    if "origin" in origins(given):
        return call.gives(const(False))
    hosts = call.ctx.part(call.model.named)
    parsed = computed(NATIVE["parse_url"], given)
    host = compute("item", parsed, const(_NETLOC)) if parsed is not None else None
    return call.gives((compute("==", host, hosts) if host and hosts else None) or opaque())


def _initialize(call: Invocation) -> Result:
    """The constructor of a handler, which gives its keywords to a method."""
    owner = frozenset({call.owner}) if call.owner is not None else call.given.at(0)
    for one in owner:
        if isinstance(one, Obj):
            call.store.put(one.cell, INITIALIZED, const(True))
    result: Result = []
    for at, store, method in call.attribute(owner, call.model.by):
        given = Arguments((), call.given.words, more=call.given.more)
        result.extend(call.on(at, store).call(method, given))
    return result


TABLE: dict[str, Action] = {
    "accept": _accept,
    "close": _close,
    "exit": _exit,
    "fail": _fail,
    "finish": _finish,
    "send": _send,
    "same_host": _same_host,
    "initialize": _initialize,
}
