"""Distributions that a test installs: a module, and the metadata that pip would write beside it."""

from __future__ import annotations

from pathlib import Path

__all__ = ["install_module"]


def install_module(folder: Path, name: str, text: str, entry_points: str) -> None:
    """Install a distribution of one module into a folder that is on the path.

    Args:
        folder: The folder, such as a `site-packages`.
        name: Name of the module, and of the distribution.
        text: The module.
        entry_points: Its entry points, as in `entry_points.txt`.
    """
    folder.mkdir(exist_ok=True)
    folder.joinpath(f"{name}.py").write_text(text, encoding="utf-8")
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    info.joinpath("METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: 1.0\n", encoding="utf-8"
    )
    info.joinpath("entry_points.txt").write_text(entry_points, encoding="utf-8")
    info.joinpath("INSTALLER").write_text("tests\n", encoding="utf-8")
    files = [f"{name}.py", *(f"{info.name}/{one.name}" for one in info.iterdir())]
    info.joinpath("RECORD").write_text("".join(f"{one},,\n" for one in files), encoding="utf-8")
