import asyncio
from contextlib import contextmanager
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Passage:
    depot: str
    operator: str
    tram: int
    delay: int


class Hub:
    def __init__(self):
        self._queues = set()

    @contextmanager
    def attached(self):
        queue = asyncio.Queue()
        self._queues.add(queue)
        try:
            yield queue
        finally:
            self._queues.discard(queue)

    def publish(self, passage):
        for queue in self._queues:
            queue.put_nowait(passage)

    async def passages(self, operator, depot):
        """Yield what trams of this operator report at a depot."""
        with self.attached() as queue:
            while True:
                passage = await queue.get()
                if passage.depot == depot and passage.operator == operator:
                    yield asdict(passage)
