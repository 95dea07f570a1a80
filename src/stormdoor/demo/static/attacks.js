// The attacks that a browser can run. Each runs against a live server, the target, and returns a verdict:
// refused (true, false, or null when the run proves nothing) and the reason in words.

import { call } from "./http.js";
import { RawSocket } from "./rawsocket.js";
import { hasRole } from "./session.js";
import { ticketProtocols } from "./socket.js";

const CHAT = "/ws/chat";
const DASHBOARD = "/ws/dashboard";
const ROOM = "attack";
const TICKET_BYTES = 32;
const OVERSIZE = 100_000;
const FLOOD = 60;
const DEPTH = 2000;

const held = (reason) => ({ refused: true, reason });
const broke = (reason) => ({ refused: false, reason });
const unproven = (reason) => ({ refused: null, reason });

const closeWords = ({ code }) => (code === 1006 ? "handshake refused, no socket" : `closed with ${code}`);

function answerWords(reply, socket) {
  if (reply) return reply.type === "error" ? `error ${reply.error}` : reply.type;
  return socket.closed ? closeWords(socket.closed) : "no answer";
}

async function openWithTicket(target, log, endpoint = CHAT) {
  const ticket = await target.issueTicket(endpoint);
  if (!ticket.ok) {
    log.got(`no ticket for ${endpoint}: HTTP ${ticket.status}`);
    return { socket: null, status: ticket.status };
  }
  const socket = await RawSocket.open(target.url(endpoint), ticketProtocols(ticket.body.ticket));
  return { socket, ticket: ticket.body.ticket };
}

// An open, allowed chat socket to attack from; null when this visitor has none.
async function insider(target, log) {
  const { socket } = await openWithTicket(target, log);
  if (!socket?.opened) {
    if (socket) log.got(closeWords(socket.closed));
    return null;
  }
  return socket;
}

const NO_INSIDER = "You could not open the chat at all, so there was nothing to attack from. Sign in as a member, or wait a moment if you ran many attacks.";

// Sends each hostile message and expects an error, or a close.
async function eachRefused(socket, log, messages) {
  for (const [words, message, id] of messages) {
    const seen = socket.frames.length;
    log.sent(words);
    socket.send(message);
    const isAnswer = (frame) => (frame.id ? frame.id === id : frame.type === "error");
    const reply = await socket.next((frame) => socket.frames.indexOf(frame) >= seen && isAnswer(frame));
    const answer = answerWords(reply, socket);
    log.got(answer);
    if (socket.closed && !reply) return held("The server refused, and closed the connection.");
    if (reply?.error === "rate-limited") return unproven("Too many messages came before this one. Wait a moment and run it again.");
    if (reply?.type !== "error") return broke(`The server answered “${answer}”.`);
  }
  socket.close();
  return held(messages.length > 1 ? "Each one was refused." : "It was refused.");
}

function frameLoaded(frame) {
  return new Promise((resolve) => {
    frame.addEventListener("load", () => resolve(true), { once: true });
    setTimeout(() => resolve(false), 5000);
  });
}

async function foreignOrigin(target, log, { stage }) {
  const info = await call("GET", "/demo/info");
  const origin = info.body?.foreign_origin;
  if (!origin) return unproven("The second port is off, so there is no foreign page.");

  log.sent("control: open the chat from this page, with a ticket");
  const control = await insider(target, log);
  if (!control) return unproven(NO_INSIDER);
  log.got("open");
  control.close();

  const stolen = await target.issueTicket(CHAT);
  const frame = document.createElement("iframe");
  frame.title = `Foreign page at ${origin}`;
  const loaded = frameLoaded(frame);
  frame.src = `${origin}/foreign.html`;
  stage.replaceChildren(frame);
  if (!(await loaded)) return unproven(`The foreign page at ${origin} did not load.`);

  const report = new Promise((resolve) => {
    const listen = ({ source, origin: from, data }) => {
      if (source !== frame.contentWindow || from !== origin) return;
      if (data.kind === "sent") log.sent(`${from}: ${data.words}`);
      if (data.kind === "got") log.got(String(data.words));
      if (data.kind === "done") {
        removeEventListener("message", listen);
        resolve(data);
      }
    };
    addEventListener("message", listen);
    setTimeout(() => resolve(null), 20_000);
  });
  const order = { kind: "attack", target: target.origin, ticket: stolen.body?.ticket ?? null };
  frame.contentWindow.postMessage(order, origin);
  const result = await report;
  if (!result) return unproven("The foreign page did not report back.");
  if (result.muzzled) return unproven("The browser stopped the foreign page before the server could.");
  return result.opened
    ? broke("A page of another origin opened a socket.")
    : held("The same request that works here is refused from another origin, even with a good ticket.");
}

async function replayedTicket(target, log) {
  log.sent("open the chat with a ticket");
  const { socket: first, ticket } = await openWithTicket(target, log);
  if (!first) return unproven(NO_INSIDER);
  log.got(first.opened ? "open" : closeWords(first.closed));
  if (!first.opened) return unproven(NO_INSIDER);
  log.sent("open it again with the same ticket");
  const second = await RawSocket.open(target.url(CHAT), ticketProtocols(ticket));
  log.got(second.opened ? "open" : closeWords(second.closed));
  first.close();
  if (second.opened) second.close();
  return second.closed && !second.frames.length && second.closed.code === 1006
    ? held("A ticket opens one socket, once.")
    : broke("The same ticket opened two sockets.");
}

async function garbageTicket(target, log) {
  const bytes = crypto.getRandomValues(new Uint8Array(TICKET_BYTES));
  const ticket = btoa(String.fromCharCode(...bytes)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  log.sent(`open the chat with an invented ticket, ${ticket.slice(0, 6)}…, beside your good cookie`);
  const socket = await RawSocket.open(target.url(CHAT), ticketProtocols(ticket));
  log.got(socket.opened ? "open" : closeWords(socket.closed));
  if (!socket.opened) return held("A bad credential is refused, also beside a good one.");
  socket.close();
  return broke("An invented ticket opened a socket.");
}

async function closedDoor(target, log, { session }) {
  if (hasRole(session, "moderator", "administrator")) {
    return unproven("Your roles open the dashboard, so this is no attack. Sign in as alice or bob.");
  }
  log.sent("open the dashboard socket as a member");
  const { socket, status } = await openWithTicket(target, log, DASHBOARD);
  if (!socket) return status === 403 ? held("Not even a ticket is issued.") : unproven("No ticket was issued.");
  log.got(socket.opened ? "open" : closeWords(socket.closed));
  if (!socket.opened) return held("The handshake was refused, before any data.");
  socket.close();
  return broke("A member opened the dashboard.");
}

async function forbiddenAction(target, log, { session }) {
  const socket = await insider(target, log);
  if (!socket) return unproven(NO_INSIDER);
  const messages = [];
  if (!hasRole(session, "administrator")) {
    messages.push(["announce to every room", { type: "announce", text: "I am the administrator now", id: "f1" }, "f1"]);
  }
  if (!hasRole(session, "moderator")) {
    messages.push(["kick mia from the lobby", { type: "kick", room: "lobby", principal: "mia", id: "f2" }, "f2"]);
  }
  return eachRefused(socket, log, messages);
}

async function malformed(target, log) {
  const socket = await insider(target, log);
  if (!socket) return unproven(NO_INSIDER);
  return eachRefused(socket, log, [
    ["an undeclared type: grant", { type: "grant", role: "administrator", id: "u1" }, "u1"],
    ["an undeclared field: say with a role", { type: "say", room: ROOM, text: "hello", role: "administrator", id: "u2" }, "u2"],
    ["a number where text belongs", { type: "say", room: ROOM, text: 42, id: "u3" }, "u3"],
    ["half a JSON object", '{"type":"say","room":', undefined],
    [`${DEPTH} nested lists`, "[".repeat(DEPTH) + "]".repeat(DEPTH), undefined],
  ]);
}

async function oversized(target, log) {
  const socket = await insider(target, log);
  if (!socket) return unproven(NO_INSIDER);
  return eachRefused(socket, log, [
    [`a message of ${OVERSIZE / 1000} kB`, { type: "say", room: ROOM, text: "A".repeat(OVERSIZE), id: "o1" }, "o1"],
  ]);
}

async function flood(target, log) {
  const socket = await insider(target, log);
  if (!socket) return unproven(NO_INSIDER);
  socket.send({ type: "join", room: ROOM, id: "join" });
  await socket.next((frame) => frame.id === "join");
  log.sent(`${FLOOD} messages, as fast as this browser can`);
  for (let i = 0; i < FLOOD && !socket.closed; i += 1) {
    socket.send({ type: "say", room: ROOM, text: `flood ${i + 1}`, id: `s${i}` });
  }
  const close = await socket.end(3000);
  const count = (matches) => socket.frames.filter(matches).length;
  const accepted = count((frame) => frame.type === "said");
  const limited = count((frame) => frame.type === "error" && frame.error === "rate-limited");
  log.got(`${accepted} accepted, ${limited} rate-limited${close ? `, then ${closeWords(close)}` : ""}`);
  socket.close();
  return accepted < FLOOD && (limited > 0 || close)
    ? held(close ? "The excess was refused and the connection closed." : "The excess was refused.")
    : broke("Every message of the flood was accepted.");
}

export const ATTACKS = [
  { slug: "foreign-origin", title: "Foreign origin", run: foreignOrigin,
    text: "A hostile page on another port uses your cookie, then a stolen ticket, to open the chat in your name." },
  { slug: "replayed-ticket", title: "Replayed ticket", run: replayedTicket,
    text: "An attacker who captured a ticket uses it a second time." },
  { slug: "garbage-ticket", title: "Invented ticket", run: garbageTicket,
    text: "A ticket of the right shape that the server never issued." },
  { slug: "closed-door", title: "Another user’s endpoint", run: closedDoor,
    text: "A member opens the dashboard, which only moderators and administrators may." },
  { slug: "forbidden-action", title: "Forbidden action", run: forbiddenAction,
    text: "A member sends the messages of a moderator or an administrator, which no button offers." },
  { slug: "malformed", title: "Undeclared messages", run: malformed,
    text: "Message types and fields that do not exist, wrong types, broken and deeply nested JSON." },
  { slug: "oversized", title: "Oversized message", run: oversized,
    text: "One message of 100 kB, where 500 characters are allowed." },
  { slug: "flood", title: "Flood", run: flood,
    text: "Sixty messages at once, to drown the room." },
];
