// The page "attack this demo": runs attacks one at a time and shows what happened.

import { ATTACKS } from "./attacks.js";
import { $, el } from "./element.js";
import { mountMasthead } from "./masthead.js";
import { requireSession } from "./session.js";
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

class Card {
  #attack;
  #badge = el("span", { class: "verdict", "data-verdict": "none" }, "Not run");
  #reason = el("p", { class: "reason", role: "status" });
  #stage = el("div", { class: "stage" });
  #transcript = el("ol", { class: "transcript" });
  #trail = el("ol", { class: "trail" });
  #result;
  #button;

  constructor(attack) {
    this.#attack = attack;
    this.#button = el("button", { type: "button", "aria-label": `Run: ${attack.title}`, click: () => runAll([this]) }, "Run");
    this.#result = el("div", { class: "result", hidden: true },
      this.#reason,
      el("div", { class: "tried" }, el("h3", {}, "Sent and answered"), this.#transcript, this.#stage),
      el("div", { class: "recorded" }, el("h3", {}, "In the trail"), this.#trail));
    this.element = el("li", { class: "card", "data-attack": attack.slug },
      el("header", {},
        el("div", {}, el("h2", {}, attack.title), el("p", { class: "muted" }, attack.text)),
        this.#badge, this.#button),
      this.#result);
  }

  set enabled(value) {
    this.#button.disabled = !value;
  }

  #mark(verdict, words) {
    this.#badge.dataset.verdict = verdict;
    this.#badge.textContent = words;
  }

  async run() {
    const log = {
      sent: (words) => this.#transcript.append(el("li", { class: "sent" }, words)),
      got: (words) => this.#transcript.append(el("li", { class: "got" }, words)),
    };
    this.#mark("running", "Running…");
    this.#transcript.replaceChildren();
    this.#trail.replaceChildren();
    this.#stage.replaceChildren();
    this.#reason.textContent = "";
    this.#result.hidden = false;

    const before = await latestSequence();
    const { refused, reason } = await this.#attack.run(log, this.#stage, session).catch((error) => ({
      refused: null, reason: `The attack itself failed: ${error.message}`,
    }));
    this.#mark(...VERDICTS.get(refused));
    this.#reason.textContent = reason;
    const events = this.#transcript.childElementCount ? await recordedSince(before) : [];
    this.#trail.append(...(events.length ? grouped(events).map(eventItem) : [el("li", { class: "muted" }, "Nothing about this session.")]));
    return refused;
  }
}

const cards = ATTACKS.map((attack) => new Card(attack));
$("attacks").append(...cards.map((card) => card.element));

async function runAll(chosen) {
  $("run-all").disabled = true;
  for (const card of cards) card.enabled = false;
  const verdicts = [];
  for (const card of chosen) {
    if (chosen.length > 1) $("summary").textContent = `Running ${verdicts.length + 1} of ${chosen.length}…`;
    verdicts.push(await card.run());
  }
  const count = (verdict) => verdicts.filter((each) => each === verdict).length;
  if (chosen.length > 1) {
    const parts = [`${count(true)} refused`, `${count(false)} succeeded`];
    if (count(null)) parts.push(`${count(null)} proved nothing`);
    $("summary").textContent = `${parts.join(", ")}.`;
  }
  $("run-all").disabled = false;
  for (const card of cards) card.enabled = true;
}

$("run-all").addEventListener("click", () => runAll(cards));
