"""Real applications that are installed already: the quick checks of `make world`."""

import pytest

from tests.world.applications import applications
from tests.world.checks import check_application
from tests.world.environment import require
from tests.world.table import failures

pytestmark = [pytest.mark.installs, pytest.mark.slow, pytest.mark.unmeasured]


@pytest.mark.parametrize("name", sorted(applications()))
def test_an_installed_application_is_guarded(name: str) -> None:
    """Every check passes on every channel."""
    require(applications()[name].lock or name)
    assert failures(check_application(applications()[name], quick=True)) == ""
