"""The words of all files of a scan: which files have one is looked up, and not searched for."""

import re
from collections.abc import Iterable
from sys import intern

from stormdoor_audit.auditor.reading.module import Module

__all__ = ["Index"]

_WORD = re.compile(r"\w+")
_LINES = 64
"""Lines of a file that take as long to search as one step of the interpreter."""


class Index:
    """The words of files, made once and shared by all endpoints."""

    def __init__(self) -> None:
        self._modules: list[Module] = []
        self._order: list[tuple[str, ...]] = []
        self._places: dict[str, list[int]] = {}
        self._holding: dict[tuple[str, int], list[int]] = {}

    def add(self, modules: Iterable[Module]) -> None:
        """Index further files."""
        for at, module in enumerate(modules, start=len(self._modules)):
            self._modules.append(module)
            self._order.append(module.file.parts)
            for word in set(_WORD.findall("\n".join(module.lines))):
                self._places.setdefault(intern(word), []).append(at)

    def naming(self, *words: str) -> list[Module]:
        """The files in which one of these stands as a word of its own, in their order."""
        return self._at({at for word in words for at in self._places.get(word, ())})

    def speaking(self, *parts: str) -> list[Module]:
        """The files of which a word has one of these as a part, in their order."""
        for key in ((part, len(self._modules)) for part in parts):
            if key not in self._holding:
                self._holding[key] = [
                    at for word, places in self._places.items() if key[0] in word for at in places
                ]
        return self._at({at for one in parts for at in self._holding[one, len(self._modules)]})

    def _at(self, places: set[int]) -> list[Module]:
        return [self._modules[at] for at in sorted(places, key=self._order.__getitem__)]

    @staticmethod
    def cost(module: Module) -> int:
        """Steps that the search of a file is counted as."""
        return 1 + len(module.lines) // _LINES
