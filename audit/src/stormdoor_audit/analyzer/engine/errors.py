"""Types of exceptions: whether a clause catches one."""

import builtins

from stormdoor_audit.analyzer.engine.classinfo import ClassInfo
from stormdoor_audit.analyzer.engine.context import Context
from stormdoor_audit.analyzer.engine.state import Store
from stormdoor_audit.analyzer.engine.values import Atom, Cls, Const, Ext, Obj, Value

__all__ = ["catches"]

_ALL = frozenset({"BaseException", "Exception"})
_NOT_EXCEPTION = frozenset({"SystemExit", "KeyboardInterrupt", "GeneratorExit", "BaseException"})


def catches(ctx: Context, raised: Value, types: Value, store: Store) -> tuple[bool, bool]:
    """Return whether a clause surely catches an exception, and whether it may."""
    wanted = list(_types(types, store))
    answers = [_caught(ctx, one, wanted) for one in raised] or [None]
    return all(one is True for one in answers), any(one is not False for one in answers)


def _types(value: Value, store: Store) -> list[Atom]:
    """Return the classes of a clause, also those in a tuple."""
    found: list[Atom] = []
    for one in value:
        if isinstance(one, Obj):
            for item in store.content(one.cell).values():
                found.extend(item)
        elif not isinstance(one, Const):
            found.append(one)
    return found


def _ancestors(ctx: Context, atom: Atom) -> list[str | ClassInfo] | None:
    """Return the classes of an exception; None if they are not known."""
    match atom:
        case Obj(cell=cell) if cell.info is not None:
            known: list[str | ClassInfo] = []
            for one in cell.info.order:
                known.extend([one] if isinstance(one, ClassInfo) else _of_library(ctx, one))
            return known
        case Obj(cell=cell) if cell.base:
            return list(_of_library(ctx, cell.base))
        case Cls(info=info):
            return list(info.order)
        case Ext(name=name):
            return list(_of_library(ctx, name))
        case _:
            return None


def _of_library(ctx: Context, name: str) -> list[str]:
    builtin = getattr(builtins, name, None)
    if isinstance(builtin, type) and issubclass(builtin, BaseException):
        return [one.__name__ for one in builtin.__mro__]
    order = ctx.models.orders.get(name)
    return [name, *(one for base in order or ["Exception"] for one in (base, *_builtin(base)))]


def _builtin(name: str) -> list[str]:
    builtin = getattr(builtins, name, None)
    return [one.__name__ for one in builtin.__mro__] if isinstance(builtin, type) else []


def _caught(ctx: Context, atom: Atom, wanted: list[Atom]) -> bool | None:
    """Return whether one of some types catches an exception; None if that is not known."""
    ancestors = _ancestors(ctx, atom)
    unknown = False
    for one in wanted:
        if isinstance(one, Ext):
            if one.name == "BaseException":
                return True
            if one.name == "Exception":
                first = ancestors[0] if ancestors else ""
                if first not in _NOT_EXCEPTION:
                    return True
            elif ancestors is None:
                unknown = True
            elif one.name in ancestors:
                return True
        elif isinstance(one, Cls):
            if ancestors is None:
                unknown = True
            elif one.info in ancestors:
                return True
        else:
            unknown = True
    return None if unknown else False
