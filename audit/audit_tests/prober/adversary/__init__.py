"""Servers with a hole, each built to look closed to a prober that takes doubt for a refusal.

`HOLES` has for each server how it is started and what the operator gives. None may end with exit status 0.
"""

from audit_tests.prober.adversary import credentials, delivers, logout, origins, protocols, refuses
from audit_tests.prober.adversary.server import Hole

__all__ = ["HOLES", "Hole"]

HOLES = (
    *delivers.HOLES,
    *refuses.HOLES,
    *credentials.HOLES,
    *protocols.HOLES,
    *origins.HOLES,
    *logout.HOLES,
)
"""Every server."""
