"""The contract of a store, as tests that a store of your own can run.

::

    class TestMyStore(StoreContract):
        @pytest.fixture
        def new_store(self, tmp_path: Path) -> NewStore:
            return lambda trail_key=None: MyStore(..., trail_key)

`new_store()` returns an empty store that is not open. A store of some capabilities runs their classes,
such as `SingleUseContract`. The tests are coroutines: see the guide *Write a store*.
"""

import pkgutil

import pytest

# Before the modules are imported: a failed `assert` then shows its values.
pytest.register_assert_rewrite(
    *(f"{__name__}.{one.name}" for one in pkgutil.iter_modules(__path__))
)

from stormdoor.testing.contract.accounts import AccountsContract  # noqa: E402 - see above
from stormdoor.testing.contract.addresses import AddressesContract  # noqa: E402
from stormdoor.testing.contract.broker import BrokerContract, NewBrokers  # noqa: E402
from stormdoor.testing.contract.clock_jumps import ClockJumpsContract  # noqa: E402
from stormdoor.testing.contract.connections import ConnectionsContract  # noqa: E402
from stormdoor.testing.contract.factors import FactorsContract  # noqa: E402
from stormdoor.testing.contract.guesses import GuessesContract  # noqa: E402
from stormdoor.testing.contract.identities import IdentitiesContract  # noqa: E402
from stormdoor.testing.contract.in_doubt import InDoubtContract  # noqa: E402
from stormdoor.testing.contract.keys import KeysContract  # noqa: E402
from stormdoor.testing.contract.life import LifeContract  # noqa: E402
from stormdoor.testing.contract.members import MembersContract  # noqa: E402
from stormdoor.testing.contract.nonces import NoncesContract  # noqa: E402
from stormdoor.testing.contract.processes import ProcessesContract, Shared  # noqa: E402
from stormdoor.testing.contract.rate_limits import NewRateLimits, RateLimitsContract  # noqa: E402
from stormdoor.testing.contract.revocations import RevocationsContract  # noqa: E402
from stormdoor.testing.contract.sessions import SessionsContract  # noqa: E402
from stormdoor.testing.contract.single_use import SingleUseContract  # noqa: E402
from stormdoor.testing.contract.support import NewStore  # noqa: E402
from stormdoor.testing.contract.texts import TextsContract  # noqa: E402
from stormdoor.testing.contract.trail import TrailContract  # noqa: E402
from stormdoor.testing.contract.visibility import NewPair, VisibilityContract  # noqa: E402

__all__ = [
    "AccountsContract",
    "AddressesContract",
    "BrokerContract",
    "ClockJumpsContract",
    "ConnectionsContract",
    "FactorsContract",
    "GuessesContract",
    "IdentitiesContract",
    "InDoubtContract",
    "KeysContract",
    "LifeContract",
    "MembersContract",
    "NewBrokers",
    "NewPair",
    "NewRateLimits",
    "NewStore",
    "NoncesContract",
    "ProcessesContract",
    "RateLimitsContract",
    "RevocationsContract",
    "SessionsContract",
    "Shared",
    "SingleUseContract",
    "StoreContract",
    "TextsContract",
    "TrailContract",
    "VisibilityContract",
]


class StoreContract(
    AccountsContract,
    SessionsContract,
    SingleUseContract,
    NoncesContract,
    IdentitiesContract,
    AddressesContract,
    GuessesContract,
    FactorsContract,
    KeysContract,
    RevocationsContract,
    TrailContract,
    MembersContract,
    ConnectionsContract,
    LifeContract,
    VisibilityContract,
    ProcessesContract,
    InDoubtContract,
    TextsContract,
    ClockJumpsContract,
):
    """The tests of all capabilities that are stored."""
