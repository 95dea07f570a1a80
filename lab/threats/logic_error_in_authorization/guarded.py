"""The same terminal behind stormdoor: what nothing allows is refused, and so is what cannot be answered."""

from tornado.web import Application

from stormdoor import (
    AccessRequest,
    Command,
    Guard,
    GuardedHandler,
    Identifier,
    PolicySet,
    Reply,
    Resource,
    SessionAuthenticator,
    action,
    login_routes,
    permit,
    protect,
    role,
)

USERS = {"kim": "kim restarts the web servers", "root": "root has the key of the vault"}
directory = {"up": True}
FILES = {"web": "welcome", "vault": "the master key is 4711"}


def go_down() -> None:
    directory["up"] = False


CONTROLS = {"directory down": go_down}


def is_owner(request: AccessRequest) -> bool:
    """Raises if the directory does not answer: a condition that raises denies."""
    if not directory["up"]:
        raise ConnectionError("directory")
    return request.principal.id == "root"


class Run(Command, tag="run"):
    host: Identifier


class Output(Reply, tag="output"):
    text: str


class Terminal(GuardedHandler):
    permission = "terminal:connect"

    @action[Run]("terminal:run", resource=lambda run: Resource("host", run.host))
    def run(self, command: Run) -> Output:
        return Output(text=FILES[command.host.lower()])


async def make(origin: str) -> Application:
    guard = Guard(
        origins=[origin],
        authenticators=[SessionAuthenticator()],
        policies=PolicySet(
            [
                role("operator", "terminal:connect"),
                permit("terminal:run", roles=["operator"], when='resource.id == "web"'),
                permit("terminal:run", when=['resource.id == "vault"', is_owner]),
            ]
        ),
        production=False,
    )
    await guard.start()
    for name, password in USERS.items():
        await guard.admin.add_principal(name, password=password, roles=["operator"])
    routes = login_routes(guard, endpoint="/ws/terminal")
    return protect(
        Application([*routes, ("/ws/terminal", Terminal)], websocket_ping_interval=20), guard
    )
