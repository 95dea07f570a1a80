"""A class of the program."""

from dataclasses import dataclass, field

__all__ = ["ClassInfo"]


@dataclass(slots=True, eq=False)
class ClassInfo:
    """A class of the program.

    Args:
        name: Its name.
        qualname: Dotted name inside its module.
        module: Dotted name of its module.
        line: Line of its statement.
        end: Last line of its statement.
        bases: Classes of the program and of libraries.
        order: Its method resolution order: classes, and dotted names of those of libraries.
        unread: Whether a base is not known.
        methods: Names in its body.
        assigned: Names of attributes that its methods set.
    """

    name: str
    qualname: str
    module: str
    line: int
    end: int
    bases: list["ClassInfo | str"] = field(default_factory=list)
    order: list["ClassInfo | str"] = field(default_factory=list)
    unread: bool = False
    methods: set[str] = field(default_factory=set)
    assigned: frozenset[str] = frozenset()

    def assigns(self, name: str) -> bool:
        """Return True if a method of the class, or of a base of the program, sets an attribute."""
        return any(isinstance(one, ClassInfo) and name in one.assigned for one in self.order)

    def derives_from(self, name: str) -> bool:
        """Return True if a class of a library is among its bases, near or far."""
        return name in self.order
