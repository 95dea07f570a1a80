"""The contract of an adapter, and the setup that it gets for one process."""

from __future__ import annotations

import logging
import os
import re
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from tornado.web import Application

from stormdoor.apps.self_check import HostChangedError
from stormdoor.auth.application.authenticator import ApplicationAuthenticator
from stormdoor.core.permission import granted
from stormdoor.errors import ConfigurationError, StormdoorError
from stormdoor.runtime.guard import Guard

__all__ = ["Adapter", "Releases", "Setup"]

_log = logging.getLogger("stormdoor.apps")


@dataclass(frozen=True, slots=True)
class Releases:
    """The releases of a host that an adapter was tested with.

    Attributes:
        distribution: Name of the host's distribution, such as `jupyter-server`.
        oldest: The first release, such as "2.13".
        newest: The last minor release, such as "2.21", with all its patch releases.
    """

    distribution: str
    oldest: str
    newest: str

    def problem(self) -> str | None:
        """Return why the installed release is not one of them; None if it is."""
        installed = self.installed
        if installed is None:
            return f"{self.distribution} is not installed here, so its release is unknown"
        numbers, newest = _numbers(installed), _numbers(self.newest)
        # A release that is not a number counts as too old.
        if _numbers(self.oldest) <= numbers and numbers[: len(newest)] <= newest:
            return None
        return f"{self.distribution} {installed} was not tested, but {self}"

    @property
    def installed(self) -> str | None:
        """Return the installed release; None without one."""
        try:
            return version(self.distribution)
        except PackageNotFoundError:
            return None

    def __str__(self) -> str:
        """Return the releases in words."""
        return f"{self.distribution} {self.oldest} to {self.newest}"


def _numbers(release: str) -> tuple[int, ...]:
    """Return the numbers of a release. Those of a pre-release are those of the release before its letters."""
    found = re.match(r"\d+(?:\.\d+)*", release)
    return () if found is None else tuple(int(one) for one in found[0].split("."))


class Setup:
    """The guard of one process, for adapters.

    Args:
        make_guard: Makes the guard. It is called once, in the process that serves: a guard that exists before
            a fork would share its store and its loop with the other process.
        any_release: Guard releases of a host that its adapter does not claim. The check at the start remains.
        any_release_line: The line with which an operator sets `any_release`.
        key: A random secret that all processes of this start share; None for a new one.
    """

    def __init__(
        self,
        make_guard: Callable[[], Guard],
        *,
        any_release: bool = False,
        any_release_line: str = "--any-release",
        key: bytes | None = None,
    ) -> None:
        self._make_guard = make_guard
        self.any_release = any_release
        self.any_release_line = any_release_line
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
        protect: Guards the application: adds the routes of the login, calls `stormdoor.protect`, and asks the
            host's own code for all that it relies on. It raises `HostChangedError`.
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
        self.check_releases(setup)
        misfit = self._misfit(setup.guard())
        if misfit is not None:
            raise ConfigurationError(
                f"the configuration does not fit the adapter {self.name!r}: {misfit}"
            )
        with self.explaining():
            self.protect(application, setup)

    def check_releases(self, setup: Setup) -> None:
        """Refuse a release that the adapter does not claim, unless the operator guards any release.

        Raises:
            ConfigurationError: It is not claimed.
        """
        problems = [problem for one in self.releases if (problem := one.problem()) is not None]
        if problems and not setup.any_release:
            raise ConfigurationError(
                f"the adapter {self.name!r}: {'; '.join(problems)}. Install a tested release, or start it "
                f"with {setup.any_release_line}: it ends at the start if its adapter finds the host changed"
            )
        for problem in problems:
            _log.warning("%s; it starts because of %s", problem, setup.any_release_line)

    @contextmanager
    def explaining(self) -> Iterator[None]:
        """Name the installed and the tested releases in an error that is no mistake of the configuration."""
        try:
            yield
        except Exception as error:
            changed = isinstance(error, HostChangedError)
            if not self.releases or (isinstance(error, StormdoorError) and not changed):
                raise
            said = str(error) if changed else repr(error)
            installed = ", ".join(f"{one.distribution} {one.installed}" for one in self.releases)
            tested = ", ".join(map(str, self.releases))
            raise ConfigurationError(
                f"the adapter {self.name!r} does not fit {installed}: {said}. Install {tested}"
            ) from error

    def _misfit(self, guard: Guard) -> str | None:
        """Return why the configuration of a guard does not fit; None if it does."""
        preset = f'leave --preset out, or write preset = "{self.preset}" into the file'
        asks = any(isinstance(one, ApplicationAuthenticator) for one in guard.authenticators)
        if asks and not self.own_login:
            return f'kind = "application" asks a login of the application, which has none; {preset}'
        if guard.protection.insecure_unguarded_pages and self.own_login:
            return (
                "the login of the application guards its pages; leave insecure_unguarded_pages out"
            )
        if guard.providers and self.own_login:
            return (
                "[oidc] would have no effect, since the application logs its users in by itself; remove the "
                "table, and configure the login of the application"
            )
        policies = guard.policies
        grants = [one for role in policies.roles.values() for one in role.grants]
        grants += [
            one for each in policies.policies if each.effect == "permit" for one in each.patterns
        ]
        missing = [one for one in self.needs if not granted(one, grants)]
        if missing:
            return (
                f"no role grants {missing[0]}, so that no account could open a page; {preset}, or "
                f'grants = ["{missing[0]}"] in a [[policies.role]]'
            )
        return None
