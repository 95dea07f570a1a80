// The page "attack this demo": runs each attack against the demo and against its unguarded twin.

import { ATTACKS } from "./attacks.js";
import { $, el } from "./element.js";
import { call } from "./http.js";
import { mountMasthead } from "./masthead.js";
import { requireSession } from "./session.js";
import { DEMO, unguardedTwin } from "./targets.js";
import { timeElement } from "./time.js";
import { latestSequence, recordedSince } from "./trail.js";

const session = await requireSession();
mountMasthead(session);

const VERDICTS = new Map([
  [true, ["refused", "Refused"]],
  [false, ["succeeded", "Succeeded"]],
  [null, ["unproven", "Proves nothing"]],
]);

function detailText({ count: _, ...detail }) {
  return Object.entries(detail)
    .filter(([, value]) => value !== "" && value !== null)
    .map(([name, value]) => `${name} ${typeof value === "object" ? JSON.stringify(value) : value}`)
    .join(" · ");
}

// A flood leaves many equal events in a row: they become one line with a count.
function grouped(events) {
  const groups = [];
  for (const event of events) {
    const key = [event.event, event.cause, detailText(event.detail)].join();
    const last = groups.at(-1);
    const count = event.detail.count ?? 1;
    if (last?.key === key) last.count += count;
    else groups.push({ ...event, key, count });
  }
  return groups;
}

function eventItem({ time, seq, event, cause, detail, count }) {
  return el("li", { class: cause ? "refusal" : null },
    timeElement(time, { seconds: true }), " ",
    el("span", { class: "event" }, event), " ",
    cause ? el("span", { class: "cause" }, cause) : "",
    count > 1 ? el("strong", {}, ` × ${count}`) : "", " ",
    el("span", { class: "muted" }, [`#${seq}`, detailText(detail)].filter(Boolean).join(" · ")));
}

// One attack on one server: its verdict, and what was sent and answered.
class Side {
  #target;
  #reason = el("p", { class: "reason", role: "status" });
  #stage = el("div", { class: "stage" });
  #transcript = el("ol", { class: "transcript" });
  badge;
  element;

  constructor(name, target, title, ...more) {
    this.#target = target;
    this.badge = el("span", { class: "verdict", "data-side": name, "data-verdict": "none" }, "Not run");
    this.element = el("section", { class: `side ${name}` },
      el("h3", {}, title), this.#reason, this.#transcript, this.#stage, ...more);
  }

  mark(verdict, words) {
    this.badge.dataset.verdict = verdict;
    this.badge.textContent = words;
  }

  async run(attack) {
    const log = {
      sent: (words) => this.#transcript.append(el("li", { class: "sent" }, words)),
      got: (words) => this.#transcript.append(el("li", { class: "got" }, words)),
    };
    this.mark("running", "Running…");
    this.#transcript.replaceChildren();
    this.#stage.replaceChildren();
    this.#reason.textContent = "";
    const run = () => attack.run(this.#target, log, { stage: this.#stage, session });
    const { refused, reason } = await run().catch((error) => ({
      refused: null, reason: `The attack itself failed: ${error.message}`,
    }));
    this.mark(...VERDICTS.get(refused));
    this.#reason.textContent = reason;
    return refused;
  }

  get hasTried() {
    return this.#transcript.childElementCount > 0;
  }
}

class Card {
  #attack;
  #demo;
  #twin;
  #trail = el("ol", { class: "trail" });
  #result;
  #button;

  constructor(attack, twin) {
    this.#attack = attack;
    this.#button = el("button", { type: "button", "aria-label": `Run: ${attack.title}`, click: () => runAll([this]) }, "Run");
    this.#demo = new Side("guarded", DEMO, "This demo, guarded", el("h4", {}, "In the trail"), this.#trail);
    this.#twin = twin && new Side("unguarded", twin, "Its twin, unguarded", el("h4", {}, "In the trail"), el("p", { class: "muted" }, "The twin records nothing."));
    const sides = [this.#demo, this.#twin].filter(Boolean);
    this.#result = el("details", { class: "result", hidden: true },
      el("summary", {}, "Sent, answered and recorded"),
      el("div", { class: "sides" }, ...sides.map((side) => side.element)));
    const badge = (label, side) => side && el("p", { class: "outcome" }, el("span", {}, label), side.badge);
    this.element = el("li", { class: "card", "data-attack": attack.slug },
      el("header", {},
        el("div", {}, el("h2", {}, attack.title), el("p", { class: "muted" }, attack.text)),
        el("div", { class: "outcomes" }, badge("This demo", this.#demo), badge("Unguarded twin", this.#twin)),
        this.#button),
      this.#result);
  }

  set enabled(value) {
    this.#button.disabled = !value;
  }

  async run(open) {
    this.#trail.replaceChildren();
    this.#result.hidden = false;
    this.#result.open = open;
    const before = await latestSequence();
    const demo = await this.#demo.run(this.#attack);
    const events = this.#demo.hasTried ? await recordedSince(before) : [];
    this.#trail.append(...(events.length ? grouped(events).map(eventItem) : [el("li", { class: "muted" }, "Nothing about this session.")]));
    return { demo, twin: await this.#twin?.run(this.#attack) };
  }
}

const info = await call("GET", "/demo/info");
const twin = await unguardedTwin(info.body?.twin_origin, session.principal);
$("no-twin").hidden = twin !== null;
const cards = ATTACKS.map((attack) => new Card(attack, twin));
$("attacks").append(...cards.map((card) => card.element));

function summary(name, verdicts) {
  const count = (verdict) => verdicts.filter((each) => each === verdict).length;
  const parts = [`${count(true)} refused`, `${count(false)} succeeded`];
  if (count(null)) parts.push(`${count(null)} proved nothing`);
  return `${name}: ${parts.join(", ")}.`;
}

async function runAll(chosen) {
  $("run-all").disabled = true;
  for (const card of cards) card.enabled = false;
  const verdicts = [];
  for (const card of chosen) {
    if (chosen.length > 1) $("summary").textContent = `Running ${verdicts.length + 1} of ${chosen.length}…`;
    verdicts.push(await card.run(chosen.length === 1));
  }
  if (chosen.length > 1) {
    const lines = [summary("This demo", verdicts.map((each) => each.demo))];
    if (twin) lines.push(summary("Unguarded twin", verdicts.map((each) => each.twin)));
    $("summary").replaceChildren(...lines.map((line) => el("span", {}, line)));
  }
  $("run-all").disabled = false;
  for (const card of cards) card.enabled = true;
}

$("run-all").addEventListener("click", () => runAll(cards));
$("run-all").disabled = false; // not earlier: a click would do nothing
