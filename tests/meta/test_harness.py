"""The harness runs asynchronous tests, tells time as told, and does not hide a missing browser."""

import asyncio
import sys
import time
from collections import OrderedDict
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from xdist.remote import WorkerInteractor

from stormdoor.ports import Clock
from tests.support.browser import find_chromium
from tests.support.clock import FakeClock
from tests.support.installing import NotInstalledError, made_once
from tests.support.scheduling import CollectApart, InUnits, put_slow_first, tell_groups, units

pytest_plugins = ["pytester"]


async def test_async_test_runs_in_a_loop(tmp_path: object) -> None:
    """A plain `async def` test runs, in a loop without debug mode, and gets its fixtures."""
    assert not asyncio.get_running_loop().get_debug()
    assert tmp_path is not None


@given(st.integers())
async def test_async_property_runs_each_example(number: int) -> None:
    """`@given` works on an `async def` test."""
    await asyncio.sleep(0)
    assert number == number + 0


@pytest.mark.xfail(raises=ZeroDivisionError, strict=True)
async def test_async_failure_is_a_failure() -> None:
    """An exception in an `async def` test fails it."""
    await asyncio.sleep(0)
    raise ZeroDivisionError


@pytest.mark.xfail(raises=AssertionError, strict=True)
@given(st.integers())
async def test_async_property_failure_is_a_failure(number: int) -> None:
    """An exception in an `async def` property fails it."""
    assert number != number + 0


def test_clock_stands_still() -> None:
    """Two readings are the same until the test moves the clock."""
    clock: Clock = FakeClock()
    assert (clock.now(), clock.monotonic()) == (clock.now(), clock.monotonic())


def test_clock_advances_both_readings() -> None:
    """`advance` moves the wall clock and the monotonic one by the same amount."""
    clock = FakeClock(wall=100.0, monotonic=5.0)
    clock.advance(2.5)
    assert (clock.now(), clock.monotonic()) == (102.5, 7.5)


def test_clock_can_be_set_back() -> None:
    """`set_wall` moves the wall clock back and leaves the monotonic one alone."""
    clock = FakeClock(wall=100.0, monotonic=5.0)
    clock.set_wall(50.0)
    assert (clock.now(), clock.monotonic()) == (50.0, 5.0)


def test_clock_refuses_negative_advance() -> None:
    """Time does not run backwards by `advance`."""
    with pytest.raises(ValueError, match="set_wall"):
        FakeClock().advance(-1)


@pytest.mark.parametrize(("ci", "outcome"), [("true", "errors"), ("", "skipped")])
def test_missing_browser(
    ci: str, outcome: str, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without Chromium a browser test is skipped with the reason on a desk, and an error in CI."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("CI", ci)
    pytester.makeconftest("from tests.support.browser import chromium")
    pytester.makepyfile("def test_page(chromium): pass")
    result = pytester.runpytest_inprocess("-rs", "-p", "no:cacheprovider")
    result.assert_outcomes(**{outcome: 1})
    result.stdout.fnmatch_lines(["*no browser: none of chromium, *"])


def test_only_a_marked_test_may_install(tmp_path: Path) -> None:
    """`make test` installs nothing: without the mark `installs` a test that would do so fails."""
    with pytest.raises(pytest.fail.Exception, match=r"needs pytest\.mark\.installs"):
        made_once(tmp_path / "made", Path.mkdir)
    assert not (tmp_path / "made").exists()


@pytest.mark.installs
def test_an_installation_is_made_once(tmp_path: Path) -> None:
    """A second call finds the folder; an installation that failed is made again."""

    def fail(folder: Path) -> None:
        folder.mkdir()
        raise NotInstalledError("no network")

    with pytest.raises(NotInstalledError, match="no network"):
        made_once(tmp_path / "made", fail)
    assert made_once(tmp_path / "made", Path.mkdir) == tmp_path / "made"
    made_once(tmp_path / "made", fail)


def test_browser_here() -> None:
    """`find_chromium` returns a file that can be started."""
    if (path := find_chromium()) is None:
        pytest.skip("no Chromium here")
    assert path.startswith("/")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what is under way")
@pytest.mark.unhurried
async def test_clock_of_the_loop_skips_idle_seconds() -> None:
    """The clock of the loop advances during seconds in which nothing happens."""
    began, clock = time.monotonic(), asyncio.get_running_loop().time
    before = clock()
    order: list[int] = []

    async def after(seconds: int) -> None:
        await asyncio.sleep(seconds)
        order.append(seconds)

    await asyncio.gather(*map(after, (40, 20, 60)))
    assert order == [20, 40, 60]
    assert 60 <= clock() - before < 70
    assert time.monotonic() - began < 30


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what is under way")
@pytest.mark.unhurried
async def test_what_happens_is_waited_for() -> None:
    """Data that a peer sent, even delayed by the kernel, and results of a thread come before a time-out."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.get_extra_info("socket").setsockopt(6, 1, 0)  # TCP_NODELAY: off, as in Tornado
        while line := await reader.readline():
            for _ in range(3):
                writer.write(line)
                await asyncio.sleep(0)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        async with asyncio.timeout(60):
            for _ in range(10):
                writer.write(b"x\n")
                assert [await reader.readline() for _ in range(3)] == [b"x\n"] * 3
        writer.close()
    async with asyncio.timeout(60):
        await asyncio.get_running_loop().run_in_executor(None, time.sleep, 0.05)


@pytest.mark.xdist_group("harness")
def test_a_group_is_told(request: pytest.FixtureRequest) -> None:
    """A worker's tests have the name of their group in their ids: its tests run in one worker."""
    told = request.node.nodeid.endswith("@harness")
    assert told is bool(getattr(request.config.option, "loadgroup", False))


@pytest.mark.slow
def test_a_slow_test_begins_early(request: pytest.FixtureRequest) -> None:
    """Its id says that it is slow, and its unit goes before those that wait."""
    told = request.node.nodeid.rpartition("@slow-")[2].isdecimal()
    assert told is bool(getattr(request.config.option, "loadgroup", False))
    ids = ["a.py::one", "a.py::two@both", "b.py::three@slow-7", "b.py::four[x]@slow-8"]
    queue = OrderedDict.fromkeys(units(ids)[id] for id in ids)
    put_slow_first(queue)
    assert list(queue) == ["slow-7", "slow-8", "a.py::one", "both"]


def test_a_group_with_a_slow_test_begins_early(pytester: pytest.Pytester) -> None:
    """All tests of the group have the same name of the group, which says that it is slow."""
    items = pytester.getitems(
        "import pytest\n"
        "def test_one(): ...\n"
        "@pytest.mark.xdist_group('both')\n"
        "def test_two(): ...\n"
        "@pytest.mark.slow\n"
        "@pytest.mark.xdist_group('both')\n"
        "def test_three(): ...\n"
        "@pytest.mark.slow\n"
        "def test_four(): ...\n"
    )
    tell_groups(items)
    told = [item.nodeid.partition("::")[2] for item in items]
    assert told == ["test_one", "test_two@slow-both", "test_three@slow-both", "test_four@slow-3"]


def test_slow_tests_that_share_a_fixture_are_a_group(pytester: pytest.Pytester) -> None:
    """One worker makes the fixture of the module for each parameter; other tests of the file go anywhere."""
    items = pytester.getitems(
        "import pytest\n"
        "pytestmark = pytest.mark.slow\n"
        "@pytest.fixture(scope='module', params='ab')\n"
        "def server(request): ...\n"
        "def test_one(server): ...\n"
        "def test_two(server): ...\n"
        "def test_three(tmp_path): ...\n"
    )
    tell_groups(items)
    told = dict(item.nodeid.partition("::")[2].split("@") for item in items)
    assert told["test_one[a]"] == told["test_two[a]"]
    assert told["test_one[b]"] == told["test_two[b]"]
    assert len({told["test_one[a]"], told["test_one[b]"], told["test_three"]}) == 3


def test_slow_units_are_sent_before_large_ones(pytester: pytest.Pytester) -> None:
    """The first worker gets the slow unit, although another one has more tests."""
    ids = ["a.py::one@large", "a.py::two@large", "b.py::three@slow-chaos", "c.py::four"]
    nodes: list[Any] = [_Node() for _ in range(2)]
    scheduler = InUnits(pytester.parseconfig("--tx=2*popen", "--dist=loadgroup"))
    for node in nodes:
        scheduler.add_node(node)
        scheduler.add_node_collection(node, ids)
    scheduler.schedule()
    assert [node.sent[0] for node in nodes] == [[2], [0, 1]]


@pytest.mark.parametrize(
    ("when", "outcome", "duration", "sent"),
    [
        ("setup", "passed", 0.001, False),
        ("setup", "passed", 2.0, True),
        ("setup", "skipped", 0.001, True),
        ("call", "passed", 0.001, True),
        ("call", "rerun", 0.001, True),
        ("teardown", "failed", 0.001, True),
        ("teardown", "passed", 0.001, False),
    ],
)
def test_a_worker_sends_results(
    when: Literal["setup", "call", "teardown"], outcome: Any, duration: float, sent: bool
) -> None:
    """It leaves out the reports of fixtures that have neither failed nor taken long."""
    report = pytest.TestReport(
        "a.py::one", ("a.py", 0, "one"), {}, outcome, None, when, duration=duration
    )
    events: list[str] = []
    worker: Any = SimpleNamespace(
        config=SimpleNamespace(hook=SimpleNamespace(pytest_report_to_serializable=_serialized)),
        item_index=0,
        sendevent=lambda name, **_: events.append(name),
        session=SimpleNamespace(items=[report]),
        testrunuid="1",
        workerid="gw0",
    )
    WorkerInteractor.pytest_runtest_logreport(worker, report)
    assert events == ["testreport"] * sent


def _serialized(**_: object) -> dict[str, object]:
    return {}


class _Node:
    """A worker that keeps what it is sent."""

    gateway = SimpleNamespace(id="gw")
    shutting_down = False

    def __init__(self) -> None:
        self.sent: list[list[int]] = []

    def send_runtest_some(self, indices: list[int]) -> None:
        self.sent.append(indices)

    def shutdown(self) -> None:
        self.shutting_down = True


def test_each_worker_collects_in_an_order_of_its_own(pytester: pytest.Pytester) -> None:
    """The parts are rotated, and the tests come into one order for all workers."""
    for name in ("a", "b", "c"):
        pytester.mkpydir(name).joinpath("test_it.py").write_text("def test_it(): pass\n", "utf-8")
    config = pytester.parseconfig(str(pytester.path))
    config.args[:] = ["."]
    CollectApart(config, 1, 2)
    assert [Path(one).name for one in config.args] == ["b", "c", "a"]
    without = pytester.parseconfig("--ignore=b")
    without.args[:] = ["."]
    CollectApart(without, 0, 1)
    assert [Path(one).name for one in without.args] == ["a", "c"]
    items, _ = pytester.inline_genitems(*config.args)
    assert [item.path.parent.name for item in items] == ["b", "c", "a"]
    CollectApart(pytester.parseconfig("."), 0, 1).pytest_collection_modifyitems(items)
    assert [item.path.parent.name for item in items] == ["a", "b", "c"]


def test_units_of_work() -> None:
    """A group is a unit, so are sixteen cases of a test that has many; other tests go one by one."""
    cases = [f"a.py::many[case {at}@x]" for at in range(40)]
    ids = ["a.py::one", "a.py::two[1]", "a.py::two[2]@both", "b.py::one@both", *cases]
    found = units(ids)
    assert list(found) == ids
    assert found["a.py::two[2]@both"] == found["b.py::one@both"] == "both"
    assert len({found["a.py::one"], found["a.py::two[1]"], "both"}) == 3
    many = [found[id] for id in cases]
    assert [many.count(unit) for unit in dict.fromkeys(many)] == [16, 16, 8]
