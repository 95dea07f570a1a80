import random
from pathlib import Path

import pytest

from audit_tests.auditor.corpus.label import LABELS, Version, read_labels

VERSIONS = read_labels()


def test_at_least_forty_classes_of_forty_packages_are_labelled() -> None:
    """The corpus is large enough for a figure with two digits."""
    assert sum(len(version.labels) for version in VERSIONS) >= 40
    assert len({version.package for version in VERSIONS}) >= 40


def test_a_third_of_the_packages_is_held_out_as_drawn() -> None:
    """Which packages are held out is what the seed says, not what suits the rules."""
    packages = sorted({version.package for version in VERSIONS if version.drawn})
    drawn = set(random.Random(4).sample(packages, round(len(packages) / 3)))
    assert {version.package for version in VERSIONS if version.holdout} == drawn


@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.slug)
def test_a_label_says_where_its_source_is_and_why_it_was_judged_so(version: Version) -> None:
    """Sources can be fetched and compared, and each judgement has a reason."""
    assert bool(version.repository) == (len(version.commit) == 40)
    assert version.licence
    assert version.labels
    for label in version.labels:
        assert len(label.sha256) == 64
        assert label.line > 0
        assert label.reason.endswith(".")
        assert not Path(label.path).is_absolute()


def test_no_source_is_in_the_repository() -> None:
    """Nothing of what was read is committed, only what was thought of it."""
    assert {path.suffix for path in LABELS.iterdir()} == {".toml"}
