// What the server's causes and close codes mean, in plain words.

const FORBIDDEN = {
  join: "you may not enter this room",
  say: "you may not speak in this room",
  kick: "only moderators of this room may kick",
  announce: "only administrators may announce",
};

const INVALID = {
  join: "the server does not accept this room name",
  say: "the server does not accept this text",
  announce: "the server does not accept this text",
};

const GENERAL = {
  invalid: "the server does not accept this message",
  forbidden: "you may not do this",
  "step-up": "this needs a fresh proof that it is you",
  unauthenticated: "you are not signed in any more",
  "rate-limited": "too many messages, wait a moment",
  "too-large": "the message is too large",
  unavailable: "the server cannot do this at the moment",
};

// "forbidden: only moderators of this room may kick"
export function causeText(error, kind) {
  if (error.error === "unavailable" && error.detail) return `unavailable: ${error.detail}`;
  const specific = { forbidden: FORBIDDEN, invalid: INVALID }[error.error]?.[kind];
  const meaning = specific ?? GENERAL[error.error] ?? "the server refused";
  const detail = typeof error.detail === "string" && error.detail ? ` (${error.detail})` : "";
  return `${error.error}: ${meaning}${detail}`;
}

// Closes after which connecting again by itself would be useless or rude.
const FINAL = {
  3000: { title: "Your session ended", text: "It expired, you logged out, or it was ended from another browser. The server closed this connection at the same moment.", next: "login" },
  3003: { title: "You may not be here any more", text: "Your permission was taken away while you were connected, so the server closed the connection.", next: "other" },
  1008: { title: "The server closed the door", text: "This connection broke the rules: too many messages, or too many the server could not accept.", next: "again" },
};

const PASSING = {
  1001: "the server is restarting",
  1006: "the connection was lost",
  1009: "the last message was too large",
  1011: "the server had an internal error",
  1012: "the server is restarting",
  1013: "the server is busy",
  3008: "the connection timed out",
};

export const finalClose = (code) => FINAL[code] ?? null;
export const passingClose = (code) => PASSING[code] ?? `the connection closed (${code})`;

export const SIGNED_OUT = {
  title: "You are signed out",
  text: "The server has no session for this browser any more.",
  next: "login",
};

export const HANDSHAKE_FORBIDDEN = {
  title: "The server refused the handshake (403)",
  text: "You are signed in, but your roles do not open this endpoint. No socket was opened and no data was sent.",
  next: "other",
};
