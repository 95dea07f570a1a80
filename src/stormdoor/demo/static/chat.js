// The chat page: rooms, who is in them, and what the server says to each thing one tries.
// Buttons appear by role for convenience; whether they work is the server's decision alone.

import { causeText } from "./causes.js";
import { mountComposer } from "./composer.js";
import { $, avatar, el } from "./element.js";
import { mountMasthead } from "./masthead.js";
import { banner, note } from "./notices.js";
import { Room } from "./room.js";
import { hasRole, requireSession } from "./session.js";
import { GuardedSocket } from "./socket.js";
import { mountStatus } from "./status.js";
import { mountWorker } from "./worker.js";

const USUAL_ROOMS = ["lobby", "ops", "random"];

const session = await requireSession();
const me = session.principal;
const mayKick = hasRole(session, "moderator");
const remembered = `stormdoor.rooms.${me}`;
const socket = new GuardedSocket("/ws/chat");
const rooms = new Map();
let selected = null;

mountMasthead(session);
mountStatus(socket);
mountWorker(socket, "you reach only the people on this worker");
$("announce").hidden = !hasRole(session, "administrator");
const composer = mountComposer(say);

function roomNamed(name) {
  let room = rooms.get(name);
  if (!room) {
    room = new Room(name, me);
    rooms.set(name, room);
    $("logs").append(room.element);
  }
  return room;
}

// ---- drawing

function roomItem(room) {
  const label = el("button", {
    type: "button",
    class: room.joined ? "room joined" : "room",
    "aria-current": room === selected ? "true" : null,
    click: () => enter(room),
  }, el("span", { class: "hash", "aria-hidden": "true" }, "#"), el("span", { class: "name" }, room.name));
  if (room.unread) {
    label.append(el("span", { class: "unread" }, String(Math.min(room.unread, 99)), el("span", { class: "unseen" }, " unread")));
  } else if (!room.joined) {
    label.append(el("span", { class: "join-hint" }, "join"));
  }
  return el("li", {}, label);
}

function memberItem(name) {
  const item = el("li", {}, avatar(name), el("span", { class: "name" }, name === me ? `${name} (you)` : name));
  if (mayKick && name !== me) {
    item.append(el("button", {
      type: "button", class: "small", "aria-label": `Kick ${name} from ${selected.name}`,
      click: () => kick(selected, name),
    }, "Kick"));
  }
  return item;
}

// Redrawing must not take the focus away from a user of the keyboard.
function redraw(list, items) {
  const index = [...list.querySelectorAll("button")].indexOf(document.activeElement);
  list.replaceChildren(...items);
  if (index >= 0) list.querySelectorAll("button")[index]?.focus();
}

function composerHint(open) {
  if (!open) return "Not connected";
  return selected.joined ? `Write to ${selected.name}` : `Join ${selected.name} to write`;
}

function draw() {
  const open = socket.state.name === "open";
  redraw($("rooms"), [...rooms.values()].map(roomItem));
  for (const room of rooms.values()) room.show(room === selected);
  const inside = open && selected.joined;
  const members = inside ? [...selected.members].sort() : [];
  redraw($("member-list"), members.map(memberItem));
  $("room-name").textContent = selected.name;
  $("members-title").textContent = inside ? `In ${selected.name}` : "Not joined";
  $("show-members").textContent = `People ${members.length}`;
  $("leave").hidden = !inside;
  $("show-members").hidden = !inside;
  composer.setUsable(inside, composerHint(open));
  const unread = [...rooms.values()].reduce((sum, room) => sum + room.unread, 0);
  document.title = `${unread ? `(${unread}) ` : ""}${selected.name} · stormdoor demo`;
}

const joinedRooms = () => [...rooms.values()].filter((room) => room.joined);

// After a change of membership: a reload or a new connection comes back to the same rooms.
function settle() {
  sessionStorage.setItem(remembered, JSON.stringify(joinedRooms().map((room) => room.name)));
  draw();
}

// ---- doing

function select(room) {
  selected = room;
  draw();
}

function enter(room) {
  select(room);
  if (!room.joined) join(room);
  else if (matchMedia("(pointer: fine)").matches) composer.focus();
}

async function join(room) {
  if (socket.state.name !== "open") return;
  const reply = await socket.ask({ type: "join", room: room.name });
  if (reply.type === "joined") return receive(reply);
  note(causeText(reply, "join"));
  if (reply.error === "unavailable") return undefined;
  room.joined = false;
  return USUAL_ROOMS.includes(room.name) ? settle() : forget(room);
}

function forget(room) {
  rooms.delete(room.name);
  room.element.remove();
  if (selected === room) selected = rooms.get(USUAL_ROOMS[0]);
  settle();
}

async function leave(room) {
  const reply = await socket.ask({ type: "leave", room: room.name });
  if (reply.type === "error") return note(causeText(reply, "leave"));
  room.joined = false;
  room.members.clear();
  return settle();
}

async function say(text) {
  const room = selected;
  const message = room.say(me, text, Date.now() / 1000);
  message.pending();
  const reply = await socket.ask({ type: "say", room: room.name, text });
  if (reply.type === "said") message.sent(reply.at);
  else message.failed(causeText(reply, "say"));
}

async function kick(room, principal) {
  const reply = await socket.ask({ type: "kick", room: room.name, principal });
  if (reply.type === "kicked") receive(reply);
  else note(causeText(reply, "kick"));
}

async function announce(text) {
  const reply = await socket.ask({ type: "announce", text });
  if (reply.type === "announced") banner(reply);
  else note(causeText(reply, "announce"));
}

// ---- hearing

const hear = {
  joined(room, message) {
    const known = room.members.has(message.principal);
    room.members = new Set(message.members ?? [...room.members, message.principal]);
    room.recall(message.history ?? []);
    if (message.principal === me) room.joined = true;
    else if (!known && room.joined) room.tell(`${message.principal} came in`);
  },
  left(room, message) {
    if (message.principal === me) return; // another of my own connections
    if (room.members.delete(message.principal)) room.tell(`${message.principal} left`);
  },
  said(room, message) {
    room.hear(message);
    if (room !== selected) room.unread += 1;
  },
  kicked(room, message) {
    room.members.delete(message.principal);
    if (message.principal === me) room.joined = false;
    const whom = message.principal === me ? "you" : message.principal;
    room.tell(`${message.by} removed ${whom} from this room`);
  },
};

function receive(message) {
  if (message.type === "error") return note(causeText(message));
  if (message.type === "announced") return banner(message);
  if (!Object.hasOwn(hear, message.type)) return undefined;
  hear[message.type](roomNamed(message.room), message);
  return settle();
}

// The server forgets a closed connection, so a new one joins the same rooms again.
async function onState({ detail: state }) {
  draw();
  if (state.name !== "open") return;
  for (const room of joinedRooms()) await join(room);
}

// ---- wiring

$("new-room").addEventListener("submit", (event) => {
  event.preventDefault();
  const field = event.target.room;
  const name = field.value.trim().replace(/^#/, "");
  field.value = "";
  if (name) enter(roomNamed(name));
});
$("announce").addEventListener("submit", (event) => {
  event.preventDefault();
  const field = event.target.text;
  const text = field.value.trim();
  field.value = "";
  if (text) announce(text);
});
$("leave").addEventListener("click", () => leave(selected));

const members = $("members");
const showMembers = $("show-members");
const openMembers = (open) => {
  members.classList.toggle("open", open);
  showMembers.setAttribute("aria-expanded", String(open));
};
showMembers.addEventListener("click", () => openMembers(!members.classList.contains("open")));
document.addEventListener("keydown", (event) => { if (event.key === "Escape") openMembers(false); });
$("logs").addEventListener("pointerdown", () => openMembers(false));

const before = JSON.parse(sessionStorage.getItem(remembered) ?? "null") ?? [USUAL_ROOMS[0]];
for (const name of USUAL_ROOMS) roomNamed(name);
for (const name of before) roomNamed(name).joined = true;
select(joinedRooms()[0] ?? rooms.get(USUAL_ROOMS[0]));
socket.addEventListener("state", onState);
socket.addEventListener("message", ({ detail: message }) => receive(message));
socket.start();
