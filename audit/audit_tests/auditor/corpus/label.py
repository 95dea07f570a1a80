"""The labels of the development corpus: what a person read in real handler classes, and judged.

One TOML file in `labels/` is one version of one package. It names the sources and says of each
handler class what an outsider can do in the configuration as shipped. No source is in this
repository: `fetch.py` brings it.
"""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["LABELS", "Label", "Version", "read_labels"]

LABELS = Path(__file__).resolve().parent / "labels"

AUTHENTICATION = frozenset({"guarded", "missing", "after-accept", "optional", "unknown"})
ORIGIN = frozenset({"default", "open", "weak", "restricted", "unknown"})
AUTHORIZATION = frozenset({"guarded", "missing", "not-needed", "unknown"})


@dataclass(frozen=True, slots=True)
class Label:
    """What a person says of one handler class.

    Args:
        name: Qualified name inside its module, `<locals>` included.
        path: Of its file, from the root of the sources.
        line: Of its `class` statement, or of the call that makes the class.
        sha256: Of the file that was read.
        authentication: One of guarded, missing, after-accept, optional, unknown.
        origin: One of default, open, weak, restricted, unknown.
        authorization: One of guarded, missing, not-needed, unknown.
        also: Further answers to the same questions that would not be wrong.
        reason: Why, in one sentence.
    """

    name: str
    path: str
    line: int
    sha256: str
    authentication: str
    origin: str
    authorization: str
    also: frozenset[str]
    reason: str

    @property
    def dotted(self) -> str:
        """Path and name as one dotted name; a subject of a finding is a tail of it."""
        module = self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        return f"{module}.{self.name}"


@dataclass(frozen=True, slots=True)
class Version:
    """One version of one package, with its labelled classes.

    Args:
        slug: Name of the label file, and of the folder the sources go to.
        package: Name in the package index; for a repository, a name of ours.
        version: Version, tag, or date of the commit.
        repository: Address of the repository, or "" for a package of the index.
        commit: Forty digits, or "".
        licence: SPDX name, or `none stated`.
        holdout: Whether it was set aside before any rule was written.
        drawn: Whether it took part in that draw; what came later is for development.
        round: In which round it was read: 2 to 11 for the sets that were read when the rules were there.
        round: In which round it was read: 2 to 11 for the sets that were read when the rules were there.
        python: Lowest Python that it can be had for, or ().
        advisory: A published advisory that this version is one side of, or "".
        labels: Its classes.
    """

    slug: str
    package: str
    version: str
    repository: str
    commit: str
    licence: str
    holdout: bool
    drawn: bool
    round: int
    python: tuple[int, ...]
    advisory: str
    labels: tuple[Label, ...]


def read_labels(folder: Path = LABELS) -> tuple[Version, ...]:
    """All label files, in the order of their names.

    Raises:
        ValueError: A file says something that no check knows.
    """
    return tuple(_versions(folder))


def _versions(folder: Path) -> Iterator[Version]:
    for path in sorted(folder.glob("*.toml")):
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        python = document.get("python", "")
        yield Version(
            slug=path.stem,
            package=document["package"],
            version=document["version"],
            repository=document.get("repository", ""),
            commit=document.get("commit", ""),
            licence=document["licence"],
            holdout=document["holdout"],
            drawn=document.get("drawn", True),
            round=document.get("round", 1),
            python=tuple(map(int, python.split("."))) if python else (),
            advisory=document.get("advisory", ""),
            labels=tuple(_label(path, row) for row in document["handler"]),
        )


def _label(path: Path, row: dict[str, Any]) -> Label:
    label = Label(
        name=row["class"],
        path=row["path"],
        line=row["line"],
        sha256=row["sha256"],
        authentication=row["authentication"],
        origin=row["origin"],
        authorization=row["authorization"],
        also=frozenset(row.get("also", ())),
        reason=row["reason"],
    )
    known = (
        label.authentication in AUTHENTICATION
        and label.origin in ORIGIN
        and label.authorization in AUTHORIZATION
        and label.also <= AUTHENTICATION | ORIGIN | AUTHORIZATION
    )
    if not known:
        msg = f"{path.name}: {label.name}: an answer that no check knows"
        raise ValueError(msg)
    return label
