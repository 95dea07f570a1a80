"""Setup of all tests: asynchronous tests, Hypothesis profiles, the browser."""

import asyncio
import faulthandler
import functools
import gc
import importlib
import inspect
import logging
import math
import os
import signal
import sys
import time
from collections.abc import Callable, Coroutine, Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

import coverage
import pytest
from hypothesis import HealthCheck, settings

from tests.support import extended, installing
from tests.support.browser import chromium
from tests.support.loops import Unhurried, drop_connections
from tests.support.project import own_names
from tests.support.scheduling import CollectApart, InUnits, send_results, tell_groups

__all__ = ["chromium"]

send_results()

# Seconds. A hang must show its stack, not eat the whole run; but a machine may stand still for minutes.
ASYNC_TEST_LIMIT = 300.0

# A shell that starts the tests in the background has them ignore an interrupt, and so would all their
# children: those that a test interrupts would go on for ever.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Where a process that a test starts runs what no test runs in its own. Coverage doubles the time that a
# command takes, and what the servers of the lab and the programs of the pages run is measured elsewhere.
_PROCESSES_MEASURED = frozenset(
    {
        *("tests/attacks", "tests/audit", "tests/auth", "tests/browser", "tests/cli", "tests/demo"),
        *("audit/audit_tests/auditor", "audit/audit_tests/cli"),
    }
)

# A shared machine is slow now and then; a deadline per example would make that a failure.
# In CI the same examples every time: a failure there is about the change, not about luck.
settings.register_profile(
    "default",
    deadline=None,
    derandomize=os.environ.get("CI") == "true",
    max_examples=10,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
# `make fuzz PROFILE=ci`, which CI runs, too
settings.register_profile("ci", settings.get_profile("default"), max_examples=100)
# `make fuzz`
settings.register_profile(
    "fuzz", settings.get_profile("default"), max_examples=5_000, derandomize=False
)
settings.load_profile("default")


@pytest.fixture(scope="session", autouse=True)
def _homes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Redirect the user's cache and state directories for the session."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("XDG_CACHE_HOME", "XDG_STATE_HOME"):
            patch.setenv(name, str(tmp_path_factory.mktemp(name.lower())))
        yield


@pytest.fixture(autouse=True)
def _logs_as_tornado_writes_them() -> None:
    """`protect` redacts Tornado's loggers for the whole process: a test without a guard reads them plain."""
    for name in ("tornado.access", "tornado.application", "tornado.general"):
        logging.getLogger(name).filters.clear()


def _synchronous(
    test: Callable[..., Coroutine[Any, Any, None]],
    loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None,
) -> Callable[..., None]:
    """Wraps an `async def` test so that a call runs it in an event loop of its own."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        async def limited() -> None:
            try:
                async with asyncio.timeout(ASYNC_TEST_LIMIT):
                    await test(*args, **kwargs)
            finally:
                await drop_connections()

        with asyncio.Runner(debug=False, loop_factory=loop_factory) as runner:
            runner.run(limited())

    return run


class _Measuring:
    """Switch for the tracer of coverage, which runs while a test or a fixture runs.

    Python without `sys.monitoring` takes two or three times as long for everything that it traces, pytest
    too. Not measured are

    - tests with a browser: Playwright's greenlets are none of the measured threads. What they visit is
      measured, in a process of its own;
    - property tests: what chance alone reaches is not covered;
    - tests marked `unmeasured`.
    """

    def __init__(self) -> None:
        self._tracer = sys.gettrace() if coverage.Coverage.current() is not None else None
        self.wanted = True

    def on(self) -> None:
        """From the next call on."""
        if self._tracer is not None and self.wanted:
            sys.settrace(self._tracer)

    def off(self) -> None:
        """Until it is switched on again."""
        if self._tracer is not None:
            sys.settrace(None)


_measuring = pytest.StashKey[_Measuring]()


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    """Collecting is not measured; what an import runs is, before that."""
    if coverage.Coverage.current() is not None and session.config.getoption("dist", "no") == "no":
        # `make core` measures the core alone.
        core = session.config.args == ["tests/core"]
        for name in own_names():
            if core and not name.startswith("stormdoor.core"):
                continue
            try:
                importlib.import_module(name)
            except ModuleNotFoundError as error:
                if (error.name or "").startswith("stormdoor"):
                    raise
                # An adapter imports its host, which only its tests install.
    session.config.stash[_measuring] = measuring = _Measuring()
    measuring.off()
    # Thousands of tests are many objects and no garbage: the collector need not search them later.
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


class _Watch:
    """Ends the process with all stacks if a test hangs.

    pytest's own watch starts and joins a thread for each test, which waits for a processor on a busy machine:
    a third of the time of short tests. This one begins anew every `_WATCH_SECONDS`.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._begun = -math.inf
        self._stderr = os.dup(sys.__stderr__.fileno() if sys.__stderr__ is not None else 2)

    def begin(self) -> None:
        """A test begins."""
        now = time.monotonic()
        if self._seconds and now > self._begun + _WATCH_SECONDS:
            self._begun = now
            faulthandler.dump_traceback_later(self._seconds, file=self._stderr, exit=True)

    def end(self) -> None:
        """No test is left."""
        faulthandler.cancel_dump_traceback_later()
        os.close(self._stderr)


_WATCH_SECONDS = 30.0
_watch = pytest.StashKey[_Watch]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The limit for one test."""
    parser.addini("hang_seconds", "seconds after which a test hangs; 0: never", default="600")


def pytest_unconfigure(config: pytest.Config) -> None:
    """A worker that has no test left may wait for others."""
    config.stash[_watch].end()


def pytest_configure(config: pytest.Config) -> None:
    """Each worker collects all tests, in an order of its own."""
    config.stash[_watch] = _Watch(float(config.getini("hang_seconds")))
    worker = getattr(config, "workerinput", None)
    config.pluginmanager.register(_Extending(worker["workerid"] if worker else "gw0"))
    if worker is not None and config.args_source is pytest.Config.ArgsSource.TESTPATHS:
        number, workers = int(worker["workerid"].removeprefix("gw")), worker["workercount"]
        config.pluginmanager.register(CollectApart(config, number, workers))


def pytest_sessionstart(session: pytest.Session) -> None:
    """Keep what pytest-rerunfailures counts inside the worker.

    It asks the controller about each test twice, byte by byte, so that the test of a crashed worker is run
    again. The scheduler of groups does not run such a test again.
    """
    counts = getattr(session.config, "failures_db", None)
    if counts is not None and hasattr(session.config, "workerinput"):
        from pytest_rerunfailures import StatusDB

        counts.sock.close()
        session.config.failures_db = StatusDB()  # type: ignore[attr-defined]


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Do not import a file of which the option `-m` selects nothing."""
    if config.option.markexpr and collection_path.match("test_*.py"):
        return extended.is_left_out(config.option.markexpr, collection_path) or None
    return None


class _Extending:
    """Marks the tests beyond a sample before pytest reads the marks; one worker checks the texts of files."""

    def __init__(self, worker: str) -> None:
        self._checks = worker == "gw0"

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Mark them."""
        extended.extend_beyond_samples(items)

    def pytest_deselected(self, items: Sequence[pytest.Item]) -> None:
        """Check that another target finds them."""
        if self._checks:
            extended.check_texts(items)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Check that each target that selects them finds them."""
        if self._checks:
            extended.check_texts(session.items)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A worker tells which tests belong together."""
    if getattr(config.option, "loadgroup", False):
        tell_groups(items)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> InUnits | None:
    """Groups, and handfuls of cases."""
    return InUnits(config, log) if config.getvalue("dist") == "loadgroup" else None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """With a browser nothing is measured, a fixture neither; and only some processes of their own are."""
    measuring = item.config.stash[_measuring]
    folder = "/".join(item.nodeid.split("/")[: 3 if item.nodeid.startswith("audit/") else 2])
    measuring.wanted = item.get_closest_marker("browser") is None
    installing.running.append(item)
    item.config.stash[_watch].begin()
    # By default the collector runs after 700 new objects, and takes a sixth of the auditor's time. Elsewhere
    # it finds what a test has not closed, and must find it in that test.
    gc.set_threshold(20_000 if folder.endswith("audit_tests/auditor") else 700)
    with pytest.MonkeyPatch.context() as patch:
        if folder not in _PROCESSES_MEASURED:
            patch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)
        try:
            return (yield)
        finally:
            installing.running.pop()


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_fixture_setup(request: pytest.FixtureRequest) -> Generator[None, object, object]:
    """Fixtures are measured."""
    measuring = request.config.stash[_measuring]
    measuring.on()
    try:
        return (yield)
    finally:
        measuring.off()


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Tests are measured."""
    measuring = item.config.stash[_measuring]
    if not any(map(item.get_closest_marker, ("hypothesis", "unmeasured"))):
        measuring.on()
    try:
        return (yield)
    finally:
        measuring.off()


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, object, object]:
    """So is the end of fixtures."""
    measuring = item.config.stash[_measuring]
    measuring.on()
    try:
        return (yield)
    finally:
        measuring.off()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show why a test was run once more; otherwise only its second result is known."""
    for report in terminalreporter.stats.get("rerun", []):
        terminalreporter.section(f"first run of {report.nodeid}")
        terminalreporter.line(report.longreprtext)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish() -> None:
    """Write the coverage now, because a worker that takes ten seconds to end is killed."""
    if (measured := coverage.Coverage.current()) is not None:
        measured.save()


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Runs a plain `async def` test; every other test is left to pytest.

    Fixtures stay synchronous: a test opens what it awaits in its own body, with `async with`.
    """
    test = pyfuncitem.obj
    if hypothesis := getattr(test, "hypothesis", None):
        # `@given` wraps the test: each example runs the inner one, which must be synchronous.
        if inspect.iscoroutinefunction(hypothesis.inner_test):
            hypothesis.inner_test = _synchronous(hypothesis.inner_test)
        return None
    if not inspect.iscoroutinefunction(test):
        return None
    names = pyfuncitem._fixtureinfo.argnames
    loop_factory = Unhurried if pyfuncitem.get_closest_marker("unhurried") else None
    _synchronous(test, loop_factory)(**{name: pyfuncitem.funcargs[name] for name in names})
    return True
