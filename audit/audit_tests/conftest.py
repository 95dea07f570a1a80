"""The variants of the auditor that a run takes. The rest of the setup is in the repository's conftest.py."""

import os

import pytest

from audit_tests.auditor import sampling


def pytest_configure(config: pytest.Config) -> None:
    """Decide once which variants of the auditor run; the workers inherit the decision."""
    if not hasattr(config, "workerinput"):
        name, _ = sampling.decide()
        os.environ[sampling.VARIABLE] = name


def pytest_report_header() -> str:
    """Report which variants of the auditor run, and why."""
    name, reason = sampling.decide()
    return f"variants of the auditor: {name}, because {reason}"
