"""Actions of models: proven values, comparisons with secrets, verifications."""

from stormdoor_audit.analyzer.engine.context import Action, Arguments, Invocation, Result
from stormdoor_audit.analyzer.engine.values import (
    ABSENT,
    TEXT,
    TRUE,
    Const,
    Ext,
    Obj,
    Partial,
    Value,
    Wrapped,
    const,
    join,
    label_of,
    opaque,
    origins,
)

__all__ = ["TABLE"]


def _absent(call: Invocation) -> Result:
    """A proven value, which a user has and an unauthenticated client does not have."""
    if call.ctx.is_user:
        return call.gives(opaque(call.model.origin, truth=TRUE))
    return call.gives(const(None, frozenset({call.model.origin}), answer=True))


def _answer(call: Invocation) -> Result:
    """The comparison of a client's value with a secret: false, unless the client has both sides."""
    sides = [one for one in call.given.positional[:2] if one]
    if sides and all(origins(one) == {"client"} for one in sides):
        return call.gives(opaque("client"))
    call.ctx.note("check", call.at)
    return call.gives(join(const(False, answer=True), *map(_if_empty, sides, sides[::-1])))


def _if_empty(secret: Value, shown: Value) -> Value:
    """Return True if a secret may be empty: the client shows an empty text, too."""
    if "client" in origins(secret) or "client" not in origins(shown):
        return frozenset()
    empty = [one for one in secret if isinstance(one, Const) and not one.answer]
    return join(*(const(True, one.origin) for one in empty if one.value in ("", b"")))


def _verify(call: Invocation) -> Result:
    """A verification that raises, unless the client has the key or the verification is switched off."""
    key = call.given.at(call.model.key, "key")
    if key and origins(key) == {"client"}:
        return call.gives(opaque("client", truth=TRUE, kind="client.mapping"))
    options = call.given.at(-1, "options")
    for one in options:
        if isinstance(one, Obj):
            said = call.store.read(one.cell, ("key", "verify_signature"))
            if said == const(False):
                return call.gives(opaque("client", truth=TRUE, kind="client.mapping"))
    if call.given.at(-1, "verify") == const(False):
        return call.gives(opaque("client", truth=TRUE, kind="client.mapping"))
    call.fail(call.model.error, asked=True)
    return []


def _secret(call: Invocation) -> Result:
    """A value that only the server can compute, unless the client picks the key."""
    key = call.given.at(call.model.at, "key")
    if key and origins(key) == {"client"}:
        return call.gives(opaque("client", label_of(key), kind=TEXT))
    return call.gives(opaque(frozenset({"server"}), truth=TRUE, kind="secret"))


def _kept(call: Invocation) -> Result:
    """A property that a method of the object computes once: the kept value, else its result."""
    cell = call.owner.cell if isinstance(call.owner, Obj) else None
    if cell is None or call.owner is None:
        return call.gives(const(None, answer=True))
    known = call.store.read(cell, call.model.kept)
    found: Result = call.gives(known - ABSENT) if known - ABSENT else []
    if known and not known & ABSENT:
        return found
    store = call.store.fork()
    for state, made, method in call.on(call.at, store).attribute(
        frozenset({call.owner}), call.model.by
    ):
        for after, store_after, value in call.on(state, made).call(method, Arguments()):
            store_after.put(cell, call.model.kept, value)
            found.append((after, store_after, value))
    return found


def _guard(call: Invocation) -> Result:
    """A decorator that asks for the user before the method."""
    made: Value = frozenset(
        Partial(Ext(f"{call.model.name}.call"), (frozenset({one}),)) for one in call.given.at(0)
    )
    return call.gives(frozenset({Wrapped("method", made)}))


def _guarded_call(call: Invocation) -> Result:
    """The call of a method behind such a decorator."""
    method, *rest = call.given.positional
    handler = rest[0] if rest else frozenset()
    more = call.given._replace(positional=tuple(rest))
    result: Result = []
    for state, made, user in call.attribute(handler, call.model.by):
        for behind, _ in call.ctx.truth(user, state, made, wanted=True):
            result.extend(call.on(behind, made.fork()).call(method, more))
        for behind, _ in call.ctx.truth(user, state, made, wanted=False):
            call.on(behind, made.fork()).fail("Exception", asked=behind.asked)
    return result


TABLE: dict[str, Action] = {
    "absent": _absent,
    "answer": _answer,
    "guard": _guard,
    "guarded_call": _guarded_call,
    "secret": _secret,
    "kept": _kept,
    "verify": _verify,
}
