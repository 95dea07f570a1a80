"""Contract of every store for texts that databases reject: U+0000 and lone surrogates."""

from collections.abc import Awaitable, Callable

import pytest

from stormdoor.core.revocation import Revocation, Target
from stormdoor.errors import StoreError
from stormdoor.ports import Store
from stormdoor.testing.contract.support import (
    NOW,
    NewStore,
    account,
    event,
    key,
    pending,
    session,
    ticket,
    trail_head,
    with_accounts,
)

__all__ = ["TextsContract"]

TEXTS = ["\0", "alice\0", "\0alice", "\ud800", "alice\udfff", "\udfff\ud800"]

LOOK_UPS: dict[str, Callable[[Store, str], Awaitable[object]]] = {
    "account": lambda store, text: store.account(text),
    "session": lambda store, text: store.session(text),
    "sessions": lambda store, text: store.sessions(text),
    "sessions_of_provider": lambda store, text: store.sessions_of_provider(text, sid=text),
    "redeem_ticket": lambda store, text: store.redeem_ticket(text),
    "take_pending": lambda store, text: store.take_pending(text, text),
    "use_recovery_code": lambda store, text: store.use_recovery_code(text, text),
    "key": lambda store, text: store.key(text),
    "keys": lambda store, text: store.keys(text),
    "pending": lambda store, text: store.pending(text, text),
    "identity": lambda store, text: store.identity(text, text),
    "identities": lambda store, text: store.identities(text),
    "factors": lambda store, text: store.factors(text),
    "factor_by_handle": lambda store, text: store.factor_by_handle(text),
    "recovery_codes": lambda store, text: store.recovery_codes(text),
    "address_seen": lambda store, text: store.address_seen(text, text),
    "entries": lambda store, text: store.entries(principal=text),
    "entries_named": lambda store, text: store.entries(event=text),
}

WRITES: dict[str, Callable[[Store, str], Awaitable[object]]] = {
    "add_account": lambda store, text: store.add_account(account(text)),
    "add_account_tenant": lambda store, text: store.add_account(account("zoe", tenant=text)),
    "add_account_attribute": lambda store, text: store.add_account(
        account("zoe", attributes={"a": text})
    ),
    "add_role": lambda store, text: store.add_role("alice", text),
    "add_session": lambda store, text: store.add_session(session("s2", "alice", user_agent=text)),
    "add_ticket": lambda store, text: store.add_ticket(ticket("t2", "alice", endpoint=text)),
    "add_key": lambda store, text: store.add_key(key("k2", "alice", name=text)),
    "add_pending": lambda store, text: store.add_pending(pending("p2", data={"a": text})),
    "use_nonce": lambda store, text: store.use_nonce("jti", text, NOW),
    "link_identity": lambda store, text: store.link_identity(text, text, "alice", NOW),
    "add_revocation": lambda store, text: store.add_revocation(
        Revocation(Target.PRINCIPAL, text, NOW)
    ),
}


class TextsContract:
    @pytest.mark.parametrize("text", TEXTS, ids=ascii)
    @pytest.mark.parametrize("name", LOOK_UPS)
    async def test_look_up_finds_nothing(self, name: str, text: str, new_store: NewStore) -> None:
        """A look-up of a text that the database rejects finds no row, and is no error of the driver."""
        async with with_accounts(new_store, "alice") as store:
            await store.append_events([event()])
            assert not await LOOK_UPS[name](store, text)

    @pytest.mark.parametrize("text", TEXTS, ids=ascii)
    @pytest.mark.parametrize("name", WRITES)
    async def test_write_is_done_or_refused(
        self, name: str, text: str, new_store: NewStore
    ) -> None:
        """The text is stored, or `StoreError` says that it cannot be; then nothing has changed."""
        async with with_accounts(new_store, "alice") as store:
            before = (await store.accounts(), await store.keys(), await store.log_position())
            try:
                await WRITES[name](store, text)
            except StoreError:
                after = (await store.accounts(), await store.keys(), await store.log_position())
                assert after == before
            assert await store.account("bob") is None

    @pytest.mark.parametrize("text", TEXTS, ids=ascii)
    async def test_trail_takes_every_text(self, text: str, new_store: NewStore) -> None:
        """The trail stores an event with any text, so that a client cannot suppress its entries."""
        async with with_accounts(new_store) as store:
            await store.append_events([event(text, detail=text, actor=text), event("bob")])
            assert (await trail_head(store))[0] == 2
            assert len(await store.entries(principal="bob")) == 1
