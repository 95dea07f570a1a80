"""Contract of every store. A new store runs all of it:

    class TestMyStore(StoreContract):
        @pytest.fixture
        def new_store(self, tmp_path: Path) -> NewStore:
            return lambda trail_key=None: MyStore(..., trail_key)

`new_store()` gives an empty store that is not open yet.
"""

from tests.stores.contract.accounts import AccountsContract
from tests.stores.contract.connections import ConnectionsContract
from tests.stores.contract.factors import FactorsContract
from tests.stores.contract.familiar import FamiliarAddressesContract
from tests.stores.contract.identities import IdentitiesContract
from tests.stores.contract.keys import KeysContract
from tests.stores.contract.life import LifeContract
from tests.stores.contract.revocations import RevocationsContract
from tests.stores.contract.sessions import SessionsContract
from tests.stores.contract.single_use import SingleUseContract
from tests.stores.contract.support import NewStore
from tests.stores.contract.trail import TrailContract

__all__ = ["NewStore", "StoreContract"]


class StoreContract(
    AccountsContract,
    SessionsContract,
    SingleUseContract,
    IdentitiesContract,
    FamiliarAddressesContract,
    FactorsContract,
    KeysContract,
    RevocationsContract,
    TrailContract,
    ConnectionsContract,
    LifeContract,
):
    """All of it."""
