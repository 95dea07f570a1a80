// A WebSocket that hides nothing: it reports whether it opened, what came, and how it ended.
// The attacks use it instead of GuardedSocket, which would behave well.

const OPEN_WITHIN_MS = 8000;

export class RawSocket {
  frames = [];
  closed = null;
  #socket;
  #wake = () => {};

  // Resolves to the socket once it is open, or to one with `closed` set: it was refused.
  static open(url, protocols = []) {
    const raw = new RawSocket();
    const socket = new WebSocket(url, protocols);
    raw.#socket = socket;
    return new Promise((resolve) => {
      const timer = setTimeout(() => socket.close(), OPEN_WITHIN_MS);
      const settle = () => {
        clearTimeout(timer);
        resolve(raw);
      };
      socket.onopen = settle;
      socket.onmessage = (event) => {
        raw.frames.push(parse(event.data));
        raw.#wake();
      };
      socket.onclose = (event) => {
        raw.closed = { code: event.code, reason: event.reason };
        settle();
        raw.#wake();
      };
    });
  }

  get opened() {
    return this.closed === null;
  }

  send(message) {
    this.#socket.send(typeof message === "string" ? message : JSON.stringify(message));
  }

  // The first frame that matches, or null when the socket closes or `within` ms pass.
  async next(matches, within = 3000) {
    await this.#until(() => this.frames.some(matches), within);
    return this.frames.find(matches) ?? null;
  }

  // Waits for the close; null when the socket is still open after `within` ms.
  async end(within) {
    await this.#until(() => false, within);
    return this.closed;
  }

  close() {
    this.#socket.close();
  }

  async #until(done, within) {
    const deadline = Date.now() + within;
    while (!done() && !this.closed && Date.now() < deadline) {
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, deadline - Date.now());
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }
}

function parse(data) {
  try {
    return JSON.parse(data);
  } catch {
    return { type: "unreadable" };
  }
}
