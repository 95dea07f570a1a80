"""A page with a login, its session cookie, and a socket opened with a single-use ticket.

Run it, open http://127.0.0.1:8888/ and log in with the password that it prints.
"""

import asyncio
import secrets

from tornado.web import Application, RequestHandler

from stormdoor import (
    Command,
    Guard,
    GuardedHandler,
    Line,
    PolicySet,
    Reply,
    SessionAuthenticator,
    TicketAuthenticator,
    action,
    login_routes,
    protect,
    role,
)

PAGE = """<!doctype html><title>Echo</title>
<form><input name="username" value="alice"><input name="password" type="password">
<button>Log in</button></form><button id="out">Log out</button>
<pre id="log"></pre><script src="/page.js"></script>"""

SCRIPT = """
const show = line => document.querySelector("#log").append(line + "\\n");

async function post(path, body) {
  const answer = await fetch(path, {
    method: "POST",
    headers: {"Content-Type": "application/json"},
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer.status === 204 ? null : answer.json();
}

async function connect() {
  const {ticket} = await post("/auth/ticket", {endpoint: "/echo"});
  const address = location.origin.replace("http", "ws") + "/echo";
  const socket = new WebSocket(address, ["stormdoor.v1", `stormdoor.ticket.${ticket}`]);
  socket.onopen = () => socket.send(JSON.stringify({type: "echo", text: "hello", id: 1}));
  socket.onmessage = event => show(event.data);
  socket.onclose = event => show(`closed ${event.code} ${event.reason}`);
}

document.querySelector("form").onsubmit = async event => {
  event.preventDefault();
  const fields = new FormData(event.target);
  try {
    await post("/auth/login", Object.fromEntries(fields));
    await connect();
  } catch (error) {
    show(error.message);
  }
};
document.querySelector("#out").onclick = () => post("/auth/logout", {});
"""


class Page(RequestHandler):
    def get(self) -> None:
        self.write(PAGE)


class Script(RequestHandler):
    def get(self) -> None:
        self.set_header("Content-Type", "text/javascript")
        self.write(SCRIPT)


class Say(Command, tag="echo"):
    text: Line


class Echoed(Reply, tag="echo"):
    text: str


class Echo(GuardedHandler):
    permission = "echo:connect"

    @action("echo:say", limit="5/s")
    def say(self, command: Say) -> Echoed:
        return Echoed(text=f"{self.principal.id}: {command.text}")


guard = Guard(
    origins=["http://127.0.0.1:8888"],
    authenticators=[SessionAuthenticator(), TicketAuthenticator()],
    policies=PolicySet([role("member", "echo:*")]),
)
app = protect(
    Application(
        [
            *login_routes(guard, endpoint="/echo"),
            ("/", Page),
            ("/page.js", Script),
            ("/echo", Echo),
        ],
        websocket_ping_interval=20,
    ),
    guard,
)


async def main() -> None:
    async with guard:
        password = secrets.token_urlsafe(12)
        await guard.admin.add_principal("alice", password=password, roles=["member"])
        print(f"http://127.0.0.1:8888/ alice {password}")
        app.listen(8888, "127.0.0.1")
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
