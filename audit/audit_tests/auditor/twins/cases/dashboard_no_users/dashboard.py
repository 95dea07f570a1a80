"""Dashboard of a workshop: machines are started and stopped from any screen in the hall."""

import asyncio
import json
import os

from base import KeyedSocket
from tornado.web import Application


class MachineSocket(KeyedSocket):
    COMMANDS = {"start": True, "stop": False}

    async def on_message(self, message):
        order = json.loads(message)
        machine = self.state["machines"].get(order.get("machine"))
        if machine is None:
            return
        if order["command"] in self.COMMANDS:
            machine["running"] = self.COMMANDS[order["command"]]
        elif order["command"] == "rename":
            machine.update(label=str(order["label"])[:50])
        await self.write_message({"machine": machine})


class AlarmSocket(KeyedSocket):
    async def on_message(self, message):
        number = json.loads(message).get("acknowledge")
        self.state["alarms"].pop(number, None)
        await self.write_message({"alarms": self.state["alarms"]})


def make_app(key):
    state = {"machines": {"lathe": {"running": False}, "saw": {"running": False}}, "alarms": {}}
    given = {"state": state, "key": key}
    return Application([("/machines", MachineSocket, given), ("/alarms", AlarmSocket, given)])


async def main():
    make_app(os.environ["DASHBOARD_KEY"]).listen(8055)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
