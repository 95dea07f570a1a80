"""Interfaces of the guard to the outside, such as clocks and stored state: one Protocol for each capability.

Every method of stored state is a coroutine. It raises `StoreUnavailable` if its engine does not answer, and
has then changed nothing. A method that writes raises `StoreInDoubt` if the answer was lost: the change may
have happened. The docstring of each Protocol says what the caller does *in doubt*. Callers fail closed.
"""

from stormdoor.ports.accounts import Accounts
from stormdoor.ports.addresses import Addresses
from stormdoor.ports.broker import Broker, Publication
from stormdoor.ports.clock import Clock, SystemClock
from stormdoor.ports.connections import Connections, LiveConnection, as_listed
from stormdoor.ports.engine import Engine
from stormdoor.ports.factors import Factors, SecondFactors
from stormdoor.ports.guesses import Guesses
from stormdoor.ports.identities import Identities
from stormdoor.ports.keys import Keys
from stormdoor.ports.members import Member, Members, NodeStatus
from stormdoor.ports.rate_limits import RateLimit, RateLimits
from stormdoor.ports.revocation_log import Changed, RevocationLog
from stormdoor.ports.sessions import Sessions
from stormdoor.ports.single_use import Nonces, Pendings, RecoveryCodes, Tickets
from stormdoor.ports.state import Store, StoredState
from stormdoor.ports.trail import Space, TrailChain, TrailStore

__all__ = [
    "Accounts",
    "Addresses",
    "Broker",
    "Changed",
    "Clock",
    "Connections",
    "Engine",
    "Factors",
    "Guesses",
    "Identities",
    "Keys",
    "LiveConnection",
    "Member",
    "Members",
    "NodeStatus",
    "Nonces",
    "Pendings",
    "Publication",
    "RateLimit",
    "RateLimits",
    "RecoveryCodes",
    "RevocationLog",
    "SecondFactors",
    "Sessions",
    "Space",
    "Store",
    "StoredState",
    "SystemClock",
    "Tickets",
    "TrailChain",
    "TrailStore",
    "as_listed",
]
