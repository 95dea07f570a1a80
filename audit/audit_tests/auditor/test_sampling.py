"""The sample of the variants stands for all of them, and is taken only while the auditor is unchanged."""

from pathlib import Path

import pytest

from audit_tests.auditor import sampling
from audit_tests.auditor.programs.table import lines_of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one module."""
    (tmp_path / "module.py").write_text("ANSWER = 42\n", encoding="utf-8")
    return tmp_path


def _decided(patch: pytest.MonkeyPatch, demanded: str, stamp: Path) -> str:
    patch.setenv(sampling.VARIABLE, demanded)
    patch.setattr(sampling, "STAMP", stamp)
    return sampling.decide.__wrapped__()[0]


def test_a_changed_file_changes_the_fingerprint(folder: Path) -> None:
    """One other character is enough."""
    before = sampling.fingerprint([folder])
    (folder / "module.py").write_text("ANSWER = 43\n", encoding="utf-8")
    assert sampling.fingerprint([folder]) != before


def test_a_renamed_file_changes_the_fingerprint(folder: Path) -> None:
    """The same content under another name is another program."""
    before = sampling.fingerprint([folder])
    (folder / "module.py").rename(folder / "other.py")
    assert sampling.fingerprint([folder]) != before


def test_caches_and_the_stamp_leave_the_fingerprint(folder: Path) -> None:
    """A run writes files of its own and must not invalidate the stamp that it writes."""
    before = sampling.fingerprint([folder])
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "module.py").touch()
    (folder / "verified.txt").touch()
    assert sampling.fingerprint([folder]) == before


def test_the_stamp_decides(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without a stamp, or with the one of other files, all variants run."""
    stamp = tmp_path / "verified.txt"
    assert _decided(monkeypatch, "", stamp) == "all"
    stamp.write_text(f"{'0' * 64}\n", encoding="utf-8")
    assert _decided(monkeypatch, "", stamp) == "all"
    stamp.write_text(f"{sampling.fingerprint()}\n", encoding="utf-8")
    assert _decided(monkeypatch, "", stamp) == "sample"


def test_a_demand_overrides_the_stamp(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`make test-all` runs all variants with any stamp; a misspelt demand is an error."""
    stamp = tmp_path / "verified.txt"
    stamp.write_text(f"{sampling.fingerprint()}\n", encoding="utf-8")
    assert _decided(monkeypatch, "all", stamp) == "all"
    with pytest.raises(ValueError, match="everything"):
        _decided(monkeypatch, "everything", stamp)


def test_the_stamp_is_written_only_for_files_that_stayed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A file that is edited during the run was not verified by it."""
    stamp = tmp_path / "verified.txt"
    monkeypatch.setattr(sampling, "STAMP", stamp)
    assert sampling.main(["0" * 64]) == 1
    assert not stamp.exists()
    assert sampling.main([sampling.fingerprint()]) == 0
    assert _decided(monkeypatch, "", stamp) == "sample"


def _tables() -> list[dict[str, tuple[str, str]]]:
    """The lines of each group of the table about authentication, by their answers."""
    tables: dict[str, dict[str, tuple[str, str]]] = {}
    for name, line in lines_of("authentication").items():
        tables.setdefault(line.group, {})[name] = ("|".join(sorted(line.expected)), name)
    return list(tables.values())


def test_the_sample_represents_every_table_and_answer() -> None:
    """Every table has a row in the sample for each answer that its tests want."""
    everything = sampling.merged(*_tables())
    sample = sampling.sample(*_tables())
    assert sample.items() <= everything.items()
    assert len(sample) < len(everything) / 3
    for table in _tables():
        wanted = {row[0] for row in table.values()}
        assert {row[0] for name, row in sample.items() if name in table} == wanted


def test_the_sample_stays_the_same() -> None:
    """The order of the rows does not matter."""
    for table in _tables():
        assert sampling.sample(dict(reversed(table.items()))) == sampling.sample(table)
