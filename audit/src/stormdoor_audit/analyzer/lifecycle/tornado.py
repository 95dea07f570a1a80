"""Tornado's life cycle: the calls that a connection of an unauthenticated client causes, in order."""

from dataclasses import dataclass, field

from stormdoor_audit.analyzer.engine.actions.ends import INITIALIZED
from stormdoor_audit.analyzer.engine.actions.sources import CHANGED
from stormdoor_audit.analyzer.engine.attributes import class_member
from stormdoor_audit.analyzer.engine.classinfo import ClassInfo
from stormdoor_audit.analyzer.engine.context import Arguments, Event
from stormdoor_audit.analyzer.engine.control import ERROR
from stormdoor_audit.analyzer.engine.machine import Engine
from stormdoor_audit.analyzer.engine.settings import setting
from stormdoor_audit.analyzer.engine.state import Flow, PropertyState, States, Store, add
from stormdoor_audit.analyzer.engine.values import (
    ABSENT,
    Cell,
    Cls,
    Const,
    Func,
    Obj,
    Value,
    join,
    opaque,
)
from stormdoor_audit.analyzer.frontend import ir

__all__ = [
    "APPLICATION",
    "HANDLER",
    "REQUEST",
    "Connection",
    "Route",
    "begin",
    "connect",
    "handler_of",
    "prepared",
    "routes",
    "run_method",
]

HANDLER = "tornado.websocket.WebSocketHandler"
REQUEST = "tornado.web.RequestHandler"
APPLICATION = "tornado.web.Application"
_VERBS = ("get", "post", "put", "delete")
_ROUNDS = 3
_WITH_PATH = frozenset({*_VERBS, "open"})
_PATH: Value = opaque("client", "path")
"""Groups of the pattern of a route: the client chooses them."""
_OF_INIT = ("application", "request")
_ARGUMENTS: dict[str, tuple[Value, ...]] = {"on_message": (opaque("client", "message"),)}


@dataclass(frozen=True, slots=True)
class Route:
    """An entry of a routing table.

    Args:
        pattern: The path; "" where it is no constant.
        words: Keyword arguments of `initialize`.
    """

    pattern: str
    words: Value


@dataclass(slots=True)
class Connection:
    """Results of the life cycle of one handler.

    Args:
        accepted: States at the 101.
        refused: States that ended before it.
        opened: States behind `open`.
        failed: States in which `open` ended by an exception.
        messages: States behind `on_message`.
        broken: States in which `on_message` ended by an exception.
        events: Things that the client caused.
        unread: Whether code that was not read decided.
        settings: Settings that decided.
        has_messages: Whether the handler has an `on_message` of its own.
        refuses: Whether the program itself raises before the 101.
    """

    accepted: States = field(default_factory=dict)
    refused: States = field(default_factory=dict)
    opened: States = field(default_factory=dict)
    failed: States = field(default_factory=dict)
    messages: States = field(default_factory=dict)
    broken: States = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    unread: bool = False
    settings: frozenset[str] = frozenset()
    has_messages: bool = False
    refuses: bool = False


def begin(engine: Engine, entry: str) -> Store:
    """Execute the modules of a program and the functions that make its applications."""
    engine.entry = entry
    at = PropertyState()
    loaded = engine.load_module(entry, at, Store())
    store = loaded[1] if loaded is not None else Store()
    if not engine.routes:
        store = _factories(engine, at, store)
    engine.at_start = frozenset(engine.settings)
    return store


def _factories(engine: Engine, at: PropertyState, store: Store) -> Store:
    """Call functions of the program that make an application and that its modules do not call."""
    modules = [one for one in store.holders() if isinstance(one, tuple) and one[0] == "module"]
    values = [value for one in modules for value in store.content(one).values()]
    for value in values:
        for one in value:
            makes = isinstance(one, Func) and _mentions(one.code.body, "Application")
            if makes or (isinstance(one, Cls) and one.info.derives_from(APPLICATION)):
                store = _joined(engine, frozenset({one}), at, store)
    return store


def _joined(engine: Engine, function: Value, at: PropertyState, store: Store) -> Store:
    flow = Flow()
    words: list[tuple[str, Value]] = []
    for one in function:
        if isinstance(one, Func):
            names = one.parameters.names[len(one.parameters.names) - len(one.defaults) :]
            pairs = [*zip(names, one.defaults, strict=True)]
            pairs += [
                (name, default)
                for (name, _), default in zip(one.parameters.only, one.only, strict=True)
                if default is not None
            ]
            words = [(name, setting(engine, name, default)) for name, default in pairs]
    found = engine.call(function, Arguments((), tuple(words)), at, store.fork(), flow)
    for _, made, _ in found:
        store = store.joined(made)
    return store


def _mentions(block: ir.Block, name: str) -> bool:
    """Return True if a block, or one in it, names something."""
    for one in block:
        match one:
            case ir.Load(name=found) | ir.GetAttribute(name=found):
                if found.endswith(name):
                    return True
            case ir.If(then=first, otherwise=second) | ir.Loop(body=first, otherwise=second):
                if _mentions(first, name) or _mentions(second, name):
                    return True
            case ir.Try(body=first, final=second):
                if _mentions(first, name) or _mentions(second, name):
                    return True
            case _:
                pass
    return False


def routes(engine: Engine) -> dict[ClassInfo, list[Route]]:
    """Return the routes of each class."""
    found: dict[ClassInfo, list[Route]] = {}
    for pattern, handler, words in engine.routes:
        text = next((str(one.value) for one in pattern if isinstance(one, Const)), "")
        for one in handler:
            if isinstance(one, Cls):
                found.setdefault(one.info, []).append(Route(text, words))
    return found


def visit_pages(engine: Engine, known: dict[ClassInfo, list[Route]], store: Store) -> Store:
    """Run the handlers of pages as an unauthenticated client. Later requests find the values of them."""
    pages = [
        info
        for info in list(engine.classes.values())
        if info.derives_from(REQUEST) and not info.derives_from(HANDLER) and info in known
    ]
    for _ in range(2 if pages else 0):
        for info in pages:
            for verb in _VERBS:
                value, model = class_member(engine, info, verb, store)
                if value and model is None:
                    store = _visited(engine, info, verb, known[info], store)
    return store


def _visited(engine: Engine, info: ClassInfo, verb: str, known: list[Route], store: Store) -> Store:
    handler = handler_of(engine, info)
    states = prepared(engine, known, store, Flow())
    done = run_method(engine, verb, states, Flow())
    for made in done.values():
        store = store.joined(_without(made, handler.cell))
    return store


def _without(store: Store, cell: Cell) -> Store:
    """Return a store without the attributes of one handler."""
    made = store.with_values({})
    made.forget(cell)
    made.forget(CHANGED)
    return made


def handler_of(engine: Engine, info: ClassInfo) -> Obj:
    """Return the object of a handler, and make it the present one."""
    handler = Obj(engine.cell("object", "handler", info=info))
    engine.handler = handler
    return handler


def run_method(
    engine: Engine, name: str, states: States, flow: Flow, words: Value = frozenset()
) -> States:
    """Call a method of the handler, and await its result, in each state."""
    done: States = {}
    handler: Value = frozenset({engine.handler} if engine.handler is not None else ())
    for at, store in states.items():
        for state, made, method in engine.attribute(handler, name, at, store.fork(), flow):
            rest = _PATH if name in _WITH_PATH else frozenset()
            positional = _ARGUMENTS.get(name, ())
            if name == "__init__":
                positional = tuple(_member(engine, one, state, made) for one in _OF_INIT)
            given = Arguments(positional, tuple(_words(words, made)), rest)
            for behind, after, value in engine.call(method, given, state, made, flow):
                for last, final, _ in engine.await_(value, behind, after, flow):
                    add(done, last, final.with_values({}))
    return done


def _member(engine: Engine, name: str, at: PropertyState, store: Store) -> Value:
    """Return an attribute that the library gives each handler."""
    handler: Value = frozenset({engine.handler} if engine.handler is not None else ())
    return join(*(value for _, _, value in engine.attribute(handler, name, at, store, Flow())))


def _words(words: Value, store: Store) -> list[tuple[str, Value]]:
    return [
        (str(key[1]), value - ABSENT)
        for one in words
        if isinstance(one, Obj)
        for key, value in list(store.content(one.cell).items())
        if isinstance(key, tuple) and value - ABSENT
    ]


def prepared(engine: Engine, known: list[Route], store: Store, flow: Flow) -> States:
    """Return the states behind the constructor and `prepare` in which the response is not finished."""
    states: States = {PropertyState(): store.fork()}
    words = join(*(one.words for one in known))
    states = run_method(engine, "__init__", states, flow, words)
    handler = engine.handler.cell if engine.handler is not None else None
    if not any(made.read(handler, INITIALIZED) for made in states.values()):
        states = run_method(engine, "initialize", states, flow, words)
    states = run_method(engine, "prepare", states, flow)
    for at in [one for one in states if one.connection == "finished"]:
        add(flow.raises, at, states.pop(at))
    return states


def connect(engine: Engine, info: ClassInfo, known: list[Route], store: Store) -> Connection:
    """Run the life cycle of a handler for an unauthenticated client."""
    handler_of(engine, info)
    engine.events = []
    engine.settings = set()
    engine.accepted = []
    engine.unread = False
    result = Connection()
    flow = Flow()
    states = prepared(engine, known, store, flow)
    done = run_method(engine, "get", states, flow)
    for some in (done, flow.raises):
        for at, made in some.items():
            add(result.accepted if at.stage != "before" else result.refused, at, made)
    result.refuses = any(
        isinstance(one, Obj) and one.cell.base != "NotImplementedError"
        for made in flow.raises.values()
        for one in made.get(ERROR)
    )
    _opened(engine, result)
    value, model = class_member(engine, info, "on_message", store)
    result.has_messages = bool(value) and model is None
    if result.has_messages:
        _messages(engine, result)
    result.events = engine.events
    result.unread = engine.unread
    result.settings = frozenset(engine.settings) | engine.at_start
    return result


def _opened(engine: Engine, result: Connection) -> None:
    """Run `open` behind the 101: an exception closes the connection."""
    flow = Flow()
    states = {at: store.fork() for at, store in result.accepted.items()}
    result.opened = run_method(engine, "open", states, flow)
    result.failed = flow.raises


def _messages(engine: Engine, result: Connection) -> None:
    """Run `on_message` again and again, until its states no longer change."""
    states: States = {}
    for at, store in result.opened.items():
        if at.connection == "open":
            add(states, at._replace(stage="message", facts=frozenset()), store)
    for _ in range(_ROUNDS):
        flow = Flow()
        done = run_method(engine, "on_message", states, flow)
        for some, into in ((done, result.messages), (flow.raises, result.broken)):
            for at, store in some.items():
                add(into, at, store)
        grown = {at: store.fork() for at, store in states.items()}
        for at, store in done.items():
            if at.connection == "open" and not at.asked:
                add(grown, at._replace(facts=frozenset()), store)
        if grown.keys() == states.keys() and all(grown[at].same(states[at]) for at in grown):
            return
        states = grown
