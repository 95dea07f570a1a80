"""The tests of the auditor that a run takes. The rest of the setup is in the repository's conftest.py."""

import os
from pathlib import Path

import pytest

from audit_tests.auditor import sampling

_AUDITOR = Path(__file__).with_name("auditor")


def pytest_configure(config: pytest.Config) -> None:
    """Decide once which variants of the auditor run; the workers inherit the decision."""
    if not hasattr(config, "workerinput"):
        name, _ = sampling.decide()
        os.environ[sampling.VARIABLE] = name


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Take one test in eight of each file of the auditor, if it is unchanged since all of them passed.

    Property tests, and tests that repeat others, are left to `make auditor` then.
    A run that names files or tests takes all that it names.
    """
    named = config.args_source is not pytest.Config.ArgsSource.TESTPATHS or config.option.keyword
    if named or sampling.decide()[0] == "all":
        return
    ours = {one.nodeid: (one.path,) for one in items if str(one.path).startswith(str(_AUDITOR))}
    left_out = ours.keys() - sampling.sample(ours).keys()
    left_out |= ours.keys() & {one.nodeid for one in items if _repeats(one)}
    config.hook.pytest_deselected(items=[one for one in items if one.nodeid in left_out])
    items[:] = [one for one in items if one.nodeid not in left_out]


def _repeats(item: pytest.Item) -> bool:
    # Hypothesis marks its tests later. The fixture judges all programs of its file for any of them.
    if "verdicts" in getattr(item, "fixturenames", ()):
        return True
    return bool(
        hasattr(getattr(item, "obj", None), "hypothesis") or item.get_closest_marker("unmeasured")
    )


def pytest_report_header() -> str:
    """Report which variants of the auditor run, and why."""
    name, reason = sampling.decide()
    return f"tests of the auditor: {name}, because {reason}"
