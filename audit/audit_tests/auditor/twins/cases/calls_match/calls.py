"""Call control for agents of a hotline."""

import asyncio
import json
import os
from dataclasses import dataclass

from tornado.web import Application, HTTPError
from tornado.websocket import WebSocketHandler


@dataclass
class Call:
    agent: str
    number: str
    up: bool = True


class Exchange:
    def __init__(self, calls: dict[int, Call]) -> None:
        self.calls = calls

    def hang_up(self, cid: int) -> None:
        self.calls[cid].up = False

    def transfer(self, cid: int, agent: str) -> None:
        self.calls[cid].agent = agent


class CallSocket(WebSocketHandler):
    exchange: Exchange
    agents: dict[str, str]
    agent: str

    def initialize(self, exchange: Exchange, agents: dict[str, str]) -> None:
        self.exchange, self.agents = exchange, agents

    def prepare(self) -> None:
        agent = self.agents.get(self.request.headers.get("X-Agent-Key", ""))
        if agent is None:
            raise HTTPError(401)
        self.agent = agent

    def mine(self, cid: int) -> bool:
        call = self.exchange.calls.get(cid)
        return call is not None and call.agent == self.agent

    def on_message(self, message: str | bytes) -> None:
        match json.loads(message):
            case {"op": "list"}:
                ours = [cid for cid, call in self.exchange.calls.items() if call.agent == self.agent]
                self.write_message({"calls": ours})
            case {"op": "hangup" | "transfer", "call": int(cid)} if not self.mine(cid):
                self.write_message({"error": "not your call"})
            case {"op": "hangup", "call": int(cid)}:
                self.exchange.hang_up(cid)
            case {"op": "transfer", "call": int(cid), "to": str(to)} if to in self.agents.values():
                self.exchange.transfer(cid, to)
            case _:
                self.write_message({"error": "unknown"})


def make_app(exchange: Exchange, agents: dict[str, str]) -> Application:
    return Application([("/calls", CallSocket, {"exchange": exchange, "agents": agents})])


async def main() -> None:
    agents = dict(pair.split(":", 1) for pair in os.environ["AGENT_KEYS"].split(","))
    make_app(Exchange({}), agents).listen(8070)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
