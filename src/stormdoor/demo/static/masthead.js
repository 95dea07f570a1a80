// The top of every page: where you are, who you are, your sessions, the way out.

import { $, avatar, el } from "./element.js";
import { endOtherSessions, endSession, goToLogin, listSessions, logOut } from "./session.js";
import { agoText } from "./time.js";

const BROWSERS = [["Edg/", "Edge"], ["OPR/", "Opera"], ["Firefox/", "Firefox"], ["Chrome/", "Chromium"], ["Safari/", "Safari"]];
const SYSTEMS = [["Android", "Android"], ["iPhone", "iPhone"], ["iPad", "iPad"], ["Windows", "Windows"], ["Mac OS", "macOS"], ["Linux", "Linux"]];

function deviceName(userAgent) {
  const find = (table) => table.find(([mark]) => userAgent.includes(mark))?.[1];
  const browser = find(BROWSERS) ?? (userAgent.split("/")[0].slice(0, 30) || "Unknown client");
  const system = find(SYSTEMS);
  return system ? `${browser} on ${system}` : browser;
}

function sessionItem(session) {
  const lines = el("div", {},
    el("p", { class: "device", title: session.user_agent || null }, deviceName(session.user_agent ?? "")),
    el("p", { class: "muted" },
      `${session.address} · started ${agoText(session.created_at)} · used ${agoText(session.last_seen_at)}`));
  const action = session.current
    ? el("span", { class: "badge" }, "This one")
    : el("button", { type: "button", click: () => end(session.id) }, "End");
  return el("li", {}, lines, action);
}

async function showSessions() {
  const answer = await listSessions();
  if (answer.status === 401) return goToLogin();
  if (!answer.ok) {
    $("sessions-note").textContent = "The server could not list your sessions. Try again shortly.";
    return;
  }
  const sessions = answer.body.sessions.toSorted((a, b) => Number(b.current) - Number(a.current));
  $("session-list").replaceChildren(...sessions.map(sessionItem));
  $("end-others").disabled = sessions.length < 2;
}

async function end(id) {
  const answer = await endSession(id);
  $("sessions-note").textContent = answer.ok ? "Session ended." : "That session could not be ended.";
  await showSessions();
}

export function mountMasthead(session) {
  const here = document.querySelector(`.masthead nav a[href="${location.pathname}"]`);
  here?.setAttribute("aria-current", "page");

  const roles = session.roles.join(", ") || "no role";
  document.querySelector(".who .avatar").replaceWith(avatar(session.principal));
  document.querySelector(".who-name").textContent = session.principal;
  document.querySelector(".account-name").textContent = session.principal;
  document.querySelector(".account-roles").textContent = roles;
  $("who").setAttribute("aria-label", `Account of ${session.principal} (${roles})`);

  $("log-out").addEventListener("click", async () => {
    await logOut();
    location.assign("/");
  });
  $("open-sessions").addEventListener("click", () => {
    $("account").hidePopover();
    $("sessions-note").textContent = "";
    $("sessions").showModal();
    showSessions();
  });
  $("sessions").addEventListener("click", (event) => {
    if (event.target === event.currentTarget) event.currentTarget.close();
  });
  $("end-others").addEventListener("click", async () => {
    const answer = await endOtherSessions();
    const ended = answer.body?.ended ?? 0;
    $("sessions-note").textContent = answer.ok
      ? `${ended} other ${ended === 1 ? "session" : "sessions"} ended.`
      : "The other sessions could not be ended.";
    await showSessions();
  });
}
