/** What a factor or a login must bring before the server does what was asked. */
export interface Needs {
  /** Factors. */
  strength?: number;
  /** Seconds since the last proof, at most. */
  max_age?: number;
  /** Class of the authentication (`acr` of OpenID Connect). */
  acr?: string;
}

/** The values of the server's `error`; `closed` and `timeout` come from the client. */
export type Cause =
  | "invalid"
  | "forbidden"
  | "unauthenticated"
  | "rate-limited"
  | "too-large"
  | "unavailable"
  | "step-up"
  | "closed"
  | "timeout";

/** A command that was not carried out. For `closed` and `timeout` it is unknown whether it was. */
export class DoorError extends Error {
  override name = "DoorError";

  constructor(
    readonly error: Cause,
    message: string = error,
    readonly needs?: Needs,
  ) {
    super(message);
  }
}

/** There is no valid credential any more: the user must log in. */
export class AuthLost extends Error {
  override name = "AuthLost";
}

/** There is none now, but there may be later. */
export class Unavailable extends Error {
  override name = "Unavailable";

  /** @param after Milliseconds until another try makes sense. */
  constructor(
    message: string,
    readonly after = 0,
  ) {
    super(message);
  }
}
