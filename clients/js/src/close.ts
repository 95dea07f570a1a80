/** What a close of the connection means for its client. */

/**
 * - `retry`: it may come back with what it has;
 * - `renew`: its credential no longer counts, so it needs another one first;
 * - `final`: it must not come back.
 */
export type Meaning = "retry" | "renew" | "final";

const UNAUTHORIZED = 3000;

/** Codes after which the same client may try again (RFC 6455 §7.4, and the registry of close codes). */
const PASSING = new Set([
  1001, // going away: the server restarts
  1005, // no code at all
  1006, // the network, or a refused handshake; browsers hide its status
  1011, 1012, 1013, 1014, // an error, a restart, overload, a bad gateway
  1015, // TLS
  3008, // too slow
]);

const HINT = /; retry after (\d{1,3}) s$/;

/** Milliseconds after which the server asks the client to return; 0 if the reason of the close names none. */
export function retryHint(reason: string): number {
  return 1000 * Number(HINT.exec(reason)?.[1] ?? 0);
}

/** What the close code says. */
export function meaning(code: number): Meaning {
  if (code === UNAUTHORIZED) return "renew";
  return PASSING.has(code) ? "retry" : "final";
}
