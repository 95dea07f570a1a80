// A guarded WebSocket that stays connected: a fresh ticket for each attempt, jittered back-off,
// and no second attempt where the server's answer was final.
//
// Events: "state" with {name, ...} where name is connecting, open, waiting or ended;
// "message" with each server message that is not the answer to `ask`.

import { finalClose, HANDSHAKE_FORBIDDEN, passingClose, SIGNED_OUT } from "./causes.js";
import { currentSession, issueTicket } from "./session.js";
import { latestSequence, recordedSince } from "./trail.js";

const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 30_000;
const STABLE_AFTER_MS = 10_000;
const ANSWER_WITHIN_MS = 10_000;
const PROTOCOL = "stormdoor.v1";

export function socketUrl(endpoint) {
  return `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${endpoint}`;
}

export const ticketProtocols = (ticket) => [PROTOCOL, `stormdoor.ticket.${ticket}`];

export class GuardedSocket extends EventTarget {
  #endpoint;
  #socket = null;
  #attempts = 0;
  #timer = null;
  #waiting = new Map();
  #lastId = 0;
  #leaving = false;
  state = { name: "idle" };

  constructor(endpoint) {
    super();
    this.#endpoint = endpoint;
    addEventListener("online", () => this.retryNow());
    addEventListener("pagehide", () => { this.#leaving = true; });
    addEventListener("pageshow", (event) => {
      this.#leaving = false;
      if (event.persisted && !this.#isOpen()) this.#connect();
    });
  }

  start() {
    this.#attempts = 0;
    this.#connect();
  }

  // Skips the wait before the next attempt.
  retryNow() {
    if (this.state.name === "waiting") this.#connect();
  }

  // Sends a message and resolves to its reply, or to an error message that says why there is none.
  ask(message) {
    if (!this.#isOpen()) return Promise.resolve(unavailable("not connected"));
    const id = `m${(this.#lastId += 1)}`;
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#answer(id, unavailable("no answer")), ANSWER_WITHIN_MS);
      this.#waiting.set(id, { resolve, timer });
      this.#socket.send(JSON.stringify({ ...message, id }));
    });
  }

  #isOpen() {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  #answer(id, message) {
    const asked = this.#waiting.get(id);
    if (!asked) return false;
    this.#waiting.delete(id);
    clearTimeout(asked.timer);
    asked.resolve(message);
    return true;
  }

  #become(state) {
    this.state = state;
    this.dispatchEvent(new CustomEvent("state", { detail: state }));
  }

  async #connect() {
    clearTimeout(this.#timer);
    this.#become({ name: "connecting" });
    const before = await latestSequence();
    const ticket = await issueTicket(this.#endpoint);
    if (ticket.status === 401) return this.#become({ name: "ended", why: SIGNED_OUT });
    if (ticket.status === 403) return this.#become({ name: "ended", why: HANDSHAKE_FORBIDDEN });
    if (!ticket.ok) {
      const busy = ticket.status === 429 || ticket.status === 503;
      const why = busy ? "the server is busy" : "the server does not answer";
      return this.#wait(why, (ticket.retryAfter ?? 0) * 1000);
    }
    this.#open(ticket.body.ticket, before);
  }

  #open(ticket, before) {
    const socket = new WebSocket(socketUrl(this.#endpoint), ticketProtocols(ticket));
    let openedAt = null;
    this.#socket = socket;
    socket.onopen = () => {
      openedAt = Date.now();
      this.#become({ name: "open" });
    };
    socket.onmessage = (event) => this.#receive(event.data);
    socket.onclose = (event) => {
      for (const id of [...this.#waiting.keys()]) this.#answer(id, unavailable("the connection closed"));
      if (this.#leaving) return;
      if (openedAt === null) return this.#refused(before);
      if (Date.now() - openedAt > STABLE_AFTER_MS) this.#attempts = 0;
      const why = finalClose(event.code);
      if (why) this.#become({ name: "ended", code: event.code, why });
      else this.#wait(passingClose(event.code));
    };
  }

  // A browser hides the status of a refused handshake; the session and the trail tell it.
  async #refused(before) {
    if (!(await currentSession())) return this.#wait("the server does not answer");
    const events = await recordedSince(before);
    const refusal = events.findLast((event) => event.cause);
    if (refusal?.cause === "forbidden" || refusal?.detail?.status === 403) {
      return this.#become({ name: "ended", why: HANDSHAKE_FORBIDDEN, event: refusal });
    }
    return this.#wait(refusal ? `the handshake was refused (${refusal.cause})` : "the connection failed");
  }

  #wait(why, atLeast = 0) {
    const ceiling = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** this.#attempts);
    const delay = Math.max(atLeast, ceiling / 2) + (Math.random() * ceiling) / 2;
    this.#attempts += 1;
    this.#timer = setTimeout(() => this.#connect(), delay);
    this.#become({ name: "waiting", why, until: Date.now() + delay });
  }

  #receive(data) {
    let message;
    try {
      message = JSON.parse(data);
    } catch {
      return;
    }
    if (message.id && this.#answer(message.id, message)) return;
    this.dispatchEvent(new CustomEvent("message", { detail: message }));
  }
}

function unavailable(detail) {
  return { type: "error", error: "unavailable", detail };
}
