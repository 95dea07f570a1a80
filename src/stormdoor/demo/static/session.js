// Who is signed in, and in how many browsers.

import { call } from "./http.js";

// Only these pages may follow a login: a link cannot send the user elsewhere.
const PAGES = ["/chat", "/dashboard", "/attack", "/account"];

export function pageAfterLogin() {
  const wanted = new URLSearchParams(location.search).get("next");
  return PAGES.includes(wanted) ? wanted : "/chat";
}

export function goToLogin() {
  location.assign(`/?next=${encodeURIComponent(location.pathname)}`);
}

export async function currentSession() {
  const answer = await call("GET", "/auth/session");
  return answer.ok ? answer.body : null;
}

// The session of this page, or no page: signed-out visitors are sent to the login.
export async function requireSession() {
  let answer = await call("GET", "/auth/session");
  while (!answer.ok && answer.status !== 401) {
    await new Promise((resolve) => setTimeout(resolve, 1000 + Math.random() * 2000));
    answer = await call("GET", "/auth/session");
  }
  if (answer.ok) return answer.body;
  goToLogin();
  return new Promise(() => {});
}

export const hasRole = (session, ...roles) => roles.some((role) => session.roles.includes(role));

// After a login: whether this browser did not keep its cookie. Safari keeps no Secure cookie over http://.
export async function lostCookie() {
  const answer = await call("GET", "/auth/session?signed-in=1");
  return answer.body?.cookie === "lost";
}

export const logIn = (username, password) => call("POST", "/auth/login", { username, password });
export const presentFactor = (factor) => call("POST", "/auth/second-factor", factor);
export const logOut = () => call("POST", "/auth/logout");
export const listSessions = () => call("GET", "/auth/sessions");
export const endSession = (id) => call("DELETE", `/auth/sessions/${encodeURIComponent(id)}`);
export const endOtherSessions = () => call("POST", "/auth/sessions/end-others");
export const issueTicket = (endpoint) => call("POST", "/auth/ticket", { endpoint });
