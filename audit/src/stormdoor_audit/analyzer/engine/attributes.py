"""Reading and writing attributes of objects, classes, modules and objects of libraries."""

from collections.abc import Iterator
from dataclasses import replace

from stormdoor_audit.analyzer.engine.classes import after
from stormdoor_audit.analyzer.engine.classinfo import ClassInfo
from stormdoor_audit.analyzer.engine.constants import TEXT_METHODS
from stormdoor_audit.analyzer.engine.context import Arguments, Context, Result, Step
from stormdoor_audit.analyzer.engine.natives import URL
from stormdoor_audit.analyzer.engine.settings import as_setting
from stormdoor_audit.analyzer.engine.state import Store
from stormdoor_audit.analyzer.engine.values import (
    ABSENT,
    TEXT,
    Atom,
    Bound,
    Cls,
    Const,
    Ext,
    Func,
    Module,
    Obj,
    Opaque,
    Partial,
    Super,
    Value,
    Wrapped,
    answered,
    const,
    join,
    opaque,
)
from stormdoor_audit.analyzer.engine.words import is_credential

__all__ = ["ANY_NAME", "class_member", "get", "member_of", "put"]

ANY_NAME = "<any>"
"""Key of attributes that are set under a computed name."""
_URL = {
    name: at + 1
    for at, name in enumerate(("scheme", "netloc", "path", "query", "fragment", "hostname", "port"))
}
"""Positions of the attributes of a parsed URL."""


def get(step: Step, of: Value, name: str) -> Result:
    """Read an attribute of each atom; an atom without it raises."""
    ctx, at, store = step.ctx, step.at, step.store
    result: Result = []
    plain: list[Value] = []
    for atom in of:
        model = ctx.models.members.get(atom.name) if isinstance(atom, Ext) else None
        if model is not None and model.attribute:
            for state, made, value in ctx.call_atom(atom, Arguments(), at, store.fork(), step.flow):
                result.extend(get(step.on(state, made), value, name))
            continue
        found = _of_atom(ctx, atom, name, store)
        if found is None:
            step.fail("AttributeError", asked=answered(atom))
            continue
        values, computed = found
        shared = _shared_name(ctx, atom, name)
        values = as_setting(ctx, f"{shared}.{name}", values) if shared else values
        plain.append(values)
        for function, owner in computed:
            given = Arguments((frozenset({owner}),))
            result.extend(ctx.call(function, given, at, store.fork(), step.flow))
    value = join(*plain)
    if value:
        result.append((at, store, value))
    return result


def _shared_name(ctx: Context, atom: Atom, name: str) -> str:
    """Return the name of a module, class or object that all connections share; "" of another one."""
    match atom:
        case Module(name=module):
            return module
        case Cls(info=info):
            return info.qualname
        case Obj(cell=cell) if cell.info is not None and cell.kind == "object":
            own = ctx.handler is not None and (cell is ctx.handler.cell or cell in ctx.own)
            return "" if own and cell.info.assigns(name) else cell.info.qualname
        case _:
            return ""


_Computed = list[tuple[Value, Atom]]


def _of_atom(ctx: Context, atom: Atom, name: str, store: Store) -> tuple[Value, _Computed] | None:
    """Return the value of an attribute, and the properties to call for it; None if there is none."""
    match atom:
        case Obj(cell=cell) if cell.kind == "object":
            return _of_object(ctx, atom, name, store)
        case Obj():
            return _method("container", name, atom)
        case Cls(info=info):
            return _of_class(ctx, info, name, store)
        case Super(after=where, owner=owner):
            return _of_super(ctx, where, owner, name, store)
        case Module(name=module):
            return store.read(("module", module), name) or _submodule(module, name), []
        case Ext(name=of):
            return _of_library(ctx, of, name)
        case Opaque():
            return _of_opaque(ctx, atom, name)
        case Const():
            return _of_constant(atom, name)
        case Func() | Bound():
            return store.read(atom, name) - ABSENT or opaque(), []
        case _:
            return opaque(), []


def _method(kind: str, name: str, owner: Atom) -> tuple[Value, _Computed]:
    return frozenset({Bound(Ext(f"{kind}.{name}"), owner)}), []


def _of_object(ctx: Context, atom: Obj, name: str, store: Store) -> tuple[Value, _Computed] | None:
    own = store.read(atom.cell, name)
    if own and not own & ABSENT:
        return own, []
    value, computed = _bound(ctx, *_in_class(ctx, atom, name, store), atom)
    value = join(own - ABSENT, value)
    if not value and not computed:
        hook, _ = _bound(ctx, *_in_class(ctx, atom, "__getattr__", store), atom)
        named = frozenset(
            Partial(one, (const(name),))
            for one in hook
            if isinstance(one, Bound) and name != "__getattr__"
        )
        return (frozenset(), [(named, atom)]) if named else _of_unknown(atom, name, store)
    return value, computed


def _of_class(ctx: Context, info: ClassInfo, name: str, store: Store) -> tuple[Value, _Computed]:
    value, model = class_member(ctx, info, name, store)
    if value:
        return frozenset(inner for one in value for inner in _of_the_class(one, info)), []
    if model is not None:
        return frozenset({Ext(model)}), []
    return const(info.name) if name == "__name__" else opaque(), []


def _of_the_class(one: Atom, info: ClassInfo) -> Iterator[Atom]:
    """Yield the atoms of a member that is read from the class itself: a class method has it as argument."""
    if isinstance(one, Wrapped) and one.how in {"classmethod", "staticmethod"}:
        for inner in one.function:
            yield Bound(inner, Cls(info)) if one.how == "classmethod" else inner
    else:
        yield one


def _of_opaque(ctx: Context, atom: Opaque, name: str) -> tuple[Value, _Computed] | None:
    if atom.answer:
        return frozenset({atom}), []
    if atom.kind == TEXT:
        return _method("text", name, atom)
    if atom.kind and not atom.kind.startswith("prefix "):
        return _of_typed(ctx, atom, atom.kind, name)
    if "client" in atom.origin and name in TEXT_METHODS:
        return _method("text", name, atom)
    if "client" in atom.origin:
        part = name if is_credential(name) or not atom.label else f"{atom.label}.{name}"
        return opaque(atom.origin, part), []
    return _method("unknown", name, atom)


def _of_constant(atom: Const, name: str) -> tuple[Value, _Computed] | None:
    match atom.value:
        case None:
            return None
        case (str() as first, *_) as parts if first == URL and name in _URL:
            return const(parts[_URL[name]], atom.origin), []
        case _:
            return _method("constant", name, atom)


def _submodule(module: str, name: str) -> Value:
    return frozenset({Module(f"{module}.{name}")}) if module else opaque()


def _of_unknown(atom: Obj, name: str, store: Store) -> tuple[Value, _Computed] | None:
    """Return an attribute that no read code has set: one under a computed name, or of an unread base."""
    computed = store.read(atom.cell, ANY_NAME) - ABSENT
    if computed:
        return frozenset(
            replace(one, label=name) if isinstance(one, Opaque) else one for one in computed
        ), []
    info = atom.cell.info
    if info is not None and not info.unread and info.assigns(name):
        return None
    return (opaque(), []) if _is_open(atom) else None


def _is_open(atom: Obj) -> bool:
    """Return True if an object may have attributes that the source does not show."""
    info = atom.cell.info
    if info is None:
        return True
    return info.unread or any(isinstance(one, str) and one != "object" for one in info.order)


def _in_class(ctx: Context, atom: Obj, name: str, store: Store) -> tuple[Value, str | None]:
    if atom.cell.info is not None:
        return class_member(ctx, atom.cell.info, name, store)
    return member_of(ctx, [atom.cell.base], name, store)


def class_member(
    ctx: Context, info: ClassInfo, name: str, store: Store
) -> tuple[Value, str | None]:
    """Return a member of a class: its value, or the dotted name of the class and member of a library."""
    return member_of(ctx, info.order, name, store)


def member_of(
    ctx: Context, order: "list[ClassInfo | str]", name: str, store: Store
) -> tuple[Value, str | None]:
    """Return the first member in an order of classes."""
    found: Value = frozenset()
    for one in order:
        if isinstance(one, str):
            value = store.read(("library", one), name)
            found = join(found, value - ABSENT)
            if value and not value & ABSENT:
                return found, None
            model = ctx.models.members.get(f"{one}.{name}")
            if model is not None:
                return found, model.name
            continue
        value = store.read(one, name)
        found = join(found, value - ABSENT)
        if value and not value & ABSENT:
            return found, None
    return found, None


def _bound(ctx: Context, value: Value, model: str | None, owner: Atom) -> tuple[Value, _Computed]:
    """Return the value of a member of a class that is read from an object."""
    plain: list[Atom] = []
    computed: _Computed = []
    for one in value:
        match one:
            case Func():
                plain.append(Bound(one, owner))
            case Wrapped(how="property", function=function):
                computed.append((function, owner))
            case Wrapped(how="method", function=function):
                plain.extend(Bound(inner, owner) for inner in function)
            case Wrapped(how="classmethod", function=function):
                cls = _class_of(owner)
                plain.extend(Bound(inner, cls) for inner in function)
            case Wrapped(function=function):
                plain.extend(function)
            case _:
                plain.append(one)
    if model is not None:
        known = ctx.models.members[model]
        if known.attribute:
            computed.append((frozenset({Ext(model)}), owner))
        else:
            plain.append(Bound(Ext(model), owner))
    return frozenset(plain), computed


def _class_of(owner: Atom) -> Atom:
    if isinstance(owner, Obj) and owner.cell.info is not None:
        return Cls(owner.cell.info)
    return owner


def _of_super(
    ctx: Context, where: ClassInfo, owner: Atom, name: str, store: Store
) -> tuple[Value, _Computed]:
    info = owner.cell.info if isinstance(owner, Obj) else getattr(owner, "info", None)
    order = list(after(info, where)) if isinstance(info, ClassInfo) else []
    value, model = member_of(ctx, order, name, store)
    found, computed = _bound(ctx, value, model, owner)
    if not found and not computed:
        return frozenset({Bound(Ext(f"object.{name}"), owner)}), []
    return found, computed


def _of_library(ctx: Context, of: str, name: str) -> tuple[Value, _Computed]:
    dotted = f"{of}.{name}"
    model = ctx.models.members.get(dotted)
    if model is not None and model.attribute:
        return frozenset(), [(frozenset({Ext(dotted)}), Ext(of))]
    return frozenset({Ext(dotted)}), []


def _of_typed(ctx: Context, atom: Opaque, kind: str, name: str) -> tuple[Value, _Computed]:
    model = ctx.models.member(kind, name)
    if model is None:
        return opaque(atom.origin), []
    if model.attribute:
        return frozenset(), [(frozenset({Ext(model.name)}), atom)]
    return frozenset({Bound(Ext(model.name), atom)}), []


def holders(of: Value) -> Iterator[object]:
    """Yield the heap holders of a value."""
    for atom in of:
        match atom:
            case Obj(cell=cell):
                yield cell
            case Cls(info=info):
                yield info
            case Module(name=name):
                yield ("module", name)
            case Ext(name=name):
                yield ("library", name)
            case Func() | Bound():
                yield atom
            case _:
                pass


def put(step: Step, of: Value, name: str, value: Value) -> None:
    """Write an attribute: surely if there is one object, else perhaps."""
    ctx, at, store = step.ctx, step.at, step.store
    found = list(holders(of))
    for one in found:
        known = store.read(one, name)
        store.put(one, name, value if len(found) == 1 else join(known or ABSENT, value))
        if ctx.handler is None or (one is not ctx.handler.cell and one not in ctx.own):
            ctx.note("store", at)
    if not found and any(isinstance(one, Opaque) for one in of):
        ctx.note("act", at)
