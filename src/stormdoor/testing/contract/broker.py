"""Contract of every broker between nodes."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from stormdoor.core.log_position import LogPosition
from stormdoor.ports import Broker, Publication
from stormdoor.testing.contract.support import eventually

__all__ = ["BrokerContract", "NewBrokers"]

NewBrokers = Callable[[], tuple[Broker, Broker]]
"""Makes the objects of two connected nodes. In one process, both may be the same object."""


def _publication(topic: str, payload: bytes = b'{"text":"x"}') -> Publication:
    return Publication(topic, payload, LogPosition("an epoch", 7))


@dataclass
class _Node:
    name: str
    broker: Broker
    received: list[Publication] = field(default_factory=list)

    def receive(self, publication: Publication) -> None:
        self.received.append(publication)
        if publication.payload == b"fault":
            raise ValueError(publication.topic)

    async def subscribe(self, topic: str, publisher: "_Node") -> None:
        """Subscribe, and wait until `publisher` knows it and a first publication has arrived."""
        self.broker.subscribe(self.name, topic)
        first = _publication(topic, b"first")

        async def arrives() -> bool:
            if publisher.broker.is_wanted(publisher.name, topic):
                publisher.broker.publish(publisher.name, first)
            return first in self.received

        await eventually(arrives)
        await self.last(publisher, topic)
        self.received.clear()

    async def last(self, publisher: "_Node", topic: str) -> None:
        """Wait until everything that was published has arrived."""
        end = _publication(topic, b"last")

        async def arrived() -> bool:
            return end in self.received

        publisher.broker.publish(publisher.name, end)
        await eventually(arrived)
        self.received.remove(end)


@asynccontextmanager
async def _joined(new_brokers: NewBrokers) -> AsyncIterator[tuple[_Node, _Node]]:
    one, other = map(_Node, ("n1", "n2"), new_brokers())
    for node in (one, other):
        await node.broker.join(node.name, node.receive)
    yield one, other
    for node in (one, other):
        await node.broker.leave(node.name)
        await node.broker.leave(node.name)


class BrokerContract:
    async def test_other_node_receives_it_unchanged(self, new_brokers: NewBrokers) -> None:
        """The other node gets topic, payload and position as they were; the publisher gets nothing."""
        async with _joined(new_brokers) as (one, other):
            topic = "room:[a-z]* ?é\x00"
            await other.subscribe(topic, one)
            one.broker.subscribe(one.name, topic)
            sent = _publication(topic, bytes(range(256)))
            one.broker.publish(one.name, sent)
            await other.last(one, topic)
            assert other.received == [sent]
            assert one.received == []

    async def test_order_is_kept(self, new_brokers: NewBrokers) -> None:
        """Publications of one node to one topic arrive in order, each once."""
        async with _joined(new_brokers) as (one, other):
            await other.subscribe("t", one)
            sent = [_publication("t", str(n).encode()) for n in range(200)]
            for publication in sent:
                one.broker.publish(one.name, publication)
            await other.last(one, "t")
            assert other.received == sent

    async def test_only_subscribed_topics_arrive(self, new_brokers: NewBrokers) -> None:
        """A node gets no publication of a topic that it does not subscribe to, or has left."""
        async with _joined(new_brokers) as (one, other):
            await other.subscribe("t", one)
            await other.subscribe("left", one)
            other.broker.unsubscribe(other.name, "left")

            async def is_known() -> bool:
                return not one.broker.is_wanted(one.name, "left")

            await eventually(is_known)
            for topic in ("t:longer", "left", "never"):
                one.broker.publish(one.name, _publication(topic))
            await other.last(one, "t")
            assert other.received == []
            assert not one.broker.is_wanted(one.name, "never")

    async def test_own_subscription_is_no_reason_to_publish(self, new_brokers: NewBrokers) -> None:
        """A topic that only the publisher subscribes to is not wanted."""
        async with _joined(new_brokers) as (one, _):
            one.broker.subscribe(one.name, "t")
            assert not one.broker.is_wanted(one.name, "t")

    async def test_fault_of_a_receiver_stays_there(self, new_brokers: NewBrokers) -> None:
        """An exception of a receiver reaches no publisher, and later publications arrive."""
        async with _joined(new_brokers) as (one, other):
            await other.subscribe("t", one)
            one.broker.publish(one.name, _publication("t", b"fault"))
            await other.last(one, "t")
            assert [found.payload for found in other.received] == [b"fault"]

    async def test_node_that_left_receives_nothing(self, new_brokers: NewBrokers) -> None:
        """A node that left gets nothing, and its subscriptions do not come back when it joins again."""
        async with _joined(new_brokers) as (one, other):
            await other.subscribe("t", one)
            await other.broker.leave(other.name)
            one.broker.publish(one.name, _publication("t"))
            await other.broker.join(other.name, other.receive)
            await other.subscribe("another", one)
            one.broker.publish(one.name, _publication("t"))
            await other.last(one, "another")
            assert other.received == []
