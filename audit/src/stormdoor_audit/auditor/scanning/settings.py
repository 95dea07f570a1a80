"""Arguments of a scan."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from stormdoor_audit.auditor.reading.budget import ENDPOINT_STEPS

__all__ = ["Progress", "Settings", "selected"]

Progress = Callable[[str, int, int], None]
"""Called as `progress(stage, done, total)`: the stage in a few words, `total` 0 while unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Options of one scan, with defaults that need no configuration.

    Args:
        root: Paths in the report are relative to this directory where they lie below it.
        select: Rules to run: ids, prefixes of ids (`SD1`) or slugs; empty for all.
        ignore: Rules to leave out, written likewise; wins over `select`.
        exclude: Glob patterns of files and directories to leave out, relative to `root`.
        python: An environment (its directory or its interpreter) in which the bases of handlers
            are looked up; nothing in it is run.
        knowledge: TOML files about well-known base classes, in addition to the one that ships.
        jobs: Worker processes; 0 for one for each core, or for one where more than 600,000 lines are
            parsed: their syntax trees take a gigabyte, and each process may copy them.
        steps: Steps that the analysis of one endpoint may take.
        engine: `old`, or `new` for the engine under development, which judges authentication and origins.
    """

    root: Path = field(default_factory=Path.cwd)
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    python: Path | None = None
    knowledge: tuple[Path, ...] = ()
    jobs: int = 0
    steps: int = ENDPOINT_STEPS
    engine: str = "old"

    @property
    def workers(self) -> int:
        """Number of processes to use, at least one."""
        return self.jobs if self.jobs > 0 else (os.cpu_count() or 1)


def selected(rule_id: str, slug: str, settings: Settings) -> bool:
    """Tell whether the settings want this rule to run."""

    def named(patterns: tuple[str, ...]) -> bool:
        return any(rule_id.startswith(pattern.upper()) or slug == pattern for pattern in patterns)

    return (not settings.select or named(settings.select)) and not named(settings.ignore)
