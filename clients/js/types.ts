// Checked by `npm run types`: what the compiler must accept, and what it must not.

import { Door, ticketFrom, type Protocol } from "./src/index.js";

interface Chat extends Protocol {
  commands: {
    say: { fields: { room: string; text: string }; reply: { type: "said"; text: string } };
    leave: { fields: Record<string, never>; reply: undefined };
  };
  events: { said: { type: "said"; from: string; text: string } };
}

const door = new Door<Chat>("wss://app.example/chat", { credential: ticketFrom("/auth/ticket") });

export async function typed(): Promise<string> {
  const said = await door.send("say", { room: "lobby", text: "hello" });
  door.on("said", ({ from, text }) => `${from}: ${text}`);
  // @ts-expect-error: a field is missing
  await door.send("say", { room: "lobby" });
  // @ts-expect-error: there is no such command
  await door.send("shout", { text: "hello" });
  // @ts-expect-error: a reply has no such field
  said.from;
  // @ts-expect-error: there is no such event
  door.on("left", () => {});
  return said.text;
}

// Without a protocol anything goes, as in JavaScript.
export async function untyped(): Promise<unknown> {
  const loose = new Door("wss://app.example/chat", { credential: ticketFrom("/auth/ticket") });
  loose.on("said", (message) => message.type);
  return (await loose.send("say", { text: "hello" })).text;
}
