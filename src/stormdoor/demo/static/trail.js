// What the trail recorded about this session and address.

import { call } from "./http.js";

const PAUSE_MS = 250;
const TRIES = 6;

async function eventsSince(sequence) {
  const answer = await call("GET", `/demo/trail?since=${sequence}`);
  return answer.ok ? answer.body.events : [];
}

// The number of the latest event, about any principal.
export async function latestSequence() {
  const answer = await call("GET", "/demo/trail");
  return answer.ok ? answer.body.last : 0;
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
