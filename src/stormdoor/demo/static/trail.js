// What the trail recorded about this session and address.

import { call } from "./http.js";

const PAUSE_MS = 250;
const TRIES = 6;

async function eventsSince(sequence) {
  const answer = await call("GET", sequence === null ? "/demo/trail" : `/demo/trail?since=${sequence}`);
  return answer.ok ? answer.body.events : [];
}

export async function latestSequence() {
  const events = await eventsSince(null);
  return Math.max(0, ...events.map((event) => event.seq));
}

// Events after `sequence`; waits a little for one with a cause, which is what a refusal leaves.
export async function recordedSince(sequence) {
  let events = [];
  for (let attempt = 0; attempt < TRIES; attempt += 1) {
    events = await eventsSince(sequence);
    if (events.some((event) => event.cause)) break;
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  return events.toSorted((a, b) => a.seq - b.seq);
}
