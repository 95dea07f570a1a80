// One's own sessions: a list, and buttons that end them.

import { el } from "./element.js";
import { proved } from "./proof.js";
import { endOtherSessions, endSession, goToLogin, listSessions } from "./session.js";
import { agoText } from "./time.js";

const BROWSERS = [["Edg/", "Edge"], ["OPR/", "Opera"], ["Firefox/", "Firefox"], ["Chrome/", "Chromium"], ["Safari/", "Safari"]];
const SYSTEMS = [["Android", "Android"], ["iPhone", "iPhone"], ["iPad", "iPad"], ["Windows", "Windows"], ["Mac OS", "macOS"], ["Linux", "Linux"]];

function deviceName(userAgent) {
  const find = (table) => table.find(([mark]) => userAgent.includes(mark))?.[1];
  const browser = find(BROWSERS) ?? (userAgent.split("/")[0].slice(0, 30) || "Unknown client");
  const system = find(SYSTEMS);
  return system ? `${browser} on ${system}` : browser;
}

// Returns a function that shows them as they are now.
export function mountSessions({ list, note, endOthers }) {
  async function show() {
    const answer = await listSessions();
    if (answer.status === 401) return goToLogin();
    if (!answer.ok) {
      note.textContent = "The server could not list your sessions. Try again shortly.";
      return undefined;
    }
    const sessions = answer.body.sessions.toSorted((a, b) => Number(b.current) - Number(a.current));
    list.replaceChildren(...sessions.map(item));
    endOthers.disabled = sessions.length < 2;
    return undefined;
  }

  function item(session) {
    const lines = el("div", {},
      el("p", { class: "device", title: session.user_agent || null }, deviceName(session.user_agent ?? "")),
      el("p", { class: "muted" },
        `${session.address} · started ${agoText(session.created_at)} · used ${agoText(session.last_seen_at)}`));
    const action = session.current
      ? el("span", { class: "badge" }, "This one")
      : el("button", { type: "button", click: () => end(session.id) }, "End");
    return el("li", {}, lines, action);
  }

  async function end(id) {
    const answer = await proved(() => endSession(id));
    note.textContent = answer.ok ? "Session ended." : "That session could not be ended.";
    await show();
  }

  endOthers.addEventListener("click", async () => {
    const answer = await proved(endOtherSessions);
    const ended = answer.body?.ended ?? 0;
    note.textContent = answer.ok
      ? `${ended} other ${ended === 1 ? "session" : "sessions"} ended.`
      : "The other sessions could not be ended.";
    await show();
  });
  return show;
}
