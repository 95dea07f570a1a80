"""Cached reports give the same answer sooner, also after an attacker wrote to the directory."""

import os
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from audit_tests.auditor.sources import HEAD, write
from stormdoor_audit.auditor.scanning import cache as module
from stormdoor_audit.auditor.scanning import engine
from stormdoor_audit.auditor.scanning.cache import Cache, CacheError, open_cache
from stormdoor_audit.auditor.scanning.engine import scan
from stormdoor_audit.auditor.scanning.settings import Settings
from stormdoor_audit.report.finding import Report

OPEN = HEAD + (
    "class Door(WebSocketHandler):\n    def on_message(self, message):\n        print(message)\n"
)


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cache:
    """A cache of this user."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return open_cache(tmp_path / "cache")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project with an open endpoint."""
    top = tmp_path / "project"
    write(top, {"app.py": OPEN})
    return top


def _scan(project: Path, cache: Cache | None, **options: object) -> Report:
    settings = replace(Settings(root=project, jobs=1), **options)  # type: ignore[arg-type]  # a table of options
    return scan([project], settings=settings, cache=cache)


def _said(report: Report) -> Report:
    return replace(report, started="", seconds=0.0)


def _entry(cache: Cache) -> Path:
    (found,) = cache.directory.glob("*.scan")
    return found


def _refuse(*_: object) -> None:
    raise AssertionError("it was scanned")


def test_nothing_is_scanned_twice(
    project: Path, kept: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second scan of the same files gives the same report, and reads no syntax tree."""
    first = _scan(project, kept)
    assert {one.rule_id for one in first.findings} >= {"SD101"}
    monkeypatch.setattr(engine, "_scanned", _refuse)
    assert _said(_scan(project, kept)) == _said(first)
    with pytest.raises(AssertionError, match="it was scanned"):
        _scan(project, None)


CHANGES: dict[str, Callable[[Path], dict[str, object]]] = {
    "a file is mended": lambda top: {"x": (top / "app.py").write_text("import tornado\n")},
    "a byte of a comment": lambda top: {"x": (top / "app.py").write_text(OPEN + "#\n")},
    "another file": lambda top: {"x": (top / "more.py").write_text("x = 1\n")},
    "a file has another name": lambda top: {"x": (top / "app.py").rename(top / "ppa.py")},
    "a page": lambda top: {"x": (top / "page.html").write_text("<p>\n")},
    "shipped configuration": lambda top: {"x": (top / "settings.yml").write_text("auth: off\n")},
    "a rule is left out": lambda top: {"ignore": ("SD101",)},
    "a rule is chosen": lambda top: {"select": ("SD101",)},
    "a file is left out": lambda top: {"exclude": ("app.py",)},
    "another root": lambda top: {"root": top.parent},
    "knowledge": lambda top: {"knowledge": (_knowledge(top.parent),)},
    "an environment": lambda top: {"python": _environment(top.parent)},
}


def _knowledge(top: Path) -> Path:
    (top / "known.toml").write_text("")
    return top / "known.toml"


def _environment(top: Path) -> Path:
    write(top / "env/lib/python3.11/site-packages", {"frame.py": "x = 1\n"})
    return top / "env"


@pytest.mark.parametrize("name", CHANGES)
def test_what_changed_is_scanned_again(
    project: Path, kept: Cache, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each input of the report changes its digest."""
    _scan(project, kept)
    options = CHANGES[name](project)
    options.pop("x", None)
    monkeypatch.setattr(engine, "_scanned", _refuse)
    with pytest.raises(AssertionError, match="it was scanned"):
        _scan(project, kept, **options)


def test_the_packages_of_an_environment_count(
    project: Path, kept: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A base class that changed in another package is a reason to scan again; so is the scanner."""
    environment = _environment(project.parent)
    _scan(project, kept, python=environment)
    with monkeypatch.context() as patch:
        patch.setattr(
            "stormdoor_audit.auditor.scanning.inventory._scanner", lambda: "another version"
        )
        patch.setattr(engine, "_scanned", _refuse)
        with pytest.raises(AssertionError, match="it was scanned"):
            _scan(project, kept, python=environment)
    write(environment / "lib/python3.11/site-packages", {"frame.py": "x = 2\n"})
    monkeypatch.setattr(engine, "_scanned", _refuse)
    with pytest.raises(AssertionError, match="it was scanned"):
        _scan(project, kept, python=environment)


# attacks ------------------------------------------------------------------------------------


def _clean(report: Report) -> bytes:
    """What an attacker wants to be read: nothing was found."""
    return msgspec.json.encode(replace(report, findings=()))


def _forged(cache: Cache, report: Report, key: bytes) -> bytes:
    body = _clean(report)
    return Cache(cache.directory, key)._seal(_entry(cache).stem, body) + body


def _linked(path: Path, content: bytes) -> None:
    other = path.parent.parent / "elsewhere"
    other.write_bytes(content)
    path.unlink()
    path.symlink_to(other)


def _open_to_all(cache: Cache, report: Report) -> None:
    _entry(cache).write_bytes(_forged(cache, report, cache.key))
    _entry(cache).chmod(0o666)


def _replaced(path: Path, make: Callable[[Path], None]) -> None:
    path.unlink()
    make(path)


def _renamed(project: Path, cache: Cache) -> None:
    """The sealed report of a clean project, under the name of the open one."""
    entry = _entry(cache)
    clean = project.parent / "clean"
    write(clean, {"app.py": "x = 1\n"})
    entry.rename(entry.with_suffix(".aside"))
    _scan(clean, cache)
    _entry(cache).rename(entry)


ATTACKS: dict[str, Callable[[Path, Cache, Report], object]] = {
    "forged with another key": lambda _, cache, report: _entry(cache).write_bytes(
        _forged(cache, report, b"k" * 32)
    ),
    "no seal": lambda _, cache, report: _entry(cache).write_bytes(_clean(report)),
    "one bit": lambda _, cache, __: _entry(cache).write_bytes(
        bytes([*(raw := _entry(cache).read_bytes())[:-9], raw[-9] ^ 1, *raw[-8:]])
    ),
    "truncated": lambda _, cache, __: _entry(cache).write_bytes(_entry(cache).read_bytes()[:-100]),
    "empty": lambda _, cache, __: _entry(cache).write_bytes(b""),
    "another scan's": lambda project, cache, _: _renamed(project, cache),
    "sealed, but no report": lambda _, cache, __: _entry(cache).write_bytes(
        cache._seal(_entry(cache).stem, b'{"findings": 1}') + b'{"findings": 1}'
    ),
    "a link": lambda _, cache, report: _linked(_entry(cache), _forged(cache, report, cache.key)),
    "writable by others": lambda _, cache, report: _open_to_all(cache, report),
    "a pipe": lambda _, cache, __: _replaced(_entry(cache), os.mkfifo),
    "a directory": lambda _, cache, __: _replaced(_entry(cache), Path.mkdir),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_a_poisoned_cache_changes_no_verdict(project: Path, kept: Cache, name: str) -> None:
    """After any write to the directory, the open endpoint is still reported."""
    first = _scan(project, kept)
    ATTACKS[name](project, kept, first)
    assert _said(_scan(project, kept)) == _said(first)


def test_the_attack_works_with_the_key(project: Path, kept: Cache) -> None:
    """Control: a forged entry with the key is accepted, so the seal is what refuses."""
    first = _scan(project, kept)
    _entry(kept).write_bytes(_forged(kept, first, kept.key))
    assert _scan(project, kept).findings == ()


def test_the_key_does_not_lie_beside_the_entries(
    project: Path, kept: Cache, tmp_path: Path
) -> None:
    """The key is outside the cache directory, and other users cannot read it."""
    _scan(project, kept)
    key = tmp_path / "state/stormdoor/scan-cache.key"
    assert key.read_bytes() == kept.key
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert stat.S_IMODE(_entry(kept).stat().st_mode) == 0o600
    assert kept.key not in b"".join(one.read_bytes() for one in kept.directory.iterdir())


def _shared(path: Path) -> None:
    path.mkdir()
    path.chmod(0o777)


DIRECTORIES: dict[str, tuple[Callable[[Path], object], str]] = {
    "others may write": (_shared, "others may write"),
    "a link": (lambda path: path.symlink_to(path.parent), "it is a link"),
    "a file": (lambda path: path.write_text(""), "File exists"),
    "a loop": (lambda path: path.symlink_to(path), "File exists|symbolic links"),
}


@pytest.mark.parametrize("name", DIRECTORIES)
def test_a_directory_that_is_not_ours_alone_is_refused(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says what is wrong with it."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    make, why = DIRECTORIES[name]
    make(tmp_path / "there")
    with pytest.raises(CacheError, match=why):
        open_cache(tmp_path / "there")


def test_what_belongs_to_somebody_else_is_refused(
    project: Path, kept: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A directory, a key and an entry of another user are not ours, even if we could read them."""
    _scan(project, kept)
    digest = _entry(kept).stem
    assert kept.get(digest) is not None
    mine = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: mine + 1)
    assert kept.get(digest) is None
    with pytest.raises(CacheError, match="belongs to another user"):
        open_cache(kept.directory)


@pytest.mark.parametrize("content", [b"", b"short", b"k" * 33])
def test_a_key_that_is_none_is_not_used(
    tmp_path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty key is refused, because every user could seal with it."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    open_cache(tmp_path / "cache")
    (tmp_path / "state/stormdoor/scan-cache.key").write_bytes(content)
    with pytest.raises(CacheError, match="is no key"):
        open_cache(tmp_path / "cache")


def test_a_cache_that_cannot_be_written_is_no_failure(
    project: Path, kept: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full or read-only disk costs time, nothing else, and leaves no half of a file."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "_fill", full)
    assert _scan(project, kept).findings
    assert list(kept.directory.iterdir()) == []


def test_the_cache_stays_small(kept: Cache, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was not used for longest goes first; an entry that is too large is not kept."""
    report = _scan(project, None)
    monkeypatch.setattr(module, "_MOST", 3)
    for number in range(5):
        kept.put(f"{number:064}", report)
        os.utime(kept.directory / f"{number:064}.scan", (number, number))
    assert sorted(int(one.stem) for one in kept.directory.glob("*.scan")) == [2, 3, 4]
    assert kept.get(f"{2:064}") is not None
    kept.put(f"{9:064}", report)
    assert sorted(int(one.stem) for one in kept.directory.glob("*.scan")) == [2, 4, 9]
    monkeypatch.setattr(module, "_LARGEST", 100)
    kept.put(f"{7:064}", report)
    assert not (kept.directory / f"{7:064}.scan").exists()


def test_two_scans_at_once(project: Path, kept: Cache) -> None:
    """A reader finds a whole entry or none."""
    report = _scan(project, None)

    def turn(number: int) -> bool:
        kept.put("d" * 64, report)
        return kept.get("d" * 64) == report

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(turn, range(40)))
    assert [one.name for one in kept.directory.iterdir()] == ["d" * 64 + ".scan"]


def test_two_first_uses_at_once_agree_on_the_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second process uses the key of the first."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    with ThreadPoolExecutor(8) as pool:
        keys = {one.key for one in pool.map(lambda _: open_cache(tmp_path / "cache"), range(16))}
    assert len(keys) == 1
    assert [one.name for one in (tmp_path / "state/stormdoor").iterdir()] == ["scan-cache.key"]


def test_what_changed_meanwhile_is_not_kept(
    project: Path, kept: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A report of files that are no longer what their digest says would be a wrong one."""
    scanned = engine._scanned

    def slow(*arguments: object) -> object:
        (project / "app.py").write_text("x = 1\n")
        return scanned(*arguments)  # type: ignore[arg-type]  # passed on

    monkeypatch.setattr(engine, "_scanned", slow)
    _scan(project, kept)
    assert list(kept.directory.iterdir()) == []
