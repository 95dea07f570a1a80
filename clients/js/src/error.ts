/** What a factor or a login must bring before the server does what was asked. */
export interface Needs {
  /** Factors. */
  strength?: number;
  /** Seconds since the last proof, at most. */
  max_age?: number;
  /** Class of the authentication (`acr` of OpenID Connect). */
  acr?: string;
}

/** What the server says in `error`, and `closed` and `timeout`, which nobody said. */
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

/** A command that was not carried out; or, for `closed` and `timeout`, of which nobody knows. */
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

/** There is no credential any more: whoever sits there must log in. */
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
