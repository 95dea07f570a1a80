"""Configuration that ships beside the code: TOML, JSON, INI, and YAML as far as it is plain.

Only switches are read: what is on, off or empty as shipped, and has to do with who is let in.
"""

import ast
import configparser
import json
import re
import tomllib
from collections.abc import Container, Iterable, Iterator
from pathlib import Path

from stormdoor_audit.auditor.naming.lexicon import concerns_identity, words_of
from stormdoor_audit.auditor.reading.module import Module
from stormdoor_audit.auditor.reading.project import Project

__all__ = ["collect_shipped", "shipped_files"]

_NAMED = re.compile(r"conf|setting|default|option|prefs|\.env", re.IGNORECASE)
_KINDS = frozenset({".toml", ".json", ".ini", ".cfg", ".conf", ".yml", ".yaml"})
_BESIDE = ("", "config", "conf", "etc", "settings", "data", "defaults")
_READ = re.compile(r"""['"][^'"\n]*?([\w.-]+\.(?:toml|json|ini|cfg|conf|ya?ml))['"]""")
"""A name of a file, where code speaks of it."""
_MAX_BYTES = 128 * 1024
_MAX_FILES = 60
_ANYBODY = frozenset({"origin", "origins", "cors"})
"""Words of a setting in which a star admits every client."""
_STARS = frozenset({"'*'", '"*"'})
_LINE = re.compile(r"^(\s*)(?:- )?['\"]?([\w.-]+)['\"]?\s*:(?:\s+(.*?))?\s*(?:#.*)?$")
_SCALARS: dict[str, object] = {
    "true": True,
    "yes": True,
    "on": True,
    "false": False,
    "no": False,
    "off": False,
    "null": None,
    "none": None,
    "~": None,
    "": None,
    "''": "",
    '""': "",
}


def collect_shipped(project: Project) -> None:
    """Note what the files say, where the code itself gives a setting no default."""
    modules = list(project.inside())
    if not modules:
        return
    known = set(project.settings)
    folders = [tree.root for tree in project.trees if tree.inside]
    folders += [module.file.parent for module in modules]
    spoken = {name for module in modules for name in _read_in(module)}
    for file in shipped_files(folders, spoken)[:_MAX_FILES]:
        for path, value in _leaves(file):
            if not (value is None or isinstance(value, bool | str)) or not _is_switch(path, value):
                continue
            for name in {path[-1], ".".join(path[-2:])}:
                if name not in known:
                    node = ast.copy_location(ast.Constant(value), modules[0].tree)
                    node.lineno, node.col_offset = 1, 0
                    project.settings.setdefault(name, []).append((modules[0], node))


def _is_switch(path: tuple[str, ...], value: bool | str | None) -> bool:  # noqa: FBT001 - any value
    if value == "*":
        return bool(_ANYBODY & set(words_of(path[-1])))
    if isinstance(value, str) and value:
        return False
    if "secret" in words_of(path[-1]):
        return False  # what a secret is like is asked elsewhere, by its place
    return any(concerns_identity(part) for part in path[-2:])


def _read_in(module: Module) -> Iterator[str]:
    """The names of files of configuration that a file of code speaks of."""
    text = "\n".join(module.lines)
    kinds = [kind for kind in _KINDS if kind in text]
    for line in module.lines if kinds else ():
        if any(kind in line for kind in kinds):
            yield from _READ.findall(line)


def shipped_files(folders: Iterable[Path], spoken: Container[str] | None) -> list[Path]:
    """Return the files of these folders, and of those beside them, that may be configuration.

    Args:
        folders: Where to look.
        spoken: Names of files that the code speaks of; None for any that it might speak of.
    """
    found: dict[Path, None] = {}
    for folder in dict.fromkeys(folders):
        for beside in _BESIDE:
            try:
                entries = sorted((folder / beside).iterdir())
            except OSError:
                continue
            for one in entries:
                if one.suffix not in _KINDS:
                    continue
                named = spoken is None or one.name in spoken or _NAMED.search(one.name)
                if (named or beside or _is_named_after_code(one)) and one.is_file():
                    found[one] = None
    return list(found)


def _is_named_after_code(file: Path) -> bool:
    """`door/door.yaml`, or `app.yaml` beside `app.py`."""
    return file.stem == file.parent.name or file.with_suffix(".py").exists()


def _leaves(file: Path) -> list[tuple[tuple[str, ...], object]]:
    try:
        if file.stat().st_size > _MAX_BYTES:
            return []
        text = file.read_text(encoding="utf-8")
        match file.suffix:
            case ".toml":
                return list(_walk(tomllib.loads(text), ()))
            case ".json":
                return list(_walk(json.loads(text), ()))
            case ".yml" | ".yaml":
                return list(_yaml(text))
            case _:
                return list(_ini(text))
    except (OSError, ValueError, RecursionError, configparser.Error):
        return []


def _walk(value: object, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], object]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _walk(inner, (*path, str(key)))
    elif path:
        yield path, value


def _ini(text: str) -> Iterator[tuple[tuple[str, ...], object]]:
    parser = configparser.RawConfigParser(allow_no_value=True, strict=False)
    parser.read_string(text)
    for section in parser.sections():
        for key, value in parser.items(section):
            plain = (value or "").strip()
            yield (section, key), _SCALARS.get(plain.lower(), plain)


def _yaml(text: str) -> Iterator[tuple[tuple[str, ...], object]]:
    """Keys and plain values by their indentation; anything else of YAML is passed over."""
    above: list[tuple[int, str]] = []
    lines = [match for line in text.splitlines() if (match := _LINE.match(line))]
    for at, match in enumerate(lines):
        depth, key, value = len(match[1]), match[2], match[3]
        while above and above[-1][0] >= depth:
            above.pop()
        path = (*(name for _, name in above), key)
        following = lines[at + 1] if at + 1 < len(lines) else None
        if not value and following is not None and len(following[1]) > depth:
            above.append((depth, key))
        else:
            plain = (value or "").strip()
            if plain in _STARS:
                plain = "*"
            yield path, _SCALARS.get(plain.lower(), plain)
