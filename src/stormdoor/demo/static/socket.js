// The demo's connection: stormdoor's browser client, with the demo's words for what happens to it.
//
// Events: "state" with {name, ...} where name is connecting, open, waiting or ended;
// "message" with each server message that is not the answer to `ask`.

import { Door, DoorError, ticketFrom } from "/stormdoor.js";

import { finalClose, HANDSHAKE_FORBIDDEN, passingClose, SIGNED_OUT } from "./causes.js";
import { proveAgain } from "./proof.js";
import { latestSequence, recordedSince } from "./trail.js";

const PROTOCOL = "stormdoor.v1";
const LOST = { 401: SIGNED_OUT, 403: HANDSHAKE_FORBIDDEN };
const BY_PAGE = "closed by the page";
const BUSY = ["429", "503"];

export function socketUrl(endpoint) {
  return `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${endpoint}`;
}

export const ticketProtocols = (ticket) => [PROTOCOL, `stormdoor.ticket.${ticket}`];

export class GuardedSocket extends EventTarget {
  #door;
  #before = 0; // where the trail was when the last attempt began
  #opened = false;
  #lastCode = null;
  state = { name: "idle" };

  constructor(endpoint) {
    super();
    const ticket = ticketFrom("/auth/ticket", { endpoint });
    this.#door = new Door(socketUrl(endpoint), {
      credential: async (signal) => {
        this.#before = await latestSequence();
        return ticket(signal);
      },
      onstate: (state) => this.#hear(state),
      onauthlost: (status) => this.#become({ name: "ended", ...this.#whyLost(status) }),
      onstepup: async (needs) => {
        if (!(await proveAgain())) throw new DoorError("step-up", "step-up", needs);
      },
      onmessage: (message) => this.dispatchEvent(new CustomEvent("message", { detail: message })),
    });
  }

  start() {
    this.#door.open();
  }

  // Skips the wait before the next attempt.
  retryNow() {
    if (this.state.name === "waiting") this.#door.open();
  }

  // Sends a message and resolves to its reply, or to an error message that says why there is none.
  async ask({ type, ...fields }) {
    if (this.state.name !== "open") return unavailable("not connected");
    try {
      return await this.#door.send(type, fields);
    } catch (failure) {
      if (!(failure instanceof DoorError)) throw failure;
      if (failure.error === "closed") return unavailable("the connection closed");
      if (failure.error === "timeout") return unavailable("no answer");
      const detail = failure.message === failure.error ? undefined : failure.message;
      return { type: "error", error: failure.error, detail };
    }
  }

  #become(state) {
    this.state = state;
    this.dispatchEvent(new CustomEvent("state", { detail: state }));
  }

  // The server's close said more than the ticket that is refused afterwards.
  #whyLost(status) {
    const why = finalClose(this.#lastCode);
    return why ? { code: this.#lastCode, why } : { why: LOST[status] ?? SIGNED_OUT };
  }

  #hear(state) {
    const { name, why, code } = state;
    if (name === "open") {
      this.#opened = true;
      this.#lastCode = null;
    }
    if (name === "closed" && (code === undefined || why === BY_PAGE)) return; // said elsewhere
    if (name === "closed") this.#become({ name: "ended", code, why: finalClose(code) ?? closedBy(code) });
    else if (name === "waiting") this.#waiting(state, why);
    else this.#become({ name });
  }

  #waiting(state, why) {
    const refused = why === "closed with 1006" && !this.#opened;
    this.#opened = false;
    this.#lastCode = Number(/^closed with (\d+)$/.exec(why)?.[1]) || this.#lastCode;
    this.#become({ ...state, why: waitWords(why) });
    if (refused) this.#explain();
  }

  // A browser hides the status of a refused handshake; the trail of one's own events tells it.
  async #explain() {
    const refusal = (await recordedSince(this.#before)).findLast((event) => event.cause);
    if (this.state.name !== "waiting" || !refusal) return;
    if (refusal.cause === "forbidden" || refusal.detail?.status === 403) {
      this.#door.close();
      this.#become({ name: "ended", why: HANDSHAKE_FORBIDDEN, event: refusal });
    } else this.#become({ ...this.state, why: `the handshake was refused (${refusal.cause})` });
  }
}

function waitWords(why) {
  const code = /^closed with (\d+)$/.exec(why)?.[1];
  if (code) return passingClose(Number(code));
  return BUSY.includes(why) ? "the server is busy" : "the server does not answer";
}

const closedBy = (code) => ({ title: "The connection ended", text: passingClose(code), next: "again" });

function unavailable(detail) {
  return { type: "error", error: "unavailable", detail };
}
