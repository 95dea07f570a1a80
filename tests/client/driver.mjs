// Does with the client what the test says, in Node as well as on a page, and tells what happened.
//
// Every option that is a function in the client's interface tells of its call here; what it is to answer
// is in `answers`.

export class Driver {
  #module;
  #tell;
  #door;
  #answers = new Map();
  #headers = {};

  constructor(module, tell) {
    this.#module = module;
    this.#tell = tell;
  }

  // What `onstepup` or a token's source is to answer from now on.
  answer({ name, value }) {
    this.#answers.set(name, value);
  }

  // In Node: another person has logged in.
  become({ headers }) {
    Object.assign(this.#headers, headers);
  }

  start({ url, ticket, token, headers = {}, options = {}, events = [] }) {
    this.#headers = headers;
    const { Door, ticketFrom, tokenFrom, AuthLost } = this.#module;
    const source = ticket
      ? ticketFrom(ticket, { headers, fetch: this.#fetch })
      : tokenFrom(() => {
          this.#tell({ event: "asked" });
          const value = this.#answers.has("token") ? this.#answers.get("token") : token;
          if (value === null) throw new AuthLost("the token cannot be renewed");
          return value;
        });
    this.#door = new Door(url, {
      backoff: { first: 20, longest: 200 },
      ...options,
      credential: source,
      onopen: () => this.#tell({ event: "open" }),
      onstate: (state) => this.#tell({ event: "state", ...state }),
      onmessage: (message) => this.#tell({ event: "message", message }),
      onauthlost: (why) => this.#tell({ event: "authlost", why }),
      ...(this.#answers.has("stepup") && {
        onstepup: async (needs) => {
          this.#tell({ event: "stepup", needs });
          return this.#answers.get("stepup");
        },
      }),
    });
    for (const type of events) this.#door.on(type, (message) => this.#tell({ event: type, message }));
    this.#door.open();
  }

  #fetch = async (input, init) => {
    this.#tell({ event: "fetched" });
    return fetch(input, init);
  };

  async send({ type, fields }) {
    return this.#settled(this.#door.send(type, fields));
  }

  async refresh() {
    return this.#settled(this.#door.refresh());
  }

  // Several at once.
  async refreshes({ number }) {
    return Promise.all(Array.from({ length: number }, () => this.#settled(this.#door.refresh())));
  }

  async prove({ totp }) {
    return this.#settled(this.#door.prove({ totp }));
  }

  // On a page: the browser keeps the cookie.
  async login(credentials) {
    const headers = { "Content-Type": "application/json" };
    const body = JSON.stringify(credentials);
    return (await fetch("/auth/login", { method: "POST", headers, body })).status;
  }

  open() {
    this.#door.open();
  }

  close() {
    this.#door.close();
  }

  principal() {
    return this.#door.principal ?? null;
  }

  state() {
    return this.#door.state;
  }

  async #settled(promise) {
    try {
      return { ok: (await promise) ?? null };
    } catch (error) {
      const { name, message, error: cause = null, needs = null } = error;
      return { failed: { name, message, cause, needs } };
    }
  }
}
