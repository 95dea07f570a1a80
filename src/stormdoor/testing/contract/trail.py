"""Contract of every store for the trail."""

import asyncio

import pytest

from stormdoor.core import trail_filter
from stormdoor.core.event import GENESIS, verify
from stormdoor.core.trail_budget import DAY_BYTES, burst_bytes
from stormdoor.core.trail_filter import Cursor, Filters
from stormdoor.testing.contract.support import (
    NOW,
    NewStore,
    event,
    opened,
    trail_anchor,
    trail_head,
    wrong_with_trail,
)

__all__ = ["TrailContract"]

KEY = b"k" * 32


SEARCHED = [
    event("alice", time=NOW + 4, address="192.0.2.7", endpoint="/ws/chat", ref="aaaaaaaaaa"),
    event(
        "bob",
        time=NOW + 1,
        name="authn_login_success",
        cause="",
        address="2001:db8::1",
        tenant="south",
    ),
    event("bob", time=NOW + 1, actor="alice", tenant="north", node="n-2"),
    event("", time=NOW + 2, actor="", cause="origin_not_allowed", address="192.0.2.70", node="n-1"),
    event("bob", time=NOW + 3, actor="bob", address='x"y\\', detail='"address":"192.0.2.7"'),
    event("", time=NOW + 2, actor="", address="address", user_agent="ref", endpoint='"cause":"x"'),
]
"""Entries for searches: two times are equal, and one goes back."""

FILTERS: list[Filters] = [
    {},
    {"principal": "alice"},
    {"principal": "bob"},
    {"principal": "bob", "event": "authn_login_success"},
    {"principal": "bob", "tenant": "north", "since": NOW, "until": NOW + 2},
    {"principal": ""},
    {"principal": "ali"},
    {"event": "authz_fail"},
    {"event": ""},
    {"cause": "origin_not_allowed"},
    {"cause": "x"},
    {"address": "192.0.2.7"},
    {"address": "192.0.2.7", "principal": "bob"},
    {"address": 'x"y\\'},
    {"address": ""},
    {"endpoint": "/ws/chat"},
    {"node": "n-1"},
    {"node": "n-2", "principal": "alice"},
    {"ref": "aaaaaaaaaa"},
    {"ref": "aaaaaaaaaa", "principal": "bob"},
    {"ref": "aaaaaaaaa"},
    {"tenant": "south"},
    {"since": NOW + 2},
    {"until": NOW + 2},
    {"since": NOW + 1, "until": NOW + 3},
    {"since": NOW + 2, "cause": "origin_not_allowed"},
    {"since": NOW + 3, "until": NOW + 1},
]

FILTERS_FIND = dict(
    zip(
        map(str, FILTERS),
        [
            *([0, 1, 2, 3, 4, 5], [0, 2], [1, 2, 4], [1], [2], [], []),
            *([0, 2, 3, 4, 5], [], [3], [], [0], [], [4], []),
            *([0], [3], [2], [0], [], [], [1]),
            *([3, 5, 4, 0], [1, 2], [1, 2, 3, 5], [3], []),
        ],
        strict=True,
    )
)
"""The positions in `SEARCHED` that each filter finds, in order."""


HOSTILE = [
    *(
        "%",
        "_",
        "*",
        "'",
        "' OR 1=1 --",
        '"',
        "\\",
        '\\"',
        '","cause":"',
        "\0",
        "\x1b[2J",
        "\ud800",
    ),
    *("\u202eé", "".join(chr(0x100 + 7 * n % 5_000) for n in range(4_000))),
]
"""Values that mean something to a database, a terminal or JSON; the last is too long for an index."""

FORGED = [
    *(Cursor(0, 0.0), Cursor(3, NOW + 2), Cursor(3, -1e308), Cursor(5, 1e308)),
    *(Cursor(2**63 - 1, NOW + 1), Cursor(2**63 - 1, 1e308)),
]
"""Cursors that no page returned, or one of another search."""


class TrailContract:
    async def test_event_comes_back_as_it_was(self, new_store: NewStore) -> None:
        """Every field of an event is stored, in entries numbered from 1."""
        full = event(
            actor="mia",
            endpoint="/ws/chat",
            permission="chat:say",
            kind="session",
            count=7,
            user_agent="Mozilla/5.0",
            connection="c1",
        )
        async with opened(new_store()) as store:
            await store.append_events([event(), full])
            entries = await store.entries()
            assert [entry.event for entry in entries] == [event(), full]
            assert [entry.seq for entry in entries] == [1, 2]

    async def test_empty_trail_begins_at_genesis(self, new_store: NewStore) -> None:
        """Without entries, head and anchor of the trail are (0, GENESIS)."""
        async with opened(new_store()) as store:
            await store.append_events([])
            assert await trail_anchor(store) == (0, GENESIS)
            assert await trail_head(store) == (0, GENESIS)
            assert await store.entries() == []
            assert await wrong_with_trail(store) is None

    async def test_batch_in_doubt_is_stored_once(self, new_store: NewStore) -> None:
        """A repeated batch is stored exactly once."""
        async with opened(new_store()) as store:
            first, second = b"1" * 16, b"2" * 16
            await store.append_events([event(), event()], batch=first)
            await store.append_events([event()])
            await store.append_events([event(), event()], batch=first, again=True)
            assert (await trail_head(store))[0] == 3
            await store.append_events([event()], batch=second, again=True)
            assert (await trail_head(store))[0] == 4
            assert [entry.salt for entry in await store.entries()][3] == second.hex()
            assert await wrong_with_trail(store) is None

    @pytest.mark.parametrize("trail_key", [None, KEY])
    async def test_chain_verifies(self, trail_key: bytes | None, new_store: NewStore) -> None:
        """Entries of several appends are one chain, under the key of the store and no other."""
        async with opened(new_store(trail_key)) as store:
            await store.append_events([event(detail=str(n)) for n in range(3)])
            await store.append_events([event(detail="last")])
            assert await wrong_with_trail(store, trail_key) is None
            assert await wrong_with_trail(store, b"another key") is not None
            assert await trail_head(store) == (4, (await store.entries(after=3))[0].hash)

    async def test_nothing_is_wrong_with_a_new_trail(self, new_store: NewStore) -> None:
        """`trail_faults` finds no fault in a new trail, and none after an erasure and retention."""
        async with opened(new_store(KEY)) as store:
            assert await store.trail_faults() == []
            await store.append_events([event("alice"), event("bob", time=NOW + 1)])
            await store.drop_entries(NOW + 1)
            await store.erase_personal("bob")
            assert await store.trail_faults() == []

    async def test_entries_of_unauthenticated_clients_have_a_budget(
        self, new_store: NewStore
    ) -> None:
        """Unauthenticated clients may use half of the budget at once; the rest comes back in a day."""
        half, day = burst_bytes(), 86_400.0
        async with opened(new_store()) as store:
            assert await store.pay_entries(NOW, []) == 0
            assert await store.pay_entries(NOW, [half - 10, 5, 6, 1]) == 2
            assert await store.pay_entries(NOW, [6]) == 0
            assert await store.pay_entries(NOW, [6, 6], at_least=1) == 1  # a debt of one byte
            assert await store.pay_entries(NOW + day / half, [1]) == 0
            assert await store.pay_entries(NOW + day / 2, [half // 2]) == 0
            assert await store.pay_entries(NOW + day / 2, [half // 2 - 2, 10]) == 1
            assert await store.pay_entries(NOW + 2 * day, [half]) == 1
            smaller = {"day_bytes": DAY_BYTES // 2}
            assert await store.pay_entries(NOW + 3 * day, [half], **smaller) == 0
            assert await store.pay_entries(NOW + 3 * day, [half // 3], **smaller) == 1

    async def test_salts_differ(self, new_store: NewStore) -> None:
        """Equal events have different salts, so that after an erasure they cannot be compared."""
        async with opened(new_store()) as store:
            await store.append_events([event(), event()])
            first, second = await store.entries()
            assert first.commitment != second.commitment

    async def test_many_at_once_are_one_chain(self, new_store: NewStore) -> None:
        """Simultaneous appends make one chain with all entries, and each batch stays together."""
        async with opened(new_store()) as store:
            await asyncio.gather(
                *(
                    store.append_events([event(detail=f"{n}a"), event(detail=f"{n}b")])
                    for n in range(10)
                )
            )
            details = [entry.event.detail for entry in await store.entries()]
            assert len(details) == 20
            assert all(a[:-1] == b[:-1] for a, b in zip(details[::2], details[1::2], strict=True))
            assert await wrong_with_trail(store) is None

    async def test_unreadable_text_is_written_out(self, new_store: NewStore) -> None:
        """An event with text that cannot be encoded is stored, and so are the others of its batch."""
        async with opened(new_store()) as store:
            await store.append_events([event(), event("\ud800", policies=("p\udfff",)), event()])
            entries = await store.entries()
            assert [entry.event for entry in entries] == [
                event(),
                event("\\ud800", policies=("p\\udfff",)),
                event(),
            ]
            assert await wrong_with_trail(store) is None

    async def test_entries_are_paged(self, new_store: NewStore) -> None:
        """`after` and `limit` select a page; `newest_first` reverses the order before the limit."""
        async with opened(new_store()) as store:
            await store.append_events([event() for _ in range(5)])

            async def seqs(**options: int | bool) -> list[int]:
                found = await store.entries(**options)  # type: ignore[arg-type]
                return [entry.seq for entry in found]

            assert await seqs() == [1, 2, 3, 4, 5]
            assert await seqs(limit=2) == [1, 2]
            assert await seqs(after=2, limit=2) == [3, 4]
            assert await seqs(after=5) == []
            assert await seqs(newest_first=True, limit=2) == [5, 4]
            assert await seqs(newest_first=True, after=3) == [5, 4]

    @pytest.mark.parametrize("newest_first", [False, True])
    @pytest.mark.parametrize("filters", FILTERS, ids=str)
    async def test_entries_are_filtered(
        self, filters: Filters, newest_first: bool, new_store: NewStore
    ) -> None:
        """Each filter finds exactly the entries that fit, also page by page, each once and in order."""
        async with opened(new_store()) as store:
            await store.append_events(SEARCHED)
            expected = [at + 1 for at in FILTERS_FIND[str(filters)]]
            if newest_first:
                expected.reverse()
            found = await store.entries(newest_first=newest_first, **filters)
            assert [entry.seq for entry in found] == expected
            for limit in (1, 2):
                pages: list[int] = []
                cursor = None
                while True:
                    page = await store.entries(
                        limit=limit, newest_first=newest_first, cursor=cursor, **filters
                    )
                    assert len(page) <= limit
                    pages += [entry.seq for entry in page]
                    cursor = page.cursor
                    if cursor is None:
                        break
                    assert Cursor.parse(str(cursor)) == cursor
                assert pages == expected

    @pytest.mark.parametrize("newest_first", [False, True])
    async def test_a_bounded_search_is_continued(
        self, newest_first: bool, new_store: NewStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A page that reads two entries finds at most two; together the pages find all, each once."""
        monkeypatch.setattr(trail_filter, "READ", 2)
        async with opened(new_store()) as store:
            await store.append_events(SEARCHED)
            for filters in FILTERS:
                whole, cursor, pages = [], None, 0
                while pages == 0 or cursor is not None:
                    page = await store.entries(newest_first=newest_first, cursor=cursor, **filters)
                    whole += [entry.seq for entry in page]
                    cursor = page.cursor
                    pages += 1
                expected = [at + 1 for at in FILTERS_FIND[str(filters)]]
                assert whole == (expected[::-1] if newest_first else expected), filters
                assert pages <= 4
            page = await store.entries(cause="none", newest_first=newest_first)
            assert page == []
            assert page.cursor is not None
            assert page.cursor.number == (5 if newest_first else 2)

    async def test_filtered_entries_are_those_after_a_place(self, new_store: NewStore) -> None:
        """With `after`, the order is that of the numbers, also with a filter of times."""
        async with opened(new_store()) as store:
            await store.append_events(SEARCHED)
            found = await store.entries(after=2, since=NOW + 2, until=NOW + 9)
            assert [entry.seq for entry in found] == [4, 5, 6]

    async def test_erased_values_are_not_found(self, new_store: NewStore) -> None:
        """An erasure removes address, reference and tenant from the searches, not the public fields."""
        async with opened(new_store()) as store:
            await store.append_events(SEARCHED)
            assert await store.erase_personal("alice") == 2
            for filters in ({"address": "192.0.2.7"}, {"ref": "aaaaaaaaaa"}, {"tenant": "north"}):
                assert await store.entries(**filters) == []  # type: ignore[arg-type]
            assert [one.seq for one in await store.entries(endpoint="/ws/chat")] == [1]
            assert await store.trail_faults() == []

    @pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text[:20]))
    async def test_filters_compare_exactly(self, text: str, new_store: NewStore) -> None:
        """Each character of a filter means itself, at any length, and a part of a value finds nothing."""
        fields = ["cause", "address", "endpoint", "node", "ref", "tenant"]
        # PostgreSQL stores no U+0000 in the columns of a name, and writes it out.
        fields += [] if "\0" in text else ["name"]
        longer = dict.fromkeys(fields, f"{text}x")
        async with opened(new_store()) as store:
            await store.append_events(
                [event("bob", **dict.fromkeys(fields, text)), event("bob", **longer), event("bob")]
            )
            for field in fields:
                key = "event" if field == "name" else field
                for value, found in ((text, [1]), (f"{text}x", [2]), (f"x{text}", [])):
                    page = await store.entries(**{key: value})  # type: ignore[arg-type]
                    assert [one.seq for one in page] == found, field

    @pytest.mark.parametrize("newest_first", [False, True])
    async def test_forged_cursors_show_nothing_else(
        self, newest_first: bool, new_store: NewStore
    ) -> None:
        """No cursor shows an entry that the filter leaves out, such as one of another tenant."""
        async with opened(new_store()) as store:
            await store.append_events(SEARCHED)
            for filters in FILTERS:
                expected = {at + 1 for at in FILTERS_FIND[str(filters)]}
                for cursor in FORGED:
                    page = await store.entries(newest_first=newest_first, cursor=cursor, **filters)
                    assert {one.seq for one in page} <= expected, (filters, cursor)

    @pytest.mark.parametrize("newest_first", [False, True])
    @pytest.mark.parametrize("filters", [{}, {"cause": "forbidden"}, {"since": NOW}], ids=str)
    async def test_entries_are_written_while_a_search_pages(
        self, filters: Filters, newest_first: bool, new_store: NewStore
    ) -> None:
        """A search finds each earlier entry once, even if earlier times are written meanwhile."""
        async with opened(new_store()) as store:
            await store.append_events([event(time=NOW + 10 + n % 3) for n in range(6)])
            found: list[int] = []
            cursor = None
            for turn in range(20):
                page = await store.entries(
                    limit=1, newest_first=newest_first, cursor=cursor, **filters
                )
                found += [one.seq for one in page]
                if (cursor := page.cursor) is None:
                    break
                if turn < 9:
                    await store.append_events([event(time=NOW + 5), event(time=NOW + 11)])
            assert len(found) == len(set(found))
            assert set(found) >= set(range(1, 7))

    @pytest.mark.parametrize("newest_first", [False, True])
    @pytest.mark.parametrize(
        "filters", [{"address": "192.0.2.1"}, {"principal": "alice"}, {"since": NOW}], ids=str
    )
    async def test_entries_are_erased_and_dropped_while_a_search_pages(
        self, filters: Filters, newest_first: bool, new_store: NewStore
    ) -> None:
        """The later pages have neither erased values nor dropped entries, and each of the others once."""
        async with opened(new_store()) as store:
            names = ("alice", "bob", "alice", "bob", "alice", "bob")
            await store.append_events(
                [event(name, actor="alice", time=NOW + n) for n, name in enumerate(names)]
            )
            first = await store.entries(limit=3, newest_first=newest_first, **filters)
            assert [one.seq for one in first] == ([6, 5, 4] if newest_first else [1, 2, 3])
            await store.erase_personal("bob")
            assert await store.drop_entries(NOW + 2) == 2
            rest = await store.entries(newest_first=newest_first, cursor=first.cursor, **filters)
            expected = [3] if newest_first else [4, 5, 6] if "since" in filters else [5]
            assert [one.seq for one in rest] == expected

    async def test_time_that_is_no_number_is_an_error(self, new_store: NewStore) -> None:
        """NaN is greater than all numbers in one database, and no number in the other."""
        async with opened(new_store()) as store:
            with pytest.raises(ValueError, match="since: NaN is no time"):
                await store.entries(since=float("nan"))

    async def test_unknown_filter_is_an_error(self, new_store: NewStore) -> None:
        """A misspelt filter does not find everything."""
        async with opened(new_store()) as store:
            with pytest.raises(TypeError, match="name"):
                await store.entries(name="authz_fail")  # type: ignore[call-arg]

    async def test_erasure_takes_the_person_and_leaves_the_chain(self, new_store: NewStore) -> None:
        """An erasure removes the personal part of each entry about a principal, and the chain verifies."""
        async with opened(new_store(KEY)) as store:
            await store.append_events([event("alice"), event("bob"), event("bob", actor="alice")])
            assert await store.erase_personal("alice") == 2
            first, second, third = await store.entries()
            for erased in (first, third):
                assert erased.personal is None
                assert erased.salt is None
                assert erased.event == event(principal="", address="", detail="")
            assert second.event == event("bob")
            assert await store.entries(principal="alice") == []
            assert await wrong_with_trail(store, KEY) is None
            assert await store.erase_personal("alice") == 0

    @pytest.mark.parametrize("unknown", ["", "bob"])
    async def test_erasure_of_an_unknown_principal_erases_nothing(
        self, unknown: str, new_store: NewStore
    ) -> None:
        """An erasure of an empty or unknown name erases nothing."""
        async with opened(new_store()) as store:
            await store.append_events([event("alice"), event("")])
            assert await store.erase_personal(unknown) == 0
            assert [entry.event for entry in await store.entries()] == [event("alice"), event("")]

    async def test_retention_keeps_an_anchor(self, new_store: NewStore) -> None:
        """After old entries are dropped the trail verifies from the anchor, and numbers continue."""
        async with opened(new_store(KEY)) as store:
            await store.append_events([event(time=NOW + n) for n in range(5)])
            second = (await store.entries())[1]
            assert await store.drop_entries(NOW + 2) == 2
            assert await trail_anchor(store) == (2, second.hash)
            assert await wrong_with_trail(store, KEY) is None
            await store.append_events([event(time=NOW + 9)])
            assert [entry.seq for entry in await store.entries()] == [3, 4, 5, 6]
            assert await wrong_with_trail(store, KEY) is None
            assert await store.drop_entries(NOW + 2) == 0

    async def test_retention_may_drop_everything(self, new_store: NewStore) -> None:
        """After all entries are dropped, the next one continues the numbers and the chain."""
        async with opened(new_store()) as store:
            await store.append_events([event(), event()])
            assert await store.drop_entries(NOW + 1) == 2
            assert await store.entries() == []
            assert await trail_anchor(store) == await trail_head(store)
            await store.append_events([event()])
            (entry,) = await store.entries()
            seq, anchor = await trail_anchor(store)
            assert verify(entry, seq=seq + 1, previous=anchor) is None

    async def test_retention_drops_a_beginning_only(self, new_store: NewStore) -> None:
        """An old entry behind a younger one is not dropped, so that the trail has no gap."""
        async with opened(new_store()) as store:
            await store.append_events([event(time=NOW + at) for at in (1, 9, 2, 3)])
            assert await store.drop_entries(NOW + 5) == 1
            assert [entry.seq for entry in await store.entries()] == [2, 3, 4]
            assert await wrong_with_trail(store) is None
