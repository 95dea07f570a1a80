export type { BackoffOptions } from "./backoff.js";
export { meaning, type Meaning } from "./close.js";
export { ticketFrom, tokenFrom, type Credential, type Offer, type TicketOptions } from "./credential.js";
export { Door, type DoorOptions, type DoorState, type Message, type Protocol, type Proof } from "./door.js";
export { AuthLost, DoorError, Unavailable, type Cause, type Needs } from "./error.js";
