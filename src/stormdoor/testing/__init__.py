"""What the tests of an application need of stormdoor. Nothing in here runs in production."""

from stormdoor.testing.authenticators import ContractBroken, Presented, check_authenticator

__all__ = ["ContractBroken", "Presented", "check_authenticator"]
