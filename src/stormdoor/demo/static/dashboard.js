// The dashboard page: draws what the server sends, which depends on who asks.

import { Chart } from "./chart.js";
import { $, avatar, el } from "./element.js";
import { mountMasthead } from "./masthead.js";
import { hasRole, requireSession } from "./session.js";
import { GuardedSocket } from "./socket.js";
import { mountStatus } from "./status.js";
import { agoText, dateOf, timeElement } from "./time.js";
import { mountWorker } from "./worker.js";

const MOST_CAUSES = 5;
const MOST_EVENTS = 50;
const MOST_READINGS = 12;
const AGES_EVERY_MS = 10_000;

const session = await requireSession();
const socket = new GuardedSocket("/ws/dashboard");
const charts = {
  messages: new Chart("Messages", { unit: "per second", atLeast: 5 }),
  connections: new Chart("Connections", { atLeast: 5 }),
  cpu: new Chart("CPU", { unit: "%", atLeast: 10 }),
  refused: new Chart("Refused", { unit: "last minute", atLeast: 5 }),
};
const readings = new Map();

mountMasthead(session);
mountStatus(socket);
mountWorker(socket, "this page shows the figures of this worker");
for (const chart of Object.values(charts)) $("charts").append(chart.element);

const number = (value, digits = 0) => (Number.isFinite(value) ? value.toFixed(digits) : "–");

function row(...cells) {
  return el("tr", {}, ...cells.map((cell) => el("td", {}, cell || "–")));
}

function age(at) {
  return el("span", { "data-since": at, title: dateOf(at).toLocaleString() }, agoText(at));
}

function showEverything() {
  for (const part of document.querySelectorAll("[data-role=administrator]")) part.hidden = false;
  $("moderator-note").hidden = true;
}

function drawRefusals(refusals) {
  const causes = Object.entries(refusals).filter(([, count]) => count > 0).sort((a, b) => b[1] - a[1]);
  const total = causes.reduce((sum, [, count]) => sum + count, 0);
  $("refusals-now").textContent = String(total);
  const shown = causes.slice(0, MOST_CAUSES);
  const others = total - shown.reduce((sum, [, count]) => sum + count, 0);
  if (others) shown.push(["others", others]);
  $("refusals").replaceChildren(...shown.map(([cause, count]) => el("li", { class: "cause" }, `${cause} ${count}`)));
  return total;
}

const draw = {
  stats(message) {
    showEverything();
    const at = dateOf(message.at).getTime();
    charts.messages.add(message.messages_per_second, at);
    charts.connections.add(message.connections, at);
    charts.cpu.add(message.cpu_percent, at);
    for (const chart of readings.values()) chart.draw(at);
    $("connections-now").textContent = number(message.connections);
    $("messages-now").textContent = number(message.messages_per_second, message.messages_per_second % 1 ? 1 : 0);
    $("cpu-now").textContent = number(message.cpu_percent, 1);
    $("memory-now").textContent = number(message.memory_mib);
    charts.refused.add(drawRefusals(message.refusals), at);
  },
  rooms({ rooms }) {
    const items = rooms.map((room) => el("li", {},
      el("h3", {}, room.name, " ", el("span", { class: "muted" }, String(room.members.length))),
      el("ul", {}, ...room.members.map((name) => el("li", {}, avatar(name), name)))));
    $("rooms").replaceChildren(...(items.length ? items : [el("li", { class: "muted" }, "All rooms are empty.")]));
  },
  connections({ connections }) {
    const newest = connections.toSorted((a, b) => dateOf(b.opened_at) - dateOf(a.opened_at));
    $("connections").replaceChildren(...newest.map((connection) => row(
      connection.principal, connection.endpoint, connection.credential, connection.address, age(connection.opened_at))));
  },
  reading({ name, value, at }) {
    let chart = readings.get(name);
    if (!chart) {
      if (readings.size >= MOST_READINGS) return;
      chart = new Chart(name, { fromZero: false, atLeast: 0.1 });
      readings.set(name, chart);
      $("readings").append(chart.element);
      $("no-readings").hidden = true;
    }
    chart.add(value, dateOf(at).getTime());
  },
  event(event) {
    const cause = event.cause ? el("span", { class: "cause" }, event.cause) : null;
    $("events").prepend(row(String(event.seq), timeElement(event.time, { seconds: true }), event.event, event.principal, cause));
    while ($("events").childElementCount > MOST_EVENTS) $("events").lastElementChild.remove();
  },
};

socket.addEventListener("message", ({ detail: message }) => {
  if (Object.hasOwn(draw, message.type)) draw[message.type](message);
});
socket.addEventListener("state", ({ detail: state }) => {
  if (state.name === "open") {
    $("live").hidden = false;
    $("events").replaceChildren();
    if (hasRole(session, "administrator")) showEverything();
    else $("moderator-note").hidden = false;
  }
  if (state.name === "ended") $("live").hidden = true;
  $("live").classList.toggle("stale", state.name !== "open");
});
setInterval(() => {
  for (const element of document.querySelectorAll("[data-since]")) {
    const since = element.dataset.since;
    element.textContent = agoText(Number.isNaN(Number(since)) ? since : Number(since));
  }
}, AGES_EVERY_MS);
socket.start();
