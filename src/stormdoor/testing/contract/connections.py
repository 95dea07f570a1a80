"""Contract of every store for open connections."""

from dataclasses import replace

from stormdoor.core.revocation import Target
from stormdoor.testing.contract.support import NOW, STATUS, NewStore, connection, opened

__all__ = ["ConnectionsContract"]


class ConnectionsContract:
    async def test_connection_comes_back_as_it_was(self, new_store: NewStore) -> None:
        """Every field of a connection is stored, and the oldest connection comes first."""
        old, new = connection("c2", "n1", opened_at=NOW), connection("c1", "n1", opened_at=NOW + 1)
        new = replace(
            new,
            issued_at=NOW - 5,
            tenant="acme",
            roles=frozenset({"admin", "member"}),
            session_id="s1",
            credential_id="k1",
            device_id="phone",
            token_hash="0a" * 32,
        )
        async with opened(new_store()) as store:
            await store.beat("n1", STATUS, joining=True)
            await store.sync_connections("n1", [new, old], [])
            assert await store.live_connections(["n1"]) == [old, new]

    async def test_batches_add_up(self, new_store: NewStore) -> None:
        """A batch adds opened connections and removes closed ones, also within itself."""
        async with opened(new_store()) as store:
            await store.beat("n1", STATUS, joining=True)
            await store.sync_connections("n1", [connection(c, "n1") for c in "ab"], [])
            await store.sync_connections(
                "n1", [connection(c, "n1") for c in "bcd"], ["a", "d", "unknown"]
            )
            assert [found.id for found in await store.live_connections(["n1"])] == ["b", "c"]

    async def test_listed_connection_is_replaced(self, new_store: NewStore) -> None:
        """A connection with other roles or another credential replaces its entry in the list."""
        new = connection("a", "n1", roles=frozenset({"guest"}), credential_id="k2")
        async with opened(new_store()) as store:
            await store.beat("n1", STATUS, joining=True)
            await store.sync_connections("n1", [connection("a", "n1")], [])
            await store.sync_connections("n1", [new], [])
            assert await store.live_connections(["n1"]) == [new]

    async def test_pages_have_each_connection_once(self, new_store: NewStore) -> None:
        """Pages contain the connections of all nodes, by node and id, each once."""
        async with opened(new_store()) as store:
            for node in ("n1", "n2"):
                await store.beat(node, STATUS, joining=True)
                new = [connection(f"{id} of {node}", node) for id in "cab"]
                await store.sync_connections(node, new, [])
            place, found = ("", ""), list[str]()
            while page := await store.connections_after(place, limit=2):
                assert len(page) <= 2
                found += [one.id for one in page]
                place = (page[-1].node, page[-1].id)
            assert found == [f"{id} of {node}" for node in ("n1", "n2") for id in "abc"]

    async def test_tenants_of_the_connections_that_a_revocation_names(
        self, new_store: NewStore
    ) -> None:
        """Each target finds the tenants of its connections on all nodes, and of no other connection."""
        one = connection(
            "c1",
            "n1",
            principal_id="ann",
            tenant="acme",
            roles=frozenset({'ad"min', "member"}),
            session_id="s1",
            device_id="phone",
            token_hash="0a" * 32,
        )
        two = connection("c2", "n2", principal_id="gus", tenant="globex", credential_id="k2")
        async with opened(new_store()) as store:
            for listed in (one, two, connection("c3", "n2")):
                await store.beat(listed.node, STATUS, joining=True)
                await store.sync_connections(listed.node, [listed], [])
            for target, value, tenants in [
                (Target.PRINCIPAL, "ann", {"acme"}),
                (Target.SESSION, "s1", {"acme"}),
                (Target.CREDENTIAL, "s1", {"acme"}),
                (Target.CREDENTIAL, "k2", {"globex"}),
                (Target.TOKEN, "0a" * 32, {"acme"}),
                (Target.DEVICE, "phone", {"acme"}),
                (Target.ROLE, 'ad"min', {"acme"}),
                (Target.ROLE, "admin", set()),
                (Target.TENANT, "globex", {"globex"}),
                (Target.CONNECTION, "c3", {None}),
                (Target.EVERYTHING, "", {"acme", "globex", None}),
                (Target.PRINCIPAL, "nobody", set()),
                (Target.PRINCIPAL, "\ud800\0", set()),
            ]:
                found = await store.tenants_of_connections(target, value)
                assert found == tenants, (target, value)

    async def test_only_connections_of_the_named_nodes(self, new_store: NewStore) -> None:
        """A list contains the connections of the nodes that it names."""
        async with opened(new_store()) as store:
            for node in ("n1", "n2"):
                await store.beat(node, STATUS, joining=True)
                await store.sync_connections(node, [connection(f"of {node}", node)], [])
            assert [found.id for found in await store.live_connections(["n2"])] == ["of n2"]
            assert await store.live_connections([]) == []

    async def test_node_closes_only_its_own(self, new_store: NewStore) -> None:
        """A node removes only its own connections."""
        async with opened(new_store()) as store:
            await store.beat("n1", STATUS, joining=True)
            await store.beat("n2", STATUS, joining=True)
            await store.sync_connections("n1", [connection("a", "n1")], [])
            await store.sync_connections("n2", [connection("b", "n2")], ["a"])
            await store.remove_member("n2")
            await store.remove_member("unknown")
            assert [one.node for one in await store.members()] == ["n1"]
            assert [found.id for found in await store.live_connections(["n1", "n2"])] == ["a"]

    async def test_unreadable_text_keeps_nothing_out(self, new_store: NewStore) -> None:
        """A principal name that cannot be encoded does not hide other connections."""
        odd = connection(
            "a", "n1", principal_id="\ud800", endpoint="/\udfff", roles=frozenset({"\udfff"})
        )
        async with opened(new_store()) as store:
            await store.beat("n1", STATUS, joining=True)
            await store.sync_connections("n1", [odd, connection("b", "n1")], [])
            assert [found.id for found in await store.live_connections(["n1"])] == ["a", "b"]
