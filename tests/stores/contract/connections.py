"""Contract of every store for open connections."""

from tests.stores.contract.support import NOW, NewStore, connection, opened

__all__ = ["ConnectionsContract"]


class ConnectionsContract:
    async def test_connection_comes_back_as_it_was(self, new_store: NewStore) -> None:
        """Every field is stored, and the oldest comes first."""
        old, new = connection("c2", "n1", opened_at=NOW), connection("c1", "n1", opened_at=NOW + 1)
        async with opened(new_store()) as store:
            await store.sync_connections("n1", NOW, [new, old], [])
            assert await store.live_connections(NOW) == [old, new]

    async def test_batches_add_up(self, new_store: NewStore) -> None:
        """A batch adds what was opened and takes what was closed, also within itself."""
        async with opened(new_store()) as store:
            await store.sync_connections("n1", NOW, [connection(c, "n1") for c in "ab"], [])
            await store.sync_connections(
                "n1", NOW + 1, [connection(c, "n1") for c in "bcd"], ["a", "d", "unknown"]
            )
            assert [found.id for found in await store.live_connections(NOW)] == ["b", "c"]

    async def test_node_that_went_silent_holds_nothing(self, new_store: NewStore) -> None:
        """Connections count while their node was alive since."""
        async with opened(new_store()) as store:
            await store.sync_connections("n1", NOW, [connection("a", "n1")], [])
            await store.sync_connections("n2", NOW + 10, [connection("b", "n2")], [])
            assert [found.id for found in await store.live_connections(NOW + 5)] == ["b"]
            await store.sync_connections("n1", NOW + 11, [], [])
            assert [found.id for found in await store.live_connections(NOW + 5)] == ["a", "b"]

    async def test_node_closes_only_its_own(self, new_store: NewStore) -> None:
        """A node removes only its own connections."""
        async with opened(new_store()) as store:
            await store.sync_connections("n1", NOW, [connection("a", "n1")], [])
            await store.sync_connections("n2", NOW, [connection("b", "n2")], ["a"])
            await store.forget_node("n2")
            await store.forget_node("unknown")
            assert [found.id for found in await store.live_connections(NOW)] == ["a"]

    async def test_unreadable_text_keeps_nothing_out(self, new_store: NewStore) -> None:
        """A principal name that cannot be encoded does not hide other connections."""
        odd = connection("a", "n1", principal_id="\ud800", endpoint="/\udfff")
        async with opened(new_store()) as store:
            await store.sync_connections("n1", NOW, [odd, connection("b", "n1")], [])
            assert [found.id for found in await store.live_connections(NOW)] == ["a", "b"]
