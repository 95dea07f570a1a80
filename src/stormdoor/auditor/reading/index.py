"""The words of all files of a scan: which files have one is looked up, and not searched for."""

import re
from collections.abc import Iterator, Sequence
from sys import intern

from stormdoor.auditor.reading.module import Module

__all__ = ["Index"]

_WORD = re.compile(r"\w+")
_LINES = 64
"""Lines of a file that take as long to search as one step of the interpreter."""


class Index:
    """The words of files, made once and shared by all endpoints.

    Args:
        modules: The files, in their order.
    """

    def __init__(self, modules: Sequence[Module]) -> None:
        self.modules = tuple(modules)
        self._places: dict[str, list[int]] = {}
        self._holding: dict[str, tuple[int, ...]] = {}
        for at, module in enumerate(self.modules):
            for word in set(_WORD.findall("\n".join(module.lines))):
                self._places.setdefault(intern(word), []).append(at)

    def naming(self, words: Sequence[str]) -> Iterator[Module]:
        """The files in which one of these stands as a word of its own."""
        if len(words) == 1:
            found: Sequence[int] = self._places.get(words[0], ())
        else:
            found = sorted({at for word in words for at in self._places.get(word, ())})
        yield from (self.modules[at] for at in found)

    def speaking(self, parts: Sequence[str]) -> Iterator[Module]:
        """The files in which a word has one of these as a part."""
        for part in parts:
            if part not in self._holding:
                self._holding[part] = tuple(
                    at for word, places in self._places.items() if part in word for at in places
                )
        yield from (self.modules[at] for at in sorted({a for p in parts for a in self._holding[p]}))

    @staticmethod
    def cost(module: Module) -> int:
        """Steps that the search of a file is counted as."""
        return 1 + len(module.lines) // _LINES
