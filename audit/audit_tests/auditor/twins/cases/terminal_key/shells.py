import asyncio
import json
import os
import secrets

from tornado.web import Application, HTTPError
from tornado.websocket import WebSocketHandler


class Shell:
    """A shell of one user, kept while the browser reconnects."""

    def __init__(self, process):
        self.process = process

    @classmethod
    async def spawn(cls):
        return cls(await asyncio.create_subprocess_exec("sh", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE))

    async def type(self, line):
        mark = secrets.token_hex(8)
        self.process.stdin.write(f"{line}\necho {mark}\n".encode())
        await self.process.stdin.drain()
        out = []
        while (answer := (await self.process.stdout.readline()).decode().rstrip()) not in (mark, ""):
            out.append(answer)
        return out


class Shells:
    def __init__(self):
        self.open = {}

    async def get(self, key):
        if key not in self.open:
            self.open[key] = await Shell.spawn()
        return self.open[key]


class ShellSocket(WebSocketHandler):
    async def prepare(self):
        token = self.request.headers.get("Authorization", "").removeprefix("Bearer ")
        self.user = self.settings["users"].get(token)
        if self.user is None:
            raise HTTPError(401)

    async def on_message(self, message):
        data = json.loads(message)
        tab = str(data.get("tab", "1"))
        key = (self.user, tab)
        shell = await self.settings["shells"].get(key)
        for line in await shell.type(str(data["line"]).replace("\n", " ")):
            await self.write_message({"tab": tab, "out": line})
        await self.write_message({"tab": tab, "ready": True})


def make_app(users=None):
    return Application(
        [("/shell", ShellSocket)],
        users=users if users is not None else json.loads(os.environ["SHELL_USERS"]),
        shells=Shells(),
    )


async def main():
    make_app().listen(2222, "127.0.0.1")
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
