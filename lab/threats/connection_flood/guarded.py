"""The same game behind stormdoor: so many seats for one principal, so many handshakes from one address."""

from tornado.web import Application

from stormdoor import (
    Command,
    Guard,
    GuardedHandler,
    Identifier,
    Limits,
    PolicySet,
    Reply,
    SessionAuthenticator,
    action,
    login_routes,
    protect,
    role,
)

USERS = {"alice": "alice plays every evening", "mallory": "mallory does not like to lose"}
SEATS = 60


class Seat(Reply, tag="seat"):
    """One plays."""

    number: int


class Move(Command, tag="move"):
    """Move a piece."""

    to: Identifier


class Moved(Reply, tag="moved"):
    """It is there."""

    by: str
    to: str


def game_handler(guard: Guard) -> type[GuardedHandler]:
    """The handler of the game."""

    class Game(GuardedHandler):
        """`/ws/game`: each client with a seat may move."""

        permission = "game:play"

        def open(self, *args: str, **kwargs: str) -> None:
            self.send(Seat(number=len(guard.registry)))

        @action("game:play")
        def move(self, command: Move) -> Moved:
            """Move."""
            return Moved(by=self.principal.id, to=command.to)

    return Game


async def make(origin: str) -> Application:
    """The application."""
    guard = Guard(
        origins=[origin],
        authenticators=[SessionAuthenticator()],
        policies=PolicySet([role("player", "game:play")]),
        limits=Limits(connections=SEATS, connections_per_principal=3, connections_per_address=20),
        production=False,
    )
    await guard.start()
    for name, password in USERS.items():
        await guard.admin.add_principal(name, password=password, roles=["player"])
    routes = login_routes(guard, endpoint="/ws/game")
    return protect(Application([*routes, ("/ws/game", game_handler(guard))]), guard)
