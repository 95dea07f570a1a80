/** How long to wait before another attempt. */
export interface BackoffOptions {
  /** Milliseconds before the second attempt, at most. */
  first?: number;
  /** Milliseconds, however many attempts have failed. */
  longest?: number;
}

/** Doubling waits, half of each by chance: a restarted server must not meet all its clients at once. */
export class Backoff {
  #failures = 0;
  readonly #first: number;
  readonly #longest: number;

  constructor({ first = 500, longest = 30_000 }: BackoffOptions = {}) {
    this.#first = first;
    this.#longest = longest;
  }

  /** Milliseconds until the next attempt. */
  next(atLeast = 0): number {
    const ceiling = Math.min(this.#longest, this.#first * 2 ** Math.min(this.#failures++, 30));
    return Math.max(atLeast, ceiling / 2) + (Math.random() * ceiling) / 2;
  }

  /** The last attempt was a success. */
  reset(): void {
    this.#failures = 0;
  }
}
