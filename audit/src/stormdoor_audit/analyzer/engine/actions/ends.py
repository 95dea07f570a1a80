"""Actions of models: the 101, the end of a response or connection, data to a client."""

from stormdoor_audit.analyzer.engine.context import Action, Invocation, Result
from stormdoor_audit.analyzer.engine.values import NONE, Const, const

__all__ = ["TABLE"]


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


def _refuse(call: Invocation) -> Result:
    """A check that hostile values do not pass."""
    return call.gives(const(False))


TABLE: dict[str, Action] = {
    "accept": _accept,
    "close": _close,
    "exit": _exit,
    "fail": _fail,
    "finish": _finish,
    "send": _send,
    "refuse": _refuse,
}
