"""Files that can matter, by their bytes alone: parsing costs a thousand times as much as reading."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from types import TracebackType
from typing import Self, TypeAlias, TypeVar

__all__ = ["Readers", "Sought"]

_SPEAKS = (b"tornad", b"websocket", b"web_socket", b"sockjs", b"socketio")
"""Words of which a file has one that speaks of Tornado, TornadIO or WebSockets."""
_AT_LEAST = (b"tornad", b"sock")
"""Each of those has one of these: most files have neither, and are searched twice and not five times."""
_MAX = 4 * 1024 * 1024
_CHUNK = 200
"""Files that a process reads at once."""
_WORTH = 400
"""With fewer files, starting processes takes longer than it saves."""


@dataclass(frozen=True, slots=True)
class Sought:
    """Origin of a name that files are searched for.

    Args:
        words: Its outermost packages, or its modules without one: an import from there names one.
        folders: Those packages: an import in them may be relative.
    """

    words: set[str]
    folders: set[str]


_Wanted: TypeAlias = tuple[bytes, tuple[bytes, ...], tuple[str, ...]]
_T = TypeVar("_T")


class Readers:
    """Reads all files for their words, in several processes where there are many.

    Args:
        files: All Python files of what is scanned.
        workers: Processes, at most.
    """

    def __init__(self, files: Sequence[Path], workers: int) -> None:
        self._files = list(files)
        self._left = self._files
        self._pool = (
            ProcessPoolExecutor(workers, mp_context=get_context("fork"))
            if workers > 1 and len(files) > _WORTH
            else None
        )

    def __enter__(self) -> Self:
        """The processes are started before anything is parsed: they stay small."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End them."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def relevant(self, progress: Callable[[str, int, int], None] | None = None) -> list[Path]:
        """Files that speak of Tornado or of WebSockets."""
        found: list[Path] = []
        seen = 0
        for chunk, answers in self._mapped(_speaking, [None] * len(self._chunks())):
            found.extend(file for file, speaks in zip(chunk, answers, strict=True) if speaks)
            seen += len(chunk)
            if progress is not None:
                progress("files", seen, len(self._files))
        self._without(found)
        return found

    def naming(self, names: Mapping[str, Sought]) -> list[Path]:
        """Files that name one of these, can have it from where it is, and were not given yet."""
        wanted = tuple(
            (name.encode(), tuple(word.encode() for word in one.words), tuple(one.folders))
            for name, one in sorted(names.items())
        )
        found: list[Path] = []
        for chunk, answers in self._mapped(_naming, [wanted] * len(self._chunks())):
            found.extend(file for file, names_one in zip(chunk, answers, strict=True) if names_one)
        self._without(found)
        return found

    def _without(self, found: list[Path]) -> None:
        taken = set(found)
        self._left = [file for file in self._left if file not in taken]

    def _chunks(self) -> list[list[Path]]:
        return [self._left[at : at + _CHUNK] for at in range(0, len(self._left), _CHUNK)]

    def _mapped(
        self,
        function: Callable[[list[Path], _T], list[bool]],
        words: list[_T],
    ) -> Iterator[tuple[list[Path], list[bool]]]:
        chunks = self._chunks()
        results = (
            map(function, chunks, words)
            if self._pool is None
            else self._pool.map(function, chunks, words)
        )
        return zip(chunks, results, strict=True)


def _speaking(files: list[Path], _: None) -> list[bool]:
    return [_speaks(file) for file in files]


def _speaks(file: Path) -> bool:
    try:
        with file.open("rb") as stream:
            content = stream.read(_MAX + 1)
    except OSError:
        return True  # the parser will say why it cannot be read
    if len(content) > _MAX:
        return True  # and that this is too large
    if b"\0" in content:
        return True  # neither can it be searched: UTF-16, say
    # Neither a pattern that ignores case nor one with alternatives is as fast as this.
    small = content.lower()
    if not any(word in small for word in _AT_LEAST) or not any(word in small for word in _SPEAKS):
        return False
    return b"tornad" in content or b"class " in content or b"ebsocket" in small


def _naming(files: list[Path], wanted: tuple[_Wanted, ...]) -> list[bool]:
    return [_names(file, wanted) for file in files]


def _names(file: Path, wanted: tuple[_Wanted, ...]) -> bool:
    """Return True if a file has one of the names, and its source module. A text search is fast."""
    try:
        content = file.read_bytes()
    except OSError:
        return False
    tops = {word for _, words, _ in wanted for word in words}
    there = {word for word in tops if word in content}
    place = str(file)
    return any(
        name in content
        and _stands_in(name, content)
        and (place.startswith(folders) or any(_stands_in(one, content) for one in words))
        for name, words, folders in wanted
        if not there.isdisjoint(words) or place.startswith(folders)
    )


def _stands_in(word: bytes, content: bytes) -> bool:
    """Return True if it is there as a word of its own."""
    return re.search(rb"(?<!\w)" + re.escape(word) + rb"(?!\w)", content) is not None
