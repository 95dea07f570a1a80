import asyncio
import json
import os

from identity import Account, acting
from moderation import Moderation, NotAllowed
from tornado.web import Application, HTTPError
from tornado.websocket import WebSocketHandler


class ModerationSocket(WebSocketHandler):
    def initialize(self, moderation: Moderation) -> None:
        self.moderation = moderation

    def get_current_user(self) -> Account | None:
        cookie = self.get_signed_cookie("account")
        return self.moderation.accounts.get(cookie.decode()) if cookie else None

    async def prepare(self) -> None:
        if self.current_user is None:
            raise HTTPError(401)

    async def on_message(self, message: str | bytes) -> None:
        command, _, argument = str(message).partition(" ")
        token = acting.set(self.current_user)
        try:
            if command == "/ban":
                self.moderation.ban(argument)
            elif command == "/unban":
                self.moderation.unban(argument)
            await self.write_message(json.dumps({"banned": sorted(self.moderation.banned)}))
        except NotAllowed:
            await self.write_message(json.dumps({"error": "moderators only"}))
        except KeyError:
            await self.write_message(json.dumps({"error": "no such account"}))
        finally:
            acting.reset(token)


def make_app(accounts: dict[str, Account]) -> Application:
    return Application(
        [(r"/moderation", ModerationSocket, {"moderation": Moderation(accounts)})],
        cookie_secret=os.environ["CHAT_SECRET"],
    )


async def main() -> None:
    make_app({"maria": Account("maria", moderator=True), "pavel": Account("pavel")}).listen(8900)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
