/** A guarded WebSocket that stays open as long as its principal may be there, and says when not. */

import { Backoff, type BackoffOptions } from "./backoff.js";
import { meaning, retryHint } from "./close.js";
import type { Credential, Offer } from "./credential.js";
import { AuthLost, DoorError, Unavailable, type Cause, type Needs } from "./error.js";

const SUBPROTOCOL = "stormdoor.v1";
const ANSWER_MS = 10_000;
const STABLE_MS = 10_000;
const ERROR_MS = 100;
const QUEUED = 64;
const OTHER = "the credential is somebody else's";

/** A JSON object with a type. */
export type Message = { type: string } & Record<string, unknown>;

/**
 * What goes over the connection, for the type checker:
 *
 * ```ts
 * interface Chat extends Protocol {
 *   commands: { say: { fields: { room: string; text: string }; reply: { type: "said"; text: string } } };
 *   events: { said: { type: "said"; from: string; text: string } };
 * }
 * ```
 */
export interface Protocol {
  commands: Record<string, { fields: object; reply: object | undefined }>;
  events: Record<string, object>;
}

interface Anything extends Protocol {
  commands: Record<string, { fields: Record<string, unknown>; reply: Message }>;
  events: Record<string, Message>;
}

/** A second factor for `stormdoor.prove`. */
export interface Proof {
  totp: string;
}

/**
 * - `idle`: not started, or not on this page any more;
 * - `connecting`, `open`;
 * - `waiting`: another attempt follows at `until` (milliseconds since 1970), or when the network is back;
 * - `closed`: there is no other attempt, unless `open()` is called.
 */
export type DoorState =
  | { name: "idle" | "connecting" | "open" }
  | { name: "waiting"; why: string; until: number }
  | { name: "closed"; why: string; code?: number };

export interface DoorOptions {
  /** Where credentials come from: `ticketFrom(...)`, `tokenFrom(...)`, or your own. */
  credential: Credential;
  /** Send the credential as the first message, for endpoints that are declared so. */
  firstMessage?: boolean;
  /** The name of the field that tells commands apart. */
  tagField?: string;
  /** Milliseconds until an answer is given up: to a command, and to the handshake. */
  timeout?: number;
  /** Milliseconds without any message after which the network is taken for lost; none by default. */
  silence?: number;
  /** Waits between attempts. */
  backoff?: BackoffOptions;
  /** Instead of the global `WebSocket`, such as the one of `ws` on older Node. */
  WebSocket?: new (url: string, protocols: string[]) => WebSocket;
  /** Each time the connection is open: subscribe again here. */
  onopen?: () => void;
  /** Each change of state. */
  onstate?: (state: DoorState) => void;
  /** Each message that answers nothing. `on` is told, too. */
  onmessage?: (message: Message) => void;
  /** The credential is gone for good: show the login. */
  onauthlost?: (why: string) => void;
  /**
   * A command needs a fresher or stronger login. Resolve with a second factor; or with nothing, once the
   * page has logged in more strongly. The command is then sent again, once.
   */
  onstepup?: (needs: Needs) => Promise<Proof | undefined | void>;
}

interface Asked {
  resolve: (message: Message) => void;
  reject: (error: Error) => void;
  timer: ReturnType<typeof setTimeout>;
  /** What is sent, as long as it has not been. */
  text?: string;
}

/** See the page "A browser client" of the documentation. */
export class Door<P extends Protocol = Anything> {
  readonly #url: string;
  readonly #options: DoorOptions;
  readonly #tag: string;
  readonly #backoff: Backoff;
  readonly #asked = new Map<unknown, Asked>();
  readonly #listeners = new Map<string, Set<(message: never) => void>>();
  #state: DoorState = { name: "idle" };
  #socket: WebSocket | undefined;
  #attempt = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #quiet: ReturnType<typeof setTimeout> | undefined;
  #openedAt = 0;
  #lastId = 0;
  #refreshing: Promise<void> | undefined;
  #stepping: Promise<void> | undefined;
  #watching: AbortController | undefined;
  #told = false;
  #offer: Offer | undefined;
  #who: string | undefined;

  constructor(url: string, options: DoorOptions) {
    this.#url = url;
    this.#options = options;
    this.#tag = options.tagField ?? "type";
    this.#backoff = new Backoff(options.backoff);
  }

  /** What it is doing. */
  get state(): DoorState {
    return this.#state;
  }

  /** The principal of the last credential, if known: compare it in `onopen` with the user of the page. */
  get principal(): string | undefined {
    return this.#offer?.principal;
  }

  /** Connect, and stay connected. Safe to call again, which also skips the wait for the next attempt. */
  open(): void {
    if (this.#state.name === "open" || this.#state.name === "connecting") return;
    this.#told = false;
    this.#watch();
    void this.#connect();
  }

  /** Leave for good, or until `open()`. */
  close(): void {
    this.#end("closed by the page", 1000);
  }

  /**
   * Send a command and wait for its answer. What is sent while the connection is not open waits for it, and
   * fails with `closed` if that is then another principal's.
   *
   * Rejects with a `DoorError`: the server's refusal; `timeout`; or `closed`, when the connection ended
   * before the answer: it is unknown whether the command was carried out.
   */
  async send<K extends keyof P["commands"] & string>(
    type: K,
    fields?: P["commands"][K]["fields"],
  ): Promise<P["commands"][K]["reply"]> {
    try {
      return await this.#ask(type, fields);
    } catch (error) {
      const who = this.#who;
      const needs = error instanceof DoorError && error.error === "step-up" && (error.needs ?? {});
      if (!needs || !this.#options.onstepup) throw error;
      await this.#stepUp(needs);
      if (this.#who !== who) throw new DoorError("closed", OTHER);
      return this.#ask(type, fields); // it was refused before, so it is carried out once at most
    }
  }

  /** Listen to messages of one type. Returns how to stop. */
  on<K extends keyof P["events"] & string>(
    type: K,
    listener: (message: P["events"][K]) => void,
  ): () => void {
    const known = this.#listeners.get(type) ?? new Set();
    this.#listeners.set(type, known.add(listener));
    return () => void known.delete(listener);
  }

  /** Show the server a fresh credential on the open connection. Calls at the same time share one. */
  refresh(): Promise<void> {
    return (this.#refreshing ??= this.#refresh().finally(() => (this.#refreshing = undefined)));
  }

  /** Prove a second factor on the open connection. */
  async prove(proof: Proof): Promise<void> {
    await this.#ask("stormdoor.prove", proof);
  }

  // ---- life

  async #connect(): Promise<void> {
    const attempt = this.#renewed();
    this.#become({ name: "connecting" });
    let offer: Offer;
    try {
      offer = await this.#options.credential(attempt.signal);
    } catch (error) {
      if (attempt.signal.aborted) return;
      if (error instanceof AuthLost) this.#lost(error.message);
      else this.#wait(String((error as Error).message), error instanceof Unavailable ? error.after : 0);
      return;
    }
    if (attempt.signal.aborted) return;
    if (this.#who !== undefined && this.#who !== whose(offer)) this.#reject(OTHER);
    this.#who = offer.principal ?? this.#who; // one that does not say so counts once the server has accepted it
    this.#offer = offer;
    this.#dial(offer, attempt);
  }

  #dial(offer: Offer, attempt: AbortController): void {
    const protocols = this.#options.firstMessage ? [] : offer.protocols;
    const Socket = this.#options.WebSocket ?? WebSocket;
    const socket = new Socket(this.#url, [SUBPROTOCOL, ...protocols]);
    this.#socket = socket;
    const late = () => this.#wait("the server does not answer", 0);
    this.#quiet = setTimeout(late, this.#options.timeout ?? ANSWER_MS);
    socket.onopen = () => {
      if (attempt.signal.aborted) return;
      this.#openedAt = Date.now();
      if (this.#options.firstMessage) {
        this.#write({ [this.#tag]: "stormdoor.authenticate", token: offer.token });
      } else this.#opened();
    };
    socket.onmessage = ({ data }) => {
      if (!attempt.signal.aborted) this.#hear(data);
    };
    socket.onclose = ({ code, reason }) => {
      if (!attempt.signal.aborted) this.#closed(code, reason);
    };
    // A close follows, but for Node 20, which says nothing more of a handshake that failed.
    socket.onerror = () => {
      setTimeout(() => attempt.signal.aborted || this.#closed(1006), ERROR_MS);
    };
  }

  #opened(): void {
    this.#who = whose(this.#offer!);
    this.#become({ name: "open" });
    this.#listen();
    this.#options.onopen?.();
    for (const asked of this.#asked.values()) {
      if (asked.text === undefined) continue;
      this.#socket?.send(asked.text);
      delete asked.text;
    }
  }

  #closed(code: number, reason = ""): void {
    const opened = this.#openedAt;
    this.#drop("the connection closed");
    if (opened && Date.now() - opened >= STABLE_MS) this.#backoff.reset();
    if (meaning(code) === "final") this.#end(`closed with ${code}`, code);
    else this.#wait(`closed with ${code}`, retryHint(reason));
  }

  /** Nothing is known of the old connection any more, and nothing of it is heard. */
  #renewed(): AbortController {
    this.#attempt.abort();
    clearTimeout(this.#timer);
    return (this.#attempt = new AbortController());
  }

  /** Let go of the connection. What was sent on it has no answer; what was not waits for the next. */
  #drop(why: string): void {
    clearTimeout(this.#quiet);
    this.#attempt.abort();
    this.#socket?.close();
    this.#socket = undefined;
    this.#openedAt = 0;
    for (const [id, { text }] of this.#asked) {
      if (text === undefined) this.#settle(id)?.reject(new DoorError("closed", why));
    }
  }

  #wait(why: string, atLeast: number): void {
    this.#drop(why);
    const delay = this.#backoff.next(atLeast);
    if (!this.#offline()) this.#timer = setTimeout(() => void this.#connect(), delay);
    this.#become({ name: "waiting", why, until: Date.now() + delay });
  }

  #end(why: string, code?: number): void {
    this.#watching?.abort();
    this.#watching = undefined;
    clearTimeout(this.#timer);
    this.#drop(why);
    this.#reject(why);
    this.#who = undefined;
    this.#become(code === undefined ? { name: "closed", why } : { name: "closed", why, code });
  }

  /** Nothing that waits is sent any more. */
  #reject(why: string): void {
    for (const id of [...this.#asked.keys()]) this.#settle(id)?.reject(new DoorError("closed", why));
  }

  #lost(why: string): void {
    this.#end(why);
    this.#tell(why);
  }

  /** Say once that the credential is gone: the refresh finds out first, and the next attempt again. */
  #tell(why: string): void {
    if (this.#told) return;
    this.#told = true;
    this.#options.onauthlost?.(why);
  }

  #become(state: DoorState): void {
    this.#state = state;
    this.#options.onstate?.(state);
  }

  // ---- the network and the page

  #offline(): boolean {
    return typeof navigator !== "undefined" && navigator.onLine === false;
  }

  #watch(): void {
    if (this.#watching || typeof addEventListener !== "function") return;
    const { signal } = (this.#watching = new AbortController());
    addEventListener("online", () => this.#state.name === "waiting" && void this.#connect(), { signal });
    addEventListener("offline", () => this.#state.name !== "idle" && this.#wait("offline", 0), { signal });
    // A page that is kept for the "back" button has no connection while it is.
    addEventListener("pagehide", () => (this.#renewed(), this.#drop("the page is left"), this.#become({ name: "idle" })), { signal });
    addEventListener("pageshow", (event) => event.persisted && void this.#connect(), { signal });
  }

  #listen(): void {
    clearTimeout(this.#quiet);
    const { silence } = this.#options;
    if (silence) this.#quiet = setTimeout(() => this.#wait("the network is silent", 0), silence);
  }

  // ---- messages

  #write(message: object): void {
    this.#socket?.send(JSON.stringify(message));
  }

  #ask(type: string, fields: object = {}): Promise<any> {
    const id = (this.#lastId += 1);
    const text = JSON.stringify({ ...fields, [this.#tag]: type, id });
    return new Promise<Message>((resolve, reject) => {
      if (this.#state.name === "closed" || this.#state.name === "idle") {
        return reject(new DoorError("closed", "not connected"));
      }
      if (this.#asked.size >= QUEUED && this.#state.name !== "open") {
        return reject(new DoorError("unavailable", `${QUEUED} commands wait already`));
      }
      const late = () => this.#settle(id)?.reject(new DoorError("timeout"));
      const timer = setTimeout(late, this.#options.timeout ?? ANSWER_MS);
      const asked: Asked = { resolve, reject, timer };
      this.#asked.set(id, asked);
      if (this.#state.name === "open") this.#socket?.send(text);
      else asked.text = text;
    });
  }

  #settle(id: unknown): Asked | undefined {
    const asked = this.#asked.get(id);
    if (asked) {
      clearTimeout(asked.timer);
      this.#asked.delete(id);
    }
    return asked;
  }

  #hear(data: unknown): void {
    let message: Message;
    try {
      message = JSON.parse(data as string);
    } catch {
      return;
    }
    if (this.#state.name === "connecting") return this.#answered(message);
    this.#listen();
    const asked = message.id === undefined ? undefined : this.#settle(message.id);
    if (asked) {
      if (message.type === "error") asked.reject(refusal(message));
      else asked.resolve(message);
      return;
    }
    if (message.type === "stormdoor.expiring") this.refresh().catch(() => {});
    this.#options.onmessage?.(message);
    for (const listener of this.#listeners.get(message.type) ?? []) listener(message as never);
  }

  /** The answer to the first message, before which nothing else is said. */
  #answered(message: Message): void {
    if (message.type === "stormdoor.authenticated") this.#opened();
  }

  async #refresh(): Promise<void> {
    const attempt = this.#attempt;
    let offer: Offer;
    try {
      offer = await this.#options.credential(attempt.signal);
    } catch (error) {
      // The connection goes on until its deadline; the page can use the time to log in.
      if (error instanceof AuthLost) this.#tell(error.message);
      throw error;
    }
    if (attempt.signal.aborted) throw new DoorError("closed", "the connection closed");
    await this.#ask("stormdoor.refresh", { token: offer.token });
    this.#who = whose(offer); // it is the same principal's: the server has said so
  }

  #stepUp(needs: Needs): Promise<void> {
    const step = async () => {
      const proof = await this.#options.onstepup?.(needs);
      await (proof ? this.prove(proof) : this.refresh());
    };
    return (this.#stepping ??= step().finally(() => (this.#stepping = undefined)));
  }
}

/** What tells one principal from another: an unknown one has nothing but the credential. */
function whose(offer: Offer): string {
  return offer.principal ?? offer.token;
}

function refusal(message: Message): DoorError {
  const { error, detail, needs } = message;
  const text = typeof detail === "string" ? detail : String(error);
  return new DoorError(error as Cause, text, needs as Needs | undefined);
}
