"""The places of this project: in the repository, or in an unpacked source distribution."""

from pathlib import Path

__all__ = ["AUDIT", "PACKAGE", "REPOSITORY", "TESTS"]

TESTS = Path(__file__).resolve().parent
AUDIT = TESTS.parent
"""The folder of the project `stormdoor-audit`."""
PACKAGE = AUDIT / "src" / "stormdoor_audit"
REPOSITORY = AUDIT.parent
"""The clone, with the lab and the documentation. A source distribution has none: look before use."""
