"""Which files can matter, by their bytes alone: parsing costs a thousand times as much as reading."""

import re
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

__all__ = ["Hint", "hints_of", "mentions"]

_TORNADO = re.compile(rb"tornado|web_?socket|sockjs", re.IGNORECASE)
_MAX = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Hint:
    """What the bytes of a file say.

    Args:
        tornado: It speaks of Tornado or of WebSockets.
        classes: It has class statements.
    """

    tornado: bool
    classes: bool


def hints_of(
    files: list[Path], workers: int, progress: Callable[[str, int, int], None] | None = None
) -> dict[Path, Hint]:
    """Read every file once and say whether it can matter."""
    result: dict[Path, Hint] = {}
    if workers > 1 and len(files) > 400:
        chunks = [files[at : at + 200] for at in range(0, len(files), 200)]
        with ProcessPoolExecutor(workers, mp_context=get_context("fork")) as pool:
            for chunk, hints in zip(chunks, pool.map(_hints, chunks), strict=True):
                result.update(zip(chunk, hints, strict=True))
                if progress is not None:
                    progress("files", len(result), len(files))
        return result
    result.update(zip(files, _hints(files), strict=True))
    if progress is not None:
        progress("files", len(files), len(files))
    return result


def _hints(files: list[Path]) -> list[Hint]:
    return [_hint(file) for file in files]


def _hint(file: Path) -> Hint:
    try:
        with file.open("rb") as stream:
            content = stream.read(_MAX + 1)
    except OSError:
        return Hint(tornado=True, classes=True)  # the parser will say why it cannot be read
    return Hint(_relevant(content), b"class " in content or b"type(" in content)


def _relevant(content: bytes) -> bool:
    if _TORNADO.search(content) is None:
        return False
    return b"tornado" in content or b"class " in content or b"ebsocket" in content.lower()


def mentions(names: Iterable[str], files: list[Path], hints: dict[Path, Hint]) -> Iterator[Path]:
    """Files with class statements or routes that name one of these classes."""
    pattern = re.compile(
        b"|".join(rb"\b" + re.escape(name.encode()) + rb"\b" for name in sorted(names))
    )
    for file in files:
        if not hints[file].classes and not hints[file].tornado:
            # A routing table may stand in a file without classes.
            pass
        try:
            content = file.read_bytes()
        except OSError:
            continue
        if pattern.search(content):
            yield file
