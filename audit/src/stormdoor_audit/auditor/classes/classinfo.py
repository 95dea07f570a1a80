"""A class with its bases, and the names in its body."""

import ast
from dataclasses import dataclass, field

from stormdoor_audit.auditor.reading.module import Binding, ClassDef, Module
from stormdoor_audit.auditor.reading.project import External

__all__ = ["ClassInfo", "Fork", "Member"]


@dataclass(frozen=True, slots=True)
class Member:
    """A name in the body of a class.

    Args:
        owner: The class; None for what is put into one of Tornado's.
        binding: What it is bound to.
        module: Where it is put into the class from outside; None for its own body.
        value: What was put there while the class was made, as the interpreter knows it.
    """

    owner: "ClassInfo | None"
    binding: Binding
    module: Module | None = None
    value: object = None

    @property
    def place(self) -> Module | None:
        """The file it stands in."""
        return self.module or (self.owner.module if self.owner is not None else None)


@dataclass(frozen=True, slots=True)
class Fork:
    """A base that a condition picks when the module is imported.

    Args:
        at: Which of the bases it is.
        module: Where the condition stands.
        test: The condition.
        held: The base where it holds; None where that is none of use.
        otherwise: The base where it does not.
    """

    at: int
    module: Module
    test: ast.expr
    held: "ClassInfo | External | None"
    otherwise: "ClassInfo | External | None"


@dataclass(slots=True, eq=False)
class ClassInfo:
    """A class with its bases resolved.

    Args:
        module: Its file.
        definition: Its statement.
        bases: Classes that were read, and names of those that were not.
        unresolved: Bases of which not even the name is certain, as source text.
        replaced: Methods that a module puts into it from outside.
        copied: A base that is a copy of Tornado's WebSocketHandler, taken for it.
        forks: Bases that another configuration replaces.
    """

    module: Module
    definition: ClassDef
    bases: "list[ClassInfo | External]" = field(default_factory=list)
    unresolved: list[str] = field(default_factory=list)
    mro: "list[ClassInfo | External]" = field(default_factory=list)
    replaced: dict[str, Member] = field(default_factory=dict)
    copied: "ClassInfo | None" = None
    forks: list[Fork] = field(default_factory=list)

    @property
    def node(self) -> ast.ClassDef:
        """The class statement."""
        return self.definition.node

    @property
    def name(self) -> str:
        """The plain name."""
        return self.definition.node.name

    @property
    def qualname(self) -> str:
        """Module and qualified name."""
        return f"{self.module.name}.{self.definition.qualname}"

    def __repr__(self) -> str:
        return f"<class {self.qualname}>"
