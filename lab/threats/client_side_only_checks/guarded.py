"""The same chess behind stormdoor: the server decides about every move, for every page."""

from typing import Annotated, Literal

from msgspec import Meta
from tornado.web import Application, RequestHandler

from stormdoor import (
    Command,
    Guard,
    GuardedHandler,
    PolicySet,
    Reply,
    Resource,
    SessionAuthenticator,
    Topic,
    action,
    login_routes,
    permit,
    protect,
    role,
)

USERS = {"white": "white opens with the pawn", "umpire": "umpire watches both sides"}
PAGE = """<!doctype html><title>Chess</title><p>Log in to play.</p>"""
SIDES = {"wKe1": "white", "bKe8": "black"}
TABLE = Topic("table", "game:watch")


class Move(Command, tag="move"):
    piece: Literal["wKe1", "bKe8"]
    to: Annotated[str, Meta(pattern=r"\A[a-h][1-8]\Z")]


class Void(Command, tag="void"):
    pass


class Board(Reply, tag="board"):
    pieces: dict[str, str]


def game_handler(guard: Guard) -> type[GuardedHandler]:
    pieces = {"wKe1": "e1", "bKe8": "e8"}

    def piece(move: Move) -> Resource:
        return Resource("piece", move.piece, attributes={"side": SIDES[move.piece]})

    class Game(GuardedHandler):
        permission = "game:watch"

        def open(self, *args: str, **kwargs: str) -> None:
            guard.channels.subscribe(self.connection, TABLE)
            self.send(Board(pieces=dict(pieces)))

        @action("game:move", resource=piece)
        def move(self, command: Move) -> None:
            pieces[command.piece] = command.to
            guard.channels.publish(TABLE, Board(pieces=dict(pieces)))

        @action("game:void")
        def void(self, command: Void) -> None:
            pieces.clear()
            guard.channels.publish(TABLE, Board(pieces={}))

    return Game


class Page(RequestHandler):
    def get(self) -> None:
        self.write(PAGE)


async def make(origin: str) -> Application:
    guard = Guard(
        origins=[origin],
        authenticators=[SessionAuthenticator()],
        policies=PolicySet(
            [
                role("player", "game:watch"),
                role("umpire", "game:watch", "game:void"),
                permit("game:move", roles=["player"], when="resource.side == principal.id"),
            ]
        ),
        production=False,
    )
    await guard.start()
    await guard.admin.add_principal("white", password=USERS["white"], roles=["player"])
    await guard.admin.add_principal("umpire", password=USERS["umpire"], roles=["umpire"])
    routes = login_routes(guard, endpoint="/ws/game")
    return protect(
        Application(
            [*routes, ("/", Page), ("/ws/game", game_handler(guard))], websocket_ping_interval=20
        ),
        guard,
    )
