"""Secrets: where they may be, and that no message ever holds one."""

import os
from pathlib import Path

import pytest

from stormdoor.errors import ConfigurationError
from stormdoor.settings.secret import (
    SecretMissing,
    SecretTable,
    all_users_read,
    reveal,
    reveal_bytes,
)

SECRET = "hunter2-hunter2-hunter2-hunter2-hunter2"


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A file with the secret, for its owner only."""
    path = tmp_path / "secret"
    path.write_text(f"{SECRET}\n", encoding="utf-8")
    path.chmod(0o600)
    return path


@pytest.fixture
def open_folder(tmp_path: Path) -> Path:
    """A directory that each user may enter, as far as the machine lets us make one."""
    for each in (tmp_path, *tmp_path.parents):
        if each.owner() != Path.home().owner() or each == Path("/tmp"):
            break
        each.chmod(each.stat().st_mode | 0o011)
    if not all(each.stat().st_mode & 0o001 for each in (tmp_path, *tmp_path.parents)):
        pytest.skip("a directory above the temporary one is closed to others")
    return tmp_path


def test_from_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`env` reads a variable."""
    monkeypatch.setenv("SECRET_OF_TEST", SECRET)
    assert reveal(SecretTable(env="SECRET_OF_TEST"), base=tmp_path) == SECRET


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_from_file(kept: Path, ending: str) -> None:
    """`file` reads a file, relative to the configuration; one line end after it does not count."""
    kept.write_bytes(f"{SECRET}{ending}".encode())
    assert reveal(SecretTable(file=kept.name), base=kept.parent) == SECRET


def test_only_one_line_end_is_taken_away(kept: Path) -> None:
    """All other characters of the file belong to the secret."""
    kept.write_text(f" {SECRET} \n\n", encoding="utf-8")
    assert reveal(SecretTable(file=str(kept)), base=Path()) == f" {SECRET} \n"


@pytest.mark.parametrize(
    ("encoding", "written", "value"),
    [
        ("text", "naïve", "naïve".encode()),
        ("hex", "00ff10", b"\x00\xff\x10"),
        ("base64", "AP8Q", b"\x00\xff\x10"),
    ],
)
def test_encodings(encoding: str, written: str, value: bytes, tmp_path: Path) -> None:
    """Bytes are written as text, in hex or in base64."""
    table = SecretTable(insecure_inline=written, encoding=encoding)  # type: ignore[arg-type]
    assert reveal_bytes(table, base=tmp_path) == value


@pytest.mark.parametrize("encoding", ["hex", "base64"])
def test_wrong_encoding_is_refused(encoding: str, tmp_path: Path) -> None:
    """A secret in another encoding is refused, and the message does not contain it."""
    table = SecretTable(insecure_inline=SECRET, encoding=encoding)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match=f"not {encoding}") as caught:
        reveal_bytes(table, base=tmp_path)
    assert SECRET not in str(caught.value)


REFUSED: dict[str, tuple[SecretTable | str, str]] = {
    "in the file itself": (SECRET, "does not stand in this file"),
    "nowhere": (SecretTable(), "in one place"),
    "in two places": (SecretTable(env="A", file="b"), "in one place"),
    "empty variable": (SecretTable(env="EMPTY_SECRET_OF_TEST"), "is empty"),
    "blank": (SecretTable(insecure_inline=" \n"), "is empty"),
    "no such variable": (SecretTable(env="NO_SECRET_OF_TEST"), "NO_SECRET_OF_TEST is not set"),
    "no such file": (SecretTable(file="nothing"), "cannot be read"),
    "a directory": (SecretTable(file="."), "no regular file"),
    "a pipe": (SecretTable(file="pipe"), "no regular file"),
    "an empty file": (SecretTable(file="empty"), "is empty"),
    "a binary file": (SecretTable(file="binary"), "base64"),
    "a huge file": (SecretTable(file="huge"), "that is no secret"),
    "everybody may change it": (SecretTable(file="writable"), "chmod o-rwx"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_unsafe_secret_is_refused(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unsafe secret is refused, with the remedy."""
    monkeypatch.setenv("EMPTY_SECRET_OF_TEST", "")
    monkeypatch.delenv("NO_SECRET_OF_TEST", raising=False)
    os.mkfifo(tmp_path / "pipe", 0o600)
    for name, content in {
        "empty": b"\n",
        "binary": b"\xff\xfe\x00",
        "huge": b"x" * 70_000,
        "writable": SECRET.encode(),
    }.items():
        (tmp_path / name).write_bytes(content)
        (tmp_path / name).chmod(0o602 if name == "writable" else 0o600)
    secret, message = REFUSED[case]
    with pytest.raises(ConfigurationError, match=message) as caught:
        reveal(secret, base=tmp_path)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("table", [SecretTable(env="NO_SECRET_OF_TEST"), SecretTable(file="no")])
def test_missing_is_told_from_wrong(table: SecretTable, tmp_path: Path) -> None:
    """A secret that is elsewhere is another error than one that can be nowhere."""
    with pytest.raises(SecretMissing):
        reveal(table, base=tmp_path)


def test_file_that_all_users_read_is_refused(open_folder: Path) -> None:
    """A file that all users may read is refused, unless the option allows it."""
    path = open_folder / "secret"
    path.write_text(SECRET, encoding="utf-8")
    path.chmod(0o644)
    with pytest.raises(ConfigurationError, match="chmod o-r"):
        reveal(SecretTable(file=str(path)), base=Path())
    taken = SecretTable(file=str(path), insecure_world_readable=True)
    assert reveal(taken, base=Path()) == SECRET


def test_closed_directory_makes_up_for_the_mode(open_folder: Path) -> None:
    """A file that others can read is accepted in a directory that they cannot enter."""
    closed = open_folder / "closed"
    closed.mkdir(0o700)
    path = closed / "secret"
    path.write_text(SECRET, encoding="utf-8")
    path.chmod(0o644)
    assert not all_users_read(path, path.stat().st_mode)


@pytest.mark.parametrize("folder", ["/run/secrets", "/var/run/secrets"])
def test_secrets_mounted_by_a_container_engine(folder: str) -> None:
    """Below /run/secrets the mode does not count: only the container sees them."""
    assert not all_users_read(Path(folder, "trail-key"), 0o100444)


def test_repr_shows_no_secret() -> None:
    """The repr says where a secret is, not what."""
    assert SECRET not in repr(SecretTable(insecure_inline=SECRET))
    assert "TRAIL_KEY" in repr(SecretTable(env="TRAIL_KEY"))
