"""The tests of the auditor that a run takes."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from audit_tests import conftest
from audit_tests.auditor import sampling

AUDITOR = Path(conftest.__file__).with_name("auditor")
REPEATED = AUDITOR / "test_repeated.py"
FILES = [AUDITOR / "a" / "test_many.py"] * 40 + [AUDITOR / "test_one.py"]
OTHERS = [AUDITOR.with_name("prober") / "test_other.py"] * 40


def taken(config: Any) -> list[Path]:
    """Return the files of the tests that a run takes."""
    items: list[Any] = [
        SimpleNamespace(
            nodeid=f"{path}::{number}",
            path=path,
            get_closest_marker=lambda name, path=path: name == "unmeasured" and path == REPEATED,
        )
        for number, path in enumerate([*FILES, REPEATED, *OTHERS])
    ]
    conftest.pytest_collection_modifyitems(config, items)
    return [one.path for one in items]


def run(*, keyword: str = "", named: bool = False) -> Any:
    """Return the configuration of a run."""
    source = pytest.Config.ArgsSource
    return SimpleNamespace(
        args_source=source.ARGS if named else source.TESTPATHS,
        option=SimpleNamespace(keyword=keyword),
        hook=SimpleNamespace(pytest_deselected=lambda items: None),
    )


def test_one_in_eight_of_an_unchanged_auditor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file keeps a test, except of tests that repeat others; other folders keep all."""
    monkeypatch.setattr(sampling, "decide", lambda: ("sample", "it is unchanged"))
    assert taken(run()) == [*FILES[:5], FILES[-1], *OTHERS]


@pytest.mark.parametrize(
    ("verdict", "how"), [("all", {}), ("sample", {"keyword": "many"}), ("sample", {"named": True})]
)
def test_all_of_a_changed_auditor_and_all_that_is_named(
    verdict: str, how: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a change, and in a run that names tests, nothing is left out."""
    monkeypatch.setattr(sampling, "decide", lambda: (verdict, "so"))
    assert taken(run(**how)) == [*FILES, REPEATED, *OTHERS]
