"""`Guard`: creates and connects all parts, and runs the maintenance loop."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import secrets
import socket
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Self

from stormdoor.auth.apikey.service import KeyService
from stormdoor.auth.authenticator import Authenticator
from stormdoor.auth.factors.second_factor import SecondFactor
from stormdoor.auth.managed_resource import ManagedResource, Prefetching
from stormdoor.auth.mtls.forwarded_certificate import ForwardedCertificate
from stormdoor.auth.oidc.settings import OpenIdProvider, check_providers
from stormdoor.auth.password.passwords import Passwords
from stormdoor.auth.session.options import SessionOptions, check_session_options
from stormdoor.auth.session.service import SessionService
from stormdoor.auth.ticket.service import TicketService
from stormdoor.channels import Hub, LocalBroker
from stormdoor.config.appearance import LoginAppearance
from stormdoor.config.file import read_options
from stormdoor.config.protection import Protection
from stormdoor.core.address import parse_networks
from stormdoor.core.denial import Denial, Refusal
from stormdoor.core.event import Event
from stormdoor.core.lease import Lease, check_hold, read_freshness
from stormdoor.core.limits import Limits
from stormdoor.core.origin import HostPolicy, OriginPolicy
from stormdoor.core.policy import PolicySet
from stormdoor.core.revocation import RevocationIndex, check_skew
from stormdoor.core.trail_budget import DAY_BYTES
from stormdoor.errors import ConfigurationError, StoreUnavailable
from stormdoor.guard.active_policies import ActivePolicies
from stormdoor.guard.administration import Administration
from stormdoor.guard.applied_log import AppliedLog
from stormdoor.guard.buffers import Buffers
from stormdoor.guard.clock_leaps import ClockLeaps
from stormdoor.guard.connection import Connection
from stormdoor.guard.connection_ender import ConnectionEnder
from stormdoor.guard.credential_refresh import CredentialRefresh
from stormdoor.guard.deadlines import Deadlines
from stormdoor.guard.first_message import FirstMessageAuthentication
from stormdoor.guard.freshness import HOLD_SECONDS, Fence
from stormdoor.guard.handshake import HandshakePipeline
from stormdoor.guard.handshake_checks import HandshakePolicy
from stormdoor.guard.handshake_parts import create_parts
from stormdoor.guard.heartbeat import Heartbeat
from stormdoor.guard.inbound import BinaryInbound, Inbound, InboundParts
from stormdoor.guard.log_follower import LogFollower
from stormdoor.guard.lost_changes import LostChanges
from stormdoor.guard.measured_inbound import MeasuredBinaryInbound, MeasuredInbound
from stormdoor.guard.present_rights import PresentRights
from stormdoor.guard.rate_limiter import LocalRateLimits
from stormdoor.guard.registry import Registry
from stormdoor.guard.statistics import Statistics
from stormdoor.guard.store_space import LIMIT_BYTES, StoreSpace
from stormdoor.guard.token_revalidation import TokenRevalidation
from stormdoor.guard.tracing import Tracing, check_ratio
from stormdoor.guard.trail import Trail
from stormdoor.guard.unfinished import Unfinished
from stormdoor.ports import Clock, Store, StoredState, SystemClock
from stormdoor.ports.clock import readings
from stormdoor.runtime.guarantee import guarantee_of
from stormdoor.runtime.last_write import PATIENCE_SECONDS, repeat_until_stored
from stormdoor.runtime.logins import check_rp_id, logins
from stormdoor.runtime.maintenance_loop import MaintenanceLoop
from stormdoor.stores import open_store

__all__ = ["Guard"]

_log = logging.getLogger("stormdoor.guard")

_RESTART_SECONDS = 1.0
"""Pause before a maintenance loop that has ended starts again. It doubles up to `_LONGEST_RESTART`."""
_LONGEST_RESTART = 60.0

_STRICT: Mapping[str, str] = MappingProxyType({})
_MACHINE_CHARACTERS = 32


def _node_name() -> str:
    """Return a name that leads an operator to this process: machine, process id, random digits."""
    machine = socket.gethostname().partition(".")[0][:_MACHINE_CHARACTERS]
    printable = re.sub(r"[^A-Za-z0-9-]", "_", machine)
    return f"{printable}-{os.getpid()}-{secrets.token_hex(3)}"


"""No endpoint has a freshness of its own."""


def _needs_task(part: object) -> bool:
    """Return whether a store or an authenticator may use the current Task before it waits.

    A class says so itself, and not for its subclasses.
    """
    return "needs_task" not in vars(type(part)) or bool(getattr(part, "needs_task"))  # noqa: B009 - not in the ports


def _check_lists(**options: object) -> None:
    """Reject a text where a list is expected: it would be a list of letters.

    Raises:
        ConfigurationError: The message has the line to write.
    """
    for name, value in options.items():
        if isinstance(value, str):
            raise ConfigurationError(f'{name} must be a list; write {name}=["{value}"]')


class Guard:
    """Decides about every connection and every message of an application.

    Pass it to `protect(application, guard)`. It starts by itself at the first handshake; `async with
    guard:` starts it before, and stops it cleanly.

    Args:
        origins: The pages that may open sockets: `https://app.example`, `https://*.example.com`.
        authenticators: The kinds of credential that are accepted, in the order of their checks.
        policies: Roles, permits and forbids. Everything else is denied.
        limits: Limits of connections, messages and requests.
        store: Store of all state: a URL such as `sqlite:///var/lib/app/door.db`, a store object, a
            `StoredState` of several engines, or None for memory, which is lost at the end of the process.
        hosts: The names under which the application is addressed; left out, the hosts of `origins`.
        trusted_proxies: Networks of reverse proxies. `X-Forwarded-*` headers are accepted only from them.
        forwarded_certificate: Declares how a proxy sends client certificates; None if none does.
        production: Whether the start-up check refuses settings that are only safe in development.
        trail_key: Secret of the trail's chain. Without one, an attacker with write access to the store can
            rewrite the whole trail.
        trail_days: Older entries of the trail are dropped; the chain still verifies from there. None keeps
            everything. 400 days cover a year, and the audit after it.
        store_limit_bytes: Size that the store may reach. From four fifths of it on, and while its disk has
            less room than ten times `trail_budget_bytes`, the guard logs an error once an hour.
        trail_budget_bytes: Bytes of the store that the entries of unauthenticated clients may take in any 24
            hours, at least 16 MiB. Beyond it, their entries are merged by name and cause.
        sessions: Options of login sessions, such as `{"idle_seconds": 1800}`: see `SessionOptions`.
        ticket_seconds: Lifetime of a ticket, 1 to 30: from its issue to the handshake that it opens.
        passwords: The password hasher, or None for the default.
        second_factor: Settings of second factors, or None for the default.
        secrets_key: Secret that encrypts stored secrets (those of TOTP), or several: the first one
            encrypts, all of them decrypt. Without one, TOTP is not available.
        clock_skew_seconds: Seconds by which the clocks of other issuers may be ahead, 0 to 3600. A token of
            theirs counts as revoked if it was issued up to so many seconds after the revocation. It does not
            apply to sessions, tickets and API keys of the store, which are ordered by positions in its log.
        hold_seconds: Seconds for which open sockets are held after the lease of this process has lapsed, 0 to
            300. No message passes meanwhile. Then they are closed (1013). After the event loop was blocked,
            they count from the first question to the store that failed.
        freshness: The greatest age of revocations at single endpoints, by the path pattern of their route:
            "strict" for the lease, a number of seconds such as "5", or "none". Declarations of `protect` and
            of the handler have priority.
        node: Name of this process in the list of nodes; by default machine, process id and random digits.
            Each process needs a name of its own: a second one with the name of a running one does not start.
        protection: The declarations about the handlers of the application, which `protect` reads.
        oidc: The OpenID provider of the login, for `oidc_routes(guard)`, or several.
        appearance: Name, colour and notice of the built-in pages of `login_routes`; None for none of them.
        password_login: Whether accounts log in with a password, or with a passkey alone. Without it they log
            in at a provider of `oidc`, and a code or a passkey is only their second factor.
        fast: Whether guarded sockets move to the fast protocol after the handshake, if it is known to work.
            It makes the same checks; without it, they stay on Tornado's own.
        telemetry: Share of the messages that begin a span, 0.0 to 1.0. With a number, `protect` connects the
            guard with OpenTelemetry, see `stormdoor.otel.instrument_by_environment`.
        clock: Source of the time; tests pass their own.
        insecure_allow_plaintext: Accept `ws://` from other machines.
        insecure_allow_missing_origin: Accept cookies from clients that send no Origin.
        insecure_allow_any_host: Accept every Host, so that DNS rebinding is not detected.

    Raises:
        ConfigurationError: An option is wrong; the message has the line to write.
    """

    def __init__(  # noqa: PLR0915 - everything is wired here
        self,
        *,
        origins: Iterable[str] = (),
        authenticators: Sequence[Authenticator] = (),
        policies: PolicySet | None = None,
        limits: Limits | None = None,
        store: Store | StoredState | str | None = None,
        hosts: Iterable[str] | None = None,
        trusted_proxies: Sequence[str] = (),
        forwarded_certificate: ForwardedCertificate | None = None,
        production: bool = True,
        trail_key: bytes | None = None,
        trail_days: float | None = 400.0,
        store_limit_bytes: int = LIMIT_BYTES,
        trail_budget_bytes: int = DAY_BYTES,
        sessions: SessionOptions | None = None,
        ticket_seconds: float = 20.0,
        passwords: Passwords | None = None,
        second_factor: SecondFactor | None = None,
        secrets_key: bytes | Sequence[bytes] | None = None,
        clock_skew_seconds: float = 0.5,
        hold_seconds: float = HOLD_SECONDS,
        freshness: Mapping[str, str] = _STRICT,
        node: str | None = None,
        protection: Protection | None = None,
        oidc: OpenIdProvider | Sequence[OpenIdProvider] | None = None,
        appearance: LoginAppearance | None = None,
        password_login: bool = True,
        fast: bool = True,
        telemetry: float | None = None,
        clock: Clock | None = None,
        insecure_allow_plaintext: bool = False,
        insecure_allow_missing_origin: bool = False,
        insecure_allow_any_host: bool = False,
    ) -> None:
        _check_lists(origins=origins, hosts=hosts, trusted_proxies=trusted_proxies)
        sessions = sessions or {}
        check_session_options(sessions)
        allowed = OriginPolicy(origins)
        if insecure_allow_any_host:
            hosts = ()
        elif hosts is None:
            hosts = sorted(allowed.hosts)
        elif not (hosts := tuple(hosts)):
            raise ConfigurationError(
                'hosts=[] would accept every Host; write hosts=["app.example"], leave it out to accept those '
                "of origins, or write insecure_allow_any_host=True"
            )
        self.handshake_policy = HandshakePolicy(
            origins=allowed,
            hosts=HostPolicy(hosts),
            insecure_allow_plaintext=insecure_allow_plaintext,
            insecure_allow_missing_origin=insecure_allow_missing_origin,
            insecure_allow_any_host=insecure_allow_any_host,
        )
        self.authenticators = tuple(authenticators)
        self.screens = () if forwarded_certificate is None else (forwarded_certificate,)
        self.limits = limits or Limits()
        self.trusted_proxies = parse_networks(trusted_proxies)
        self.production = production
        self.fast = fast
        self.protection = protection or Protection()
        """The declarations about the handlers of the application; `protect` reads them."""
        self.freshness: Mapping[Any, str] = dict(freshness)
        """The freshness of endpoints by path; `protect` reads it."""
        check_hold(hold_seconds)
        for text in self.freshness.values():
            read_freshness(text)
        if trail_days is not None and not trail_days > 0:
            raise ConfigurationError(f"trail_days must be greater than 0, not {trail_days}")
        self.inline_secrets: tuple[str, ...] = ()
        """Places of secrets that are written in the configuration file itself."""
        self.under_run = False
        """Set by `stormdoor run`: the operator changes no file of the program; messages name other lines."""
        self.providers = (oidc,) if isinstance(oidc, OpenIdProvider) else tuple(oidc or ())
        """The OpenID providers of the login."""
        check_providers(self.providers)
        if not (password_login or self.providers):
            raise ConfigurationError(
                "password_login=False without a provider: no account could log in; write "
                "Guard(oidc=OpenIdProvider(...)), or leave password_login out"
            )
        self.password_login = password_login
        self.provider_logins: dict[str, str] = {}
        """By the address that begins the login at a provider, the name on its button."""
        self.appearance = appearance or LoginAppearance()
        self.clock: Clock = clock or SystemClock()
        self.memory_only = store is None or store == "memory:"
        self.store_url = store if isinstance(store, str) else None
        """The URL of the store; None for a store in memory, or a store object."""
        if store is None or isinstance(store, str):
            store = open_store(store or "memory:", trail_key=trail_key)
        elif trail_key is not None:
            raise ConfigurationError(
                "a store that is made already seals its trail with the key that it was given; leave out "
                "trail_key here, and give it to the store"
            )
        self.state = state = store if isinstance(store, StoredState) else StoredState.of(store)
        """The stored state, by capability."""
        self.lease = Lease(state.members.lease_seconds, readings(self.clock))
        """Until when this node may rely on the revocations that it has applied; infinite for now."""
        self.statistics = Statistics()
        self.tracing: Tracing | None = None
        """Makes spans of handshakes and messages; set before `protect`, see `stormdoor.otel`."""
        if telemetry is not None:
            check_ratio(telemetry)
        self.telemetry = telemetry
        self.in_use = False
        """True once `protect` has made classes of handlers with it."""
        node = node or _node_name()
        self.trail = Trail(state.trail, self.clock, budget_bytes=trail_budget_bytes, node=node)
        self.space = StoreSpace(
            state.trail, self.clock, store_limit_bytes, budget_bytes=trail_budget_bytes
        )
        check_skew(clock_skew_seconds)
        self.clock_skew_seconds = clock_skew_seconds
        self.revocations = RevocationIndex(clock_skew_seconds=clock_skew_seconds)
        self.unfinished = Unfinished()
        self._policies = ActivePolicies(policies or PolicySet())
        self.registry = Registry(
            limits=self.limits,
            trail=self.trail,
            statistics=self.statistics,
            clock=self.clock,
            node=node,
        )
        self.fence = Fence(
            lease=self.lease,
            registry=self.registry,
            trail=self.trail,
            statistics=self.statistics,
            clock=self.clock,
            hold_seconds=hold_seconds,
        )
        self.buffers = Buffers(self.limits.buffered_bytes, self.registry)
        rate_limits = state.rate_limits or LocalRateLimits()
        parts = create_parts(
            policy=self.handshake_policy,
            authenticators=self.authenticators,
            screens=self.screens,
            policies=self._policies,
            limits=self.limits,
            registry=self.registry,
            revocations=self.revocations,
            trail=self.trail,
            state=state,
            rate_limits=rate_limits,
            clock=self.clock,
            lease=self.lease,
            fence=self.fence,
            statistics=self.statistics,
        )
        self.steps = parts.steps
        """The steps of a handshake, in order."""
        self.checks, self.credentials = parts.checks, parts.credentials
        self.pending, self.waits = parts.pending, parts.waits
        self.admits_without_task = state.rate_limits is None and not any(
            map(_needs_task, (*state.engines, *self.authenticators))
        )
        """Whether a handshake may be decided without a Task until it waits; see `continue_in_task`."""
        self.admission = HandshakePipeline(
            steps=parts.steps,
            places=self.credentials.places,
            limits=self.limits,
            revocations=self.revocations,
            trail=self.trail,
            statistics=self.statistics,
            operator_log=self.registry.operator_log,
            clock=self.clock,
        )
        self.first_message = FirstMessageAuthentication(
            pipeline=self.admission,
            parts=parts,
            registry=self.registry,
            fence=self.fence,
            limits=self.limits,
            clock=self.clock,
        )
        inbound: InboundParts = {
            "limits": self.limits,
            "registry": self.registry,
            "trail": self.trail,
            "statistics": self.statistics,
            "clock": self.clock,
            "fence": self.fence,
        }
        self.inbound, self.binary_inbound = Inbound(**inbound), BinaryInbound(**inbound)
        self._usual_inbound = self.inbound, self.binary_inbound
        seconds, put_back = self.statistics.check_seconds, self._put_inbound_back
        self._measured_inbound = (
            MeasuredInbound(histogram=seconds, put_back=put_back, **inbound),
            MeasuredBinaryInbound(histogram=seconds, put_back=put_back, **inbound),
        )
        leaps = ClockLeaps(self.clock)
        self.deadlines = Deadlines(
            registry=self.registry,
            limits=self.limits,
            sessions=state.sessions,
            leaps=leaps,
            clock=self.clock,
        )
        log, changes = AppliedLog(), LostChanges(state, self._policies, self.trail, self.clock)
        self.ender = ConnectionEnder(
            registry=self.registry,
            revocations=self.revocations,
            rights=PresentRights(
                registry=self.registry,
                revocations=self.revocations,
                policies=self._policies,
                state=state,
                clock=self.clock,
            ),
            log=log,
            changes=changes,
            sessions=state.sessions,
            clock=self.clock,
            leaps=leaps,
            clock_skew_seconds=clock_skew_seconds,
        )
        self.follower = LogFollower(
            log=log,
            ender=self.ender,
            changes=changes,
            revocations=self.revocations,
            state=state,
            clock=self.clock,
            lease=self.lease,
            statistics=self.statistics,
            fence=self.fence,
        )
        self.heartbeat = Heartbeat(
            follower=self.follower,
            lease=self.lease,
            fence=self.fence,
            registry=self.registry,
            policies=self._policies,
            state=state,
            clock=self.clock,
        )
        self.passwords = passwords or Passwords()
        check_rp_id(second_factor, allowed)
        self.login, self.factors, self.pending_logins = logins(
            state,
            self.clock,
            self.passwords,
            second_factor,
            secrets_key,
            max_unauthenticated=self.limits.unfinished_logins,
        )
        self.credential_refresh = CredentialRefresh(
            credentials=self.credentials,
            checks=self.checks,
            policies=self._policies,
            inbound=self.inbound,
            registry=self.registry,
            revocations=self.revocations,
            limits=self.limits,
            rate_limits=rate_limits,
            trail=self.trail,
            clock=self.clock,
            factors=self.factors,
        )
        self.revalidation = TokenRevalidation(
            registry=self.registry,
            revocations=self.revocations,
            policies=self._policies,
            limits=self.limits,
            clock=self.clock,
        )
        self.registry.on_end += [
            self.pending.leave,
            self.deadlines.forget,
            self.revalidation.forget,
            self.fence.forget,
        ]
        self.maintenance_loop = MaintenanceLoop(
            checks=self.checks,
            fence=self.fence,
            heartbeat=self.heartbeat,
            lease=self.lease,
            follower=self.follower,
            deadlines=self.deadlines,
            revalidation=self.revalidation,
            registry=self.registry,
            trail=self.trail,
            state=state,
            clock=self.clock,
            trail_days=trail_days,
            space=self.space,
            unfinished=self.unfinished,
            sample=self._sample,
        )
        self._broker = state.broker or LocalBroker()
        self.channels = Hub(
            registry=self.registry,
            statistics=self.statistics,
            clock=self.clock,
            broker=self._broker,
            log=log,
        )
        self.sessions = SessionService(
            state,
            self.clock,
            revocations=self.revocations,
            **sessions,
        )
        self.tickets = TicketService(state, self.clock, ticket_seconds)
        self.keys = KeyService(state, self.clock)
        self.admin = Administration(
            state,
            self.trail,
            self.ender,
            self.sessions,
            self.keys,
            self.passwords,
            self.clock,
            self.unfinished,
            self.heartbeat,
        )
        self.managed_resources: list[ManagedResource] = [
            one for one in self.authenticators if isinstance(one, ManagedResource)
        ]
        """Parts with connections to other servers, such as a provider. They are closed with the guard."""
        self._errands: set[asyncio.Task[None]] = set()
        self.warn: Callable[[str], None] = _log.warning
        """Called at the start with a warning that concerns the whole installation. Logs it by default."""
        self.running = False
        """Whether it has started and has not been closed."""
        self.draining = False
        """True while its connections are being closed before its end: it is not ready for new ones."""
        self._starting: asyncio.Future[None] | None = None
        self._maintenance: asyncio.Task[None] | None = None
        self._stopping: asyncio.Event | None = None
        self._restart: asyncio.TimerHandle | None = None
        self.maintenance_ended = asyncio.Event()
        """Set while the maintenance loop has ended although the guard is not stopping."""
        self._patient_until = 0.0

    @classmethod
    def from_config(
        cls,
        path: str | Path,
        *,
        authenticators: Sequence[Authenticator] = (),
        preset: str | None = None,
    ) -> Guard:
        """Return a guard from a TOML file; see the reference of the configuration.

        Args:
            path: The file.
            authenticators: Further authenticators, made in Python; used after those of the file.
            preset: Name of the preset for a file that names none.

        Raises:
            ConfigurationError: The file cannot be read, or contains a mistake; the message names the place
                and the fix.
        """
        options = read_options(Path(path), authenticators=authenticators, preset=preset)
        guard = cls(**options.arguments)
        guard.inline_secrets = options.inline_secrets
        return guard

    @property
    def policies(self) -> PolicySet:
        """The present roles and policies."""
        return self._policies.current

    @property
    def insecure_options(self) -> list[str]:
        """Return the options in use that make the guard weaker, by name."""
        names = [
            name
            for name in HandshakePolicy.__dataclass_fields__
            if name.startswith("insecure_") and getattr(self.handshake_policy, name)
        ]
        if self.sessions.cookie.insecure_plaintext:
            names.append("CookieSpec.insecure_plaintext")
        if self.protection.insecure_unguarded_pages:
            names.append("insecure_unguarded_pages")
        for authenticator in self.authenticators:
            names += [
                f"{type(authenticator).__name__}.{name}"
                for name in dir(authenticator)
                if name.startswith("insecure_") and getattr(authenticator, name)
            ]
        return [*names, *self.inline_secrets]

    def reload(self, policies: PolicySet, *, actor: str = "") -> int:
        """Replace the roles and policies, also for open connections. Returns how many it ended."""
        return self.admin.adopt(policies, actor=actor)

    # -- a sample of the messages ------------------------------------------------------------------

    def _sample(self) -> None:
        """Have the next message measured, and count the durations that were measured."""
        self.statistics.fold()
        self.inbound, self.binary_inbound = self._measured_inbound

    def _put_inbound_back(self) -> None:
        self.inbound, self.binary_inbound = self._usual_inbound

    # -- open connections --------------------------------------------------------------------------

    async def refresh(self, connection: Connection, token: str) -> Refusal | None:
        """Replace the credential of an open connection by another one of the same principal.

        For handlers with a protocol of their own; clients of a command-based handler send
        `stormdoor.refresh`. A refusal does not change the connection, but counts as an offence.

        Args:
            connection: The connection, for example `self.connection` of a `GuardedHandler`.
            token: A token, an API key or a ticket; or one that is bound to a key, with its proof:
                `stormdoor.dpop.TOKEN, stormdoor.proof.PROOF`; or what `sign_offer` returns.

        Returns:
            None if the connection has the new credential now; else the refusal.
        """
        return await self.credential_refresh.refresh(connection, token)

    async def prove(self, connection: Connection, totp: str) -> Refusal | None:
        """Authenticate the principal of an open connection again, with a code of its second factor.

        Args:
            connection: The connection.
            totp: The code.

        Returns:
            None if its authentication is fresh and has two factors now; else the refusal.
        """
        return await self.credential_refresh.prove(connection, totp)

    # -- start and stop --------------------------------------------------------------------------

    async def ready(self) -> bool:
        """Start, unless it has started. False if the store does not answer: no client is admitted then."""
        if self.running or self.checks.closing:
            return True  # after the end, admission refuses; nothing starts again
        try:
            await self.start()
        except StoreUnavailable:
            return False
        return True

    async def start(self) -> None:
        """Open the store, read the revocations, and start the maintenance loop. Safe to call twice.

        Requests that authenticators send at the start, such as for a provider's keys, run in the
        background; a failure does not prevent the start.

        Raises:
            StoreUnavailable: The store does not answer.
        """
        if self.running:
            return
        if self._starting is not None:
            await asyncio.shield(self._starting)
            return
        self._starting = asyncio.get_running_loop().create_future()
        try:
            await self.state.open()
            await self.heartbeat.start()
            await self._broker.join(self.registry.node, self.channels.receive)
            guarantee = await guarantee_of(self.state, ())
        except BaseException as error:
            if isinstance(error, StoreUnavailable):
                _log.critical("the guard cannot start: %s", error)
            self._starting.set_exception(
                error if isinstance(error, StoreUnavailable) else StoreUnavailable("start failed")
            )
            self._starting.exception()  # retrieve the exception, even without another waiter
            self._starting = None
            raise
        self._starting.set_result(None)
        self._starting = None
        if guarantee.across_failover is False:
            self.warn(str(guarantee))
        self.running = True
        self._note("sys_startup")
        self._stopping = asyncio.Event()
        self._run_maintenance(self._stopping, _RESTART_SECONDS)
        for one in self.managed_resources:
            if isinstance(one, Prefetching):
                errand = asyncio.get_running_loop().create_task(self._prefetch(one))
                self._errands.add(errand)
                errand.add_done_callback(self._errands.discard)

    def _run_maintenance(self, stopping: asyncio.Event, pause: float) -> None:
        """Start the maintenance loop. If it ends too early, start it again after `pause` seconds."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        self._maintenance = loop.create_task(self.maintenance_loop.run(stopping), name="stormdoor")

        def ended(task: asyncio.Task[None]) -> None:
            if stopping.is_set():
                return
            # INVARIANT: fail closed. Without the loop, no revocation of another process is read.
            self.checks.revocations_stale = True
            self.maintenance_ended.set()
            wait = pause if loop.time() - began < _LONGEST_RESTART else _RESTART_SECONDS
            error = None if task.cancelled() else task.exception()
            if error is not None:
                _log.critical("the maintenance loop has ended", exc_info=error)
            # Not at once: an event loop that ends cancels all tasks, and calls this no more.
            self._restart = loop.call_later(wait, restart, wait)

        def restart(waited: float) -> None:
            if stopping.is_set():
                return
            _log.critical(
                "the maintenance loop had ended; no client was admitted for %g s, and it starts again",
                waited,
            )
            self.maintenance_ended.clear()
            self._run_maintenance(stopping, min(2 * waited, _LONGEST_RESTART))

        self._maintenance.add_done_callback(ended)

    def _note(self, name: str) -> None:
        self.trail.note(
            Event(time=self.clock.now(), name=name, detail=self.registry.node, proven=True)
        )

    async def _prefetch(self, one: Prefetching) -> None:
        try:
            await one.prefetch(self.clock.now())
        except Exception:  # noqa: BLE001 - the first handshake tries again
            _log.exception("%s did not get what it needs from others", type(one).__name__)

    async def tick(self) -> None:
        """Run the maintenance once: revocations, deadlines, trail, and sometimes the slower jobs."""
        await self.maintenance_loop.tick()

    async def close(self) -> None:
        """Refuse new clients, end every connection (1001), write the trail, close the store."""
        self.checks.closing = True
        shutdown = Refusal(Denial.SHUTDOWN, "the server is shutting down")
        self.registry.end_all(self.registry, shutdown)
        if self._restart is not None:
            self._restart.cancel()
        if self._maintenance is not None:
            # Not cancelled at once: a store may still write after its caller has given up, and the entries
            # would be written twice.
            if self._stopping is not None:
                self._stopping.set()
            await asyncio.wait(
                [self._maintenance, *self.maintenance_loop.jobs.values()], timeout=PATIENCE_SECONDS
            )
            for task in (self._maintenance, *self.maintenance_loop.jobs.values()):
                task.cancel()
            await asyncio.wait(
                [self._maintenance, *self.maintenance_loop.jobs.values()], timeout=PATIENCE_SECONDS
            )
            self._maintenance = None
            self.maintenance_loop.jobs.clear()
        # In batches, so that the loop continues to serve the remaining clients.
        await self.registry.drain_close_queue()
        await self.revalidation.close()
        self._patient_until = asyncio.get_running_loop().time() + PATIENCE_SECONDS
        if self.running:
            self._note("sys_shutdown")
            await self._last("waiting changes cannot be stored", self._store_unfinished)
            self.unfinished.lost()
            await self._last("the trail cannot be written", self.trail.flush)
            if len(self.trail):
                _log.critical(
                    "%d entries of the trail were not written and are lost", len(self.trail)
                )
            node, members = self.registry.node, self.state.members
            await self._last("the broker does not answer", lambda: self._broker.leave(node))
            await self._last(
                "the list of connections cannot be written",
                lambda: members.remove_member(node, self.heartbeat.instance),
            )
            self.running = False
        errands = list(self._errands)
        for errand in errands:
            errand.cancel()
        await asyncio.gather(*errands, return_exceptions=True)
        for one in self.managed_resources:
            try:
                await one.close()
            except Exception:  # noqa: BLE001 - the others must close as well
                _log.exception("%s did not close", type(one).__name__)
        await self._last("the store cannot be closed", self.state.close)
        self.passwords.close()

    async def _store_unfinished(self) -> bool:
        await self.unfinished.retry()
        return not len(self.unfinished)

    async def _last(self, fault: str, work: Callable[[], Awaitable[object]]) -> None:
        """Run a step of `close`, and log its failure, which must not prevent the end of the process.

        All steps share one patience with a store that does not answer. Afterwards each gets one attempt.
        """
        # A beat finds the primary after a failover: only to that server is anything written.
        beat = self.heartbeat.beat
        if error := await repeat_until_stored(work, self._patient_until, between=beat):
            _log.error("%s: %s", fault, error)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()
