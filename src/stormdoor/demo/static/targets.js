// The two servers that the attack page attacks: this demo, and its twin without a guard.

import { issueTicket } from "./session.js";
import { socketUrl } from "./socket.js";

export const DEMO = { origin: location.origin, issueTicket, url: socketUrl };

// Logs in to the twin, which asks for no password. Null if it does not run, or does not answer.
export async function unguardedTwin(origin, name) {
  if (!origin) return null;
  const post = async (path, fields) => {
    // A body of plain text, so that the browser asks no question before it sends the request.
    const response = await fetch(origin + path, {
      method: "POST", credentials: "include", body: JSON.stringify(fields),
    });
    return { ok: response.ok, status: response.status, body: await response.json() };
  };
  try {
    if (!(await post("/auth/login", { username: name })).ok) return null;
  } catch {
    return null;
  }
  return {
    origin,
    issueTicket: (endpoint) => post("/auth/ticket", { endpoint }),
    url: (endpoint) => `${origin.replace(/^http/, "ws")}${endpoint}`,
  };
}
