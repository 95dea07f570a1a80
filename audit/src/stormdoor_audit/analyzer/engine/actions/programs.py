"""Actions of models: settings, applications, routes, objects of libraries."""

from stormdoor_audit.analyzer.engine.containers import add_item, fill, items_of
from stormdoor_audit.analyzer.engine.context import Action, Arguments, Context, Invocation, Result
from stormdoor_audit.analyzer.engine.settings import setting
from stormdoor_audit.analyzer.engine.state import Store
from stormdoor_audit.analyzer.engine.values import NONE, Obj, Value, const, opaque, text_of

__all__ = ["TABLE"]


def _define(call: Invocation) -> Result:
    """The definition of an option with its shipped value."""
    name = text_of(call.given.at(0, call.model.named)).lstrip("-").replace("-", "_")
    name = text_of(call.given.at(-1, "dest")) or name
    flag = text_of(call.given.at(-1, "action"))
    if flag.startswith("store_"):
        call.ctx.shipped[name] = const(flag == "store_false")
        return call.gives(NONE)
    call.ctx.shipped[name] = call.given.at(call.model.default, "default") or NONE
    return call.gives(NONE)


def _defaults(call: Invocation) -> Result:
    """Shipped values of options, by keyword."""
    call.ctx.shipped.update(call.given.words)
    return call.gives(NONE)


def _options_and_rest(call: Invocation) -> Result:
    """The object with all options, and the arguments that are none."""
    cell = call.ctx.cell("tuple", "options")
    ((_, _, options),) = _options(call)
    fill(call.store, cell, {0: options, 1: opaque()})
    return call.gives(frozenset({Obj(cell)}))


def _environment(call: Invocation) -> Result:
    """A variable of the environment: as shipped it is not set."""
    default = call.given.at(call.model.default, "default") or NONE
    return call.gives(setting(call.ctx, text_of(call.given.at(0)), default))


def _settings(call: Invocation) -> Result:
    """The settings of the application, one object for the program."""
    return call.gives(frozenset({Obj(call.ctx.cell("dict", "settings", base="settings"))}))


def _object(call: Invocation) -> Result:
    """The one object of a class: an instance that the program made, if there is one."""
    made = call.store.read("made", call.model.kind)
    return call.gives(
        made or frozenset({Obj(call.ctx.cell("object", "one", base=call.model.kind))})
    )


def _options(call: Invocation) -> Result:
    """The object with all options as attributes."""
    cell = call.ctx.cell("object", "options", base="options")
    for name, shipped in list(call.ctx.shipped.items()):
        if not name.startswith("setting ") and not call.store.read(cell, name):
            call.store.put(cell, name, setting(call.ctx, name, shipped))
    return call.gives(frozenset({Obj(cell)}))


def _application(call: Invocation) -> Result:
    """An application: its routes and settings are noted."""
    cell = call.ctx.cell("object", "application", call.ctx.line, base=call.model.name)
    return _initialized(call, frozenset({Obj(cell)}), call.given)


def _application_init(call: Invocation) -> Result:
    """The constructor of a class that derives from an application."""
    if isinstance(call.owner, Obj):
        return _initialized(call, frozenset({call.owner}), call.given)
    more = call.given._replace(positional=call.given.positional[1:])
    return _initialized(call, call.given.at(0), more)


def _initialized(call: Invocation, made: Value, given: Arguments) -> Result:
    ctx, store, routes = call.ctx, call.store, call.model.named
    store.put("made", call.model.kind, made)
    note_routes(ctx, given.at(0, routes), store)
    settings = frozenset({Obj(ctx.cell("dict", "settings", base="settings"))})
    for word, value in given.words:
        if word != routes:
            add_item(store, settings, setting(ctx, word, value), const(word))
    for one in given.more:
        if isinstance(one, Obj):
            for key, value in list(store.content(one.cell).items()):
                if isinstance(key, tuple):
                    add_item(store, settings, setting(ctx, str(key[1]), value), const(key[1]))
    return call.gives(made)


def _add_handlers(call: Invocation) -> Result:
    """More routes of an application."""
    note_routes(call.ctx, call.given.at(call.model.at, call.model.named), call.store)
    return call.gives(NONE)


def note_routes(ctx: Context, routes: Value, store: Store) -> None:
    """Note the entries of a routing table."""
    for entry in items_of(routes, store):
        if isinstance(entry, Obj):
            parts = [store.read(entry.cell, ("key", number)) for number in range(3)]
            ctx.routes.append((parts[0], parts[1], parts[2]))


def _tuple(call: Invocation) -> Result:
    """A tuple of the arguments."""
    cell = call.ctx.cell("tuple", "made", call.ctx.line, call.model.name, call.given.positional)
    fill(call.store, cell, dict(enumerate(call.given.positional)))
    return call.gives(frozenset({Obj(cell)}))


def _container(call: Invocation) -> Result:
    """An empty container."""
    cell = call.ctx.cell(call.model.kind or "list", "made", call.ctx.line, call.ctx.scope.code)
    fill(call.store, cell, {})
    return call.gives(frozenset({Obj(cell)}))


def _construct(call: Invocation) -> Result:
    """An object of a class of a library."""
    cell = call.ctx.cell(
        "object",
        "made",
        call.ctx.line,
        call.ctx.scope.code,
        base=call.model.name,
    )
    return call.gives(frozenset({Obj(cell)}))


def _returned(call: Invocation) -> Result:
    """An exception by which an older coroutine gives its result."""
    cell = call.ctx.cell("object", "made", call.ctx.line, call.ctx.scope.code, base=call.model.name)
    call.store.put(cell, ("argument", 0), call.given.at(0) or NONE)
    return call.gives(frozenset({Obj(cell)}))


TABLE: dict[str, Action] = {
    "add_handlers": _add_handlers,
    "application": _application,
    "application_init": _application_init,
    "construct": _construct,
    "suppress": _construct,
    "returned": _returned,
    "container": _container,
    "define": _define,
    "defaults": _defaults,
    "environment": _environment,
    "error": _construct,
    "object": _object,
    "options": _options,
    "options_and_rest": _options_and_rest,
    "settings": _settings,
    "tuple": _tuple,
}
