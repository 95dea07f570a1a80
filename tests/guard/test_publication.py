"""A message for other nodes carries the revocations that its publisher has applied."""

from __future__ import annotations

from stormdoor import Target
from stormdoor.channels import Topic
from stormdoor.core.log_position import LogPosition
from tests.guard.fakes import make_guard, settle


async def test_message_waits_for_the_revocations_before_it() -> None:
    """A node delivers a message only after it has applied what the publisher had applied."""
    guard = await settle(make_guard())
    before = guard.supervisor.applied
    await guard.admin.revoke(Target.PRINCIPAL, "bob")
    await guard.supervisor.follow()
    sent = guard.channels.publication(Topic("room:lobby", "chat:listen"), {"text": "without Bob"})
    assert (sent.topic, sent.applied) == ("room:lobby", guard.supervisor.applied)
    assert not sent.may_pass(before)
    assert sent.may_pass(sent.applied)
    assert sent.may_pass(sent.applied._replace(seq=sent.applied.seq + 1))
    assert not sent.may_pass(LogPosition("another epoch", sent.applied.seq + 1))
    await guard.close()
