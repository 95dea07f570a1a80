import { AuthLost, Unavailable } from "./error.js";

/** What opens the door once, and what the door is told when the credential is renewed in band. */
export interface Offer {
  /** Subprotocols to offer beside `stormdoor.v1`; none when the token is sent as the first message. */
  protocols: string[];
  /** The token, key or ticket itself. */
  token: string;
  /** The principal of the credential, if known. Waiting commands are not sent with another principal's. */
  principal?: string | undefined;
}

/**
 * Brings a fresh credential. Asked before each attempt to connect and before each refresh, never twice at once.
 *
 * Throws `AuthLost` when only a login can help, and anything else when another try may.
 */
export type Credential = (signal: AbortSignal) => Promise<Offer>;

/** How a ticket is fetched. */
export interface TicketOptions {
  /** Path of the endpoint that the ticket opens; left out, the server's default. */
  endpoint?: string;
  /** Further headers, such as a CSRF token. */
  headers?: Record<string, string>;
  /** Instead of the global `fetch`. */
  fetch?: typeof fetch;
}

/** Milliseconds in `Retry-After`, which is seconds or a date. */
function retryAfter(response: Response): number {
  const value = response.headers.get("Retry-After");
  if (value === null) return 0;
  const wait = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isFinite(wait) ? Math.max(0, wait) : 0;
}

/** A ticket from `POST url`, with the session cookie of this page. */
export function ticketFrom(url: string, options: TicketOptions = {}): Credential {
  const { endpoint, headers = {}, fetch: get = fetch } = options;
  return async (signal) => {
    const response = await get(url, {
      method: "POST",
      credentials: "same-origin",
      cache: "no-store",
      headers: { "Content-Type": "application/json", ...headers },
      body: JSON.stringify(endpoint === undefined ? {} : { endpoint }),
      signal,
    });
    if (response.status === 401 || response.status === 403) throw new AuthLost(`${response.status}`);
    if (!response.ok) throw new Unavailable(`${response.status}`, retryAfter(response));
    const { ticket, principal } = (await response.json()) as { ticket?: unknown; principal?: string };
    if (typeof ticket !== "string") throw new Unavailable("no ticket in the answer");
    const credential = `stormdoor.ticket.${ticket}`; // in a message as well, where a token may look alike
    return { protocols: [credential], token: credential, principal };
  };
}

/** An access token. `get` renews it as it likes, and throws `AuthLost` when it cannot any more. */
export function tokenFrom(get: (signal: AbortSignal) => Promise<string> | string): Credential {
  return async (signal) => {
    const token = await get(signal);
    return { protocols: [`stormdoor.bearer.${token}`], token, principal: subject(token) };
  };
}

/** The principal that a JWT names. Only the server can verify it. */
function subject(token: string): string | undefined {
  try {
    const { iss, sub } = JSON.parse(atob(token.split(".")[1]!.replace(/-/g, "+").replace(/_/g, "/")));
    return sub && `${iss} ${sub}`;
  } catch {
    return undefined;
  }
}
