"""A login with a second factor, and an action that asks for one on an open socket.

Run it, open http://localhost:8888/ (not the number: passkeys need a name) and log in with the password
that it prints. "Pay" is refused until there is a second factor; the socket stays open all the while.
"""

import asyncio
import secrets

from tornado.web import Application, RequestHandler

from stormdoor import (
    Command,
    Count,
    Guard,
    GuardedHandler,
    PolicySet,
    Reply,
    SecondFactor,
    SessionAuthenticator,
    TicketAuthenticator,
    action,
    login_routes,
    protect,
    role,
)

PAGE = """<!doctype html><meta charset="utf-8"><title>Bank</title>
<form id="login"><input name="username" value="alice"><input name="password" type="password">
<button>Log in</button></form>
<form id="code"><input name="totp" inputmode="numeric" autocomplete="one-time-code">
<button>Use code</button></form>
<button id="totp">Add codes</button> <button id="passkey">Add a passkey</button>
<button id="use">Use a passkey</button> <button id="pay">Pay</button> <button id="out">Log out</button>
<div id="qr"></div><pre id="log"></pre><script src="/page.js"></script>"""

SCRIPT = """
const $ = name => document.querySelector("#" + name);
const show = line => $("log").append(JSON.stringify(line) + "\\n");
let socket = null, waiting = false, enrolment = null;

async function post(path, body = {}) {
  const answer = await fetch("/auth" + path, {
    method: "POST",
    headers: {"Content-Type": "application/json"},
    body: JSON.stringify(body),
  });
  const text = await answer.text();
  const result = {status: answer.status, ...(text ? JSON.parse(text) : {})};
  if (!answer.ok) show(result);
  return result;
}

async function connect() {
  const {ticket} = await post("/ticket", {endpoint: "/bank"});
  if (socket && socket.readyState === WebSocket.OPEN) {
    // The session is stronger now, and this ticket makes the socket so, too.
    socket.send(JSON.stringify({type: "stormdoor.refresh", token: ticket, id: 1}));
    return;
  }
  const address = location.origin.replace("http", "ws") + "/bank";
  socket = new WebSocket(address, ["stormdoor.v1", `stormdoor.ticket.${ticket}`]);
  socket.onmessage = event => show(JSON.parse(event.data));
  socket.onclose = event => show({closed: event.code});
}

async function done(result) {
  waiting = result.status === 202;
  if (waiting) show({present: result.second_factor});
  if (result.status === 200) await connect();
}

async function enrolled(result) {
  if (result.status !== 201) return;
  enrolment = null;
  $("qr").replaceChildren();
  show({enrolled: result.kind, recovery_codes: result.recovery_codes});
  await connect();
}

$("login").onsubmit = async event => {
  event.preventDefault();
  await done(await post("/login", Object.fromEntries(new FormData(event.target))));
};
$("code").onsubmit = async event => {
  event.preventDefault();
  const {totp} = Object.fromEntries(new FormData(event.target));
  if (enrolment) await enrolled(await post("/factors/totp/confirm", {id: enrolment, code: totp}));
  else await done(await post(waiting ? "/second-factor" : "/step-up", {totp}));
};
$("totp").onclick = async () => {
  const begun = await post("/factors/totp");
  enrolment = begun.id ?? null;
  $("qr").innerHTML = begun.qr ?? "";  // made by the server, which we trust
  if (enrolment) show({secret: begun.secret});
};
$("passkey").onclick = async () => {
  const begun = await post("/factors/passkey");
  if (!begun.publicKey) return;
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(begun.publicKey);
  const made = await navigator.credentials.create({publicKey});
  await enrolled(await post("/factors/passkey/confirm", {passkey: made.toJSON()}));
};
$("use").onclick = async () => {
  const step = waiting ? "/second-factor" : "/step-up";
  const begun = await post(step + "/options");
  if (!begun.publicKey) return;
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(begun.publicKey);
  const signed = await navigator.credentials.get({publicKey});
  await done(await post(step, {passkey: signed.toJSON()}));
};
$("pay").onclick = () => socket?.send(JSON.stringify({type: "pay", amount: 5, id: 2}));
$("out").onclick = () => post("/logout");
"""


class Page(RequestHandler):
    def get(self) -> None:
        self.write(PAGE)


class Script(RequestHandler):
    def get(self) -> None:
        self.set_header("Content-Type", "text/javascript")
        self.write(SCRIPT)


class Pay(Command, tag="pay"):
    amount: Count


class Paid(Reply, tag="paid"):
    amount: int


class Bank(GuardedHandler):
    permission = "bank:connect"

    @action("bank:pay", strength=2, fresh="5min")
    def pay(self, command: Pay) -> Paid:
        return Paid(amount=command.amount)


guard = Guard(
    origins=["http://localhost:8888"],
    authenticators=[SessionAuthenticator(), TicketAuthenticator()],
    policies=PolicySet([role("member", "bank:*")]),
    second_factor=SecondFactor(name="Example Bank"),
    secrets_key=secrets.token_bytes(32),  # a real one outlives the process, like the store
)
app = protect(
    Application(
        [
            *login_routes(guard, endpoint="/bank"),
            ("/", Page),
            ("/page.js", Script),
            ("/bank", Bank),
        ],
        websocket_ping_interval=20,
    ),
    guard,
)


async def main() -> None:
    async with guard:
        password = secrets.token_urlsafe(12)
        await guard.admin.add_principal("alice", password=password, roles=["member"])
        print(f"http://localhost:8888/ alice {password}")
        app.listen(8888, "127.0.0.1")
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
