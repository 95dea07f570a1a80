"""The contract of an adapter, and the setup that it gets for one process."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from tornado.web import Application

from stormdoor.auth.application.authenticator import ApplicationAuthenticator
from stormdoor.core.permission import granted
from stormdoor.errors import ConfigurationError
from stormdoor.runtime.guard import Guard

__all__ = ["Adapter", "Releases", "Setup"]


@dataclass(frozen=True, slots=True)
class Releases:
    """The releases of a host that an adapter was tested with.

    Attributes:
        distribution: Name of the host's distribution, such as `jupyter-server`.
        oldest: The first release, such as "2.0".
        below: The first release that is too new, such as "3".
    """

    distribution: str
    oldest: str
    below: str

    def problem(self) -> str | None:
        """Return why the installed release is not one of them; None if it is."""
        try:
            installed = version(self.distribution)
        except PackageNotFoundError:
            return f"{self.distribution} is not installed here, so its release is unknown"
        if _numbers(self.oldest) <= _numbers(installed) < _numbers(self.below):
            return None
        return (
            f"{self.distribution} {installed} was not tested; the adapter is for {self.oldest} and later "
            f"releases below {self.below}. Install one of them, or start it with --any-release"
        )


def _numbers(release: str) -> tuple[int, ...]:
    """Return the numbers of a release. Those of a pre-release are those of the release before its letters."""
    found = re.match(r"\d+(?:\.\d+)*", release)
    numbers = [] if found is None else [int(one) for one in found[0].split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


class Setup:
    """The guard of one process, for adapters.

    Args:
        make_guard: Makes the guard. It is called once, in the process that serves: a guard that exists before
            a fork would share its store and its loop with the other process.
        any_release: Guard releases of a host that its adapter does not claim.
        key: A random secret that all processes of this start share; None for a new one.
    """

    def __init__(
        self,
        make_guard: Callable[[], Guard],
        *,
        any_release: bool = False,
        key: bytes | None = None,
    ) -> None:
        self._make_guard = make_guard
        self.any_release = any_release
        self.key = key or secrets.token_bytes(32)
        self._made: tuple[int, Guard] | None = None

    @property
    def made(self) -> bool:
        """Whether the guard has been made."""
        return self._made is not None

    def guard(self) -> Guard:
        """Return the guard of this process. The first call makes it.

        Raises:
            ConfigurationError: It cannot be made, or this process is a fork of the one that made it.
        """
        if self._made is None:
            self._made = os.getpid(), self._make_guard()
        owner, guard = self._made
        if owner != os.getpid():
            raise ConfigurationError(
                f"process {owner} made the guard and was forked; fork before the server listens"
            )
        return guard


@dataclass(frozen=True, slots=True)
class Adapter:
    """The way to guard one kind of application.

    Attributes:
        name: Its name, such as "jupyter".
        preset: Name of the preset that is used without a configuration file.
        recognises: Returns whether an application is of this kind. It must not change the application.
        protect: Guards the application: adds the routes of the login, and calls `stormdoor.protect`.
        releases: The releases that it claims, of one or more distributions; empty for any application.
        own_login: Whether it asks the login of the application, which guards the pages as well.
        needs: Permissions that its own code asks for.
    """

    name: str
    preset: str
    recognises: Callable[[Application], bool]
    protect: Callable[[Application, Setup], None]
    releases: Sequence[Releases] = ()
    own_login: bool = False
    needs: Sequence[str] = ()

    def guard(self, application: Application, setup: Setup) -> None:
        """Guard `application`, if this adapter claims the installed release of its host.

        Raises:
            ConfigurationError: It does not claim it, the configuration does not fit it, or the application
                cannot be guarded. The message names the line to change.
        """
        problems = [problem for one in self.releases if (problem := one.problem()) is not None]
        if problems and not setup.any_release:
            raise ConfigurationError(f"the adapter {self.name!r}: " + "; ".join(problems))
        misfit = self._misfit(setup.guard())
        if misfit is not None:
            raise ConfigurationError(
                f"the configuration does not fit the adapter {self.name!r}: {misfit}; leave --preset out, or "
                f'write preset = "{self.preset}" into the file'
            )
        self.protect(application, setup)

    def _misfit(self, guard: Guard) -> str | None:
        """Return why the configuration of a guard does not fit; None if it does."""
        asks = any(isinstance(one, ApplicationAuthenticator) for one in guard.authenticators)
        if asks and not self.own_login:
            return (
                'kind = "application" asks a login of the application, which this one does not have'
            )
        if guard.protection.insecure_unguarded_pages and self.own_login:
            return "the login of the application guards pages, so that insecure_unguarded_pages has no effect"
        policies = guard.policies
        grants = [one for role in policies.roles.values() for one in role.grants]
        grants += [
            one for each in policies.policies if each.effect == "permit" for one in each.patterns
        ]
        missing = [one for one in self.needs if not granted(one, grants)]
        if missing:
            return (
                f"no role grants {missing[0]}, which each user needs: no account could open a page"
            )
        return None
