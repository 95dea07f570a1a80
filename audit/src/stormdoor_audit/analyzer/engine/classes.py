"""Classes of the program: method resolution order, and the members that it finds."""

from collections.abc import Iterator

from stormdoor_audit.analyzer.engine.classinfo import ClassInfo
from stormdoor_audit.analyzer.engine.values import Atom, Cls, Ext

__all__ = ["after", "base_of", "linearize"]


def base_of(atom: Atom) -> "ClassInfo | str | None":
    """Return the class that an atom in a list of bases is."""
    match atom:
        case Cls(info=info):
            return info
        case Ext(name=name):
            return name
        case _:
            return None


def linearize(info: ClassInfo, library: "dict[str, list[str]]") -> list["ClassInfo | str"]:
    """Return the C3 order of a class; depth first without repeats if there is none.

    Args:
        info: The class, with its bases.
        library: Orders of classes of libraries.
    """
    sequences = [
        list(base.order) if isinstance(base, ClassInfo) else [base, *library.get(base, [])]
        for base in info.bases
    ]
    pending = [one for one in (*sequences, list(info.bases)) if one]
    order: list[ClassInfo | str] = [info]
    while pending:
        head = next(
            (one[0] for one in pending if not any(one[0] in other[1:] for other in pending)),
            pending[0][0],
        )
        if head not in order:
            order.append(head)
        pending = [[one for one in some if one != head] for some in pending]
        pending = [one for one in pending if one]
    return order


def after(info: ClassInfo, owner: ClassInfo) -> Iterator["ClassInfo | str"]:
    """Yield the classes behind `owner` in the order of `info`."""
    found = False
    for one in info.order:
        if found:
            yield one
        found = found or one is owner
