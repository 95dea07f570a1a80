"""A chat with users of an OpenID provider, who authenticate again for important actions.

Register the application at your provider with the redirect URI http://127.0.0.1:8888/auth/oidc/callback, then

    export OPENID_ISSUER=https://login.example OPENID_CLIENT=chat OPENID_SECRET=...
    python examples/openid.py

and open http://127.0.0.1:8888/. Without a provider of your own, in a checkout with Node.js 20 or later:

    python -m tests.support.openid.serve

starts one for this program and prints the lines to export.
"""

import asyncio
import os

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
from stormdoor.tornado.oidc_routes import OpenIdProvider, oidc_routes

HERE = "http://127.0.0.1:8888"
STRONG = os.environ.get("OPENID_ACR", "urn:example:two-factors")

PAGE = """<!doctype html><title>Chat</title>
<p id="who">Not logged in</p>
<p><a id="in" href="/auth/oidc/login?return_to=/">Log in</a> <button id="out">Log out</button></p>
<form id="chat"><input name="text" value="hello"><button>Say</button></form>
<button id="wipe">Wipe the room</button> <button id="prove" hidden>Prove yourself</button>
<pre id="log"></pre><script src="/page.js"></script>"""

SCRIPT = """
const $ = id => document.getElementById(id);
const show = line => $("log").append(line + "\\n");
const send = message => socket.send(JSON.stringify(message));
let socket;

async function ticket() {
  const answer = await fetch("/auth/ticket", {method: "POST", body: "{}"});
  return (await answer.json()).ticket;
}

async function start() {
  const answer = await fetch("/auth/session");
  if (!answer.ok) return;
  $("who").textContent = (await answer.json()).principal;
  const offers = ["stormdoor.v1", `stormdoor.ticket.${await ticket()}`];
  socket = new WebSocket(location.origin.replace("http", "ws") + "/chat", offers);
  socket.onopen = () => show("open");
  socket.onclose = event => show(`closed ${event.code}`);
  socket.onmessage = event => {
    const message = JSON.parse(event.data);
    show(event.data);
    if (message.error === "step-up") $("prove").hidden = false;
    if (message.type === "stormdoor.refreshed") {
      $("prove").hidden = true;
      send({type: "wipe"});
    }
  };
}

$("chat").onsubmit = event => {
  event.preventDefault();
  send({type: "say", text: event.target.elements.text.value});
};
$("wipe").onclick = () => send({type: "wipe"});
$("prove").onclick = () => {
  const query = new URLSearchParams({acr_values: "ACR", max_age: "0", return_to: "/proved"});
  open(`/auth/oidc/step-up?${query}`, "prove", "width=500,height=600");
};
// The page in the other window says when it is done; this one's socket has been open all the time.
new BroadcastChannel("proved").onmessage = async () =>
  send({type: "stormdoor.refresh", token: await ticket()});
$("out").onclick = async () => {
  const answer = await fetch("/auth/oidc/logout", {method: "POST"});
  location = (await answer.json()).location;
};
start();
"""

PROVED = """<!doctype html><title>Done</title><p>You may close this window</p>
<script src="/proved.js"></script>"""


class Page(RequestHandler):
    def get(self) -> None:
        self.write(PAGE)


class Script(RequestHandler):
    def get(self) -> None:
        self.set_header("Content-Type", "text/javascript")
        self.write(SCRIPT.replace("ACR", STRONG))


class Proved(RequestHandler):
    def get(self) -> None:
        self.write(PROVED)


class ProvedScript(RequestHandler):
    def get(self) -> None:
        self.set_header("Content-Type", "text/javascript")
        self.write('new BroadcastChannel("proved").postMessage("done"); window.close();')


class Say(Command, tag="say"):
    text: Line


class Said(Reply, tag="said"):
    text: str


class Wipe(Command, tag="wipe"):
    pass


class Wiped(Reply, tag="wiped"):
    pass


class Chat(GuardedHandler):
    permission = "chat:connect"

    @action("chat:say", limit="5/s")
    def say(self, command: Say) -> Said:
        return Said(text=command.text)

    @action("chat:wipe", strength=2, fresh="5min")
    def wipe(self, command: Wipe) -> Wiped:
        return Wiped()


def make() -> tuple[Application, Guard]:
    """The application and its guard."""
    guard = Guard(
        origins=[HERE],
        authenticators=[SessionAuthenticator(), TicketAuthenticator()],
        policies=PolicySet([role("member", "chat:*")]),
    )
    provider = OpenIdProvider(
        issuer=os.environ["OPENID_ISSUER"],
        client_id=os.environ["OPENID_CLIENT"],
        client_secret=os.environ.get("OPENID_SECRET"),
        redirect_uri=f"{HERE}/auth/oidc/callback",
        post_logout_redirect_uri=f"{HERE}/auth/oidc/logged-out",
        unknown="create",
        default_roles=["member"],
        strengths={STRONG: 2},
    )
    routes = [
        *oidc_routes(guard, provider),
        *login_routes(guard, endpoint="/chat"),
        ("/", Page),
        ("/page.js", Script),
        ("/proved", Proved),
        ("/proved.js", ProvedScript),
        ("/chat", Chat),
    ]
    return protect(Application(routes, websocket_ping_interval=20), guard), guard


async def main() -> None:
    app, guard = make()
    async with guard:
        app.listen(8888, "127.0.0.1")
        print(HERE)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
