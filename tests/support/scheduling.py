"""Assignment of tests to workers: keep groups together, begin slow tests early, batch short cases."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Sequence
from typing import Any

import pytest
from xdist.remote import WorkerInteractor
from xdist.scheduler import LoadGroupScheduling
from xdist.workermanage import WorkerController

__all__ = ["CollectApart", "InUnits", "put_slow_first", "send_results", "tell_groups", "units"]


class CollectApart:
    """Has each worker begin the collection with another part of the tests.

    pytest rewrites the assertions of each file and keeps the result. Workers that collect in one order all
    rewrite each file at the same time; in different orders, each file is rewritten by one of them.
    """

    def __init__(self, config: pytest.Config, worker: int, workers: int) -> None:
        # pytest does not compare its arguments with `--ignore`.
        ignored = {(config.rootpath / path) for path in config.getoption("ignore") or ()}
        parts = [
            str(path)
            for folder in config.args
            for path in sorted((config.rootpath / folder).iterdir())
            if path not in ignored
            and ((path.is_dir() and any(path.rglob("test_*.py"))) or path.match("test_*.py"))
        ]
        begin = len(parts) * worker // workers
        config.args[:] = parts[begin:] + parts[:begin]

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Bring the tests into the order of all workers."""
        items.sort(key=lambda item: item.path)


_LONG = 0.05
"""Seconds from which the report of a fixture is sent, for the list of slow ones."""


def send_results() -> None:
    """Have a worker send the reports of calls and failures, and of fixtures only if they are slow.

    Each test has three reports, and most say that there was no fixture to set up or to end. To write and to
    read a report takes as long as a short test.
    """
    send = WorkerInteractor.pytest_runtest_logreport

    @pytest.hookimpl
    def send_result(worker: WorkerInteractor, report: pytest.TestReport) -> None:
        if (
            report.when == "call"
            or not report.passed
            or report.duration >= _LONG
            or report.sections
        ):
            send(worker, report)

    WorkerInteractor.pytest_runtest_logreport = send_result


_MANY = 32
"""Number of cases from which a test counts as short."""
_AT_ONCE = 16
"""Number of short cases that are sent to a worker at once."""
_SLOW = "slow-"
"""The group of a slow test begins with it."""


def _shared(item: pytest.Item) -> tuple[object, ...] | None:
    """Return the fixtures of its module that a test uses, with their parameters; None if it uses none."""
    if not isinstance(item, pytest.Function):
        return None
    module = item.nodeid.partition("::")[0]
    names = {
        name
        for name, found in item._fixtureinfo.name2fixturedefs.items()
        if found[-1].scope == "module" and found[-1].baseid == module
    }
    given = item.callspec.indices if hasattr(item, "callspec") else {}
    return (module, *sorted((name, given[name]) for name in names & set(given))) if names else None


def tell_groups(items: list[pytest.Item]) -> None:
    """Append the name of its group to the id of each test, as `--dist loadgroup` reads it.

    pytest-xdist 3.8 writes it where pytest 9.2 no longer looks (its issue 1386): the groups were not kept.
    A slow test without a group gets one of its own, or that of the slow tests of its module with a fixture of
    the module and the same parameter of it: each other worker would make the fixture, a server, once more.
    The name of a group with a slow test tells the scheduler that it is slow.
    """
    groups = [
        "_".join(sorted({str(mark.args[0]) for mark in item.iter_markers("xdist_group")}))
        for item in items
    ]
    slow = [item.get_closest_marker("slow") is not None for item in items]
    slow_groups = {group for group, is_slow in zip(groups, slow, strict=True) if is_slow}
    sharing: dict[object, int] = {}
    for number, (item, group) in enumerate(zip(items, groups, strict=True)):
        name = group
        if slow[number] and not group:
            name = str(sharing.setdefault(_shared(item) or number, number))
        if slow[number] or (group and group in slow_groups):
            name = f"{_SLOW}{name}"
        suffix = f"@{name}" if name else ""
        if not item.nodeid.endswith(suffix):
            item._id = item.id.parse(f"{item.nodeid}{suffix}")


def units(ids: Sequence[str]) -> dict[str, str]:
    """The unit of work that each test belongs to: its group, a handful of cases, or itself."""
    tests = Counter(id.partition("[")[0] for id in ids)
    seen: Counter[str] = Counter()
    found: dict[str, str] = {}
    for id in ids:
        test = id.partition("[")[0]
        if id.rfind("@") > id.rfind("]"):
            found[id] = id.rpartition("@")[2]
        elif tests[test] >= _MANY:
            found[id] = f"{test}[{seen[test] // _AT_ONCE}]"
            seen[test] += 1
        else:
            found[id] = id
    return found


def put_slow_first(queue: OrderedDict[str, Any]) -> None:
    """Move the units of slow tests to the front of `queue`, in their order."""
    for unit in reversed([unit for unit in queue if unit.startswith(_SLOW)]):
        queue.move_to_end(unit, last=False)


class _Indexed(list[str]):
    """A list of ids that need not look for the place of each."""

    def __init__(self, ids: Sequence[str]) -> None:
        super().__init__(ids)
        self._places = {id: at for at, id in enumerate(ids)}

    def index(self, id: str, *_: object) -> int:
        """Return the position of the test."""
        return self._places[id]


class InUnits(LoadGroupScheduling):  # type: ignore[misc]
    """Sends units of work: those of slow tests first, then the others by their number of tests.

    A slow test that begins last keeps one worker busy while the others have nothing to do.
    """

    _ordered = False

    def add_node_collection(self, node: WorkerController, collection: Sequence[str]) -> None:
        """Keep what a worker has collected."""
        super().add_node_collection(node, collection)
        self.registered_collections[node] = _Indexed(collection)

    def schedule(self) -> None:
        """Begin, or go on with other workers."""
        if self.collection is None:
            self._units = units(next(iter(self.registered_collections.values())))
        super().schedule()

    def _assign_work_unit(self, node: WorkerController) -> None:
        if not self._ordered:
            put_slow_first(self.workqueue)
            self._ordered = True
        super()._assign_work_unit(node)

    def mark_test_complete(
        self, node: WorkerController, item_index: int, duration: float = 0
    ) -> None:
        """Note that a test is over; a unit that is over need not be looked at again and again."""
        super().mark_test_complete(node, item_index, duration)
        unit = self._units[self.registered_collections[node][item_index]]
        if all(self.assigned_work[node][unit].values()):
            del self.assigned_work[node][unit]

    def _split_scope(self, nodeid: str) -> str:
        return self._units[nodeid]
